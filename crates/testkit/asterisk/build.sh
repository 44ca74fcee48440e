#!/usr/bin/env bash
# Unpacks Asterisk and sipp with the libraries that they need into a folder.
#
# Usage: build.sh 22|16 FOLDER
# FOLDER/asterisk and FOLDER/sipp then run them, whatever the machine's own libraries are. The packages come from the
# mirror that apt is configured with; DESKBRIDGE_TEST_DEBIAN names one where that is none of Debian's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -eq 2 ] || usage
folder=$2
# The suites that have this version; a release of Debian in use has none.
case $1 in
22) suites="sid forky" ;;
16) suites="bullseye" ;;
*) usage ;;
esac
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
programs="asterisk sip-tester"
# What these programs and the modules that we load are linked to. Asterisk's other modules want four times as much.
needed='^(asterisk(-modules|-core-sounds-en-gsm)?|sip-tester|libc6|zlib1g|lib(bsd|cap|crypt|edit|gcc-s|gcrypt|gpg-error)'
needed+='[0-9].*|lib(dbus|gsl|gsm|icu|jansson|lz4|lzma|md|ncursesw|pcap0|pugixml|sctp|sqlite3|ssl|stdc|systemd|tinfo|uriparser|uuid|xml2|xslt|zstd).*'
# What curl is linked to.
needed+='|lib(brotli|com-err|curl|ffi|gmp|gnutls|gssapi|hogweed|idn2|k5crypto|keyutils|krb5|ldap|nettle|nghttp|ngtcp|p11-kit|psl|rtmp|sasl2|ssh2?-|tasn1|unistring).*)$'

recipe=$(sha256sum "$0" | cut -d' ' -f1)
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
[ "$(cat "$folder/recipe" 2>/dev/null)" != "$recipe" ] || exit 0

for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null ||
        { echo "$program is missing: Asterisk is taken out of Debian's packages; build it on a Debian, and name its folder in DESKBRIDGE_TEST_ASTERISK" >&2; exit 2; }
done
[ -e "$keyring" ] || { echo "Debian's keys are missing: apt-get install debian-archive-keyring" >&2; exit 2; }
mirror=${DESKBRIDGE_TEST_DEBIAN:-$(apt-get update --print-uris 2>/dev/null | sed -n "s|^'\(.*/debian\)/dists/.*|\1|p" | head -n 1)}
[ -n "$mirror" ] || { echo "apt names no mirror of Debian: name one in DESKBRIDGE_TEST_DEBIAN" >&2; exit 2; }

work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
packages=$work/packages
unpacked=$work/unpacked

# An apt that knows nothing of this machine and changes nothing on it.
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::Etc::preferences=- \
        -o Dir::Etc::preferencesparts="$work/preferences" -o Dir::State="$work/state" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work/cache" -o APT::Install-Recommends=false -o APT::Sandbox::User= -o Debug::NoLocking=1 \
        -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 "$@"
}

# All that the programs depend on, as name=version.
closure() {
    # shellcheck disable=SC2086
    apt --simulate install $programs | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p'
}

fetch() {
    mkdir -p "$packages"
    (cd "$packages" && apt download "$@")
}

# No script of a package is run.
unpack() {
    local place package
    rm -rf "$unpacked"
    for place in bin lib lib64 sbin; do
        mkdir -p "$unpacked/usr/$place"
        ln -s "usr/$place" "$unpacked/$place"
    done
    for package in "$packages"/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -C "$unpacked" --no-same-owner --keep-directory-symlink \
            --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' \
            --exclude='./usr/lib/*/perl*' --exclude='./usr/share/perl*' --exclude='./usr/lib/*/gconv' -xf -
    done
    # Where they are differs from version to version.
    ln -s "$(cd "$unpacked" && find usr/lib -type d -path '*/asterisk/modules')" "$unpacked/modules"
}

# A script that starts a program with its own loader and libraries. The loader's option does not reach children, as
# LD_LIBRARY_PATH would; under the script's own name Asterisk finds itself again when it is told to restart.
starter() {
    local loader libraries named
    loader=$(cd "$unpacked" && echo usr/lib/*/ld-linux-*.so.?)
    libraries="\$here/$(dirname "$loader"):\$here/usr/lib"
    named=""
    if "$unpacked/$loader" --help 2>&1 | grep -q -e --argv0; then
        named=' --argv0 "$here/'$1'"'
    fi
    cat >"$unpacked/$1" <<-SCRIPT
		#!/bin/sh
		here=\$(cd "\$(dirname "\$0")" && pwd)
		exec "\$here/$loader"$named --library-path "$libraries" "\$here/$2" "\$@"
	SCRIPT
    chmod +x "$unpacked/$1"
}

# Libraries that are not there; what the loader would take from this machine instead is not there either.
missing_libraries() {
    local loader
    loader=$(echo "$unpacked"/usr/lib/*/ld-linux-*.so.?)
    { echo "$unpacked/usr/sbin/asterisk"; echo "$unpacked/usr/bin/sipp"
      sed -n "s|^load=|$unpacked/modules/|p" "$here/etc/modules.conf"; } |
        xargs -n 1 "$loader" --library-path "$(dirname "$loader"):$unpacked/usr/lib" --list 2>&1 |
        grep -E '=>|not found|cannot' | grep -v -e "=> $unpacked/" -e '=> [^/]*(0x' | sort -u
}

mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/preferences"
: >"$work/status"
for suite in $suites; do
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
    if apt update && everything=$(closure) && [ -n "$everything" ]; then
        break
    fi
    everything=""
done
[ -n "$everything" ] || { echo "Asterisk $1 cannot be had from $mirror ($suites)" >&2; exit 1; }
# shellcheck disable=SC2046
fetch $(while IFS== read -r name release; do
    [[ ! $name =~ $needed ]] || echo "$name=$release"
done <<<"$everything")
unpack
if missing=$(missing_libraries); then
    printf 'not among the packages that were thought to be enough, so all are fetched:\n%s\n' "$missing" >&2
    # shellcheck disable=SC2086
    fetch $everything
    unpack
    missing=$(missing_libraries) && { echo "$missing" >&2; exit 1; }
fi
starter asterisk usr/sbin/asterisk
starter sipp usr/bin/sipp
"$unpacked/asterisk" -V
echo "$(find "$packages" -name '*.deb' | wc -l) packages, $(du -sm "$packages" | cut -f1) MB, unpacked $(du -sm "$unpacked" | cut -f1) MB in $SECONDS s"
echo "$recipe" >"$unpacked/recipe"
rm -rf "$folder"
mv "$unpacked" "$folder"
