#!/bin/sh
# ./demo and ./test quick on a bare Debian 12 (debootstrap root: no make, no compiler). Needs root
# and a package mirror; the mirror is the first one apt uses here.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
    echo "bare: not root"
    exit 77
fi
dir=$(mktemp -d /var/tmp/akin-bare.XXXXXX)
cleanup() {
    for m in proc dev; do umount -l "$dir/debian/$m" 2>/dev/null || true; done
    rm -rf --one-file-system "$dir"
}
trap cleanup EXIT
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/*$' | head -1)
debootstrap --variant=minbase --include=ca-certificates bookworm "$dir/debian" "$mirror" >"$dir/log" 2>&1 ||
    { tail -20 "$dir/log"; exit 1; }
mount -t proc proc "$dir/debian/proc"
mount --rbind /dev "$dir/debian/dev"
mount --make-rslave "$dir/debian/dev"
cp /etc/resolv.conf "$dir/debian/etc/resolv.conf" 2>/dev/null || true
cp /etc/hosts "$dir/debian/etc/hosts"
# However this machine reaches packages, the root does too; its sources stay plain Debian.
apt-config dump | grep -E '^Acquire::.*(Proxy|Verify|CaInfo)' >"$dir/debian/etc/apt/apt.conf.d/90host" || true
git clone -q . "$dir/debian/akin"
if [ -n "${AKIN_DATA:-}" ]; then
    mkdir -p "$dir/debian/data"
    cp -r "$AKIN_DATA/ml-latest-small" "$dir/debian/data/"
fi
start=$(date +%s)
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ AKIN_DATA=/data \
    http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
    chroot "$dir/debian" /bin/sh -c 'cd /akin && ./demo --no-serve' >"$dir/out" 2>"$dir/err" ||
    { tail -40 "$dir/err"; exit 1; }
took=$(($(date +%s) - start))
grep -q 'report: ' "$dir/out"
sed -n '/^model/,$p' "$dir/out"
echo "bare: ./demo took $took s from clone to report (limit 300)"
[ "$took" -le 300 ]
start=$(date +%s)
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ \
    chroot "$dir/debian" /bin/sh -c 'cd /akin && ./test quick' >"$dir/out" 2>&1 ||
    { tail -40 "$dir/out"; exit 1; }
tail -4 "$dir/out"
echo "bare: ./test quick took $(($(date +%s) - start)) s"
echo "1 passed, 0 failed"
