// The part of CUDA that the kernels use, for a C++ compiler.
#pragma once
#include "../emulator.h"
#include "../halves.h"
#include <cmath>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define threadIdx emulator::thread_index()
#define blockIdx emulator::block_index()
#define blockDim emulator::block_size()
#define gridDim emulator::grid_size()
#define __syncthreads() emulator::block_barrier(__LINE__)

typedef emulator::F16 __half;
typedef emulator::Bf16 __nv_bfloat16;
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
template <class T> T __shfl_xor_sync(unsigned, T v, unsigned mask) { return emulator::shuffle_xor(v, mask); }

#define CVL_SHARED(TYPE, NAME, COUNT)                                                                                  \
    static TYPE NAME[COUNT];                                                                                           \
    emulator::shared(NAME, sizeof NAME)
#define CVL_KERNEL(NAME, ...)                                                                                          \
    void NAME(__VA_ARGS__);                                                                                            \
    static const emulator::Entry entry_##NAME(                                                                         \
        #NAME, emulator::count(&NAME),                                                                                 \
        [](const std::vector<emulator::Argument> &arguments) { emulator::call_cuda(&NAME, arguments); });              \
    void NAME(__VA_ARGS__)

namespace emulator {
template <class... A> void call_cuda(void (*kernel)(A...), const std::vector<Argument> &arguments) {
    call(kernel, arguments, std::index_sequence_for<A...>{});
}
} // namespace emulator
