#!/usr/bin/env bash
# An emulated CUDA driver: tests of the feature `cuda` on a machine without a GPU.
#
#   build.sh toolkit DIR   NVIDIA's compiler and headers from the package index, and stubs to link to; prints DIR's CUDA_HOME
#   build.sh driver DIR    libcuda, libcublas and libcurand with this crate's kernels and candle's, compiled by g++; needs
#                          CUDA_HOME
#
# Both need what `cargo fetch` fetches.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
emulator=$(cd "$here/.." && pwd)
crate=$(cd "$here/../../.." && pwd)

# Where cargo keeps the source of a package.
source_of() {
    local found
    found=$(cargo metadata --format-version 1 --manifest-path "$crate/Cargo.toml" --offline --all-features |
        python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == sys.argv[1]:
        print(os.path.dirname(package["manifest_path"]))' "$1")
    [[ -d $found ]] || { echo "there is no source of $1" >&2; return 1; }
    echo "$found"
}

# The driver's functions, as its header and the binding have them.
driver_functions() {
    { printf '#include <cuda.h>\n' | gcc -E -P -I"$CUDA_HOME/include" - | tr '\n' ' ' |
        grep -oE 'CUresult +cu[A-Za-z0-9_]+ *\(' | sed -E 's/CUresult +//; s/ *\(//'
      grep -ohE 'fn cu[A-Z][A-Za-z0-9_]*' "$1/src/driver/sys/mod.rs" | sed 's/fn //'; } | sort -u
}

toolkit() {
    local dir cudarc
    dir=$(mkdir -p "$1" && cd "$1" && pwd)
    [[ -x $dir/bin/python ]] || python3 -m venv "$dir"
    "$dir/bin/python" -m pip install -q --no-deps --no-compile --disable-pip-version-check \
        nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96 \
        nvidia-cuda-cccl==13.0.85 >&2
    CUDA_HOME=$(echo "$dir"/lib/python3*/site-packages/nvidia/cu13)
    ln -sfn lib "$CUDA_HOME/lib64"
    ln -sf libcudart.so.13 "$CUDA_HOME/lib/libcudart.so"
    mkdir -p "$CUDA_HOME/lib/stubs"
    cudarc=$(source_of cudarc)
    stub() {
        local name=$1 file=$2 folder=$3
        { grep -rohE "fn ${name}[A-Za-z0-9_]*" "$cudarc/src/$folder/sys" | sed 's/fn //'
          [[ $name != cu ]] || driver_functions "$cudarc"; } | sort -u |
            sed 's/.*/int &(void) { return 100; }/' >"$CUDA_HOME/lib/stubs/$file.c"
        gcc -shared -fPIC -w -Wl,-soname,"$file" -o "$CUDA_HOME/lib/stubs/$file" "$CUDA_HOME/lib/stubs/$file.c"
        ln -sf "$file" "$CUDA_HOME/lib/stubs/${file%.so.*}.so"
    }
    stub cu libcuda.so.1 driver
    stub cublas libcublas.so.13 cublas
    stub cublasLt libcublasLt.so.13 cublaslt
    stub curand libcurand.so.10 curand
    stub nvrtc libnvrtc.so.13 nvrtc
    echo "$CUDA_HOME"
}

# An object of candle's kernels in a source, each entered in the emulator's table.
candle_object() {
    local name=$1 source=$2
    shift 2
    printf '#include "%s"\n' "$source" >"$work/$name.in.cpp"
    { cat "$work/$name.in.cpp"
      g++ "$@" -E -P "$work/$name.in.cpp" | grep -oE 'extern "C" +(static +)?void +[A-Za-z_][A-Za-z0-9_]*' |
          awk '{ print $NF }' | sort -u | sed 's/.*/EMULATOR_ENTRY(&)/'; } >"$work/$name.cpp"
    g++ "$@" -c "$work/$name.cpp" -o "$work/$name.o"
}

# As many at a time as there are cores; the first that fails ends the build.
running=()
start() {
    "$@" &
    running+=($!)
    if [[ ${#running[@]} -ge $(nproc) ]]; then
        wait "${running[0]}"
        running=("${running[@]:1}")
    fi
}
finish() {
    local each
    for each in "${running[@]}"; do
        wait "$each"
    done
    running=()
}

driver() {
    local dir kernels cudarc name source
    local -a candle common=(-std=c++17 -O2 -fno-strict-aliasing -w -fPIC)
    dir=$(mkdir -p "$1" && cd "$1" && pwd)
    work=$dir/objects
    rm -rf "$work"
    mkdir -p "$work"
    kernels=$(source_of candle-kernels)/src
    cudarc=$(source_of cudarc)
    common+=(-I"$CUDA_HOME/include" -I"$CUDA_HOME/include/cccl")
    candle=("${common[@]}" -I"$kernels" -include "$here/candle.h")
    for name in affine binary cast conv fill indexing reduce sort ternary unary; do
        # Shared memory whose size the launch says.
        sed 's/extern __shared__ int dst_row\[\];/int *dst_row = (int *)emulator::dynamic_shared();/' \
            "$kernels/$name.cu" >"$work/$name.cu"
        start candle_object "candle_$name" "$work/$name.cu" "${candle[@]}"
    done
    # This crate's kernels enter themselves.
    while read -r source; do
        name=$(sed 's|.*/src/||; s|[/.]|_|g' <<<"$source")
        start g++ -std=c++17 -O2 -fno-strict-aliasing -w -fPIC -I"$emulator/cuda" -x c++ -c "$source" -o "$work/own_$name.o"
    done < <(find "$crate/src" -name '*.inl' | sort)
    start g++ "${common[@]}" -c "$emulator/emulator.cpp" -o "$work/emulator.o"
    start g++ "${common[@]}" -c "$here/driver.cpp" -o "$work/driver.o"
    finish
    # Whatever is called and not there says so.
    driver_functions "$cudarc" | awk '
        BEGIN { print "#include <stdio.h>" }
        { printf "__attribute__((weak)) int %s(void) { fprintf(stderr, \"%s is not emulated\\n\"); return 801; }\n", $1, $1 }
    ' >"$work/weak.c"
    gcc -fPIC -w -c "$work/weak.c" -o "$work/weak.o"
    g++ -shared -Wl,-z,muldefs -Wl,-soname,libcuda.so.1 -o "$dir/libcuda.so.1" "$work"/*.o
    ln -sf libcuda.so.1 "$dir/libcuda.so"
    printf 'libcublas.so.13 { global: *; };\n' >"$work/cublas.version"
    printf 'libcurand.so.10 { global: *; };\n' >"$work/curand.version"
    g++ "${common[@]}" -DBLAS -shared -Wl,-soname,libcublas.so.13 -Wl,--version-script="$work/cublas.version" \
        -o "$dir/libcublas.so.13" "$here/libraries.cpp"
    g++ "${common[@]}" -shared -Wl,-soname,libcurand.so.10 -Wl,--version-script="$work/curand.version" \
        -o "$dir/libcurand.so.10" "$here/libraries.cpp"
}

case ${1:-} in
toolkit | driver) "$1" "$2" ;;
*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
