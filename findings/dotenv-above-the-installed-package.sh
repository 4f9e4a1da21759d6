#!/usr/bin/env bash
# load_dotenv() without arguments searches upwards from the file that calls it: a library reads ~/.env for its user.
#
# Expected: the .env of the working directory (or of a directory above it) is loaded.
# Instead:  the search starts beside the source file that made the call. A package installed below a home directory
#           finds ~/.env and never looks at the project. Started with `python3 -c` the same call looks at the working
#           directory, so a check by hand shows the opposite.
# Versions: python-dotenv 1.2.4.
# Source:   python-dotenv, main.py, find_dotenv: the frame's co_filename, and the working directory only where the main
#           module has no __file__ (interactive, -c) or the program is frozen.
# Matters:  agents in Python that call it from site-packages (installed by uv or pipx below ~/.local/share) open
#           ~/.env, outside any workspace, without an agent having looked for a credential.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" python-dotenv==1.2.4
site=$work/home/.local/share/tools/agent/site-packages
mkdir -p "$site/agentlib" project
echo WHO=home > home/.env
echo WHO=project > project/.env
echo 'import dotenv; dotenv.load_dotenv()' > "$site/agentlib/__init__.py"
echo 'import agentlib, os; print(os.environ.get("WHO"))' > home/.local/share/tools/agent/main.py
cd project
export PYTHONPATH=$work/py:$site
seen=$(
  echo "started as a script: $(python3 ../home/.local/share/tools/agent/main.py)"
  echo "started with -c: $(python3 -c 'import agentlib, os; print(os.environ.get("WHO"))')"
)
expected='started as a script: home
started with -c: project'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
