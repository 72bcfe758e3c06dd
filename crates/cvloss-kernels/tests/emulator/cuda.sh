#!/usr/bin/env bash
# The tests of the feature `cuda` on an emulated driver, on a machine without a GPU, and its lints; that everything links is
# part of it.
#
# Installs NVIDIA's compiler into DIR/toolkit from the package index, and builds the driver into DIR/driver. Cargo's
# target folder is DIR/target, since a build with the feature replaces much of one without. What cannot be had is said to
# be skipped. Other arguments are cargo's.
#
#   cuda.sh DIR [ARGUMENT...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$root"
cargo fetch --locked >&2
if ! CUDA_HOME=$("$here/driver/build.sh" toolkit "$dir/toolkit"); then
    echo 'SKIPPED: the feature `cuda` under an emulated driver; there is no nvcc to install'
    exit
fi
export CUDA_HOME PATH=$CUDA_HOME/bin:$PATH CUDA_COMPUTE_CAP=80
# candle's own kernels take minutes, and the emulated driver has them already.
export NVCC=$here/driver/nvcc NVCC_REAL=$CUDA_HOME/bin/nvcc
"$here/driver/build.sh" driver "$dir/driver"
export LD_LIBRARY_PATH=$dir/driver:$CUDA_HOME/lib:$CUDA_HOME/lib/stubs CARGO_TARGET_DIR=$dir/target
# One build for all three. Code for the CPU is but the reference here, and optimising it would take most of the time.
plain=()
for package in cvloss-kernels cvloss cvloss-capi cvloss-testkit; do
    plain+=(--config "profile.release.package.$package.opt-level=0")
done
build=(--release "${plain[@]}" --package cvloss-kernels --package cvloss --package cvloss-capi
    --features cvloss-kernels/cuda,cvloss/cuda,cvloss-capi/cuda)
cargo test "${build[@]}" --test cuda --test device "$@"
cargo clippy "${build[@]}" --lib --test cuda --test device --example device_timing -- -D warnings
# The program that times kernels, at tiny sizes: it runs, and that is all that is seen here.
cargo build "${build[@]}" --example device_timing
python3 benches/device.py --native "$CARGO_TARGET_DIR/release/examples/device_timing" --smoke --repeat 2
