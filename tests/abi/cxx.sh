#!/bin/sh
# cxx.sh INCLUDE_DIR: the public header compiles as C++11 without a warning.
set -eu
if command -v g++ >/dev/null 2>&1; then
    cxx=g++
elif command -v clang++-16 >/dev/null 2>&1; then
    cxx=clang++-16
else
    echo "abi_cxx: skipped, no C++ compiler"
    exit 77
fi
printf '#include <akin/akin.h>\nint main() { return akin_version() == nullptr; }\n' |
    $cxx -std=c++11 -Wall -Wextra -Wpedantic -Werror -I"$1" -x c++ -fsyntax-only -
