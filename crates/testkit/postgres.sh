#!/usr/bin/env bash
# A PostgreSQL for the tests: in a folder of its own, on loopback only, at a port that is free, with fsync on.
# Where there is none on this machine it comes from Debian's packages.
#
# crates/testkit/postgres.sh start     starts it, where it is not running, and prints its address
# crates/testkit/postgres.sh address   prints the address of the one that runs
# crates/testkit/postgres.sh stop      stops it and removes its folder
#
# Tests find the address by themselves, in target/postgres/address; DESKBRIDGE_TEST_POSTGRES names another one.
set -euo pipefail
cd "$(dirname "$0")/../.."
note=target/postgres
programs=""

find_programs() {
    local folder
    for folder in $(dirname "$(readlink -f "$(command -v initdb || true)")" 2>/dev/null) \
        /usr/lib/postgresql/*/bin $(pg_config --bindir 2>/dev/null); do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && [ -x "$folder/pg_ctl" ]; then
            programs=$folder
        fi
    done
    [ -n "$programs" ]
}

install_programs() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "PostgreSQL is missing: apt-get install postgresql" >&2
        exit 2
    fi
    # Without this Debian starts a server of its own.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql; } >&2
}

# PostgreSQL does not run as root.
as_owner() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid "$(id -u "$owner")" --regid "$(id -g "$owner")" --clear-groups "$@"
    else
        "$@"
    fi
}

is_running() {
    [ -f "$note/folder" ] && as_owner "$programs/pg_ctl" status -D "$(cat "$note/folder")/cluster" >/dev/null 2>&1
}

free_port() {
    local port
    while :; do
        port=$((RANDOM % 20000 + 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

start() {
    if is_running; then
        cat "$note/address"
        return
    fi
    local folder port password
    rm -rf "$note"
    mkdir -p "$note"
    folder=$PWD/$note
    # Below a home that is closed to others the server's user cannot reach it.
    if [ "$(id -u)" = 0 ] && ! as_owner test -x "$folder"; then
        folder=$(mktemp -d)
    fi
    mkdir -p "$folder/run"
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    echo "$password" >"$folder/run/password"
    [ "$(id -u)" != 0 ] || chown -R "$owner" "$folder"
    as_owner env LC_ALL=C "$programs/initdb" --pgdata "$folder/cluster" --username deskbridge --encoding UTF8 \
        --locale C --auth scram-sha-256 --pwfile "$folder/run/password" >"$note/log" 2>&1 ||
        { cat "$note/log" >&2; exit 1; }
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        cat >"$folder/run/settings" <<-SETTINGS
			listen_addresses = '127.0.0.1'
			port = $port
			unix_socket_directories = ''
			fsync = on
			synchronous_commit = on
			max_connections = 300
			shared_buffers = 128MB
			max_wal_size = 2GB
		SETTINGS
        as_owner cp "$folder/run/settings" "$folder/cluster/postgresql.auto.conf"
        if as_owner "$programs/pg_ctl" start --wait --silent --pgdata "$folder/cluster" \
            --log "$folder/run/log" >>"$note/log" 2>&1; then
            echo "$folder" >"$note/folder"
            echo "postgres://deskbridge:$password@127.0.0.1:$port/postgres" | tee "$note/address"
            return
        fi
    done
    cat "$folder/run/log" >&2
    exit 1
}

stop() {
    is_running || return 0
    local folder
    folder=$(cat "$note/folder")
    as_owner "$programs/pg_ctl" stop --wait --silent --mode fast --pgdata "$folder/cluster"
    rm -rf "$folder" "$note"
}

find_programs || { install_programs && find_programs; }
owner=nobody
id postgres >/dev/null 2>&1 && owner=postgres
case "${1:-}" in
start | stop) "$1" ;;
address) is_running && cat "$note/address" ;;
*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
