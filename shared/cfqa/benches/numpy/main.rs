//! MSE, cosine and CKA of one pair beside NumPy: `cargo bench -p splitsim-cfqa --bench numpy -- [PYTHON]`.
//!
//! Both sides have the same values in memory and take turns, so that whatever else the machine does
//! befalls both; the ratio is the median of the turns'. `numpy.py` is NumPy's side: the formulas with
//! whole-array operations in `f32`, CKA through whichever products are smaller. PYTHON is one that has
//! NumPy, by default `python3`.
#![allow(
    clippy::print_stdout,
    reason = "a program for people: the table goes to stdout"
)]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use splitsim_beside::{Peer, Turns, median};
use splitsim_cfqa::{Metric, score_all};
use splitsim_feature::{Feature, FeatureShape};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Tokens and turns: ViT-g's classification feature, both windows' tokens of a segmentation feature as one map,
/// and as many tokens as the maps of a depth feature together. The fewer milliseconds a score takes, the more
/// its time depends on when the scheduler wakes a thread, and the more turns a median needs.
const SIZES: [(usize, usize); 3] = [(257, 75), (2740, 25), (12888, 15)];
const DIM: usize = 1536;
/// Between two turns: the threads of either side wait busily for more work for a while.
const PAUSE: Duration = Duration::from_millis(200);
/// Turns that are not counted.
const WARM_UP: usize = 2;

fn main() -> Outcome<()> {
    // cargo adds --bench.
    let python = std::env::args()
        .skip(1)
        .find(|argument| argument != "--bench");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/numpy/numpy_side.py");
    let python = python.as_deref().unwrap_or("python3");
    let mut numpy = Peer::start(Peer::script(python, &script))?;
    println!("NumPy {}", numpy.greeting()["version"]);
    println!(
        "{:<14} {:>10} {:>10} {:>7}",
        "tokens × dim", "ours, ms", "NumPy, ms", "ratio"
    );
    for (tokens, counted) in SIZES {
        let (original, distorted) = (feature(tokens, 1)?, feature(tokens, 2)?);
        let theirs = numpy.ask(&format!("make {tokens} {DIM}"))?;
        check(&original, &distorted, &theirs)?;
        let mut turns = Turns::default();
        for turn in 0..WARM_UP + counted {
            std::thread::sleep(PAUSE);
            let start = Instant::now();
            let _ = black_box(score_all(&Metric::STANDARD, &original, &distorted)?);
            let ours = start.elapsed().as_secs_f64();
            std::thread::sleep(PAUSE);
            let theirs = numpy.number("run", "seconds")?;
            if turn >= WARM_UP {
                turns.ours.push(ours);
                turns.theirs.push(theirs);
            }
        }
        println!(
            "{:<14} {:>10.2} {:>10.2} {:>7.3}",
            format!("{tokens} × {DIM}"),
            1e3 * median(turns.ours.iter().copied()),
            1e3 * median(turns.theirs.iter().copied()),
            turns.ratio()
        );
    }
    Ok(numpy.end()?)
}

/// Values that both sides can make, without structure.
fn feature(tokens: usize, salt: usize) -> Outcome<Feature> {
    let shape = FeatureShape::try_from([1, 1, tokens, DIM])?;
    let value = |i: usize| ((i * 7919 + salt * 104_729) % 8191) as f32 / 4096.0 - 1.0;
    Ok(Feature::new(
        shape,
        (0..shape.points()).map(value).collect(),
    )?)
}

/// Both sides must be computing the same thing.
fn check(original: &Feature, distorted: &Feature, theirs: &Value) -> Outcome<()> {
    let ours = score_all(&Metric::STANDARD, original, distorted)?;
    for (metric, ours) in ours.iter() {
        let ours = ours.as_ref().map_err(ToString::to_string)?.value();
        let theirs = theirs[metric.name()]
            .as_f64()
            .ok_or("no score of NumPy's")?;
        if (ours - theirs).abs() > 1e-4 * theirs.abs() + 1e-6 {
            return Err(format!("{metric}: {ours} here, {theirs} by NumPy").into());
        }
    }
    Ok(())
}
