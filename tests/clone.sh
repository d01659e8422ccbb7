#!/bin/sh
# A fresh clone of HEAD: the README's first command works and needs nothing that is not committed.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
git clone -q . "$dir/akin"
cd "$dir/akin"
./demo --no-serve >"$dir/out" 2>"$dir/err" || {
    cat "$dir/out" "$dir/err"
    exit 1
}
grep -q 'ndcg@10' "$dir/out"
report=$(sed -n 's/^report: //p' "$dir/out")
test -s "$report"
grep -q '</html>' "$report"
start=$(date +%s)
./demo --no-serve >"$dir/out2"
echo "clone: demo of a built tree took $(($(date +%s) - start)) s"
echo "1 passed, 0 failed"
