#!/bin/sh
# The promise "same bits on any CPU", checked: the kernels compiled for aarch64 and run under
# qemu-user print the same digest as ref, avx2 and avx512 here. Exit 77 (skipped) where the cross
# compiler or qemu is not installed (Debian: gcc-aarch64-linux-gnu, qemu-user).
set -eu
root=${AKIN_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
cc=${CC:-cc}
cross=${AKIN_CROSS_CC:-aarch64-linux-gnu-gcc}
qemu=${AKIN_QEMU:-qemu-aarch64}
for tool in "$cc" "$cross" "$qemu"; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "kern_cross: skipped, $tool is not installed"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# build COMPILER PROGRAM LINK-FLAGS FILE[:FLAGS]...: each file alone, as src/kern/CMakeLists.txt does
build() {
    compiler=$1 program=$2 link=$3
    shift 3
    objects=
    for item in "$@"; do
        file=${item%%:*}
        flags=$(printf '%s' "${item#"$file"}" | tr ':' ' ')
        object=$work/$(basename "$program")-$(basename "$file" .c).o
        # shellcheck disable=SC2086 # flags are words
        "$compiler" -std=c17 -O2 -ffp-contract=off -fno-math-errno -D_POSIX_C_SOURCE=200809L \
            -D_DEFAULT_SOURCE -I"$root/src" -I"$root/include" -I"$root/tests" $flags \
            -c "$root/$file" -o "$object"
        objects="$objects $object"
    done
    # shellcheck disable=SC2086
    "$compiler" $link $objects -o "$program" -lm
}

common="src/kern/kern.c src/kern/math.c src/kern/mathf.c src/kern/ref.c tests/kern/kern_cross.c"
# shellcheck disable=SC2086
build "$cross" "$work/arm" -static $common src/kern/neon.c:-O3
case $(uname -m) in
x86_64 | amd64)
    # shellcheck disable=SC2086
    build "$cc" "$work/native" -O2 $common src/kern/avx2.c:-mavx2:-mfma:-O3 \
        src/kern/avx512.c:-mavx512f:-mavx512bw:-mavx512vl:-mavx512dq:-mfma:-O3
    ;;
*)
    # shellcheck disable=SC2086
    build "$cc" "$work/native" -O2 $common src/kern/neon.c:-O3
    ;;
esac

"$qemu" "$work/arm" | sed 's/^/aarch64 /' >"$work/out"
"$work/native" | sed 's/^/native /' >>"$work/out"
cat "$work/out"
grep -q '^aarch64 neon ' "$work/out" || {
    echo "kern_cross: neon did not run under $qemu"
    exit 1
}
if [ "$(cut -d' ' -f3- "$work/out" | sort -u | wc -l)" -ne 1 ]; then
    echo "kern_cross: the digests differ"
    exit 1
fi
echo "kern_cross: all equal"
