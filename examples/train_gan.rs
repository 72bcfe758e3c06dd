//! Trains small GANs, with any adversarial loss and gradient penalty, side by side.
//!
//! ```text
//! cargo run --release --example train_gan
//! cargo run --release --example train_gan -- --game hinge/average+r1,lsgan+dragan --seed 3
//! cargo run --release --example train_gan -- --data coins --game logistic+r1 --against none --steps 800
//! ```
//!
//! Each game starts from the same weights and sees the same real items. By default these are points of eight Gaussians
//! on a ring, which a GAN likes to leave for one or two of them; `--data coins` has 32×32 patches of a photograph. A
//! progress bar shows both losses, the penalty and the modes found. Pictures are written: `samples.png`, samples over
//! time; `landscape.png`, the discriminator's logits over the plane (for patches: over the plane through two real and a
//! fake one); `scores.png`, modes and quality over the steps. The game after `--against` is drawn too, but does not
//! count.
//!
//! The last line printed is `result modes=… quality=… seconds=…`: of the worst game, how many modes have at least a
//! quarter of their share of samples, and the share of samples near a mode.

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use clap::{Parser, ValueEnum};
use cvloss::Pairing;
use indicatif::{ProgressBar, ProgressStyle};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rand_distr::StandardNormal;

#[path = "support/canvas.rs"]
mod canvas;
#[path = "support/game.rs"]
mod game;
#[path = "support/gan_pictures.rs"]
mod gan_pictures;
#[path = "support/heat.rs"]
mod heat;
#[path = "support/palette.rs"]
mod palette;
#[path = "support/players.rs"]
mod players;
#[path = "support/worlds.rs"]
mod worlds;

use game::Game;
use gan_pictures::{EXTENT, GRID, Record};
use players::{LATENT, Network};
use worlds::{Modes, Score, World};

/// How often a game is measured, and how often its samples are drawn.
const MEASUREMENTS: usize = 40;
const SNAPSHOTS: usize = 5;
/// How much of the generator its average takes in at each step.
const FOLLOW: f64 = 0.01;
/// Samples of a measurement.
const SAMPLES: usize = 1000;

/// What is imitated.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Data {
    /// Eight Gaussians on a ring
    Ring,
    /// Patches of a photograph of coins
    Coins,
}

/// Train small GANs with any adversarial losses and gradient penalties
#[derive(Parser)]
struct Options {
    /// Games, LOSS[/PAIRING][+PENALTY[=WEIGHT]]: losses logistic, minimax, lsgan, wgan, hinge; pairings paired,
    /// average; penalties gp, lp, div, r1, r2, dragan
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "wgan+gp=0.1,logistic+r1=0.1,hinge"
    )]
    game: Vec<Game>,
    /// A game to compare with, or "none"
    #[arg(long, default_value = "minimax")]
    against: String,
    /// What is imitated
    #[arg(long, value_enum, default_value_t = Data::Ring)]
    data: Data,
    /// Training steps
    #[arg(long, default_value_t = 3000)]
    steps: usize,
    /// Seed of weights, items and latents
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Items per step; 128 on the ring and 32 of coins if absent
    #[arg(long)]
    batch: Option<usize>,
    /// Learning rate of the generator; it falls to zero over the second half
    #[arg(long, default_value_t = 2e-3)]
    lr: f64,
    /// Learning rate of the discriminator, likewise; the generator's if absent
    #[arg(long)]
    critic_lr: Option<f64>,
    /// Steps of the discriminator for each of the generator
    #[arg(long, default_value_t = 1)]
    critic_steps: usize,
    /// Folder for the pictures
    #[arg(long, default_value = "out/train_gan")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let start = Instant::now();
    let options = Options::parse();
    ensure!(
        options.steps > 0 && !options.game.is_empty(),
        "nothing to train"
    );
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let world = match options.data {
        Data::Ring => World::Ring,
        Data::Coins => World::coins()?,
    };
    let mut games = options.game.clone();
    if options.against != "none" {
        games.push(options.against.parse()?);
    }
    let mut records = Vec::new();
    for game in &games {
        let started = Instant::now();
        let record = Trainer::new(&options, &world, game)?.train(&options, &world)?;
        let Score { modes, quality } = last(&record);
        let per_step = started.elapsed().as_secs_f64() * 1e3 / options.steps as f64;
        println!(
            "{:24} modes={modes} quality={quality:.3} {per_step:.2} ms/step",
            game.name
        );
        records.push(record);
    }
    gan_pictures::draw_samples(&options.out.join("samples.png"), &records, world.is_plane())?;
    gan_pictures::draw_landscapes(&options.out.join("landscape.png"), &records)?;
    gan_pictures::draw_scores(&options.out.join("scores.png"), &records)?;
    println!("pictures in {}", options.out.display());
    let counted = records.iter().take(options.game.len()).map(last);
    let worst = counted.fold(None, |worst: Option<Score>, score| match worst {
        Some(worst) if (worst.modes, worst.quality) <= (score.modes, score.quality) => Some(worst),
        _ => Some(score),
    });
    let Score { modes, quality } = worst.context("no game")?;
    let seconds = start.elapsed().as_secs_f64();
    println!("result modes={modes} quality={quality:.3} seconds={seconds:.1}");
    Ok(())
}

