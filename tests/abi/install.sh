#!/bin/sh
# install.sh BUILD_DIR SOURCE_DIR: what `cmake --install` leaves is complete, may lie under any
# prefix, and a program builds against it by pkg-config (shared and static) and by CMake.
set -eu
build=$1
source=$2
cc=${CC:-cc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
to=$dir/inst
fail() {
    echo "abi_install: $*"
    exit 1
}

cmake --install "$build" --prefix "$to" >"$dir/log" || { cat "$dir/log"; fail "cmake --install"; }
pc=$(find "$to" -name akin.pc)
[ -n "$pc" ] || fail "no akin.pc"
libdir=$(dirname "$(dirname "$pc")")
for file in "$to/bin/akin" "$to/include/akin/akin.h" "$libdir/libakin.a" "$libdir/libakin.so" \
    "$libdir/cmake/akin/akin-config.cmake" "$libdir/cmake/akin/akin-config-version.cmake" \
    "$to/share/man/man1/akin.1" "$to/share/bash-completion/completions/akin" \
    "$to/share/fish/vendor_completions.d/akin.fish" "$to/share/akin/default.yaml"; do
    [ -s "$file" ] || fail "not installed or empty: ${file#"$to"/}"
done
[ "$(find "$to/include" -type f | wc -l)" = 1 ] || fail "more than one header"
"$to/bin/akin" --version >/dev/null || fail "the installed program does not start"

# A hundred events of ten users: the example trains and prints ten items.
awk 'BEGIN { print "user,item,rating"
    for (i = 0; i < 100; i++) printf "u%d,i%d,%d\n", i % 10, (i * 7 + int(i / 10)) % 23, 1 + i % 5
}' >"$dir/ratings.csv"
try() {
    LD_LIBRARY_PATH=$1 "$2" "$dir/ratings.csv" u3 >"$dir/$3.out" || fail "$3: the example failed"
    [ "$(wc -l <"$dir/$3.out")" = 10 ] || fail "$3: not ten items"
}

PKG_CONFIG_PATH=$libdir/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
$cc -std=c99 -Wall -Wextra -Werror "$source/examples/recommend.c" $(pkg-config --cflags --libs akin) \
    -o "$dir/shared"
try "$libdir" "$dir/shared" shared

# -l:libakin.a: the linker would take the shared one of the two.
# shellcheck disable=SC2046
$cc -std=c99 "$source/examples/recommend.c" \
    $(pkg-config --static --cflags --libs akin | sed 's/-lakin/-l:libakin.a/') -o "$dir/static"
try /nowhere "$dir/static" static

mkdir "$dir/project"
cp "$source/examples/recommend.c" "$dir/project/"
for kind in akin akin_static; do
    cat >"$dir/project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES C)
find_package(akin 0.1 REQUIRED)
add_executable(recommend recommend.c)
target_link_libraries(recommend PRIVATE akin::$kind)
END
    {
        cmake -S "$dir/project" -B "$dir/$kind" -DCMAKE_PREFIX_PATH="$to" &&
            cmake --build "$dir/$kind"
    } >"$dir/log" 2>&1 || { cat "$dir/log"; fail "find_package: akin::$kind"; }
    try "" "$dir/$kind/recommend" "cmake-$kind"
done
for out in static cmake-akin cmake-akin_static; do
    cmp -s "$dir/shared.out" "$dir/$out.out" || fail "$out prints other lists than shared"
done
