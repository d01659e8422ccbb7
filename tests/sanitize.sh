#!/bin/sh
# sanitize.sh debug|tsan: builds the preset and runs its tests.
set -eu
cd "$(dirname "$0")/.."
tools/setup.sh
cmake --preset "$1" >/dev/null
log=build-$1.log
cmake --build --preset "$1" >"$log" 2>&1 || {
    grep -E 'warning:|error:|FAILED' -A 4 "$log" || tail -n 30 "$log"
    echo "0 passed, 1 failed"
    exit 1
}
cd "build-$1"
# Quick tests only under the thread sanitizer: it multiplies their time by ten. Quality judges
# figures, for minutes; what it runs the others run on less.
label="-E ^quality$"
[ "$1" = tsan ] && label="-L quick"
export TSAN_OPTIONS="halt_on_error=1" ASAN_OPTIONS="detect_leaks=1"
# shellcheck disable=SC2086
ctest $label -j "$(nproc)" --output-on-failure
# The server under load, under attack and killed, which are not quick.
[ "$1" != tsan ] || ctest -R '^(e2e_attack|e2e_serve_load|fault_serve_crash)$' --output-on-failure
