#!/bin/sh
# symbols.sh LIBRARY LIST: the exported names are exactly those of LIST.
set -eu
have=$(mktemp)
nm -D --defined-only "$1" | awk '{print $3}' | grep -v '^_' | LC_ALL=C sort >"$have"
status=0
diff "$2" "$have" || status=1
rm -f "$have"
[ $status = 0 ] || echo "abi_symbols: exported names differ from $2 (above: < listed, > exported)"
exit $status
