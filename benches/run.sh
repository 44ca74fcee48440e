#!/bin/sh
# Measures, and prints a Markdown table of what came out beside what is aimed at.
#
# Usage: run.sh [CACHE_FOLDER]
# With a folder, other clients of Bitrix24 are installed into it and measured in the same run.
set -eu
export PYTHONDONTWRITEBYTECODE=1

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
for program in python3 cargo; do
    command -v "$program" >/dev/null || { echo "$program is missing: install it first" >&2; exit 2; }
done
cache=
if [ $# -gt 0 ]; then
    peers="$root/crates/simulators/peers"
    mkdir -p "$1"
    cache=$(cd "$1" && pwd)
    if ! cmp -s "$peers/requirements.txt" "$cache/requirements.txt" || [ ! -d "$cache/venv" ]; then
        python3 -m venv "$cache/venv"
        "$cache/venv/bin/pip" install --quiet --requirement "$peers/requirements.txt"
        cp "$peers/requirements.txt" "$cache/requirements.txt"
    fi
    if ! cmp -s "$peers/package.json" "$cache/package.json" || [ ! -d "$cache/node_modules" ]; then
        cp "$peers/package.json" "$cache/package.json"
        (cd "$cache" && npm install --silent --no-audit --no-fund) || { rm "$cache/package.json"; exit 1; }
    fi
fi

cd "$root"
cargo build --quiet --release -p deskbridge -p benches
cargo build --quiet --release -p simulators --example bitrix24
cargo build --quiet --release -p bitrix24 --example calls_per_second
target=$(cargo metadata --format-version 1 --no-deps |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
exec python3 "$here/measure.py" "$target/release" "$cache"
