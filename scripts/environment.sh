# Sourced by the scripts: where the checkout is, and a Node that is new enough.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
node_major=24
if [ -x "$root/.tools/bin/node" ]; then
  export PATH="$root/.tools/bin:$PATH"
fi
export PATH="$root/node_modules/.bin:$PATH"

say() { printf '%s\n' "$*" >&2; }

node_is_new_enough() {
  command -v node >/dev/null 2>&1 && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$node_major" ]
}
