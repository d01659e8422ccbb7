#!/bin/sh
# The promise "same bits on any CPU" for the whole program: akin cross-built for aarch64 and run
# under qemu-user makes what the program of this machine makes (tests/e2e/test_same_bits.py), passes
# the end-to-end tests, and its quick unit tests pass. Models' own tests and the contract suite are
# left out, and the index's: emulated they are slow, and the comparison covers every model of the
# registry, the battery of kernels the scan of the index.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
dir=$root/build-aarch64
if [ "$(uname -m)" != x86_64 ]; then
    echo "aarch64: compares with x86-64, and this machine is $(uname -m)"
    exit 77
fi
cmake/aarch64-sysroot.sh "$dir/sysroot"
tools/build.sh
cmake --preset aarch64 >"$dir/log" 2>&1 && cmake --build --preset aarch64 >"$dir/log" 2>&1 || {
    tail -60 "$dir/log"
    exit 1
}

# One word that runs the program, for tests that take a path.
printf '#!/bin/sh\nexec qemu-aarch64 -L "%s" "%s" "$@"\n' "$dir/sysroot" "$dir/akin" \
    >"$dir/akin-qemu"
chmod +x "$dir/akin-qemu"

# Models' tests, and those that are no program of this build.
left_out="test_contract_[0-9]+|test_toy_model|test_parts|test_stack|test_index.*|layers|e2e_.*|abi_.*|web_.*"
for file in tests/unit/models/test_*.c; do
    left_out="$left_out|$(basename "$file" .c)"
done
code=0
ctest --test-dir "$dir" -L quick -E "^($left_out)\$" -j "$(nproc)" --output-on-failure || code=1

passed=0 failed=0
# e2e PROGRAM OTHER NAME [CLASS]
e2e() {
    start=$(date +%s)
    if AKIN_PROGRAM=$1 AKIN_OTHER=$2 python3 "tests/e2e/test_$3.py" ${4:+"$4"} \
        >"$dir/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        cut -c1-500 "$dir/out"
    fi
    grep ' models, ' "$dir/out" || true
    echo "aarch64: $3 took $(($(date +%s) - start)) s"
}
e2e "$root/build/akin" "$dir/akin-qemu" same_bits OtherProgram
for name in cli pipeline answers tools; do
    e2e "$dir/akin-qemu" "" "$name"
done
echo "$passed passed, $failed failed"
[ $((failed + code)) = 0 ]