fn last(record: &Record) -> Score {
    let nothing = Score {
        modes: 0,
        quality: 0.0,
    };
    record.scores.last().map_or(nothing, |(_, score)| *score)
}

struct Trainer<'a> {
    game: &'a Game,
    generator: Network,
    /// The mean of the generators of late, which is what is shown.
    average: Network,
    critic: Network,
    modes: Modes,
    batch: usize,
    rng: StdRng,
}

/// What a step reports.
struct Report {
    critic: f32,
    penalty: Option<f32>,
    generator: f32,
}

impl<'a> Trainer<'a> {
    fn new(options: &Options, world: &World, game: &'a Game) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(options.seed);
        let average = match world.is_plane() {
            true => Network::plane_generator(&mut rng)?,
            false => Network::patch_generator(&mut rng)?,
        };
        let (generator, critic, batch) = if world.is_plane() {
            (
                Network::plane_generator(&mut rng)?,
                Network::plane_critic(&mut rng)?,
                128,
            )
        } else {
            (
                Network::patch_generator(&mut rng)?,
                Network::patch_critic(&mut rng)?,
                32,
            )
        };
        Ok(Self {
            game,
            generator,
            average,
            critic,
            modes: Modes::new(world, &mut rng)?,
            batch: options.batch.unwrap_or(batch),
            rng,
        })
    }

    fn train(mut self, options: &Options, world: &World) -> Result<Record> {
        let settings = ParamsAdamW {
            lr: options.lr,
            beta1: 0.0,
            beta2: 0.9,
            weight_decay: 0.0,
            ..ParamsAdamW::default()
        };
        let critic_lr = options.critic_lr.unwrap_or(options.lr);
        let mut of_critic = AdamW::new(self.critic.vars(), settings.clone())?;
        let mut of_generator = AdamW::new(self.generator.vars(), settings)?;
        let style = ProgressStyle::with_template("{bar:12} {pos}/{len} {eta} {wide_msg}")?;
        let bar = ProgressBar::new(options.steps as u64).with_style(style);
        let mut record = Record {
            name: self.game.name.clone(),
            scores: Vec::new(),
            samples: Vec::new(),
            landscape: Vec::new(),
            marks: Vec::new(),
        };
        let every = |parts: usize| options.steps.div_ceil(parts);
        for step in 1..=options.steps {
            // The second half anneals, so that the players settle.
            let rest = 2.0 * (options.steps - step + 1) as f64 / options.steps as f64;
            of_critic.set_learning_rate(critic_lr * rest.min(1.0));
            of_generator.set_learning_rate(options.lr * rest.min(1.0));
            for _ in 1..options.critic_steps {
                let real = world.draw(self.batch, &mut self.rng)?;
                self.judge(&real, &mut of_critic)?;
            }
            let real = world.draw(self.batch, &mut self.rng)?;
            let (critic, penalty) = self.judge(&real, &mut of_critic)?;
            let generator = self.deceive(&real, &mut of_generator)?;
            let report = Report {
                critic,
                penalty,
                generator,
            };
            let is_last = step == options.steps;
            if step % every(MEASUREMENTS) == 0 || is_last {
                let samples = self.samples(SAMPLES)?;
                record.scores.push((step, self.modes.score(&samples)?));
                let status = status(self.game, &report, last(&record));
                if bar.is_hidden() {
                    eprintln!("{step}/{} {status}", options.steps);
                }
                bar.set_message(status);
            }
            if step % every(SNAPSHOTS) == 0 || is_last {
                let samples = self.samples(SAMPLES)?;
                record.samples.push((step, worlds::rows(&samples)?));
            }
            bar.inc(1);
        }
        bar.finish();
        self.survey(world, &mut record)?;
        Ok(record)
    }

