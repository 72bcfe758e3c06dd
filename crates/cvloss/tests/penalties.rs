//! Gradient penalties against torch's double backward: values, and gradients of all parameters.

use std::collections::HashMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use cvloss::{Derivative, GradientPenalty, PathLengthPenalty, Penalty, PenaltyPoints};
use cvloss_testkit::compare::{assert_close, assert_same_bits, numbers};

#[path = "penalties/edges.rs"]
mod edges;
#[path = "penalties/measure.rs"]
mod measure;

type CandleResult<T> = candle_core::Result<T>;

/// The golden file.
struct Golden(HashMap<String, Tensor>);

impl Golden {
    fn load() -> Result<Self> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/penalties.safetensors"
        );
        Ok(Self(candle_core::safetensors::load(path, &Device::Cpu)?))
    }

    fn get(&self, name: &str) -> Result<&Tensor> {
        self.0.get(name).with_context(|| format!("no {name}"))
    }

    fn network(&self, name: &str, dtype: DType) -> Result<Network> {
        let parameters = (0..)
            .map_while(|i| self.0.get(&format!("{name}.{i}")))
            .map(|p| Var::from_tensor(&p.to_dtype(dtype)?))
            .collect::<CandleResult<_>>()?;
        Ok(Network {
            name: name.to_owned(),
            parameters,
            points: self.get(&format!("{name}.points"))?.to_dtype(dtype)?,
        })
    }
}

struct Network {
    name: String,
    parameters: Vec<Var>,
    points: Tensor,
}

impl Network {
    fn forward(&self, x: &Tensor) -> CandleResult<Tensor> {
        let p = &self.parameters;
        match self.name.as_str() {
            "conv" => {
                let x = x.conv2d(&p[0], 1, 2, 1, 1)?.broadcast_add(&p[1])?.silu()?;
                let x = x.conv2d(&p[2], 1, 2, 1, 1)?.broadcast_add(&p[3])?.silu()?;
                x.flatten_from(1)?.matmul(&p[4])
            }
            "generator" => {
                let x = x.flatten_from(1)?.matmul(&p[0])?.tanh()?.matmul(&p[1])?;
                x.reshape(((), 2, 4, 4))
            }
            name => {
                let activation = |x: Tensor| if name == "relu" { x.relu() } else { x.tanh() };
                let x = activation(x.matmul(&p[0])?.broadcast_add(&p[1])?)?;
                let x = activation(x.matmul(&p[2])?.broadcast_add(&p[3])?)?;
                x.matmul(&p[4])
            }
        }
    }

    /// The gradients of all parameters, end to end; a bias before the norm has none.
    fn gradients(&self, penalty: &Penalty) -> Result<Tensor> {
        let gradients = penalty.value.backward()?;
        let of = |var: &Var| match gradients.get(var) {
            Some(gradient) => gradient.flatten_all(),
            None => var.zeros_like()?.flatten_all(),
        };
        let all = self
            .parameters
            .iter()
            .map(of)
            .collect::<CandleResult<Vec<_>>>()?;
        Ok(Tensor::cat(&all, 0)?)
    }
}

