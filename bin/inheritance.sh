# Sourced before Node starts, which resets ignored signals, raises the soft limit of open files and obeys
# NODE_OPTIONS, all before a line of JavaScript runs. src/sys/inheritance.ts reads what is noted here.
ignored_signals=0
while read -r field value _; do
  if [ "$field" = SigIgn: ]; then
    ignored_signals=$value
    break
  fi
done </proc/self/status
export TASKFS_INHERITED="$ignored_signals $(ulimit -Sn)"
if [ -n "${NODE_OPTIONS+set}" ]; then
  export TASKFS_NODE_OPTIONS="$NODE_OPTIONS"
  unset NODE_OPTIONS
fi
