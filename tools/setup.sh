#!/bin/sh
# Installs what akin builds with, on Debian and Ubuntu. Idempotent; asks for nothing; uses sudo only
# if there is something to install and the caller is not root.
#   tools/setup.sh          what a build and the tests need
#   tools/setup.sh all      also what `make check-all` and `make bench` need
set -eu

build="gcc libc6-dev cmake ninja-build make pkg-config libjansson-dev libyaml-dev libxxhash-dev
 libzstd-dev zlib1g-dev libcurl4-openssl-dev libsqlite3-dev libmicrohttpd-dev libgnutls28-dev
 libutf8proc-dev libstemmer-dev"
tests="libcmocka-dev python3 ca-certificates"
all="clang-16 clang-format-16 clang-tidy-16 cppcheck libclang-rt-16-dev gcc-aarch64-linux-gnu
 libc6-dev-arm64-cross qemu-user g++ git python3-venv debootstrap chromium"

want="$build $tests"
[ "${1:-}" = all ] && want="$want $all"

missing=""
for package in $want; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this script knows Debian and Ubuntu; please install:$missing" >&2
    exit 1
fi
run=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup: not root and no sudo; please install:$missing" >&2
        exit 1
    fi
    run=sudo
fi
echo "setup: installing$missing" >&2
# shellcheck disable=SC2086
{
    $run apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive $run apt-get -qq -y --no-install-recommends install \
            -o Dpkg::Use-Pty=0 $missing
} >&2
