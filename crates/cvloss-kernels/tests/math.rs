//! Elementary functions against the standard library, in units in the last place; halves against `half`.
//!
//! The bounds are what was measured, rounded up a little, and hold with and without fused multiply-add.

use cvloss_kernels::Scalar;
use cvloss_kernels::math::{Lane, Logistic, Odds, Real, exp_m1, ln_1p};
use half::{bf16, f16};

/// The largest error over `inputs`, in ulps of the exact result, and where it occurs.
fn worst_f32<const F: bool>(
    inputs: impl Iterator<Item = f32>,
    function: impl Fn(Lane<f32, F>) -> Lane<f32, F>,
    exact: impl Fn(f64) -> f64,
) -> (f64, f32) {
    let mut worst = (0.0, 0.0);
    for x in inputs {
        let expected = exact(f64::from(x));
        let ulp = f64::from((expected as f32).abs().next_up()) - f64::from((expected as f32).abs());
        let error = (f64::from(function(Lane::new(x)).get()) - expected).abs() / ulp;
        if error > worst.0 || error.is_nan() {
            worst = (error, x);
        }
    }
    worst
}

/// As [`worst_f32`]; the standard library's result stands for the exact one, which it misses by up to an ulp.
fn worst_f64<const F: bool>(
    inputs: impl Iterator<Item = f64>,
    function: impl Fn(Lane<f64, F>) -> Lane<f64, F>,
    exact: impl Fn(f64) -> f64,
) -> (f64, f64) {
    let mut worst = (0.0, 0.0);
    for x in inputs {
        let expected = exact(x);
        let ulp = expected.abs().next_up() - expected.abs();
        let error = (function(Lane::new(x)).get() - expected).abs() / ulp;
        if error > worst.0 || error.is_nan() {
            worst = (error, x);
        }
    }
    worst
}

/// Floats between two numbers of the same sign, evenly by their bits.
fn bits_f32(from: f32, to: f32) -> impl Iterator<Item = f32> {
    let (from, to) = (from.to_bits(), to.to_bits());
    (from.min(to)..=from.max(to))
        .step_by(997)
        .map(f32::from_bits)
}

/// As [`bits_f32`].
fn bits_f64(from: f64, to: f64) -> impl Iterator<Item = f64> {
    let (from, to) = (from.to_bits(), to.to_bits());
    let (from, to) = (from.min(to), from.max(to));
    let step = ((to - from) / 2_000_000).max(1) as usize;
    (from..=to).step_by(step).map(f64::from_bits)
}

macro_rules! accuracy {
    ($($name:ident: $worst:ident, $function:expr, $exact:expr, { $($bound:literal: $inputs:expr,)+ })*) => {$(
        #[test]
        fn $name() {
            $(
                let (fused, at) = $worst::<true>($inputs, $function, $exact);
                assert!(fused <= $bound, "fused: {fused} ulp at {at:e}");
                let (portable, at) = $worst::<false>($inputs, $function, $exact);
                assert!(portable <= $bound, "portable: {portable} ulp at {at:e}");
                println!("{}: {fused:.2} fused, {portable:.2} portable", stringify!($inputs));
            )+
        }
    )*};
}

