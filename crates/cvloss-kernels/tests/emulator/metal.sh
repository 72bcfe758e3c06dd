#!/usr/bin/env bash
# Type-checks and lints the feature `metal` for aarch64-apple-darwin on a machine that is none: warnings are errors.
#
# rustc checks for any target if it has the target's standard library, and cargo builds that from its sources. A nightly
# toolchain may lack them, so that a copy of one gets those of Debian's rust-src, with what they depend on. Nothing is
# linked, and no kernel is compiled: the emulator does that. The copy goes to DIR/toolchain, cargo's target folder is
# DIR/target. What cannot be had is said to be skipped. Other arguments are cargo's.
#
#   metal.sh DIR [ARGUMENT...]
set -euo pipefail
root=$(cd "$(dirname "$0")/../../../.." && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
shift

skip() {
    echo "SKIPPED: the feature \`metal\` for aarch64-apple-darwin; $1"
    exit
}

# Debian's package of the newest sources, by the mirror that the machine has.
fetch_sources() {
    local mirror apt=$dir/apt
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
    [[ -n $mirror ]] || return 1
    mkdir -p "$apt"/{lists,cache/archives}/partial "$apt/state"
    touch "$apt/state/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<EOF
Dir::State "$apt/state"; Dir::State::Lists "$apt/lists"; Dir::State::status "$apt/state/status";
Dir::Cache "$apt/cache"; Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null";
EOF
    (cd "$apt" && export APT_CONFIG=$apt/apt.conf && apt-get update -qq && apt-get download -qq rust-src) >&2 || return 1
    dpkg -x "$apt"/rust-src_*.deb "$apt/unpacked"
}

make_toolchain() {
    local nightly sources version library=$dir/copy/lib/rustlib/src/rust
    nightly=$(rustc +nightly --print sysroot 2>/dev/null) || skip 'there is no nightly toolchain'
    command -v dpkg >/dev/null && command -v apt-get >/dev/null || skip 'there is no apt-get to fetch sources with'
    fetch_sources || skip 'there are no sources of the standard library to fetch'
    # A standard library builds with the compiler of its version alone.
    sources=$(cd "$dir/apt/unpacked/usr/src" && echo rustc-*)
    version=$(rustc +nightly --version | grep -oE '1\.[0-9]+' | head -n 1)
    [[ $sources == rustc-$version.* ]] || skip "the sources to be had are $sources, the nightly toolchain is $version"
    rm -rf "$dir/copy"
    mkdir -p "$dir/copy" "$library"
    (cd "$nightly" && tar cf - --exclude=./share .) | tar xf - -C "$dir/copy"
    mv "$dir"/apt/unpacked/usr/src/rustc-*/library "$library/"
    rm -rf "$dir/apt"
    mv "$dir/copy" "$dir/toolchain"
}

cd "$root"
[[ -d $dir/toolchain ]] || make_toolchain
export PATH=$dir/toolchain/bin:$PATH CARGO_TARGET_DIR=$dir/target RUSTFLAGS='-D warnings'
what=(-Zbuild-std=std,panic_abort --target aarch64-apple-darwin --package cvloss-kernels --package cvloss
    --package cvloss-capi --features cvloss-kernels/metal,cvloss/metal,cvloss-capi/metal "$@")
cargo check "${what[@]}"
# A nightly has lints that no other toolchain has: only those of files count that the others do not see.
if cargo clippy --message-format short "${what[@]}" -- -W warnings 2>&1 | grep -E '/metal\.rs:'; then
    echo 'clippy has something to say of the launchers' >&2
    exit 1
fi
echo 'the feature `metal`: checked for aarch64-apple-darwin'
