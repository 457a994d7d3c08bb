//! Runs both sides in turns and prints what came of it.

use std::path::Path;
use std::time::{Duration, Instant};

use splitsim_beside::{Peer, median};

use crate::files::Files;
use crate::{Dtype, Outcome, peer, profile};

/// Passes of each side that are not counted.
const WARM_UP: usize = 2;
/// Turns: at least the first, then until the time is over, at most the second.
const TURNS: (usize, usize) = (7, 60);
const TIME: Duration = Duration::from_secs(30);

/// Ours to PyTorch's time, by element type and model.
#[derive(Debug, Default)]
pub(crate) struct Ratios(Vec<(Dtype, f64)>);

impl Ratios {
    /// The geometric means over the models.
    pub(crate) fn print(&self) {
        for dtype in Dtype::ALL {
            let of_type = self.0.iter().filter(|(of, _)| *of == dtype);
            let logs: Vec<f64> = of_type.map(|(_, ratio)| ratio.ln()).collect();
            if !logs.is_empty() {
                let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
                println!(
                    "geometric mean of {} models, {}: {mean:.3} × PyTorch's time",
                    logs.len(),
                    dtype.name()
                );
            }
        }
    }
}

/// The passes of both sides, turn by turn.
#[derive(Debug, Default)]
struct Turns {
    ours: Vec<Pass>,
    theirs: Vec<Pass>,
    gflops: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Pass {
    seconds: f64,
    /// CPU time of all threads of the process during the pass, in seconds. It excludes the time for
    /// which other programs had the cores.
    cpu_s: f64,
}

impl Pass {
    fn run(peer: &mut Peer) -> Outcome<Self> {
        let answer = peer.ask("run")?;
        let number = |field: &str| {
            let number = answer[field].as_f64();
            number.ok_or_else(|| format!("run: no {field} in {answer}"))
        };
        Ok(Self {
            seconds: number("seconds")?,
            cpu_s: number("cpu_s")?,
        })
    }
}

impl Turns {
    /// The median of the turns' ratios of ours to theirs.
    fn ratio(&self, of: impl Fn(&Pass) -> f64) -> f64 {
        let pairs = self.ours.iter().zip(&self.theirs);
        median(pairs.map(|(a, b)| of(a) / of(b)))
    }
}

pub(crate) fn compare(
    files: &Files,
    dtype: Dtype,
    python: Option<&str>,
    ratios: &mut Ratios,
) -> Outcome<()> {
    let mut ours = peer::ours(files, dtype)?;
    let mut measure = peer::measure(files, dtype)?;
    let mut theirs = python
        .map(|python| peer::pytorch(files, dtype, python))
        .transpose()?;
    let turns = take_turns(&mut ours, theirs.as_mut(), &mut measure)?;
    let title = format!("{} {}", files.name, dtype.name());
    println!(
        "{title}: ours {}{}",
        spread(&turns.ours),
        memory(&mut ours)?
    );
    if let Some(theirs) = &mut theirs {
        println!(
            "{title}: PyTorch {}{}",
            spread(&turns.theirs),
            memory(theirs)?
        );
        let ratio = turns.ratio(|pass| pass.seconds);
        println!(
            "{title}: ours / PyTorch = {ratio:.3} in time, {:.3} in CPU time, medians of {} turns",
            turns.ratio(|pass| pass.cpu_s),
            turns.ours.len()
        );
        ratios.0.push((dtype, ratio));
    }
    println!(
        "{title}: {}",
        distances(files, dtype, &mut ours, theirs.as_mut())?
    );
    explain(&title, files, &mut measure, &turns)?;
    measure.end()?;
    ours.end()?;
    theirs.map_or(Ok(()), Peer::end)?;
    Ok(())
}

fn take_turns(
    ours: &mut Peer,
    mut theirs: Option<&mut Peer>,
    measure: &mut Peer,
) -> Outcome<Turns> {
    let mut turns = Turns::default();
    let mut start = Instant::now();
    for turn in 0..WARM_UP + TURNS.1 {
        if turn == WARM_UP {
            turns = Turns::default();
            start = Instant::now();
        }
        if turn >= WARM_UP + TURNS.0 && start.elapsed() > TIME {
            break;
        }
        // Who goes first changes, so that neither always comes after the other.
        if turn % 2 == 0 {
            turns.ours.push(Pass::run(ours)?);
        }
        if let Some(theirs) = &mut theirs {
            turns.theirs.push(Pass::run(theirs)?);
        }
        if turn % 2 == 1 {
            turns.ours.push(Pass::run(ours)?);
        }
        turns.gflops.push(measure.number("product", "gflops")?);
    }
    Ok(turns)
}

/// Median and quickest, and the median CPU time, milliseconds.
fn spread(passes: &[Pass]) -> String {
    let median_ms = |of: &dyn Fn(&Pass) -> f64| 1e3 * median(passes.iter().map(of));
    let quickest = passes.iter().map(|pass| pass.seconds);
    let quickest = 1e3 * quickest.fold(f64::INFINITY, f64::min);
    let (time, cpu) = (
        median_ms(&|pass| pass.seconds),
        median_ms(&|pass| pass.cpu_s),
    );
    format!("{time:.1} ms (quickest {quickest:.1}; CPU time {cpu:.1})")
}

fn memory(peer: &mut Peer) -> Outcome<String> {
    let load = peer.greeting()["load_s"].as_f64().unwrap_or(f64::NAN);
    let digest = peer.greeting()["digest_s"].as_f64();
    let digest = digest.map_or_else(String::new, |seconds| {
        format!(" after {seconds:.2} s of digest")
    });
    let peak = peer.number("peak", "peak_mib")?;
    let threads = &peer.greeting()["threads"];
    Ok(format!(
        ", {threads} threads, load {load:.2} s{digest}, peak {peak:.0} MiB"
    ))
}

/// Describes the distance of the features from PyTorch's and, in `bf16`, from ours in `f32`.
fn distances(
    files: &Files,
    dtype: Dtype,
    ours: &mut Peer,
    theirs: Option<&mut Peer>,
) -> Outcome<String> {
    let feature = |peer: &mut Peer, side: &str| -> Outcome<Vec<f32>> {
        let path = files.feature(side);
        peer.ask(&format!("feature {}", path.display()))?;
        read(&path)
    };
    let dim = files.architecture.embed_dim;
    let mine = feature(ours, dtype.name())?;
    let mut text = match theirs {
        Some(theirs) => {
            let reference = feature(theirs, "pytorch")?;
            format!(
                "relative distance to PyTorch's feature {:.1e}",
                relative(&mine, &reference)
            )
        }
        None => "nothing to compare the feature with".to_owned(),
    };
    if dtype == Dtype::Bf16 {
        let exact = read(&files.feature(Dtype::F32.name()))?;
        let cosine = cosine(&mine, &exact, dim);
        text.push_str(&format!(", mean token cosine to our f32 {cosine:.6}"));
    }
    Ok(text)
}

fn read(path: &Path) -> Outcome<Vec<f32>> {
    let bytes = std::fs::read(path)?;
    let (values, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("{}: not a row of f32", path.display()).into());
    }
    Ok(values
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect())
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}

