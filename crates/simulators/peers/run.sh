#!/bin/sh
# Runs the conformance list through every public client of Bitrix24, against the simulator.
#
# Usage: run.sh CACHE_FOLDER
# The clients are installed into the folder once, at the versions of requirements.txt and package.json.
set -eu
export PYTHONDONTWRITEBYTECODE=1

[ $# -eq 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cache=$(cd "$1" && pwd)

for program in python3 npm node cargo; do
    command -v "$program" >/dev/null || { echo "$program is missing: install it first" >&2; exit 2; }
done
if ! cmp -s "$here/requirements.txt" "$cache/requirements.txt"; then
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$cache/requirements.txt"
fi
if ! cmp -s "$here/package.json" "$cache/package.json"; then
    cp "$here/package.json" "$cache/package.json"
    (cd "$cache" && npm install --silent --no-audit --no-fund) || { rm "$cache/package.json"; exit 1; }
fi

cargo build --quiet --manifest-path "$here/../Cargo.toml" --example bitrix24
target=$(cargo metadata --format-version 1 --no-deps --manifest-path "$here/../Cargo.toml" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')

simulator="$target/debug/examples/bitrix24"
mkfifo "$cache/started.$$"
"$simulator" --companies 2537 --sparse >"$cache/started.$$" &
running=$!
trap 'kill $running 2>/dev/null || true; rm -f "$cache/started.$$"' EXIT
trap 'exit 1' HUP INT PIPE TERM
read -r started <"$cache/started.$$"
field() { printf '%s' "$started" | python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }
http=$(field http_url)
https=$(field https_url)
field certificate_pem >"$cache/certificate.pem"

failed=0
peer() {
    echo "== $1"
    shift
    "$@" || failed=1
}
python="$cache/venv/bin/python"
peer "fast_bitrix24 over HTTP" "$python" "$here/peer_fast_bitrix24.py" "$http" "$cache/certificate.pem" "$http"
peer "b24pysdk over TLS" "$python" "$here/peer_b24pysdk.py" "$https" "$cache/certificate.pem" "$http"
peer "b24api over HTTP" "$python" "$here/peer_b24api.py" "$http" "$cache/certificate.pem" "$http"
peer "b24jssdk over TLS" env NODE_EXTRA_CA_CERTS="$cache/certificate.pem" \
    node "$here/peer_b24jssdk.mjs" "$https" "$cache/certificate.pem" "$http" "$cache"
exit $failed
