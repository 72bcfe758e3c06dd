// What makes one source of CUDA and Metal: kernels, arguments, shared memory, barriers, shuffles, elementary functions.
//
// Rules. Entry points take pointers (CVL_IN, CVL_OUT) and one struct of numbers (CVL_NUMBERS), in one order in both
// dialects. Pointers of functions name their address space: CVL_DEVICE, CVL_LOCAL, CVL_THREAD. A struct is never copied
// across address spaces as a whole. T is what memory holds, R what is computed in: float, and on CUDA double for f64.
// Counts and indices are 32 bits. Blocks and grids have one axis; a block is a multiple of 32 threads, at most 256.
// CVL_BARRIER orders shared memory in a block, CVL_DEVICE_BARRIER device memory as well.
// Metal needs its precise math mode: NaN must survive.
#pragma once

#if defined(__METAL_VERSION__)

#include <metal_stdlib>
#define CVL_FN inline
#define CVL_DEVICE device
#define CVL_THREAD thread
#define CVL_LOCAL threadgroup
#define CVL_CALL(TYPE) constant TYPE &
#define CVL_IN(INDEX, TYPE, NAME) device const TYPE *NAME [[buffer(INDEX)]]
#define CVL_OUT(INDEX, TYPE, NAME) device TYPE *NAME [[buffer(INDEX)]]
#define CVL_NUMBERS(INDEX, TYPE, NAME) constant TYPE &NAME [[buffer(INDEX)]]
#define CVL_BARRIER() threadgroup_barrier(metal::mem_flags::mem_threadgroup)
#define CVL_DEVICE_BARRIER() threadgroup_barrier(metal::mem_flags::mem_device | metal::mem_flags::mem_threadgroup)
#ifndef CVL_SHARED // The emulator has its own.
#define CVL_SHARED(TYPE, NAME, COUNT) threadgroup TYPE NAME[COUNT]
#endif
#ifndef CVL_KERNEL
#define CVL_KERNEL(NAME, ...)                                                                                          \
    kernel void NAME(__VA_ARGS__, uint cvl_thread [[thread_position_in_threadgroup]],                                  \
                     uint cvl_block [[threadgroup_position_in_grid]],                                                  \
                     uint cvl_threads [[threads_per_threadgroup]], uint cvl_blocks [[threadgroups_per_grid]])
#endif
#define CVL_PLACE {cvl_thread, cvl_block, cvl_threads, cvl_blocks}
// R(x) rounds a constant to the compute type; there is no double here.
#define CVL_NUMBER(X) R(X##f)
#define CVL_UNROLL
#define CVL_ROLL
typedef half cvl_f16;
typedef bfloat cvl_bf16;
typedef long cvl_i64;
typedef uchar cvl_u8;
#define CVL_WIDE(M)

#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define CVL_FN __device__ __forceinline__
#define CVL_DEVICE
#define CVL_THREAD
#define CVL_LOCAL
#define CVL_CALL(TYPE) const TYPE &
#define CVL_IN(INDEX, TYPE, NAME) const TYPE *__restrict__ NAME
#define CVL_OUT(INDEX, TYPE, NAME) TYPE *__restrict__ NAME
#define CVL_NUMBERS(INDEX, TYPE, NAME) const TYPE NAME
#define CVL_BARRIER() __syncthreads()
#define CVL_DEVICE_BARRIER() __syncthreads()
#ifndef CVL_SHARED
#define CVL_SHARED(TYPE, NAME, COUNT) __shared__ TYPE NAME[COUNT]
#endif
#ifndef CVL_KERNEL
#define CVL_KERNEL(NAME, ...) extern "C" __global__ void __launch_bounds__(256, 2) NAME(__VA_ARGS__)
// For formulas that need more registers than two blocks leave each other.
#define CVL_LARGE_KERNEL(NAME, ...) extern "C" __global__ void __launch_bounds__(256, 1) NAME(__VA_ARGS__)
#endif
#define CVL_PLACE {threadIdx.x, blockIdx.x, blockDim.x, gridDim.x}
#define CVL_NUMBER(X) R(X)
#define CVL_UNROLL _Pragma("unroll")
// Left to itself, the compiler unrolls loops over classes until registers spill.
#define CVL_ROLL _Pragma("unroll 1")
typedef __half cvl_f16;
typedef __nv_bfloat16 cvl_bf16;
typedef long long cvl_i64;
typedef unsigned char cvl_u8;
typedef unsigned int uint;
#define CVL_WIDE(M) M(f64, double, double)

#endif

#ifndef CVL_LARGE_KERNEL
#define CVL_LARGE_KERNEL CVL_KERNEL
#endif

// Stored type and compute type by name.
#define CVL_FOR_TYPES(M) M(f32, float, float) M(f16, cvl_f16, float) M(bf16, cvl_bf16, float) CVL_WIDE(M)
// Compute types by name.
#define CVL_FOR_REALS(M) M(f32, float, float) CVL_WIDE(M)

