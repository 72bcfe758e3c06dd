// What candle's kernels use of CUDA, for a C++ compiler: NVIDIA's own headers for halves on the host, and the block emulator.
#pragma once
#include "../emulator.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cuda/std/limits>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <limits>
#include <type_traits>

#define __CUDA_ARCH__ 800
#undef __shared__
#define __shared__ static
#undef __launch_bounds__
#define __launch_bounds__(...)
#define threadIdx emulator::thread_index()
#define blockIdx emulator::block_index()
#define blockDim emulator::block_size()
#define gridDim emulator::grid_size()
#define __syncthreads() emulator::block_barrier(__LINE__)

template <class T> T __shfl_xor_sync(unsigned, T v, int mask, int = 32) { return emulator::shuffle_xor(v, mask); }
template <class T> T __shfl_down_sync(unsigned, T v, unsigned delta, int = 32) { return emulator::shuffle_down(v, delta); }

// Threads run one at a time.
template <class T, class U> T atomicAdd(T *p, U v) {
    T before = *p;
    *p = T(before + v);
    return before;
}
template <class T> T atomicCAS(T *p, T expected, T v) {
    T before = *p;
    *p = before == expected ? v : before;
    return before;
}
template <class T, class U> T atomicMax(T *p, U v) {
    T before = *p;
    *p = v > before ? T(v) : before;
    return before;
}
template <class T, class U> T atomicMin(T *p, U v) {
    T before = *p;
    *p = v < before ? T(v) : before;
    return before;
}

inline int __float_as_int(float x) { return emulator::bits_as<int>(x); }
inline float __int_as_float(int x) { return emulator::bits_as<float>(x); }
inline unsigned __float_as_uint(float x) { return emulator::bits_as<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return emulator::bits_as<float>(x); }
inline long long __double_as_longlong(double x) { return emulator::bits_as<long long>(x); }
inline double __longlong_as_double(long long x) { return emulator::bits_as<double>(x); }
inline float normcdff(float x) { return 0.5f * std::erfc(-x * 0.70710678f); }
inline double normcdf(double x) { return 0.5 * std::erfc(-x * 0.7071067811865476); }
inline float rsqrtf(float x) { return 1.f / std::sqrt(x); }
inline double rsqrt(double x) { return 1. / std::sqrt(x); }

using std::isinf;
using std::isnan;
using std::max;
using std::min;
using std::signbit;
template <class A, class B,
          class = std::enable_if_t<!std::is_same_v<A, B> && std::is_arithmetic_v<A> && std::is_arithmetic_v<B>>>
std::common_type_t<A, B> min(A a, B b) {
    return std::min<std::common_type_t<A, B>>(a, b);
}

#define OF_HALVES(NAME, OF_FLOAT)                                                                                      \
    inline __half NAME(__half x) { return __float2half(OF_FLOAT(__half2float(x))); }                                   \
    inline __nv_bfloat16 NAME(__nv_bfloat16 x) { return __float2bfloat16(OF_FLOAT(__bfloat162float(x))); }
OF_HALVES(hsqrt, std::sqrt)
OF_HALVES(hsin, std::sin)
OF_HALVES(hcos, std::cos)
OF_HALVES(hexp, std::exp)
OF_HALVES(hlog, std::log)
OF_HALVES(hfloor, std::floor)
OF_HALVES(hceil, std::ceil)
OF_HALVES(hrcp, 1.f /)

namespace emulator {
template <class... A> void call_cuda(void (*kernel)(A...), const std::vector<Argument> &arguments) {
    call(kernel, arguments, std::index_sequence_for<A...>{});
}
} // namespace emulator
#define EMULATOR_ENTRY(NAME)                                                                                           \
    static const emulator::Entry entry_##NAME(                                                                         \
        #NAME, emulator::count(&NAME),                                                                                 \
        [](const std::vector<emulator::Argument> &arguments) { emulator::call_cuda(&NAME, arguments); });
