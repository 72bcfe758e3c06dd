// Half-precision numbers in memory, for compilers without them: conversions to and from float, to the nearest, ties to
// even.
#pragma once
#include <cstdint>
#include <cstring>

namespace emulator {

inline uint32_t bits_of(float f) {
    uint32_t bits;
    std::memcpy(&bits, &f, sizeof bits);
    return bits;
}

inline float float_of(uint32_t bits) {
    float f;
    std::memcpy(&f, &bits, sizeof f);
    return f;
}

struct F16 {
    uint16_t bits;

    F16() = default;
    explicit F16(float f) {
        uint32_t x = bits_of(f), sign = x >> 16 & 0x8000;
        x &= 0x7fffffff;
        uint32_t magnitude;
        if (x > 0x7f800000) {
            magnitude = 0x7e00;
        } else if (x >= 0x477ff000) { // Rounds to infinity.
            magnitude = 0x7c00;
        } else if (x >= 0x38800000) {
            magnitude = (x + 0xfff + (x >> 13 & 1) - 0x38000000) >> 13;
        } else { // Subnormal: the sum's last bit is worth 2⁻²⁴.
            float shifted = float_of(x) + 0.5f;
            magnitude = bits_of(shifted) - 0x3f000000;
        }
        bits = uint16_t(sign | magnitude);
    }
    explicit operator float() const {
        uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31, mantissa = bits & 1023;
        if (exponent == 31) {
            return float_of(sign | 0x7f800000 | mantissa << 13);
        }
        if (exponent == 0) {
            float small = float(mantissa) * 0x1p-24f;
            return float_of(sign | bits_of(small));
        }
        return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
    }
};

struct Bf16 {
    uint16_t bits;

    Bf16() = default;
    explicit Bf16(float f) {
        uint32_t x = bits_of(f);
        bool is_nan = (x & 0x7fffffff) > 0x7f800000;
        bits = uint16_t(is_nan ? x >> 16 | 64 : (x + 0x7fff + (x >> 16 & 1)) >> 16);
    }
    explicit operator float() const { return float_of(uint32_t(bits) << 16); }
};

} // namespace emulator
