#!/usr/bin/env bash
# openssl says "Signature Verification Failure" of a good Ed25519 signature whose text comes through a pipe.
#
# Expected: `openssl pkeyutl -verify -rawin` reads the text from standard input where no -in is given, as its manual says; a text
#           that it cannot read is another answer than a signature that does not fit.
# Instead:  from a file the signature is verified. The same text through a pipe, or from the same file as standard input, gives
#           "Signature Verification Failure" and the exit code of a forged one; why stands in one line on standard error. With
#           -in /dev/fd/N (process substitution) it fails with no verdict. Signing a text from a pipe leaves an empty file.
# Versions: OpenSSL 3.0.19 and 3.0.22 (Debian 12); the signature is checked by cryptography 46.0.3 (PyPI) too.
# Source:   apps/pkeyutl.c:do_raw_keyop, 3.0: one-shot algorithms are handed the whole text, and its size is asked of the file.
# Matters:  a script that checks signed checkpoints of an audit log from a pipe takes every good one for a forgery, or, where it looks
#           at nothing but "not verified", cannot tell tampering from plumbing. Write the text to a file first.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

mkdir deb && cd deb
apt-get download -qq 'openssl=3.0*' 'libssl3=3.0*' 2> /dev/null || { echo 'missing: Debian 12 package sources (openssl 3.0)'; exit 2; }
for package in *.deb; do dpkg -x "$package" .; done
cd "$work"
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" cryptography==46.0.3
openssl() { LD_LIBRARY_PATH=$(echo "$work"/deb/usr/lib/*-linux-gnu) "$work/deb/usr/bin/openssl" "$@"; }

openssl genpkey -algorithm ed25519 -out key.pem
openssl pkey -in key.pem -pubout -out public.pem
printf 'build-7/interlock/fake\n8\n' > text
openssl pkeyutl -sign -rawin -inkey key.pem -in text -out signature
verify() { openssl pkeyutl -verify -rawin -pubin -inkey public.pem -sigfile signature "$@" 2> why; }
told() { # words, exit code and reason of a run
  local code=0 said
  said=$("$@") || code=$?
  echo "${said:-nothing said}, exit $code, $(head -n 1 why | grep -o 'unable to determine file size\|Could not allocate 0 bytes' || echo no reason)"
}
from_pipe() { cat text | verify; }
from_stdin() { verify < text; }
substituted() { verify -in <(cat text); }
forged() { echo 9 >> forged; verify -in forged; }
seen=$(
  PYTHONPATH=py python3 -c '
from cryptography.hazmat.primitives.serialization import load_pem_public_key
load_pem_public_key(open("public.pem", "rb").read()).verify(open("signature", "rb").read(), open("text", "rb").read())
print("cryptography: good")'
  echo "file:   $(told verify -in text)"
  echo "stdin:  $(told from_stdin)"
  echo "pipe:   $(told from_pipe)"
  echo "fd:     $(told substituted)"
  echo "forged: $(told forged)"
  cat text | openssl pkeyutl -sign -rawin -inkey key.pem -out empty 2> /dev/null || echo "signed: exit $?, $(wc -c < empty) bytes"
)
expected='cryptography: good
file:   Signature Verified Successfully, exit 0, no reason
stdin:  Signature Verification Failure, exit 1, unable to determine file size
pipe:   Signature Verification Failure, exit 1, unable to determine file size
fd:     nothing said, exit 1, Could not allocate 0 bytes
forged: Signature Verification Failure, exit 1, no reason
signed: exit 1, 0 bytes'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