accuracy! {
    exp_f32: worst_f32, Real::exp, f64::exp, {
        1.0: bits_f32(1e-30, 88.3),
        1.0: bits_f32(-1e-30, -87.3),
    }
    exp_f64: worst_f64, Real::exp, f64::exp, {
        1.0: bits_f64(1e-30, 709.4),
        1.0: bits_f64(-1e-30, -708.3),
    }
    // The further from 0, the worse: the logarithm of 2 is rounded once, and without fused multiply-add twice.
    exp_nonpositive_f32: worst_f32, Real::exp_nonpositive, f64::exp, {
        1.5: bits_f32(-1e-30, -1.0),
        8.0: bits_f32(-1.0, -10.0),
        64.0: bits_f32(-10.0, -86.0),
    }
    exp_moderate_f32: worst_f32, Real::exp_moderate, f64::exp, {
        2.5: bits_f32(-1e-30, -1.0),
        2.5: bits_f32(1e-30, 1.0),
        64.0: bits_f32(-1.0, -86.0),
        64.0: bits_f32(1.0, 80.0),
    }
    exp_minus_near_f32: worst_f32, |x| x.exp_minus_near().0, |x: f64| (-x).exp(), {
        2.5: bits_f32(1e-30, 1.0),
        2.5: bits_f32(-1e-30, -1.0),
        8.0: bits_f32(1.0, 10.0),
        8.0: bits_f32(-1.0, -10.0),
        32.0: bits_f32(10.0, 44.0),
        32.0: bits_f32(-10.0, -44.0),
    }
    exp_minus_near_f64: worst_f64, |x| x.exp_minus_near().0, |x: f64| (-x).exp(), {
        1.0: bits_f64(1e-30, 700.0),
        1.0: bits_f64(-1e-30, -700.0),
    }
    exp_nonpositive_f64: worst_f64, Real::exp_nonpositive, f64::exp, {
        1.0: bits_f64(-1e-30, -708.0),
    }
    ln_f32: worst_f32, Real::ln, f64::ln, {
        1.0: bits_f32(f32::MIN_POSITIVE, f32::MAX),
        1.0: bits_f32(0.5, 2.0),
        1.0: bits_f32(1e-45, f32::MIN_POSITIVE),
    }
    ln_f64: worst_f64, Real::ln, f64::ln, {
        1.0: bits_f64(f64::MIN_POSITIVE, f64::MAX),
        1.0: bits_f64(0.5, 2.0),
        1.0: bits_f64(5e-324, f64::MIN_POSITIVE),
    }
    ln_normal_f32: worst_f32, Real::ln_normal, f64::ln, {
        1.0: bits_f32(f32::MIN_POSITIVE, f32::MAX),
        1.0: bits_f32(0.5, 2.0),
    }
    ln_normal_f64: worst_f64, Real::ln_normal, f64::ln, {
        1.0: bits_f64(f64::MIN_POSITIVE, f64::MAX),
        1.0: bits_f64(0.5, 2.0),
    }
    ln_1p_unit_f32: worst_f32, Real::ln_1p_unit, f64::ln_1p, {
        2.0: bits_f32(1e-45, 1.0),
        2.0: bits_f32(1e-3, 1.0),
    }
    ln_1p_unit_f64: worst_f64, Real::ln_1p_unit, f64::ln_1p, {
        1.0: bits_f64(5e-324, 1.0),
        1.0: bits_f64(1e-3, 1.0),
    }
    exp_m1_f32: worst_f32, exp_m1, f64::exp_m1, {
        2.5: bits_f32(1e-38, 88.3),
        2.5: bits_f32(-1e-38, -87.3),
    }
    exp_m1_f64: worst_f64, exp_m1, f64::exp_m1, {
        2.5: bits_f64(1e-307, 709.4),
        2.5: bits_f64(-1e-307, -708.3),
    }
    ln_1p_f32: worst_f32, ln_1p, f64::ln_1p, {
        2.0: bits_f32(1e-45, f32::MAX),
        2.0: bits_f32(0.1, 10.0),
    }
    ln_1p_f64: worst_f64, ln_1p, f64::ln_1p, {
        2.0: bits_f64(5e-324, f64::MAX),
        2.0: bits_f64(0.1, 10.0),
    }
    // Against (x, 1), all octants of the right half plane.
    atan_f32: worst_f32, |x| x.atan2_right(Real::one()), f64::atan, {
        3.0: bits_f32(1e-30, 1e30),
        3.0: bits_f32(-1e-30, -1e30),
        3.0: bits_f32(0.1, 10.0),
    }
    atan_f64: worst_f64, |x| x.atan2_right(Real::one()), f64::atan, {
        3.0: bits_f64(1e-300, 1e300),
        3.0: bits_f64(-1e-300, -1e300),
        3.0: bits_f64(0.1, 10.0),
    }
    sin_f32: worst_f32, |x| x.sin_cos().0, f64::sin, {
        2.0: bits_f32(1e-30, 1.5),
        2.0: bits_f32(-1e-30, -1.5),
    }
    cos_f32: worst_f32, |x| x.sin_cos().1, f64::cos, {
        2.0: bits_f32(1e-30, 1.5),
        2.0: bits_f32(-1e-30, -1.5),
    }
    sin_f64: worst_f64, |x| x.sin_cos().0, f64::sin, {
        2.0: bits_f64(1e-30, 1.5),
        2.0: bits_f64(-1e-30, -1.5),
    }
    cos_f64: worst_f64, |x| x.sin_cos().1, f64::cos, {
        2.0: bits_f64(1e-30, 1.5),
        2.0: bits_f64(-1e-30, -1.5),
    }
}

