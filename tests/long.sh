#!/bin/sh
# The long forms of tests of the server: long.sh crash|memory. Both build first.
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
case "${1:-}" in
crash) AKIN_KILLS=100 AKIN_STORED=1000000 exec python3 tests/fault/test_serve_crash.py Crash ;;
memory) exec python3 tests/memory.py "${2:-600}" ;;
esac
echo "usage: tests/long.sh crash|memory [SECONDS]" >&2
exit 2
