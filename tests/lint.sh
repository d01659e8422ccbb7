#!/bin/sh
# Formatting and static checks of the sources.
set -eu
cd "$(dirname "$0")/.."
bad=0
files=$(find src include tests bench examples -name .venv -prune -o -name '*.[ch]' -print |
    LC_ALL=C sort)
# shellcheck disable=SC2086
clang-format-16 --dry-run -Werror $files || bad=$((bad + 1))
cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr -j "$(nproc)" \
    --enable=warning,portability --suppress=missingInclude --suppress=unusedStructMember \
    --suppress=normalCheckLevelMaxBranches \
    --library=tests/cppcheck.cfg -I src -I include src || bad=$((bad + 1))
python3 tests/layers.py || bad=$((bad + 1))
echo "$((3 - bad)) passed, $bad failed"
[ "$bad" = 0 ]