macro_rules! edges {
    ($name:ident, $t:ty, $fused:literal) => {
        #[test]
        fn $name() {
            type L = Lane<$t, $fused>;
            let (infinity, nan) = (<$t>::INFINITY, <$t>::NAN);
            // A NaN with bits set that arithmetic on bits might carry away.
            let payload = <$t>::from_bits(nan.to_bits() | 0x155);
            let apply = |function: fn(L) -> L, x: $t| function(L::new(x)).get();

            assert_eq!(apply(L::exp, 0.0), 1.0);
            assert_eq!(apply(L::exp, -0.0), 1.0);
            assert_eq!(apply(L::exp, -infinity), 0.0);
            assert_eq!(apply(L::exp, <$t>::MIN), 0.0);
            assert_eq!(apply(L::exp, infinity), infinity);
            assert_eq!(apply(L::exp, <$t>::MAX), infinity);
            assert_eq!(apply(L::exp, <$t>::MIN_POSITIVE), 1.0);

            assert_eq!(apply(L::exp_nonpositive, 0.0), 1.0);
            assert_eq!(apply(L::exp_nonpositive, -0.0), 1.0);
            for x in [-infinity, <$t>::MIN, -1e4] {
                let least = apply(L::exp_nonpositive, x);
                assert!((0.0..5e-38).contains(&least), "{x}: {least}");
            }

            let mark = |x: $t| L::new(x).exp_minus_near().1;
            let near = if size_of::<$t>() == 4 { 44.0 } else { 700.0 };
            for x in [0.0, -0.0, <$t>::MIN_POSITIVE, -1.0, near, -near] {
                assert_eq!(mark(x), 0, "{x}");
            }
            for x in [near + 1.0, 1e4, <$t>::MAX, infinity, nan, payload] {
                assert!(mark(x) != 0 && mark(-x) != 0, "{x}");
            }

            for x in [0.0, <$t>::MIN_POSITIVE, 0.25, <$t>::MAX] {
                let negated_by = |flag| L::new(x).negated_by(L::new(flag));
                for (flag, expected) in [(0.0, x), (-0.0, x), (1.0, -x)] {
                    assert_eq!(negated_by(flag).get().to_bits(), expected.to_bits());
                }
                assert!(negated_by(1.0).is_negative() && !negated_by(0.0).is_negative());
            }

            assert_eq!(apply(L::ln, 1.0), 0.0);
            assert_eq!(apply(L::ln, 0.0), -infinity);
            assert_eq!(apply(L::ln, -0.0), -infinity);
            assert_eq!(apply(L::ln, infinity), infinity);
            assert!(apply(L::ln, -1.0).is_nan());
            assert!(apply(L::ln, -infinity).is_nan());
            assert!(apply(L::ln, -<$t>::MIN_POSITIVE).is_nan());

            assert_eq!(apply(L::ln_normal, 1.0), 0.0);
            assert!(apply(L::ln_normal, infinity).is_nan());

            assert_eq!(apply(L::ln_1p_unit, 0.0), 0.0);
            assert_eq!(apply(L::ln_1p_unit, <$t>::MIN_POSITIVE), <$t>::MIN_POSITIVE);

            assert_eq!(apply(exp_m1, 0.0), 0.0);
            assert_eq!(apply(exp_m1, -infinity), -1.0);
            assert_eq!(apply(exp_m1, infinity), infinity);
            assert_eq!(apply(ln_1p, 0.0), 0.0);
            assert_eq!(apply(ln_1p, infinity), infinity);

            let functions = [
                ("exp", L::exp as fn(L) -> L),
                ("exp_nonpositive", L::exp_nonpositive),
                ("ln", L::ln),
                ("ln_normal", L::ln_normal),
                ("ln_1p_unit", L::ln_1p_unit),
                ("exp_m1", exp_m1),
                ("ln_1p", ln_1p),
            ];
            for (name, function) in functions {
                for x in [nan, -nan, payload, -payload] {
                    assert!(
                        apply(function, x).is_nan(),
                        "{name} of NaN {:x}",
                        x.to_bits()
                    );
                }
            }
            for x in [nan, -nan, payload] {
                assert!(L::new(x).at_least(L::new(0.0)).get().is_nan());
                assert!(L::new(x).at_most(L::new(0.0)).get().is_nan());
            }
        }
    };
}

