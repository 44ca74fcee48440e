#!/usr/bin/env bash
# A real Asterisk and sipp for the tests, out of Debian's packages: nothing is installed, no root is needed.
#
# crates/testkit/asterisk.sh build          unpacks them, where they are not unpacked yet
# crates/testkit/asterisk.sh start [NAME]   starts one, where it is not running, and prints its address
# crates/testkit/asterisk.sh address [NAME] prints the address of the one that runs
# crates/testkit/asterisk.sh stop [NAME]    stops it and removes its folder
#
# Tests need the build only: each starts one of its own. ASTERISK=16 means that version; 22 is meant otherwise.
# They are kept in target/asterisk; DESKBRIDGE_TEST_ASTERISK names another folder, which several trees can share.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=${ASTERISK:-22}
kept=$(realpath --canonicalize-missing "${DESKBRIDGE_TEST_ASTERISK:-target/asterisk}")
note=$kept/running/${2:-by-hand}

is_running() {
    local folder
    folder=$(cat "$note/folder" 2>/dev/null) && [ -f "$folder/address" ] && kill -0 "$(cat "$folder/supervisor")" 2>/dev/null
}

start() {
    if is_running; then
        address
        return
    fi
    local folder supervisor
    folder=$(mktemp -d "${TMPDIR:-/tmp}/asterisk-XXXXXX")
    rm -rf "$note"
    mkdir -p "$note"
    mkfifo "$note/orders"
    echo "$folder" >"$note/folder"
    # Opened for both, the orders have no end until stop gives one.
    setsid crates/testkit/asterisk/run.sh "$kept/$version" "$folder" <>"$note/orders" >"$note/log" 2>&1 &
    supervisor=$!
    until is_running; do
        kill -0 "$supervisor" 2>/dev/null || { cat "$note/log" >&2; exit 1; }
        sleep 0.02
    done
    address
}

address() {
    is_running && cat "$(cat "$note/folder")/address"
}

stop() {
    is_running || return 0
    local supervisor
    supervisor=$(cat "$(cat "$note/folder")/supervisor")
    echo stop >"$note/orders"
    tail --pid="$supervisor" -s 0.02 -f /dev/null
    rm -rf "$note"
}

case "${1:-}" in
build) exec crates/testkit/asterisk/build.sh "$version" "$kept/$version" ;;
start | address | stop) "$1" ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
