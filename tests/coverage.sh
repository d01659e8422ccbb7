#!/bin/sh
# Line coverage of the rooms that must stay at 90 % or more (CONTRIBUTING.md), and the files of any
# room under 85 % with their first missed lines. gcov alone: gcovr needs minutes for this tree.
set -eu
cd "$(dirname "$0")/.."
tools/setup.sh
cmake --preset coverage >/dev/null
log=build-coverage/build.log
cmake --build --preset coverage >"$log" 2>&1 || {
    grep -E 'error|FAILED' "$log"
    exit 1
}
find build-coverage -name '*.gcda' -delete
tests=0
(cd build-coverage && ctest -j "$(nproc)" >test.log) || {
    sed -n '/tests FAILED/,$p' build-coverage/test.log
    echo "coverage: some tests failed"
    tests=1
}
python3 tests/coverage.py build-coverage
exit $tests
