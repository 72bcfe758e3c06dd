#pragma once
#include "emu.h"
#include "half_types.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#define __CUDACC__ 1
#define __CUDA_ARCH__ 800
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define __restrict__ __restrict
#define threadIdx (emu::self().tid)
#define blockIdx (emu::B->bid)
#define blockDim (emu::B->block)
#define gridDim (emu::B->grid)
#define warpSize 32
#define __syncthreads() emu::block_barrier(__LINE__)
#define __syncwarp(...) ([] { uint32_t p_; emu::collect(0, 0xffffffffu, "__syncwarp", &p_); }())
typedef unsigned int uint;
struct alignas(16) uint4 { unsigned x, y, z, w; };
typedef emu_half __half; typedef emu_half half; typedef emu_bf16 __nv_bfloat16; typedef emu_dim3 dim3;
inline float __half2float(__half h) { return h; }
inline __half __float2half(float f) { return f; }
inline float __bfloat162float(__nv_bfloat16 h) { return h; }
inline __nv_bfloat16 __float2bfloat16(float f) { return f; }
template <class T> T __shfl_down_sync(unsigned m, T v, unsigned d, int w = 32) { unsigned l = emu::lane(); unsigned s = l % w + d < (unsigned)w ? l + d : l; return emu::from_lane(v, s, m, "shfl_down"); }
template <class T> T __shfl_up_sync(unsigned m, T v, unsigned d, int w = 32) { unsigned l = emu::lane(); unsigned s = l % w >= d ? l - d : l; return emu::from_lane(v, s, m, "shfl_up"); }
template <class T> T __shfl_xor_sync(unsigned m, T v, int x, int = 32) { return emu::from_lane(v, emu::lane() ^ x, m, "shfl_xor"); }
template <class T> T __shfl_sync(unsigned m, T v, int s, int w = 32) { return emu::from_lane(v, emu::lane() / w * w + s % w, m, "shfl"); }
inline unsigned __ballot_sync(unsigned m, int pred) { uint32_t p; const uint64_t* a = emu::collect(pred != 0, m, "ballot", &p); unsigned r = 0; for (unsigned i = 0; i < 32; i++) if ((p >> i & 1) && a[i]) r |= 1u << i; return r; }
inline int __any_sync(unsigned m, int p) { return __ballot_sync(m, p) != 0; }
inline int __all_sync(unsigned m, int p) { return __ballot_sync(m, !p) == 0; }
template <class T, class U> T atomicAdd(T* p, U v) { T o = *p; *p = T(o + v); return o; }
template <class T> T atomicMax(T* p, T v) { T o = *p; if (v > o) *p = v; return o; }
template <class T> T atomicMin(T* p, T v) { T o = *p; if (v < o) *p = v; return o; }
template <class T> T atomicCAS(T* p, T c, T v) { T o = *p; if (o == c) *p = v; return o; }
template <class T> T __ldg(const T* p) { return *p; }
inline float rsqrtf(float x) { return 1.f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
inline int __float_as_int(float f) { return emu::unpack<int>(emu::pack(f)); }
inline float __int_as_float(int f) { return emu::unpack<float>(emu::pack(f)); }
inline unsigned __float_as_uint(float f) { return emu::unpack<unsigned>(emu::pack(f)); }
inline float __uint_as_float(unsigned f) { return emu::unpack<float>(emu::pack(f)); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
using std::min; using std::max; using std::isnan; using std::isinf;
