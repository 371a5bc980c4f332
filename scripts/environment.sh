# Sourced by the scripts: where the checkout is, and a Node that is new enough.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The Node that setup takes from npm where there is none, or an older one.
node_version=24.21.0
node_major=${node_version%%.*}
if [ -x "$root/.tools/bin/node" ]; then
  export PATH="$root/.tools/bin:$PATH"
fi
export PATH="$root/node_modules/.bin:$PATH"

say() { printf '%s\n' "$*" >&2; }

node_is_new_enough() {
  local version
  version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  [ "${version%%.*}" -ge "$node_major" ]
}
