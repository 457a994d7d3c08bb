//! Encode and decode of a hyperprior beside CompressAI's:
//! `cargo bench -p splitsim-hyperprior --bench compressai -- [PYTHON]`.
//!
//! `compressai_side.py` makes the benchmark's network (N = 128, M = 192, one channel) and a smaller one,
//! with random weights scaled so that latents spread as trained ones do, and stores them as checkpoints,
//! which we import. Both sides code the same pictures in turns: symbols to bytes and bytes to symbols,
//! networks and entropy coding included. PYTHON is one that has compressai, by default `python3`.
#![allow(
    clippy::print_stdout,
    reason = "a program for people: the table goes to stdout"
)]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use ndarray::Array2;
use splitsim_beside::{Peer, Turns, median};
use splitsim_hyperprior::{HyperpriorLevel, Parameters};
use splitsim_latent::LatentExtent;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// N and M.
const WIDTHS: [(usize, usize); 2] = [(38, 140), (128, 192)];
/// tiny-scenes' and ViT-g's classification features, and tiny-scenes' depth feature.
const PICTURES: [(usize, usize); 3] = [(257, 192), (257, 1536), (514, 768)];
const BITS: u8 = 8;
/// Between two turns: the threads of either side wait busily for more work for a while.
const PAUSE: Duration = Duration::from_millis(200);
/// Turns that are not counted, and turns that are.
const TURNS: (usize, usize) = (2, 9);

fn main() -> Outcome<()> {
    // cargo adds --bench.
    let python = std::env::args()
        .skip(1)
        .find(|argument| argument != "--bench");
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compressai/compressai_side.py");
    let python = python.as_deref().unwrap_or("python3");
    let mut peer = Peer::start(Peer::script(python, &script))?;
    println!(
        "CompressAI {}, {} threads there, {} here",
        peer.greeting()["version"],
        peer.greeting()["threads"],
        tch::get_num_threads()
    );
    println!(
        "{:<10} {:<9} {:<7} {:>9} {:>15} {:>7} {:>16}",
        "N, M", "picture", "what", "ours, ms", "CompressAI, ms", "ratio", "bytes (theirs)"
    );
    let folder = tempfile::tempdir()?;
    for (n, m) in WIDTHS {
        let checkpoint = folder.path().join("checkpoint.pth.tar");
        peer.ask(&format!("network {n} {m} {}", checkpoint.display()))?;
        let level = HyperpriorLevel::of_parameters(&Parameters::import(&checkpoint)?)?;
        for (rows, columns) in PICTURES {
            compare(&mut peer, &level, (n, m), (rows, columns))?;
        }
    }
    Ok(peer.end()?)
}

fn compare(
    peer: &mut Peer,
    level: &HyperpriorLevel,
    (n, m): (usize, usize),
    (rows, columns): (usize, usize),
) -> Outcome<()> {
    let picture = picture(rows, columns);
    let extent = LatentExtent::of_picture(rows, columns);
    peer.ask(&format!("picture {rows} {columns}"))?;
    let (mut encode, mut decode) = (Turns::default(), Turns::default());
    let mut sizes = (0, 0.0);
    for turn in 0..TURNS.0 + TURNS.1 {
        std::thread::sleep(PAUSE);
        let start = Instant::now();
        let payload = level
            .latent()
            .encode(&level.analyse(picture.view(), BITS)?)?;
        let encoded = start.elapsed().as_secs_f64();
        let start = Instant::now();
        level.synthesise(
            &level.latent().decode(&payload, extent)?,
            (rows, columns),
            BITS,
        )?;
        let decoded = start.elapsed().as_secs_f64();
        std::thread::sleep(PAUSE);
        let theirs = peer.ask("code")?;
        let number = |field: &str| theirs[field].as_f64().ok_or("no such number");
        sizes = (payload.len(), number("bytes")?);
        if turn >= TURNS.0 {
            encode.ours.push(encoded);
            encode.theirs.push(number("encode")?);
            decode.ours.push(decoded);
            decode.theirs.push(number("decode")?);
        }
    }
    for (what, turns) in [("encode", encode), ("decode", decode)] {
        println!(
            "{:<10} {:<9} {what:<7} {:>9.1} {:>15.1} {:>7.3} {:>8} ({})",
            format!("{n}, {m}"),
            format!("{rows}×{columns}"),
            1e3 * median(turns.ours.iter().copied()),
            1e3 * median(turns.theirs.iter().copied()),
            turns.ratio(),
            sizes.0,
            sizes.1
        );
    }
    Ok(())
}

/// Slopes with some texture, as on the other side.
fn picture(rows: usize, columns: usize) -> Array2<u16> {
    let symbol = |(r, c): (usize, usize)| ((2 * r + 3 * c + r * c % 23 + 7 * (r / 9)) % 256) as u16;
    Array2::from_shape_fn((rows, columns), symbol)
}
