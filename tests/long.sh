#!/bin/sh
# The long forms of tests of the server: long.sh crash|crowd|memory. All build first.
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
case "${1:-}" in
crash) AKIN_KILLS=100 AKIN_STORED=1000000 exec python3 tests/fault/test_serve_crash.py Crash ;;
crowd) AKIN_CROWD=5000 exec python3 tests/e2e/test_attack.py \
    Wire.test_a_crowd_that_drips_or_says_nothing ;;
memory) exec python3 tests/memory.py "${2:-600}" ;;
esac
echo "usage: tests/long.sh crash|crowd|memory [SECONDS]" >&2
exit 2