fn penalties() -> [(&'static str, GradientPenalty); 4] {
    [
        ("wgan_gp", GradientPenalty::wgan_gp()),
        ("wgan_lp", GradientPenalty::wgan_lp()),
        ("wgan_div", GradientPenalty::wgan_div()),
        ("r1", GradientPenalty::r1(3.0)),
    ]
}

/// Torch's value, norms, and gradients end to end.
fn expected(golden: &Golden, case: &str, network: &Network) -> Result<(Tensor, Tensor, Tensor)> {
    let all = (0..network.parameters.len())
        .map(|i| Ok(golden.get(&format!("{case}.grad.{i}"))?.flatten_all()?))
        .collect::<Result<Vec<_>>>()?;
    Ok((
        golden.get(&format!("{case}.value"))?.clone(),
        golden.get(&format!("{case}.norms"))?.clone(),
        Tensor::cat(&all, 0)?,
    ))
}

/// `‖got − expected‖ / ‖expected‖`.
fn distance(got: &Tensor, expected: &Tensor) -> Result<f64> {
    let (got, expected) = (numbers(got)?, numbers(expected)?);
    let gap: f64 = got
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    Ok((gap / expected.iter().map(|b| b * b).sum::<f64>()).sqrt())
}

/// Checks every penalty of `networks`; returns the largest distance of gradients.
fn check(
    networks: &[&str],
    dtype: DType,
    derivative: Derivative,
    value: f64,
    slope: f64,
) -> Result<f64> {
    let golden = Golden::load()?;
    let mut worst = 0f64;
    for name in networks {
        let network = golden.network(name, dtype)?;
        for (kind, penalty) in penalties() {
            let penalty = GradientPenalty {
                derivative,
                ..penalty
            };
            let case = format!("{name}/{kind}");
            let got = penalty.at(|x| network.forward(x), &network.points)?;
            let (true_value, norms, gradients) = expected(&golden, &case, &network)?;
            assert_close(&got.value, &true_value, value).with_context(|| case.clone())?;
            assert_close(&got.norms, &norms, value).with_context(|| case.clone())?;
            let apart = distance(&network.gradients(&got)?, &gradients)?;
            println!("{case} {dtype:?} {derivative:?}: {apart:.1e}");
            ensure!(
                apart <= slope,
                "{case} in {dtype:?}: gradients {apart:e} apart"
            );
            worst = worst.max(apart);
        }
    }
    Ok(worst)
}

fn check_path_length(dtype: DType, derivative: Derivative, value: f64, slope: f64) -> Result<()> {
    let golden = Golden::load()?;
    let network = golden.network("generator", dtype)?;
    let penalty = PathLengthPenalty {
        decay: 0.1,
        derivative,
        ..PathLengthPenalty::default()
    };
    let mut mean = 0.3;
    let noise = golden.get("generator.noise")?;
    let got = penalty.forward_along(|w| network.forward(w), &network.points, &mut mean, noise)?;
    let case = "generator/path_length";
    let (true_value, norms, gradients) = expected(&golden, case, &network)?;
    assert_close(&got.value, &true_value, value)?;
    assert_close(&got.norms, &norms, value)?;
    let new: f64 = golden.get("generator/path_length.mean")?.to_scalar()?;
    ensure!(
        (mean - new).abs() <= value * new,
        "mean {mean}, expected {new}"
    );
    let apart = distance(&network.gradients(&got)?, &gradients)?;
    println!("{case} {dtype:?} {derivative:?}: {apart:.1e}");
    ensure!(
        apart <= slope,
        "{case} in {dtype:?}: gradients {apart:e} apart"
    );
    Ok(())
}

#[test]
fn differences_in_f64() -> Result<()> {
    check(
        &["mlp", "conv", "relu"],
        DType::F64,
        Derivative::default(),
        1e-12,
        1e-8,
    )?;
    check_path_length(DType::F64, Derivative::default(), 1e-12, 1e-8)
}

#[test]
fn differences_in_f32() -> Result<()> {
    check(
        &["mlp", "conv"],
        DType::F32,
        Derivative::default(),
        1e-5,
        5e-4,
    )?;
    check_path_length(DType::F32, Derivative::default(), 1e-5, 5e-4)
}

#[test]
fn differences_in_f16() -> Result<()> {
    check(&["mlp"], DType::F16, Derivative::default(), 2e-2, 0.1)?;
    Ok(())
}

/// Runs in a process of its own: candle reads the environment once per thread.
#[test]
fn exact() -> Result<()> {
    const VARIABLE: &str = "CANDLE_GRAD_DO_NOT_DETACH";
    if std::env::var(VARIABLE).is_err() {
        let test = Command::new(std::env::current_exe()?)
            .args(["exact", "--exact", "--nocapture"])
            .env(VARIABLE, "1")
            .output()?;
        let output = String::from_utf8_lossy(&test.stdout);
        ensure!(test.status.success(), "with {VARIABLE}=1:\n{output}");
        ensure!(output.contains("1 passed"), "nothing ran:\n{output}");
        return Ok(());
    }
    let exact = Derivative::Exact;
    check(&["mlp", "conv", "relu"], DType::F64, exact, 1e-12, 1e-10)?;
    check(&["mlp", "conv", "relu"], DType::F32, exact, 1e-5, 1e-5)?;
    check_path_length(DType::F64, exact, 1e-12, 1e-10)?;
    // Differences do not mind that gradients stay attached.
    check(
        &["mlp", "conv"],
        DType::F64,
        Derivative::default(),
        1e-12,
        1e-8,
    )?;
    // At a gradient of 0 the norm has no slope.
    let w = Var::zeros((2, 1), DType::F64, &Device::Cpu)?;
    let penalty = GradientPenalty {
        derivative: exact,
        ..GradientPenalty::wgan_gp()
    };
    let points = Tensor::ones((3, 2), DType::F64, &Device::Cpu)?;
    let got = penalty.at(|x| x.matmul(&w), &points)?;
    let slope = got.value.backward()?;
    let slope = slope.get(&w).context("no gradient")?;
    ensure!(numbers(&got.value)? == [10.0] && numbers(slope)? == [0.0, 0.0]);
    Ok(())
}

/// Without the environment variable, the exact derivative would be silently incomplete: it is an error.
#[test]
fn exact_needs_attached_gradients() -> Result<()> {
    if std::env::var("CANDLE_GRAD_DO_NOT_DETACH").is_ok() {
        return Ok(());
    }
    let golden = Golden::load()?;
    let network = golden.network("mlp", DType::F32)?;
    let penalty = GradientPenalty {
        derivative: Derivative::Exact,
        ..GradientPenalty::r1(1.0)
    };
    let error = penalty
        .at(|x| network.forward(x), &network.points)
        .err()
        .context("no error")?;
    ensure!(
        error.to_string().contains("CANDLE_GRAD_DO_NOT_DETACH"),
        "{error}"
    );
    Ok(())
}

/// `D = relu(x + b)` over x uniform in [−1, 1]: the expected R1 penalty is `γ/2 · P(x > −b)`, whose derivative with
/// respect to `b` is γ/4. A difference sees it; the tape, for which each sample's slope is a constant, sees 0.
#[test]
fn differences_see_kinks() -> Result<()> {
    const SAMPLES: usize = 200_000;
    let x: Vec<f64> = (0..SAMPLES)
        .map(|i| (2.0 * i as f64 + 1.0) / SAMPLES as f64 - 1.0)
        .collect();
    let points = Tensor::from_vec(x, (SAMPLES, 1), &Device::Cpu)?;
    let b = Var::new(0f64, &Device::Cpu)?;
    let derivative = Derivative::Difference { step: Some(1e-2) };
    let penalty = GradientPenalty {
        derivative,
        ..GradientPenalty::r1(4.0)
    };
    let got = penalty.at(|x| x.broadcast_add(&b)?.relu(), &points)?;
    ensure!((got.value.to_scalar::<f64>()? - 1.0).abs() < 1e-12);
    let slope = got
        .value
        .backward()?
        .get(&b)
        .context("no gradient")?
        .to_scalar::<f64>()?;
    ensure!((slope - 1.0).abs() < 1e-2, "{slope}");
    // Far from kinks there is nothing to see.
    let far = (&points + 3.0)?;
    let got = penalty.at(|x| x.broadcast_add(&b)?.relu(), &far)?;
    let slope = got
        .value
        .backward()?
        .get(&b)
        .context("no gradient")?
        .to_scalar::<f64>()?;
    ensure!(slope.abs() < 1e-6, "{slope}");
    Ok(())
}

/// A discriminator whose outputs depend on the whole batch: the derivative of the penalty by differences of its value.
#[test]
fn samples_may_depend_on_each_other() -> Result<()> {
    let w = Var::new(&[[0.7f64], [-0.4], [1.1]], &Device::Cpu)?;
    let points = Tensor::new(
        &[
            [0.2f64, -1., 0.5],
            [1.3, 0.4, -0.6],
            [-0.9, 0.8, 0.1],
            [0.3, 0.6, -1.2],
        ],
        &Device::Cpu,
    )?;
    let critic = |w: &Tensor, x: &Tensor| -> CandleResult<Tensor> {
        let z = x.matmul(w)?;
        let centred = z.broadcast_sub(&z.mean_keepdim(0)?)?;
        let variance = (centred.sqr()?.mean_keepdim(0)? + 0.1)?;
        // A sum of normalised numbers would be constant.
        centred.broadcast_div(&variance.sqrt()?)?.tanh()?.exp()
    };
    let penalty = GradientPenalty::wgan_gp();
    let got = penalty.at(|x| critic(&w, x), &points)?;
    let slopes = numbers(got.value.backward()?.get(&w).context("no gradient")?)?;
    for (i, slope) in slopes.iter().enumerate() {
        let value = |step: f64| -> Result<f64> {
            let mut shift = vec![0.0; 3];
            shift[i] = step;
            let w = (w.as_tensor() + Tensor::from_vec(shift, (3, 1), &Device::Cpu)?)?;
            Ok(penalty.at(|x| critic(&w, x), &points)?.value.to_scalar()?)
        };
        let numeric = (value(1e-5)? - value(-1e-5)?) / 2e-5;
        ensure!(
            (slope - numeric).abs() < 1e-6 * numeric.abs().max(1.0),
            "{slope}, expected {numeric}"
        );
    }
    Ok(())
}

/// Points are where they should be, the same for the same seed, and off the tape.
#[test]
fn points() -> Result<()> {
    let real = Var::randn(0f32, 1.0, (64, 3, 4), &Device::Cpu)?;
    let fake = Var::randn(5f32, 1.0, (64, 3, 4), &Device::Cpu)?;
    let (real, fake) = (real.as_tensor(), fake.as_tensor());
    for points in [
        PenaltyPoints::Real,
        PenaltyPoints::Fake,
        PenaltyPoints::RealAndFake,
        PenaltyPoints::Interpolates,
        PenaltyPoints::Noisy { scale: 0.5 },
    ] {
        let drawn = points.draw(real, fake, 1)?;
        assert_same_bits(&drawn, &points.draw(real, fake, 1)?)?;
        ensure!(!drawn.track_op() && drawn.dtype() == DType::F32);
        let is_random = assert_same_bits(&drawn, &points.draw(real, fake, 2)?).is_err();
        let draws = matches!(
            points,
            PenaltyPoints::Interpolates | PenaltyPoints::Noisy { .. }
        );
        ensure!(is_random == draws, "{points:?}");
    }
    // One share for each pair, uniform.
    let drawn = PenaltyPoints::Interpolates.draw(real, fake, 3)?;
    let shares = ((&drawn - fake)? / (real - fake)?)?.flatten_from(1)?;
    let spread = numbers(&(shares.max(1)? - shares.min(1)?)?)?;
    ensure!(spread.iter().all(|s| *s < 1e-3), "{spread:?}");
    let shares = numbers(&shares.mean(1)?)?;
    ensure!(shares.iter().all(|s| (-1e-4..=1.0001).contains(s)));
    let mean = shares.iter().sum::<f64>() / 64.0;
    ensure!((mean - 0.5).abs() < 0.15, "{mean}");
    // Up to half a deviation beside.
    let drawn = PenaltyPoints::Noisy { scale: 0.5 }.draw(real, fake, 3)?;
    let aside = numbers(&(drawn - real)?)?;
    ensure!(aside.iter().all(|d| (-1e-6..0.6).contains(d)) && aside.iter().any(|d| *d > 0.2));
    let both = PenaltyPoints::RealAndFake.draw(real, fake, 0)?;
    assert_same_bits(&both, &Tensor::cat(&[real, fake], 0)?.detach())
}

/// `forward` is `at` the points drawn.
#[test]
fn forward_is_at_points() -> Result<()> {
    let golden = Golden::load()?;
    let network = golden.network("mlp", DType::F32)?;
    let (real, fake) = (&network.points, (&network.points * 2.0)?);
    let penalty = GradientPenalty::wgan_gp();
    let whole = penalty.forward(|x| network.forward(x), real, &fake, 5)?;
    let points = penalty.points.draw(real, &fake, 5)?;
    let apart = penalty.at(|x| network.forward(x), &points)?;
    assert_same_bits(&whole.value.detach(), &apart.value.detach())?;
    assert_same_bits(&network.gradients(&whole)?, &network.gradients(&apart)?)
}

/// R2 is R1 of fakes.
#[test]
fn r2_is_r1_of_the_other_side() -> Result<()> {
    let golden = Golden::load()?;
    let network = golden.network("mlp", DType::F32)?;
    let (real, fake) = (&network.points, (&network.points * 2.0)?);
    let critic = |x: &Tensor| network.forward(x);
    let r1 = GradientPenalty::r1(3.0).forward(critic, &fake, real, 5)?;
    let r2 = GradientPenalty::r2(3.0).forward(critic, real, &fake, 5)?;
    assert_same_bits(&r1.value.detach(), &r2.value.detach())?;
    assert_same_bits(&network.gradients(&r1)?, &network.gradients(&r2)?)
}
