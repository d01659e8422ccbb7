#!/bin/sh
# cmake/aarch64-sysroot.sh DIR: the arm64 libraries that akin and its tests link, unpacked into DIR
# for cmake/aarch64.cmake and `qemu-aarch64 -L`. Debian only; needs neither root nor a foreign
# architecture in dpkg: apt runs on a state of its own with the mirrors and proxies of this machine,
# nothing of the packages is run. A DIR that is complete already is left alone. Exit 77: could not
# be fetched.
set -eu
# The libraries of tools/setup.sh that every build and test needs.
packages=$(sed '/^all=/,$d' "$(dirname "$0")/../tools/setup.sh" |
    grep -oE '\b(lib[a-z0-9.+-]+|zlib1g)-dev\b' | sort -u)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

dir=$(realpath -m "$1")
[ "$(cat "$dir/akin-packages" 2>/dev/null)" = "$packages" ] && exit 0
no() {
    echo "aarch64: no sysroot, $1"
    exit 77
}
for tool in apt-get dpkg-deb; do
    command -v $tool >/dev/null 2>&1 || no "$tool is not installed"
done

mkdir -p "$(dirname "$dir")"
work=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
for part in lists/partial archives/partial etc/apt.conf.d etc/preferences.d; do
    mkdir -p "$work/apt/$part"
done
: >"$work/apt/status"
apt-get indextargets --format '$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null |
    sed -n "s|^Packages \(.*/debian.*\)|deb [arch=arm64 signed-by=$keyring] \1|p" | sort -u \
    >"$work/apt/etc/sources.list"
[ -s "$work/apt/etc/sources.list" ] || no "apt knows no Debian mirror here"
{
    cat <<CONF
Dir::State "$work/apt";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt";
Dir::Etc "$work/apt/etc";
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "2";
APT::Update::Error-Mode "any";
CONF
    apt-config dump | grep -E '^Acquire::.*(Proxy|Verify|CaInfo|Check-)' || true
} >"$work/apt.conf"
export APT_CONFIG="$work/apt.conf"
# shellcheck disable=SC2086
apt-get -q update >"$work/log" 2>&1 &&
    apt-get -q -y --download-only install $packages >>"$work/log" 2>&1 ||
    no "apt says: $(grep -m 1 '^E: ' "$work/log")"

for deb in "$work"/apt/archives/*.deb; do
    dpkg-deb -x "$deb" "$work/arm64"
done
# Links must not lead out of the sysroot.
find "$work/arm64" -lname '/*' | while read -r link; do
    ln -snf "$(realpath -m -s --relative-to="${link%/*}" "$work/arm64$(readlink "$link")")" "$link"
done
rm -rf "$work/arm64/usr/share/doc" "$work/arm64/usr/share/man" "$work/arm64/usr/share/locale"
printf '%s\n' "$packages" >"$work/arm64/akin-packages"
rm -rf "$dir"
mv "$work/arm64" "$dir"
