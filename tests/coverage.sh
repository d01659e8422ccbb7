#!/bin/sh
# Line coverage of the rooms that must stay at 90 % or more (CONTRIBUTING.md).
set -eu
cd "$(dirname "$0")/.."
tools/setup.sh
cmake --preset coverage >/dev/null
cmake --build --preset coverage 2>&1 | grep -E 'error|FAILED' || true
find build-coverage -name '*.gcda' -delete
(cd build-coverage && ctest -j "$(nproc)" >/dev/null) || echo "coverage: some tests failed"
status=0
for room in core data rank eval models; do
    line=$(gcovr --merge-mode-functions=separate -r . build-coverage --filter "src/$room/" 2>/dev/null |
        awk '/^TOTAL/ {print $NF}')
    echo "coverage $room ${line:-0%}"
    [ "${line%\%}" -ge 90 ] 2>/dev/null || status=1
done
exit $status
