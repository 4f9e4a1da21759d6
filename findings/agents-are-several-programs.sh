#!/usr/bin/env bash
# Claude Code's executable is also ripgrep, ugrep and bfs, and codex's is also apply_patch: argv[0] decides.
#
# Expected: /proc/PID/exe says which program runs.
# Instead:  the searches that Claude Code starts are its own file under another first argument: exe is the agent's, the
#           behaviour that of a search over the disk.
# Versions: @anthropic-ai/claude-code 2.1.332, @openai/codex 0.171.0 (npm, their packages for linux-x64).
# Source:   seen; codex-rs/arg0 for codex.
# Matters:  an exec of the agent's executable is not another agent session; and "the agent itself read the file" (its own
#           store) is not to be concluded from exe, since a search by rg has the same.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts @anthropic-ai/claude-code-linux-x64@2.1.332 \
  @openai/codex@0.171.0-linux-x64
claude=$work/node_modules/@anthropic-ai/claude-code-linux-x64/claude
codex=$(find node_modules/@openai -path '*/bin/codex' -type f | head -1)
mkdir home
as() { # name, program, arguments
  (cd home && HOME=$work/home bash -c 'exec -a "$0" "$@"' "$@" > ../out 2>&1 < /dev/null) || true
  echo "$(basename "$2") as $1: $(grep -v '^WARNING' out | head -1)"
}
seen=$(
  as claude "$claude" --version
  as rg "$claude" --version
  as ugrep "$claude" --version | cut -c1-28
  as bfs "$claude" --version
  as codex "$work/$codex" --version
  as apply_patch "$work/$codex" nothing | cut -c1-36
)
expected='claude as claude: 2.1.332 (Claude Code)
claude as rg: ripgrep 14.1.1 (rev 358d8293c2)
claude as ugrep: ugrep 7.8.4
claude as bfs: bfs 4.1.1
codex as codex: codex-cli 0.171.0
codex as apply_patch: Invalid patch:'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
