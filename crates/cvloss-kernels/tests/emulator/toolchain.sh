#!/usr/bin/env bash
# Compiles the kernels as a device would have them, without a device:
#
#   nvcc and ptxas for sm_80 and sm_90: no warning, no register spilt to memory; registers are listed
#   clang with an address space for each of Metal's: no pointer without its qualifier
#
# nvcc comes from the path, or with NVIDIA's wheels from the package index into DIR, where it is kept. What cannot be had
# is said to be skipped.
#
#   toolchain.sh [DIR]
set -euo pipefail
crate=$(cd "$(dirname "$0")/../.." && pwd)
kept=
if [[ -n ${1:-} ]]; then
    mkdir -p "$1"
    kept=$(cd "$1" && pwd)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The sources as one file for each compiler: the entry points, which include the rest.
(cd "$crate" && find src -name '*.inl' | sort | sed 's/.*/#include "&"/') >"$work/all.cu"
grep -q kernel.inl "$work/all.cu" || { echo 'there are no kernels' >&2; exit 1; }

find_nvcc() {
    command -v nvcc >/dev/null && return
    local home dir=${kept:-$work/cuda}
    if [[ ! -x $dir/bin/python ]]; then
        python3 -m venv "$dir" >/dev/null 2>&1 || return 1
    fi
    "$dir/bin/python" -m pip install -q --no-deps --no-compile --disable-pip-version-check \
        nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96 \
        nvidia-cuda-cccl==13.0.85 >/dev/null 2>&1 || return 1
    home=$(echo "$dir"/lib/python3*/site-packages/nvidia/cu13)
    export PATH=$home/bin:$PATH
    command -v nvcc >/dev/null
}

compile_for() {
    local arch=$1 log=$work/$1.log
    if ! nvcc -std=c++17 -arch="$arch" -cubin -Xptxas -v -I "$crate" "$work/all.cu" -o "$work/$arch.cubin" >"$log" 2>&1; then
        cat "$log" >&2
        return 1
    fi
    if grep -i 'warning' "$log" >&2; then
        echo "$arch: the compiler warns" >&2
        return 1
    fi
    awk -v arch="$arch" '
        /Compiling entry function/ { split($0, part, "\047"); name = part[2] }
        /bytes spill stores/ { spilt = $5 + $9 }
        /Used [0-9]+ registers/ {
            match($0, /Used [0-9]+/); registers = substr($0, RSTART + 5, RLENGTH - 5)
            kernels++
            printf "%s %-40s %3d registers, %d bytes spilt\n", arch, name, registers, spilt
            if (spilt > 0) bad++
        }
        END {
            printf "%s: %d kernels, %d with spills\n", arch, kernels, bad
            exit kernels == 0 || bad > 0
        }' "$log"
}

check_spaces() {
    local clang=$1
    local -a flags=(-std=c++17 -fsyntax-only -Werror -Wno-unknown-attributes -D__METAL_VERSION__=310 -DCVL_CHECK_SPACES
        -I "$crate/tests/emulator/metal" -I "$crate" -x c++)
    "$clang" "${flags[@]}" "$work/all.cu"
    # The check must be able to fail.
    echo 'float without_space(device const float *x) { const float *y = x; return *y; }' >>"$work/all.cu"
    if "$clang" "${flags[@]}" "$work/all.cu" 2>/dev/null; then
        echo 'address spaces: a pointer without its qualifier is not noticed' >&2
        return 1
    fi
    echo "address spaces: checked by $clang"
}

if find_nvcc; then
    for arch in sm_80 sm_90; do
        compile_for "$arch"
    done
else
    echo 'SKIPPED: nvcc and ptxas; they are neither on the path nor can they be installed'
fi
clang=$(compgen -c clang++ | grep -E '^clang\+\+(-[0-9]+)?$' | sort -V | tail -n 1 || true)
if [[ -n $clang ]]; then
    check_spaces "$clang"
else
    echo 'SKIPPED: address spaces; there is no clang++'
fi