edges!(edges_f32_fused, f32, true);
edges!(edges_f32_portable, f32, false);
edges!(edges_f64_fused, f64, true);
edges!(edges_f64_portable, f64, false);

/// However far: some of them differ from those that are near in few bits of what rounds them.
#[test]
fn far_numbers_are_marked() {
    let halfway = 2_907_000..2_908_000;
    let far = bits_f32(45.0, f32::INFINITY).chain(halfway.map(|x| x as f32));
    for x in far.flat_map(|x| [x, -x]) {
        assert_ne!(Lane::<f32, true>::new(x).exp_minus_near().1, 0, "{x}");
        assert_ne!(Lane::<f32, false>::new(x).exp_minus_near().1, 0, "{x}");
    }
}

macro_rules! logistic {
    ($name:ident, $t:ty, $rtol:expr) => {
        /// Probabilities and cross-entropies of far logits keep all their digits.
        #[test]
        fn $name() {
            fn check<const F: bool>(x: $t) {
                let Logistic {
                    odds: Odds { p, q },
                    minus_ln_p,
                    minus_ln_q,
                } = Logistic::<Lane<$t, F>>::new(Lane::new(x));
                let wide = f64::from(x);
                let exact = [
                    (1.0 / (1.0 + (-wide).exp()), p),
                    (1.0 / (1.0 + wide.exp()), q),
                    ((-wide).max(0.0) + (-wide.abs()).exp().ln_1p(), minus_ln_p),
                    (wide.max(0.0) + (-wide.abs()).exp().ln_1p(), minus_ln_q),
                ];
                for (expected, got) in exact {
                    let error = (f64::from(got.get()) - expected).abs();
                    assert!(
                        error <= $rtol * expected,
                        "{x}: {} for {expected}",
                        got.get()
                    );
                }
            }
            for i in -8000..=8000 {
                let x = i as $t / 100.0;
                check::<true>(x);
                check::<false>(x);
            }
        }
    };
}

logistic!(logistic_f32, f32, 8e-6);
logistic!(logistic_f64, f64, 1e-15);

macro_rules! halves {
    ($name:ident, $t:ty) => {
        /// Every number of 16 bits is read exactly and written back as it was; slices as single numbers.
        #[test]
        fn $name() {
            let all: Vec<$t> = (0..=u16::MAX).map(<$t>::from_bits).collect();
            let mut singles = vec![0f32; all.len()];
            let mut doubles = vec![0f64; all.len()];
            Scalar::read_slice(&all, &mut singles);
            Scalar::read_slice(&all, &mut doubles);
            let (mut from_singles, mut from_doubles) = (all.clone(), all.clone());
            Scalar::write_slice(&singles, &mut from_singles);
            Scalar::write_slice(&doubles, &mut from_doubles);
            for (i, x) in all.iter().enumerate() {
                let written = [
                    from_singles[i],
                    from_doubles[i],
                    <$t>::write(singles[i]),
                    <$t>::write(doubles[i]),
                ];
                let read = [
                    f64::from(singles[i]),
                    doubles[i],
                    x.read::<f64>(),
                    f64::from(x.read::<f32>()),
                ];
                for read in read {
                    assert!(
                        read == x.to_f64() || (read.is_nan() && x.is_nan()),
                        "{x} is read as {read}"
                    );
                }
                for written in written {
                    assert!(
                        written.to_bits() == x.to_bits() || (written.is_nan() && x.is_nan()),
                        "{x}: {written}"
                    );
                }
            }
        }
    };
}

