#!/bin/sh
# The page in a real Chromium: against the mock of /v1, then against a server of its own with
# MovieLens (AKIN_DATA) or synthetic data. Exit 77: no browser here.
set -eu
cd "$(dirname "$0")/../.."
tools/build.sh
work=$(mktemp -d)
server=
# shellcheck disable=SC2317
end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM
passed=0 failed=0
# run NAME: the tests' own counts, added up
run() {
    code=0
    tests/web/run.sh >"$work/out" 2>&1 || code=$?
    if [ "$code" = 77 ]; then
        tail -1 "$work/out"
        exit 77
    fi
    n=$(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' "$work/out")
    bad=$(sed -n 's/^FAILED (//p' "$work/out" | grep -oE '(failures|errors)=[0-9]+' |
        cut -d= -f2 | paste -sd+ | sed 's/^$/0/')
    bad=$(( ${bad:-0} ))
    [ "$code" = 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$code" = 0 ] || cat "$work/out"
    echo "web: $1: $(tail -1 "$work/out") of ${n:-0} tests"
    passed=$((passed + ${n:-0} - bad))
    failed=$((failed + bad))
}
run mock

data=${AKIN_DATA:+$AKIN_DATA/ml-latest-small}
[ -d "${data:-/nonexistent}" ] || data=
build/akin demo --no-serve --quiet --data "${data:-synthetic}" \
    -o "$work/demo" >"$work/demo.log" 2>&1 || { cat "$work/demo.log"; exit 1; }
mkfifo "$work/address"
build/akin serve --model popular="$work/demo/models/popular.akin" \
    --model together="$work/demo/models/together.akin" \
    --model ials="$work/demo/models/ials.akin" --store "sqlite:$work/akin.db" \
    --listen 127.0.0.1:0 >"$work/address" 2>"$work/serve.log" &
server=$!
read -r AKIN_URL <"$work/address"
export AKIN_URL
export AKIN_REPORTS="$work/demo"
run server
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