namespace cvl {

#if defined(__METAL_VERSION__)
CVL_FN float shuffle_xor(float v, uint mask) { return metal::simd_shuffle_xor(v, ushort(mask)); }
CVL_FN float abs(float x) { return metal::fabs(x); }
CVL_FN float sqrt(float x) { return metal::precise::sqrt(x); }
CVL_FN float exp(float x) { return metal::precise::exp(x); }
CVL_FN float ln(float x) { return metal::precise::log(x); }
CVL_FN float tanh(float x) { return metal::precise::tanh(x); }
CVL_FN float atan2(float y, float x) { return metal::precise::atan2(y, x); }
CVL_FN float mul_add(float x, float factor, float addend) { return metal::fma(x, factor, addend); }
CVL_FN float infinity() { return INFINITY; }
// Metal has neither; the rounding of 1 + x, and of e^x, is undone by the logarithm, which has the same (Kahan).
CVL_FN float ln_1p(float x) {
    float y = 1.0f + x;
    float far = y - 1.0f;
    float near = far == 0.0f ? x : ln(y) * (x / far);
    return x > 1.0f ? ln(y) : near;
}
CVL_FN float exp_m1(float x) {
    float y = exp(x);
    float far = y - 1.0f;
    float near = far == 0.0f ? x : far * (x / ln(y));
    return abs(x) < 1.0f ? near : far;
}
#else
CVL_FN float shuffle_xor(float v, uint mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
CVL_FN float abs(float x) { return ::fabsf(x); }
CVL_FN float sqrt(float x) { return ::sqrtf(x); }
CVL_FN float exp(float x) { return ::expf(x); }
CVL_FN float ln(float x) { return ::logf(x); }
CVL_FN float tanh(float x) { return ::tanhf(x); }
CVL_FN float atan2(float y, float x) { return ::atan2f(y, x); }
CVL_FN float mul_add(float x, float factor, float addend) { return ::fmaf(x, factor, addend); }
CVL_FN float ln_1p(float x) { return ::log1pf(x); }
CVL_FN float exp_m1(float x) { return ::expm1f(x); }
CVL_FN double shuffle_xor(double v, uint mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
CVL_FN double abs(double x) { return ::fabs(x); }
CVL_FN double sqrt(double x) { return ::sqrt(x); }
CVL_FN double exp(double x) { return ::exp(x); }
CVL_FN double ln(double x) { return ::log(x); }
CVL_FN double tanh(double x) { return ::tanh(x); }
CVL_FN double atan2(double y, double x) { return ::atan2(y, x); }
CVL_FN double mul_add(double x, double factor, double addend) { return ::fma(x, factor, addend); }
CVL_FN double ln_1p(double x) { return ::log1p(x); }
CVL_FN double exp_m1(double x) { return ::expm1(x); }
#endif

// Where a thread is: its index in its block, which block, and how many there are of both.
struct Place {
    uint index, block, threads, blocks;

    CVL_FN uint first() const { return block * threads + index; }
    CVL_FN uint all() const { return blocks * threads; }
};

// 16 bytes or a multiple, as they lie in memory.
template <class T, int N> struct alignas(16) Row {
    T at[N];
};

// Elements of T in 16 bytes.
template <class T> struct Lanes {
    enum { COUNT = 16 / sizeof(T) };
};

// Loads consecutive elements, 16 bytes at a time where that many are wanted; `from` is aligned then.
template <class T, int N> CVL_FN void load(CVL_DEVICE const T *from, CVL_THREAD Row<T, N> &to) {
    if (N == 1) {
        to.at[0] = from[0];
        return;
    }
    CVL_DEVICE const uint4 *packs = (CVL_DEVICE const uint4 *)from;
    CVL_THREAD uint4 *into = (CVL_THREAD uint4 *)&to;
    CVL_UNROLL
    for (int k = 0; k < int(N * sizeof(T) / 16); k++) {
        into[k] = packs[k];
    }
}

// As `load`, to memory.
template <class T, int N> CVL_FN void store(CVL_THREAD const Row<T, N> &from, CVL_DEVICE T *to) {
    if (N == 1) {
        to[0] = from.at[0];
        return;
    }
    CVL_THREAD const uint4 *packs = (CVL_THREAD const uint4 *)&from;
    CVL_DEVICE uint4 *into = (CVL_DEVICE uint4 *)to;
    CVL_UNROLL
    for (int k = 0; k < int(N * sizeof(T) / 16); k++) {
        into[k] = packs[k];
    }
}

// Numbers that a block needs to sum one.
enum { SUM_SCRATCH = 32 };

// The sum over the block, in every thread: the same order whatever the schedule.
template <class R> CVL_FN R block_sum(R v, CVL_LOCAL R *scratch, Place place) {
    for (uint mask = 16; mask > 0; mask /= 2) {
        v += shuffle_xor(v, mask);
    }
    CVL_BARRIER(); // An earlier sum may still be read.
    if (place.index % 32 == 0) {
        scratch[place.index / 32] = v;
    }
    CVL_BARRIER();
    v = place.index % 32 < place.threads / 32 ? scratch[place.index % 32] : R(0);
    for (uint mask = 16; mask > 0; mask /= 2) {
        v += shuffle_xor(v, mask);
    }
    return v;
}

} // namespace cvl
