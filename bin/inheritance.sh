# Sourced before Node starts, which resets ignored signals, raises the soft limit of open files, obeys
# NODE_OPTIONS and opens files of its own, all before a line of JavaScript runs. src/sys/inheritance.ts
# reads what is noted here.
ignored_signals=0
while read -r field value _; do
  if [ "$field" = SigIgn: ]; then
    ignored_signals=$value
    break
  fi
done </proc/self/status
# What a shell opens for itself is closed on exec (O_CLOEXEC); what it was started with is not.
descriptors=
for path in /proc/$$/fd/*; do
  fd=${path##*/}
  [ "$fd" -gt 2 ] 2>/dev/null || continue
  while read -r field value _; do
    if [ "$field" = flags: ]; then
      [ $((value & 02000000)) -ne 0 ] || descriptors=$descriptors,$fd
      break
    fi
  done 2>/dev/null <"/proc/$$/fdinfo/$fd" || :
done
export TASKFS_INHERITED="$ignored_signals $(ulimit -Sn) $descriptors"
# Some shells drop variables whose names are none of theirs, such as functions that bash exports.
odd_variables=$(LC_ALL=C grep -zsv '^[A-Za-z_][A-Za-z0-9_]*=' "/proc/$$/environ" | base64 -w0) || :
if [ -n "$odd_variables" ]; then
  export TASKFS_ODD_VARIABLES="$odd_variables"
fi
if [ -n "${NODE_OPTIONS+set}" ]; then
  export TASKFS_NODE_OPTIONS="$NODE_OPTIONS"
  unset NODE_OPTIONS
fi
