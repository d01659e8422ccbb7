#!/bin/sh
# Set-up and build into ./build (or the directory given). Quiet unless something fails.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-$root/build}
"$root/tools/setup.sh"
[ -f "$dir/build.ninja" ] || {
    echo "build: configuring $dir" >&2
    cmake -S "$root" -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=Release >"$dir.log" 2>&1 || {
        cat "$dir.log" >&2
        exit 1
    }
}
log=$(mktemp)
if ! cmake --build "$dir" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log" "$dir.log"
