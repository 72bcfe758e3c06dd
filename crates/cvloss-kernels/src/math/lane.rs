//! Numbers in a loop: arithmetic and elementary functions of `f32` and `f64`.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use super::Real;

/// A primitive in a loop compiled with (`FUSED`) or without fused multiply-add.
///
/// The flag is in the type because `f32::mul_add` calls libm, some 20 times slower, where the target lacks the
/// instruction.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct Lane<T, const FUSED: bool>(T);

macro_rules! operators {
    ($t:ty) => {
        impl<const F: bool> Add for Lane<$t, F> {
            type Output = Self;
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl<const F: bool> Sub for Lane<$t, F> {
            type Output = Self;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl<const F: bool> Mul for Lane<$t, F> {
            type Output = Self;
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                Self(self.0 * other.0)
            }
        }
        impl<const F: bool> Div for Lane<$t, F> {
            type Output = Self;
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                Self(self.0 / other.0)
            }
        }
        impl<const F: bool> Neg for Lane<$t, F> {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl<const F: bool> AddAssign for Lane<$t, F> {
            #[inline(always)]
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl<const F: bool> SubAssign for Lane<$t, F> {
            #[inline(always)]
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
    };
}
operators!(f32);
operators!(f64);

/// Evaluates a polynomial with coefficients from the constant upward.
#[inline(always)]
fn polynomial<R: Real, const N: usize>(x: R, coefficients: [f64; N]) -> R {
    let mut sum = R::of(coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum.mul_add(x, R::of(coefficients[i]));
    }
    sum
}

/// As [`polynomial`], of ten coefficients in three chains: a few operations more, but fewer one after the other, which a core
/// has to wait for.
#[inline(always)]
fn three_chains<R: Real>(x: R, square: R, coefficients: [f64; 10]) -> R {
    let [a, b, c, d, e, f, high @ ..] = coefficients;
    let cube = square * x;
    let high = polynomial(x, high);
    high.mul_add(cube, polynomial(x, [d, e, f]))
        .mul_add(cube, polynomial(x, [a, b, c]))
}

/// As [`polynomial`], of seven coefficients in two chains.
#[inline(always)]
fn two_chains<R: Real>(x: R, coefficients: [f64; 7]) -> R {
    let [a, b, c, high @ ..] = coefficients;
    polynomial(x, high).mul_add(x * x * x, polynomial(x, [a, b, c]))
}

macro_rules! shared_methods {
    ($t:ty) => {
        type Prim = $t;

        #[inline(always)]
        fn new(value: $t) -> Self {
            Self(value)
        }
        #[inline(always)]
        fn get(self) -> $t {
            self.0
        }
        #[inline(always)]
        fn of(value: f64) -> Self {
            Self(value as $t)
        }
        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            if F {
                Self(self.0.mul_add(factor.0, addend.0))
            } else {
                Self(self.0 * factor.0 + addend.0)
            }
        }
        #[inline(always)]
        fn is_negative(self) -> bool {
            self.0.is_sign_negative()
        }
        #[inline(always)]
        fn negated_by(self, flag: Self) -> Self {
            // The exponent's bits of 1 are ones but for the first: shifted out, they leave the sign.
            let sign = flag.0.to_bits() << (size_of::<$t>() as u32 * 8 - <$t>::MANTISSA_DIGITS);
            Self(<$t>::from_bits(self.0.to_bits() | sign))
        }
        #[inline(always)]
        fn abs(self) -> Self {
            Self(self.0.abs())
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            Self(self.0.sqrt())
        }
    };
}

/// Splits a clamped `x` into `k·ln 2 + r`, sums `e^r` from the given terms after `1 + r`, and scales by `2^k`.
///
/// Adding `1.5·2^(mantissa bits)` and the exponent's bias rounds to an integer and leaves the exponent in the low bits.
macro_rules! exp_core {
    ($clamped:expr, $t:ty, magic: $magic:expr, mantissa: $mantissa:expr,
     ln2: ($hi:expr, $lo:expr), terms: $terms:expr) => {{
        let clamped = $clamped;
        let shifted = clamped.mul_add(Self(std::f64::consts::LOG2_E as $t), Self($magic));
        let k = shifted - Self($magic);
        let r = k.mul_add(Self(-$lo), k.mul_add(Self(-$hi), clamped));
        let sum = (r * r).mul_add(polynomial(r, $terms), r) + Self(1.0);
        sum * Self(<$t>::from_bits(shifted.0.to_bits() << $mantissa))
    }};
}

/// The functions built on `exp_core`, for arguments whose exponent stays in range.
macro_rules! exponentials {
    ($t:ty, $min:expr, $max:expr) => {
        #[inline(always)]
        fn exp(self) -> Self {
            let y = self.at_least(Self($min)).at_most(Self($max)).exp_in_range();
            let y = Self::select(self < Self($min), Self(0.0), y);
            Self::select(self > Self($max), Self(<$t>::INFINITY), y)
        }
    };
}

/// Splits a positive normal `x` into `2^k·m` with `m` in `[√½, √2)`: `(k, m − 1)`.
///
/// Subnormals are scaled into the normal range first.
macro_rules! split_exponent {
    ($x:expr, $t:ty, $bits:ty, $signed:ty, mantissa: $mantissa:expr, magic: $magic:expr, sqrt_half: $sqrt_half:expr) => {{
        let tiny = $x < Self(<$t>::MIN_POSITIVE);
        let lift = Self((1u64 << $mantissa) as $t);
        let x = Self::select(tiny, $x * lift, $x);
        let (k, f) = split_normal!(x, $t, $bits, $signed, mantissa: $mantissa, magic: $magic, sqrt_half: $sqrt_half);
        (Self::select(tiny, k - Self($mantissa as $t), k), f)
    }};
}

/// As `split_exponent`, of a normal `x`.
macro_rules! split_normal {
    ($x:expr, $t:ty, $bits:ty, $signed:ty, mantissa: $mantissa:expr, magic: $magic:expr, sqrt_half: $sqrt_half:expr) => {{
        let bits = $x.0.to_bits();
        let k = (bits.wrapping_sub($sqrt_half) as $signed) >> $mantissa;
        let m = <$t>::from_bits(bits.wrapping_sub((k as $bits) << $mantissa));
        // Integer to float through the mantissa of a large constant: vector code on every instruction set.
        let k = Self(<$t>::from_bits(
            (k as $bits).wrapping_add(($magic as $t).to_bits()),
        )) - Self($magic);
        (k, Self(m) - Self(1.0))
    }};
}

/// Sine and cosine: the angle less the nearest `k` quarter turns, a polynomial of each, and by the low bits of `k`
/// which is which and with what sign.
macro_rules! sin_cos {
    ($x:expr, magic: $magic:expr, most: $most:expr, quarter: ($a:expr, $b:expr, $c:expr),
     sin: $sin:expr, cos: $cos:expr) => {{
        let x = $x;
        let shifted = x.mul_add(Self(std::f64::consts::FRAC_2_PI as _), Self($magic));
        let k = shifted - Self($magic);
        let bits = shifted.0.to_bits();
        let r = k.mul_add(Self(-$c), k.mul_add(Self(-$b), k.mul_add(Self(-$a), x)));
        let z = r * r;
        let sin = (z * r).mul_add(polynomial(z, $sin), r);
        let cos = (z * z).mul_add(polynomial(z, $cos), z.mul_add(Self(-0.5), Self(1.0)));
        let is_odd = bits & 1 == 1;
        let (s, c) = (
            Self::select(is_odd, cos, sin),
            Self::select(is_odd, sin, cos),
        );
        let s = Self::select(bits & 2 == 2, -s, s);
        let c = Self::select(bits.wrapping_add(1) & 2 == 2, -c, c);
        let is_known = x.abs() <= Self($most);
        let nan = Self::of(f64::NAN);
        (
            Self::select(is_known, s, nan),
            Self::select(is_known, c, nan),
        )
    }};
}

/// `2^f` for `f` in `[−½, ½]`.
const EXP2_F32: [f64; 7] = [
    1.0,
    0.693_147_188,
    0.240_226_507_6,
    0.055_503_570_71,
    0.009_618_082_52,
    0.001_339_088_633,
    0.000_154_531_828_3,
];

/// As [`EXP2_F32`], to 9e-8: for softmaxes, and for binary region losses of targets 0 and 1.
const SHORT_EXP2_F32: [f64; 6] = [
    1.0,
    0.693_146_977_6,
    0.240_222_420_7,
    0.055_507_337_69,
    0.009_671_513_273,
    0.001_326_472_302,
];

/// What rounds a number below 64 to an integer `k`, and leaves `k + 64` in the low bits.
pub(crate) const NEAR_MAGIC: f32 = NEAR_BITS + 64.0;
/// `1.5·2²³`: the other bits of it.
pub(crate) const NEAR_BITS: f32 = 12_582_912.0;
/// [`SHORT_EXP2_F32`] times what the bias of 64 lacks, `2^(127 − 64)`.
pub(crate) const NEAR_EXP2: [f32; 6] = {
    let mut terms = [0.0; 6];
    let mut i = 0;
    while i < terms.len() {
        terms[i] = (SHORT_EXP2_F32[i] * (1u64 << 63) as f64) as f32;
        i += 1;
    }
    terms
};

impl<const F: bool> Lane<f32, F> {
    /// `2^(self · factor)`, given a polynomial of `2^f`.
    #[inline(always)]
    fn exp2_of<const N: usize>(self, factor: Self, exp2: [f64; N]) -> Self {
        let (fraction, power) = self.split_exp2(factor);
        // Multiplied, not added to the exponent's bits: those of a NaN would become a number.
        polynomial(fraction, exp2) * power
    }

    /// The fraction and the integer part of `self · factor`, this one as a power of two.
    #[inline(always)]
    fn split_exp2(self, factor: Self) -> (Self, Self) {
        // As in `exp_core!`.
        let magic = Self(12_582_912.0 + 127.0);
        let shifted = self.mul_add(factor, magic);
        let k = shifted - magic;
        let power = Self(f32::from_bits(shifted.0.to_bits() << 23));
        (self.mul_add(factor, -k), power)
    }

    #[inline(always)]
    fn exp_in_range(self) -> Self {
        exp_core!(self, f32, magic: 12_582_912.0 + 127.0, mantissa: 23,
            ln2: (0.693_359_4, -2.121_944_4e-4),
            terms: [0.5, 0.166_665_769_9, 0.041_666_554_62, 0.008_363_179_053, 0.001_392_618_359])
    }

    /// `ln(2^k (1 + f))`.
    #[inline(always)]
    fn ln_of(k: Self, f: Self) -> Self {
        let square = f * f;
        let q = three_chains(
            f,
            square,
            [
                -0.499_999_999_4,
                0.333_333_227_9,
                -0.250_000_109_4,
                0.200_014_467_2,
                -0.166_675_367_7,
                0.142_323_178_6,
                -0.124_208_144_7,
                0.118_121_361_4,
                -0.115_572_878_8,
                0.067_690_241_14,
            ],
        );
        let small = k.mul_add(Self(-2.121_944_4e-4), square * q);
        k.mul_add(Self(0.693_359_4), small + f)
    }
}

impl<const F: bool> Real for Lane<f32, F> {
    shared_methods!(f32);

    #[inline(always)]
    fn mark(self) -> u32 {
        self.0.to_bits()
    }

    exponentials!(f32, -87.336_54, 88.376_26);

    /// `2^y` with `y = x log₂e`: the fraction's polynomial times a power of two.
    ///
    /// The one rounding of `log₂e` grows to a relative error of 1e-6 at the smallest results.
    #[inline(always)]
    fn exp_nonpositive(self) -> Self {
        self.at_least(Self(-86.0))
            .exp2_of(Self(std::f32::consts::LOG2_E), EXP2_F32)
    }

    #[inline(always)]
    fn exp_minus_abs(self) -> Self {
        let x = self.abs().at_most(Self(86.0));
        let (fraction, power) = x.split_exp2(Self(-std::f32::consts::LOG2_E));
        two_chains(fraction, EXP2_F32) * power
    }

    #[inline(always)]
    fn exp_minus_near(self) -> (Self, u32) {
        let (factor, magic) = (Self(-std::f32::consts::LOG2_E), Self(NEAR_MAGIC));
        let shifted = self.mul_add(factor, magic);
        let fraction = self.mul_add(factor, magic - shifted);
        let bits = shifted.0.to_bits();
        let power = Self(f32::from_bits(bits << 23));
        let e = polynomial(fraction, NEAR_EXP2.map(f64::from)) * power;
        // Of a number that is near, all bits but the last seven are those of the constant.
        (e, (bits ^ NEAR_BITS.to_bits()) >> 7)
    }

    #[inline(always)]
    fn exp_moderate(self) -> Self {
        self.at_most(Self(80.0))
            .at_least(Self(-86.0))
            .exp2_of(Self(std::f32::consts::LOG2_E), SHORT_EXP2_F32)
    }

    #[inline(always)]
    fn ln(self) -> Self {
        let (k, f) = split_exponent!(self, f32, u32, i32, mantissa: 23, magic: 12_582_912.0, sqrt_half: 0x3f35_04f3u32);
        ln_edges(self, Self::ln_of(k, f))
    }

    #[inline(always)]
    fn ln_normal(self) -> Self {
        let (k, f) = split_normal!(self, f32, u32, i32, mantissa: 23, magic: 12_582_912.0, sqrt_half: 0x3f35_04f3u32);
        // NaN where it is not finite.
        self.mul_add(Self(0.0), Self::ln_of(k, f))
    }

    /// `e + e²·q(e)`.
    #[inline(always)]
    fn ln_1p_unit(self) -> Self {
        let square = self * self;
        let q = three_chains(
            self,
            square,
            [
                -0.499_999_995_2,
                0.333_332_373_5,
                -0.249_967_599_1,
                0.199_567_079_5,
                -0.163_651_528_7,
                0.130_333_642_4,
                -0.091_394_137_74,
                0.049_309_973_43,
                -0.017_184_266_98,
                0.002_801_641_993,
            ],
        );
        square.mul_add(q, self)
    }

    /// `z + z³·q(z²)`.
    #[inline(always)]
    fn atan_octant(self) -> Self {
        let z = self * self;
        let q = polynomial(
            z,
            [
                -0.333_333_317_6,
                0.199_995_404_8,
                -0.142_639_556,
                0.107_437_314_9,
                -0.064_519_282_08,
            ],
        );
        (z * self).mul_add(q, self)
    }

    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        sin_cos!(self, magic: 12_582_912.0, most: 8192.0,
            quarter: (1.570_312_5, 4.837_512_969_970_703e-4, 7.549_789_954_891_882e-8),
            sin: [-0.166_666_664_6, 0.008_332_748_154, -0.000_195_878_657],
            cos: [0.041_666_664_66, -0.001_388_830_292, 2.454_791_685e-5])
    }
}

impl<const F: bool> Lane<f64, F> {
    #[inline(always)]
    fn exp_in_range(self) -> Self {
        exp_core!(self, f64, magic: 6_755_399_441_055_744.0 + 1023.0, mantissa: 52,
        ln2: (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10),
        terms: [
            0.5, 0.166_666_666_666_666_71, 0.041_666_666_666_666_669_755, 0.008_333_333_333_326_135_1,
            0.001_388_888_888_888_374_8, 0.000_198_412_698_748_206_25, 0.000_024_801_587_325_547_741,
            2.755_725_540_020_642_4e-6, 2.755_727_364_311_029_5e-7, 2.510_521_700_472_074_5e-8,
            2.091_468_696_808_687_7e-9,
        ])
    }

    /// `ln(2^k (1 + f))`: `ln m = 2 atanh(s)`, `s = f/(2 + f)`, and `2 atanh(s) = 2s + s·z·q(z)` with `z = s²`.
    #[inline(always)]
    fn ln_of(k: Self, f: Self) -> Self {
        let s = f / (Self(2.0) + f);
        let z = s * s;
        let q = polynomial(
            z,
            [
                0.666_666_666_666_666_97,
                0.399_999_999_998_995_04,
                0.285_714_286_259_754_85,
                0.222_222_111_347_950_8,
                0.181_828_891_252_617_22,
                0.153_317_216_005_560_41,
                0.146_164_496_850_434_06,
            ],
        );
        // f − s·(f − z·q) is 2s + s·z·q without the rounding of 2s.
        let small = k.mul_add(Self(1.908_214_929_270_587_7e-10), -(s * (f - z * q)));
        k.mul_add(Self(0.693_147_180_369_123_8), small + f)
    }
}

impl<const F: bool> Real for Lane<f64, F> {
    shared_methods!(f64);

    #[inline(always)]
    fn mark(self) -> u32 {
        let bits = self.0.to_bits();
        (bits | bits >> 32) as u32
    }

    exponentials!(f64, -708.396_418_532_264_1, 709.436_139_303_104_8);

    #[inline(always)]
    fn exp_nonpositive(self) -> Self {
        self.at_least(Self(-708.0)).exp_in_range()
    }

    #[inline(always)]
    fn exp_minus_abs(self) -> Self {
        (-self.abs()).exp_nonpositive()
    }

    #[inline(always)]
    fn exp_minus_near(self) -> (Self, u32) {
        let is_near = self.abs() <= Self(700.0);
        ((-self).exp_moderate(), u32::from(!is_near))
    }

    #[inline(always)]
    fn exp_moderate(self) -> Self {
        self.at_most(Self(700.0)).exp_nonpositive()
    }

    #[inline(always)]
    fn ln(self) -> Self {
        let (k, f) = split_exponent!(self, f64, u64, i64, mantissa: 52, magic: 6_755_399_441_055_744.0,
            sqrt_half: 0x3fe6_a09e_667f_3bcdu64);
        ln_edges(self, Self::ln_of(k, f))
    }

    #[inline(always)]
    fn ln_normal(self) -> Self {
        let (k, f) = split_normal!(self, f64, u64, i64, mantissa: 52, magic: 6_755_399_441_055_744.0,
            sqrt_half: 0x3fe6_a09e_667f_3bcdu64);
        self.mul_add(Self(0.0), Self::ln_of(k, f))
    }

    #[inline(always)]
    fn ln_1p_unit(self) -> Self {
        let s = self / (Self(2.0) + self);
        let z = s * s;
        let q = polynomial(
            z,
            [
                0.666_666_666_666_666_67,
                0.399_999_999_999_995_22,
                0.285_714_285_716_000_99,
                0.222_222_221_982_367_71,
                0.181_818_198_979_627_14,
                0.153_845_439_648_605_49,
                0.133_351_786_314_492_56,
                0.117_342_790_613_031_97,
                0.108_451_783_948_800_15,
                0.074_921_437_955_507_67,
                0.156_305_778_009_228_5,
            ],
        );
        self - s * (self - z * q)
    }

    #[inline(always)]
    fn atan_octant(self) -> Self {
        let z = self * self;
        let q = polynomial(
            z,
            [
                -0.333_333_333_333_333_332,
                0.199_999_999_999_998_045,
                -0.142_857_142_856_598_276,
                0.111_111_111_051_554_466,
                -0.090_909_087_535_008_768_4,
                0.076_922_963_750_321_424,
                -0.066_664_248_857_382_553_3,
                0.058_789_289_978_347_751_3,
                -0.052_304_542_706_502_445_2,
                0.045_515_932_206_265_491_7,
                -0.034_570_561_981_427_746_9,
                0.016_285_756_855_221_027_8,
            ],
        );
        (z * self).mul_add(q, self)
    }

    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        sin_cos!(self, magic: 6_755_399_441_055_744.0, most: 1e6,
        quarter: (1.570_796_326_734_125_614_2, 6.077_100_506_303_965_976_6e-11, 2.022_266_248_795_950_732_4e-21),
        sin: [
            -0.166_666_666_666_666_667, 0.008_333_333_333_333_331_49, -0.000_198_412_698_412_650_626,
            2.755_731_921_933_731_03e-6, -2.505_210_623_183_280_28e-8, 1.605_853_153_179_775_92e-10,
            -7.586_691_094_191_979_58e-13,
        ],
        cos: [
            0.041_666_666_666_666_665_4, -0.001_388_888_888_888_739_65, 0.000_024_801_587_298_764_560_8,
            -2.755_731_727_114_514_6e-7, 2.087_614_614_655_861_16e-9, -1.138_262_364_747_460_46e-11,
        ])
    }
}

/// −∞ at 0, NaN below 0 and at NaN, +∞ at +∞.
#[inline(always)]
fn ln_edges<R: Real>(x: R, y: R) -> R {
    let y = R::select(x == R::of(f64::INFINITY), x, y);
    let y = R::select(x > R::zero(), y, R::of(f64::NAN));
    R::select(x == R::zero(), R::of(f64::NEG_INFINITY), y)
}
