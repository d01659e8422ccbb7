#!/bin/sh
# run.sh SECONDS [TARGET...]: builds the fuzz targets (build-fuzz: clang, ASan + UBSan) and runs them
# one after another, together for SECONDS, each from a copy of its corpus. An input that fails is
# kept in build-fuzz/found, its path printed; put it into tests/fuzz/corpus/TARGET with the fix.
# AKIN_FUZZ_SEED=N    repeats a run's inputs (0, the default: another every time)
# AKIN_FUZZ_RUNS=N    a target also ends after N executions, which may be before its share of SECONDS
# AKIN_FUZZ_NICE=N    runs under nice -n N
# AKIN_FUZZ_GROWN=DIR keeps what the corpora grow to in DIR/TARGET, and goes on from there
# AKIN_FUZZ_BUILD=DIR builds there
#   run.sh 600             all
#   run.sh 60 csv tables   two of them, half a minute each
#   build-fuzz/tests/fuzz/fuzz_csv build-fuzz/found/csv-crash-…     one input again
# To shrink a corpus: fuzz_NAME -merge=1 EMPTY_DIR GROWN_DIR tests/fuzz/corpus/NAME
set -eu
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { sed -n '2,15s/^# //p' "$0" >&2; exit 2; }
seconds=$1
shift
build=${AKIN_FUZZ_BUILD:-$PWD/build-fuzz}
cc=${AKIN_FUZZ_CC:-clang-16}
command -v "$cc" > /dev/null || { echo "run.sh: no $cc (tools/setup.sh all)" >&2; exit 1; }
symbolizer=$(command -v llvm-symbolizer || true)
[ -z "$symbolizer" ] || export ASAN_SYMBOLIZER_PATH="${ASAN_SYMBOLIZER_PATH:-$symbolizer}"

cmake -S . -B "$build" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=Debug \
    -DAKIN_FUZZ=ON -DAKIN_SANITIZE=fuzzer-no-link,address,undefined > "$build.log" 2>&1 &&
    cmake --build "$build" --target fuzz_all >> "$build.log" 2>&1 ||
    { tail -n 30 "$build.log"; echo "0 passed, 1 failed"; exit 1; }

if [ $# = 0 ]; then
    for file in tests/fuzz/fuzz_*.c; do
        name=${file##*/fuzz_}
        set -- "$@" "${name%.c}"
    done
fi
each=$((seconds / $#))
[ "$each" -gt 0 ] || each=1

# Long enough for several records, short enough for many executions a second.
longest() {
    case $1 in
    dataset | model) echo 16384 ;;
    container | zip) echo 4096 ;;
    texts | expr | numbers) echo 256 ;;
    *) echo 1024 ;;
    esac
}

mkdir -p "$build/found"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
passed=0
failed=0
for name in "$@"; do
    grown=${AKIN_FUZZ_GROWN:-$work}/$name
    mkdir -p "$grown"
    log=$work/$name.log
    code=0
    began=$(date +%s)
    nice -n "${AKIN_FUZZ_NICE:-0}" "$build/tests/fuzz/fuzz_$name" "$grown" \
        "tests/fuzz/corpus/$name" -seed="${AKIN_FUZZ_SEED:-0}" -runs="${AKIN_FUZZ_RUNS:--1}" \
        -max_total_time="$each" -max_len="$(longest "$name")" -rss_limit_mb=2048 -timeout=20 \
        -print_final_stats=1 -artifact_prefix="$build/found/$name-" > "$log" 2>&1 || code=$?
    took=$(($(date +%s) - began))
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    if [ "$code" = 0 ] && [ -n "$runs" ]; then
        passed=$((passed + 1))
        echo "fuzz_$name: $runs executions in $took s ($((runs / (took > 0 ? took : 1))) a second)"
    else
        failed=$((failed + 1))
        grep -v '^#[0-9]' "$log" | tail -n 60
        echo "fuzz_$name: FAILED after ${runs:-0} executions in $took s (exit status $code)"
        sed -n 's/.*Test unit written to /reproducer: /p' "$log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
