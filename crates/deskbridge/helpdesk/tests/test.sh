#!/usr/bin/env bash
# Compiles the Server Scripts with the compiler that Frappe uses, and runs them.
#
# test.sh CACHE_FOLDER    packages are installed into CACHE_FOLDER once
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: test.sh CACHE_FOLDER" >&2; exit 2; }
command -v python3 >/dev/null || { echo "python3 is missing: apt-get install python3-venv" >&2; exit 2; }
mkdir -p "$1"
cache=$(cd "$1" && pwd)
cd "$(dirname "$0")"
for release in 15 16; do
    venv=$cache/frappe-$release
    requirements=requirements-$release.txt
    if ! cmp --silent "$requirements" "$venv/installed.txt"; then
        python3 -m venv --clear "$venv" || { echo "apt-get install python3-venv" >&2; exit 2; }
        "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
        cp "$requirements" "$venv/installed.txt"
    fi
    echo "Server Scripts in the sandbox of Frappe $release"
    PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m unittest --quiet test_server_scripts
done
