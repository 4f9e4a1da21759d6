#!/usr/bin/env bash
# A console script whose interpreter's path is long or has a blank is a shell script: what is executed first is /bin/sh.
#
# Expected: the first line of an installed Python command names the interpreter of its environment.
# Instead:  where that line would be longer than 127 bytes, or the path has a blank, pip and uv write `#!/bin/sh` and a
#           second line that is shell and a Python string at once; sh then executes the interpreter.
# Versions: uv 0.13.8, pip 24.3.1, pyjokes 0.8.3 (PyPI).
# Source:   distlib scripts.py, _build_shebang; uv's uv-install-wheel, format_shebang.
# Matters:  whoever finds an agent by "the script's first line is Python's path in its environment" sees a shell that
#           runs a file; below deep homes of CI runners and in "My Projects" this is the normal form.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" uv==0.13.8
uv() { UV_CACHE_DIR=$work/uv py/bin/uv --quiet "$@"; }
long=$(printf 'd%.0s' {1..120})
mkdir "$long" 'with blank' short
seen=$(
  for place in short "$long" 'with blank'; do
    uv venv "$place/v"
    uv pip install --python "$place/v/bin/python" pyjokes==0.8.3 pip==24.3.1
    "$place/v/bin/python" -m pip install --quiet --no-cache-dir --root-user-action=ignore --force-reinstall --no-deps \
      --target "$place/t" pyjokes==0.8.3 2> /dev/null
    for by in uv:v pip:t; do
      first=$(head -1 "$place/${by#*:}/bin/pyjoke")
      [ "$first" = '#!/bin/sh' ] || first='the interpreter'
      echo "${place/$long/long} by ${by%:*}: $first"
    done
  done
)
expected='short by uv: the interpreter
short by pip: the interpreter
long by uv: #!/bin/sh
long by pip: #!/bin/sh
with blank by uv: #!/bin/sh
with blank by pip: #!/bin/sh'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