halves!(halves_f16, f16);
halves!(halves_bf16, bf16);

/// Numbers between two halves go to the nearer one, ties to the even one; overflow to infinity.
#[test]
fn halves_round() {
    for i in 0..20_000u32 {
        let x = f32::from_bits(i.wrapping_mul(0x9e37_79b9));
        let (half, brain) = (f16::from_f32(x), bf16::from_f32(x));
        assert!(f16::write(x).to_bits() == half.to_bits() || x.is_nan());
        assert!(bf16::write(x).to_bits() == brain.to_bits() || x.is_nan());
    }
    assert_eq!(f16::write(1e6f32), f16::INFINITY);
    assert_eq!(f16::write(-1e6f64), f16::NEG_INFINITY);
}

/// Integers come through as they are.
#[test]
fn integers() {
    assert_eq!(255u8.read::<f32>(), 255.0);
    assert_eq!(16_777_216u32.read::<f32>(), 16_777_216.0);
    assert_eq!((-100i64).read::<f64>(), -100.0);
    let mut row = [0f64; 3];
    Scalar::read_slice(&[i64::from(u32::MAX), -1, 1 << 52], &mut row);
    assert_eq!(row, [4_294_967_295.0, -1.0, 4_503_599_627_370_496.0]);
}

macro_rules! angles {
    ($name:ident, $t:ty, $fused:literal, $most:expr, $tolerance:expr) => {
        #[test]
        fn $name() {
            type L = Lane<$t, $fused>;
            let angle = |y: $t, x: $t| L::new(y).atan2_right(L::new(x)).get();
            let right = std::f64::consts::FRAC_PI_2 as $t;
            assert_eq!(angle(0.0, 0.0), 0.0);
            assert_eq!(angle(0.0, 3.0), 0.0);
            assert_eq!(angle(2.0, 0.0), right);
            assert_eq!(angle(-2.0, 0.0), -right);
            assert_eq!(angle(<$t>::MIN_POSITIVE, 0.0), right);
            for x in [-3.0, -1.0, -0.3, 0.7, 1.0, 40.0] {
                assert!((angle(2.0 * x, 2.0) - x.atan()).abs() <= $tolerance);
            }
            for (y, x) in [(<$t>::NAN, 1.0), (1.0, <$t>::NAN), (<$t>::NAN, 0.0)] {
                assert!(angle(y, x).is_nan(), "{y} {x}");
            }
            // The absolute error, over many turns.
            for i in -200_000..=200_000 {
                let x = i as $t * ($most / 200_000.0);
                let (sin, cos) = L::new(x).sin_cos();
                let exact = (x as f64).sin_cos();
                let error = (sin.get() as f64 - exact.0)
                    .abs()
                    .max((cos.get() as f64 - exact.1).abs());
                assert!(error <= $tolerance as f64, "{x}: {error:e}");
            }
            for x in [2.0 * $most, <$t>::INFINITY, <$t>::NEG_INFINITY, <$t>::NAN] {
                let (sin, cos) = L::new(x).sin_cos();
                assert!(sin.get().is_nan() && cos.get().is_nan(), "{x}");
            }
        }
    };
}

angles!(angles_f32, f32, false, 8192.0, 2e-7);
angles!(angles_f32_fused, f32, true, 8192.0, 2e-7);
angles!(angles_f64, f64, false, 1e6, 4e-16);
angles!(angles_f64_fused, f64, true, 1e6, 4e-16);
