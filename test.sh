#!/usr/bin/env bash
# Everything that is checked before a change lands, the quickest to fail first. Needs a Rust toolchain, a C
# compiler, Python 3 with venv, and Node 20 with npm; Python and Node packages are installed into target/, and
# Chromium, PHP and PostgreSQL, run as root, from Debian. Asterisk is unpacked from Debian's packages into target/.
#
# ./test.sh          everything
# ./test.sh quick    without the browser, the public clients, the README's commands and the older Asterisk
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never RUST_BACKTRACE=1
# The same change is tested with the same cases. `cargo test` by itself draws new ones each time.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-20261121}
echo "PROPTEST_RNG_SEED=$PROPTEST_RNG_SEED"
started=$SECONDS
report=""

step() {
    local name=$1 from=$SECONDS
    shift
    echo "== $name"
    "$@"
    report+=$(printf '%6d s  %s' $((SECONDS - from)) "$name")$'\n'
}

need() {
    command -v "$1" >/dev/null || { echo "$1 is missing: $2" >&2; exit 2; }
}
need cargo "install the Rust toolchain of rust-toolchain.toml with rustup"
need cc "apt-get install gcc"

# Hooks are also written in PHP.
need_php() {
    if ! command -v php >/dev/null && [ "$(id -u)" = 0 ]; then
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends php-cli; } >&2
    fi
    need php "apt-get install php-cli"
}

postgres_is_ours=""
asterisk=()
clean_up() {
    [ ${#asterisk[@]} = 0 ] || kill "${asterisk[@]}" 2>/dev/null || true
    [ -z "$postgres_is_ours" ] || crates/testkit/postgres.sh stop
}
trap clean_up EXIT

# One that runs already, a developer's, goes on running.
start_postgres() {
    if [ -z "${DESKBRIDGE_TEST_POSTGRES:-}" ] && ! crates/testkit/postgres.sh address >/dev/null 2>&1; then
        postgres_is_ours=yes
        crates/testkit/postgres.sh start >/dev/null
    fi
}

# Its packages come while the compiler works.
begin_asterisk() {
    local version
    mkdir -p target
    for version in "$@"; do
        ASTERISK=$version crates/testkit/asterisk.sh build >"target/asterisk-$version.log" 2>&1 &
        asterisk+=($!)
    done
}

wait_for_asterisk() {
    local building
    for building in "${asterisk[@]}"; do
        wait "$building" || { cat target/asterisk-*.log >&2; return 1; }
    done
    asterisk=()
}

# What customers still run. The tests of the whole program are the same.
older_asterisk() {
    ASTERISK=16 cargo test -p deskbridge --test it --quiet -- calls::real
}

documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
}

# The README's first command, as it is written there, and one question to it.
readme_demo() {
    local command ready hub folder
    command=$(grep -m1 -o 'cargo run .*-- demo' README.md)
    grep -q '^ *\./test\.sh$' README.md || { echo "README.md does not name ./test.sh" >&2; return 1; }
    folder=$(mktemp -d)
    mkfifo "$folder/out"
    $command --listen 127.0.0.1:0 --json >"$folder/out" &
    local demo=$!
    read -r ready <"$folder/out"
    hub=$(sed -E 's/.*"hub":"([^"]+)".*/\1/' <<<"$ready")
    authorization=$(sed -E 's/.*"authorization":"([^"]+)","bitrix24".*/\1/' <<<"$ready")
    curl --silent --fail --header "Authorization: $authorization" \
        "$hub/api/method/haravan_bitrix_customer_profile?ticket=0001" | grep -q '"status":"matched"'
    kill -TERM "$demo"
    wait "$demo"
    rm -r "$folder"
}

public_clients() {
    need python3 "apt-get install python3-venv"
    need npm "apt-get install npm"
    crates/simulators/peers/run.sh target/peers
}

server_scripts() {
    need python3 "apt-get install python3-venv"
    crates/deskbridge/helpdesk/tests/test.sh target/server-scripts
}

popup() {
    need npm "apt-get install npm"
    crates/deskbridge/popup/test.sh target/popup
}

unchanged() {
    git diff --exit-code --stat
    [ -z "$(git status --porcelain --untracked-files=normal)" ] || { git status --short; return 1; }
}

step "format" cargo fmt --all --check
begin_asterisk 22 $([ "${1:-}" = quick ] || echo 16)
step "rules of the tree" cargo test -p testkit --test tidy --quiet
step "clippy" cargo clippy --workspace --all-targets --quiet -- -D warnings
step "build the tests" cargo test --workspace --no-run --quiet
step "PHP" need_php
step "PostgreSQL" start_postgres
step "Asterisk" wait_for_asterisk
step "tests" cargo test --workspace --quiet
step "documentation" documentation
if [ "${1:-}" != quick ]; then
    step "calls with Asterisk 16" older_asterisk
    step "the README's demo" readme_demo
    step "Server Scripts in Frappe's sandbox" server_scripts
    step "the popup in Chromium" popup
    step "public Bitrix24 clients against the simulator" public_clients
fi
[ -n "${CI:-}" ] && step "nothing was changed by the run" unchanged
echo
echo "$report"
printf '%6d s  in all; %s packages in Cargo.lock\n' $((SECONDS - started)) "$(grep -c '^name = ' Cargo.lock)"
echo "all passed"
