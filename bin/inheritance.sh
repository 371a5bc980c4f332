# Sourced before Node starts, which resets ignored signals, raises the soft limit of open files,
# obeys NODE_OPTIONS and opens files of its own, all before a line of JavaScript runs.
# src/process/inheritance.ts reads what is noted here. All names begin with taskfs_: any other could
# be a variable of the caller's.
#
# A standard output that is closed (`>&-`) Node would replace by one that takes everything and keeps
# nothing: here, by one that refuses.
if [ -d /proc/$$/fd ] && [ ! -L /proc/$$/fd/1 ]; then
  exec 1</dev/null
fi
taskfs_signals=0
while read -r taskfs_field taskfs_value _; do
  if [ "$taskfs_field" = SigIgn: ]; then
    taskfs_signals=$taskfs_value
    break
  fi
done </proc/self/status
# What a shell opens for itself is closed on exec (O_CLOEXEC); what it was started with is not.
taskfs_descriptors=
for taskfs_path in /proc/$$/fd/*; do
  taskfs_fd=${taskfs_path##*/}
  [ "$taskfs_fd" -gt 2 ] 2>/dev/null || continue
  while read -r taskfs_field taskfs_value _; do
    if [ "$taskfs_field" = flags: ]; then
      [ $((taskfs_value & 02000000)) -ne 0 ] || taskfs_descriptors=$taskfs_descriptors,$taskfs_fd
      break
    fi
  done 2>/dev/null <"/proc/$$/fdinfo/$taskfs_fd" || :
done
export TASKFS_INHERITED="$taskfs_signals $(ulimit -Sn) $taskfs_descriptors"
# Some shells drop variables whose names are none of theirs, such as functions that bash exports.
taskfs_odd=$(LC_ALL=C grep -zsv '^[A-Za-z_][A-Za-z0-9_]*=' "/proc/$$/environ" | base64 -w0) || :
if [ -n "$taskfs_odd" ]; then
  export TASKFS_ODD_VARIABLES="$taskfs_odd"
fi
# Meant for programs of the caller's: these would change how taskfs runs, or what it executes.
for taskfs_name in \
  NODE_OPTIONS NODE_COMPILE_CACHE NODE_PATH NODE_REDIRECT_WARNINGS NODE_V8_COVERAGE; do
  eval "taskfs_set=\${$taskfs_name+set} taskfs_value=\${$taskfs_name-}"
  if [ -n "$taskfs_set" ]; then
    export "TASKFS_$taskfs_name=$taskfs_value"
    unset "$taskfs_name"
  fi
done
