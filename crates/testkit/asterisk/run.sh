#!/usr/bin/env bash
# Runs one Asterisk on loopback for as long as its standard input is open, and removes its folder then.
#
# Usage: run.sh UNPACKED FOLDER
# FOLDER/address is there while it is up, and says ami://USER:SECRET@127.0.0.1:PORT; SIP is at the same port, over UDP.
# Orders, one a line: "kill" kills it without a word, "boot" starts it again at the same port, "stop" ends all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

[ $# -eq 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
unpacked=$1
folder=$2
pid=""
port=""
secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

[ -x "$unpacked/asterisk" ] || { echo "Asterisk is missing: run \`crates/testkit/asterisk.sh build\` (./test.sh does so by itself)" >&2; exit 2; }

# Nobody uses it, on whatever address, for TCP or UDP.
free_port() {
    local hex
    while :; do
        port=$((RANDOM % 12000 + 20000))
        hex=$(printf ':%04X ' "$port")
        cat /proc/net/{tcp,tcp6,udp,udp6} 2>/dev/null | grep -qF "$hex" || return 0
    done
}

configure() {
    local shared=$unpacked/usr/share/asterisk name
    mkdir -p "$folder"/{etc,run,log/cdr-csv,spool/monitor,spool/tmp,var,cache,data/sounds,data/moh}
    cp "$here"/etc/*.conf "$folder/etc"
    sed -i "s|@FOLDER@|$folder|g; s|@PORT@|$port|g; s|@SECRET@|$secret|g; s|@UNPACKED@|$unpacked|g" "$folder"/etc/*.conf
    # Asterisk wants these to be there, if empty.
    for name in acl ccss dnsmgr pjproject queuerules stasis udptl; do
        : >"$folder/etc/$name.conf"
    done
    # Links that a package's script would make.
    ln -sfn "$shared/documentation" "$folder/data/documentation"
    ln -sfn "$shared/sounds/en_US_f_Allison" "$folder/data/sounds/en"
    ln -sfn "$shared/sounds/en_US_f_Allison/demo-congrats.gsm" "$folder/data/moh/hold.gsm"
}

command_line() {
    "$unpacked/asterisk" -C "$folder/etc/asterisk.conf" -rx "$1" </dev/null 2>/dev/null
}

# Whether our Asterisk, and not another one, listens where it should: it would run on without.
listens() {
    local line inode
    line=$(printf '0100007F:%04X 00000000:0000 %s' "$port" "$2")
    inode=$(awk -v line="$line" 'index($0, line) { print $10 }' "/proc/net/$1")
    [ -n "$inode" ] && ls -l "/proc/$pid/fd" | grep -q "socket:\[$inode\]"
}

# Dies with us, even if we are killed.
boot() {
    rm -f "$folder/run/"asterisk.{pid,ctl}
    setpriv --pdeathsig KILL "$unpacked/asterisk" -C "$folder/etc/asterisk.conf" -f -q </dev/null >>"$folder/log/output" 2>&1 &
    pid=$!
    until [ -S "$folder/run/asterisk.ctl" ] && command_line "core waitfullybooted" | grep -q "fully booted"; do
        kill -0 "$pid" 2>/dev/null || { tail -n 20 "$folder"/log/{output,messages} >&2; exit 1; }
        sleep 0.02
    done
    listens tcp 0A && listens udp 07
}

announce() {
    echo "ami://hub:$secret@127.0.0.1:$port" >"$folder/address.new"
    mv "$folder/address.new" "$folder/address"
}

boot_somewhere() {
    for _ in 1 2 3 4 5; do
        free_port
        configure
        if boot; then
            announce
            return
        fi
        end_it
    done
    tail -n 20 "$folder/log/messages" >&2
    exit 1
}

# It is not asked to end: that takes it two seconds, and nothing is kept of it.
end_it() {
    rm -f "$folder/address"
    [ -n "$pid" ] || return 0
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    pid=""
}

finish() {
    end_it
    rm -rf "$folder"
}

trap finish EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$folder"
echo $$ >"$folder/supervisor"
boot_somewhere
while read -r order; do
    case $order in
    kill) end_it ;;
    boot)
        end_it
        boot || { echo "port $port was taken meanwhile" >&2; exit 1; }
        announce
        ;;
    stop) break ;;
    *) echo "no such order: $order" >&2 ;;
    esac
done
