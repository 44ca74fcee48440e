#!/usr/bin/env bash
# The popup: linted, its pure parts tested by themselves, and all of it in real Chromium before the real hub with the
# simulated systems. Pictures of what was seen are left in the folder.
#
# Usage: test.sh CACHE_FOLDER
# Needs Node 20 with npm, cargo, and Chromium, which is installed where it is missing and we are root.
set -euo pipefail

[ $# -eq 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cache=$(cd "$1" && pwd)

for program in node npm cargo; do
    command -v "$program" >/dev/null || { echo "$program is missing: install it first" >&2; exit 2; }
done
if ! command -v chromium >/dev/null; then
    [ "$(id -u)" = 0 ] || { echo "chromium is missing: sudo apt-get install --yes chromium" >&2; exit 2; }
    apt-get install --yes --quiet chromium || { apt-get update --quiet && apt-get install --yes --quiet chromium; }
fi
if ! cmp -s "$here/package-lock.json" "$cache/installed-lock.json"; then
    cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$cache/"
    (cd "$cache" && npm ci --silent)
    cp "$here/package-lock.json" "$cache/installed-lock.json"
fi

cargo build --quiet --package deskbridge --manifest-path "$here/../Cargo.toml"
target=$(cargo metadata --format-version 1 --no-deps --manifest-path "$here/../Cargo.toml" |
    node -e 'console.log(JSON.parse(require("fs").readFileSync(0)).target_directory)')

# The rooms are parts of one text; what one uses and another declares is only seen in the whole.
mkdir -p "$cache/scripts"
node --input-type=module -e '
    const { formScript, clientScript } = await import(process.argv[1]);
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${process.argv[2]}/form-script.js`, formScript());
    writeFileSync(`${process.argv[2]}/client-script.js`, clientScript());
' "$here/tests/scripts.mjs" "$cache/scripts"
eslint="$cache/node_modules/.bin/eslint"
(cd "$cache/scripts" && "$eslint" --max-warnings 0 --config "$here/eslint.config.mjs" .)
(cd "$here" && "$eslint" --max-warnings 0 --config eslint.config.mjs tests eslint.config.mjs)

export POPUP_CACHE="$cache" DESKBRIDGE="$target/debug/deskbridge" CHROMIUM
CHROMIUM=$(command -v chromium)
node --test-reporter=dot "$here/tests/unit.test.mjs"
node --test-reporter=dot "$here/tests/browser.test.mjs"