    /// One step of the discriminator: its loss, and the penalty.
    fn judge(&mut self, real: &Tensor, optimizer: &mut AdamW) -> Result<(f32, Option<f32>)> {
        let Game { loss, penalty, .. } = self.game;
        let count = real.dim(0)?;
        let fake = self.fakes(count)?.detach();
        let logits = self.critic.forward(&Tensor::cat(&[real, &fake], 0)?)?;
        let (of_real, of_fake) = (logits.narrow(0, 0, count)?, logits.narrow(0, count, count)?);
        let value = loss.discriminator(&of_real, &of_fake)?;
        let Some(penalty) = penalty else {
            optimizer.backward_step(&value)?;
            return Ok((value.to_scalar()?, None));
        };
        let seed = self.rng.random();
        let penalty = penalty.forward(|x| self.critic.forward(x), real, &fake, seed)?;
        optimizer.backward_step(&(&value + &penalty.value)?)?;
        Ok((value.to_scalar()?, Some(penalty.value.to_scalar()?)))
    }

    /// One step of the generator: its loss.
    fn deceive(&mut self, real: &Tensor, optimizer: &mut AdamW) -> Result<f32> {
        let loss = &self.game.loss;
        let of_real = match loss.pairing {
            Pairing::Standard => None,
            _ => Some(self.critic.forward(real)?.detach()),
        };
        let fake = self.fakes(real.dim(0)?)?;
        let value = loss.generator(&self.critic.forward(&fake)?, of_real.as_ref())?;
        optimizer.backward_step(&value)?;
        self.average.follow(&self.generator, FOLLOW)?;
        Ok(value.to_scalar()?)
    }

    fn latents(&mut self, count: usize) -> candle_core::Result<Tensor> {
        let numbers: Vec<f32> = (0..count * LATENT)
            .map(|_| self.rng.sample(StandardNormal))
            .collect();
        Tensor::from_vec(numbers, (count, LATENT), &Device::Cpu)
    }

    /// What the generator makes in training.
    fn fakes(&mut self, count: usize) -> candle_core::Result<Tensor> {
        let latents = self.latents(count)?;
        self.generator.forward(&latents)
    }

    /// What its average makes.
    fn samples(&mut self, count: usize) -> candle_core::Result<Tensor> {
        let latents = self.latents(count)?;
        Ok(self.average.forward(&latents)?.detach())
    }

    /// The discriminator's logits over the plane; for patches, over the plane through two real and a fake one.
    fn survey(&mut self, world: &World, record: &mut Record) -> Result<()> {
        let samples = self.samples(200)?;
        let place = |i: usize| EXTENT * (2.0 * (i as f32 + 0.5) / GRID as f32 - 1.0);
        let points = (0..GRID * GRID).map(|i| (place(i % GRID), -place(i / GRID)));
        let items = if world.is_plane() {
            record.marks = worlds::rows(&samples)?
                .iter()
                .map(|s| (s[0], s[1]))
                .collect();
            let numbers: Vec<f32> = points.flat_map(|(x, y)| [x, y]).collect();
            Tensor::from_vec(numbers, (GRID * GRID, 2), &Device::Cpu)?
        } else {
            // A fake one at (0, −1), real ones at (−1, 1) and (1, 1).
            record.marks = vec![(0.0, -1.0), (-1.0, 1.0), (1.0, 1.0)];
            let real = world.draw(2, &mut self.rng)?;
            let (left, right) = (real.narrow(0, 0, 1)?, real.narrow(0, 1, 1)?);
            let fake = samples.narrow(0, 0, 1)?;
            let share = |x: f32, y: f32| {
                let up = (y + 1.0) / 2.0;
                [(up - x) / 2.0, (up + x) / 2.0, 1.0 - up].map(f64::from)
            };
            let at = |(x, y)| -> candle_core::Result<Tensor> {
                let [l, r, f] = share(x, y);
                (&left * l)? + (&right * r)? + (&fake * f)?
            };
            Tensor::cat(&points.map(at).collect::<candle_core::Result<Vec<_>>>()?, 0)?
        };
        record.landscape = self.critic.forward(&items)?.flatten_all()?.to_vec1()?;
        Ok(())
    }
}

fn status(game: &Game, report: &Report, score: Score) -> String {
    let penalty = report
        .penalty
        .map(|p| format!("  penalty {p:.3}"))
        .unwrap_or_default();
    format!(
        "{}  D {:.3}{penalty}  G {:.3}  modes {}  quality {:.2}",
        game.name, report.critic, report.generator, score.modes, score.quality
    )
}