fn relative(ours: &[f32], reference: &[f32]) -> f64 {
    let difference: Vec<f32> = ours.iter().zip(reference).map(|(a, b)| a - b).collect();
    (dot(&difference, &difference) / dot(reference, reference)).sqrt()
}

fn cosine(ours: &[f32], reference: &[f32], dim: usize) -> f64 {
    let tokens = ours.chunks_exact(dim).zip(reference.chunks_exact(dim));
    let each: Vec<f64> = tokens
        .map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt())
        .collect();
    each.iter().sum::<f64>() / each.len() as f64
}

/// Prints the time of each part of our pass, and the lower bound that the machine's product rate
/// sets.
fn explain(title: &str, files: &Files, measure: &mut Peer, turns: &Turns) -> Outcome<()> {
    let gflops = median(turns.gflops.iter().copied());
    let flops = profile::product_flops(&files.architecture);
    println!(
        "{title}: floor {:.1} ms: {:.1} GFLOP of products at {gflops:.0} GFLOP/s",
        flops / gflops / 1e6,
        flops / 1e9
    );
    let answer = measure.ask("profile")?;
    let parts = answer["parts"].as_array().ok_or("no parts")?;
    let cells = parts.iter().map(|part| {
        let name = part[0].as_str().unwrap_or_default();
        let seconds = part[1].as_f64().unwrap_or(f64::NAN);
        format!("{name} {:.1}", 1e3 * seconds)
    });
    let total: f64 = parts.iter().filter_map(|part| part[1].as_f64()).sum();
    println!(
        "{title}: parts measured alone, ms: {}; together {:.1}",
        cells.collect::<Vec<_>>().join(", "),
        1e3 * total
    );
    Ok(())
}
