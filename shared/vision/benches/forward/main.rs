//! DINOv2's forward pass at 224×224, batch 1, beside PyTorch eager:
//!
//! `cargo bench -p splitsim-vision --bench forward -- [--python PYTHON] [--work DIR] [MODEL…]`
//!
//! Per model and element type two processes load the same random weights in the released shape, ours
//! from an imported package, PyTorch (`pytorch.py`) from the `.pth` file. They run in turns, so that
//! whatever else the machine does befalls both; the ratio is the median of the turns' ratios. Beside
//! it: load times, peak memory, where our time goes, what the products would take at the rate of a
//! 2048³ product in the same minute, and how far the features are from one another.
//!
//! Without a Python that has torch, ours is measured alone. `--python` names the Python to take; to
//! compare the same libtorch version, one with torch 2.13. ViT-g needs 10 GB of disk in `--work`,
//! which are freed again.

#![allow(
    clippy::print_stdout,
    reason = "a program for people: the tables go to stdout"
)]

mod compare;
mod files;
mod peer;
mod profile;
mod worker;

use std::error::Error;
use std::path::{Path, PathBuf};

use splitsim_checkpoint::Template;
use splitsim_vision::Compute;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The models without registers: registers add four tokens to 257.
const MODELS: [&str; 4] = [
    "dinov2-vits14",
    "dinov2-vitb14",
    "dinov2-vitl14",
    "dinov2-vitg14",
];

/// An element type of the products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dtype {
    F32,
    Bf16,
}

impl Dtype {
    const ALL: [Self; 2] = [Self::F32, Self::Bf16];

    const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    fn parse(name: &str) -> Outcome<Self> {
        let found = Self::ALL.into_iter().find(|dtype| dtype.name() == name);
        found.ok_or_else(|| format!("no element type '{name}'").into())
    }

    const fn compute(self) -> Compute {
        match self {
            Self::F32 => Compute::F32,
            Self::Bf16 => Compute::Bf16,
        }
    }

    const fn kind(self) -> tch::Kind {
        match self {
            Self::F32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
        }
    }
}

fn main() -> Outcome<()> {
    // cargo adds --bench.
    let mut arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let work = option(&mut arguments, "--work")?;
    let python = option(&mut arguments, "--python")?;
    let python = python.unwrap_or_else(|| "python3".to_owned());
    let work = work.map_or_else(|| PathBuf::from("target/forward"), PathBuf::from);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["worker", package, dtype] => worker::serve(Path::new(package), Dtype::parse(dtype)?),
        ["measure", package, dtype] => worker::measure(Path::new(package), Dtype::parse(dtype)?),
        [] => run(&MODELS, &work, &python),
        ref models => run(models, &work, &python),
    }
}

fn run(models: &[&str], work: &Path, python: &str) -> Outcome<()> {
    let python = peer::torch_version(python).map(|version| {
        println!("PyTorch {version}");
        python
    });
    if python.is_none() {
        println!("no Python with torch: ours alone");
    }
    let mut ratios = compare::Ratios::default();
    for model in models {
        let files = files::Files::write(&Template::find(model)?, work)?;
        let compared = Dtype::ALL
            .into_iter()
            .try_for_each(|dtype| compare::compare(&files, dtype, python, &mut ratios));
        files.remove()?;
        compared?;
    }
    ratios.print();
    Ok(())
}

/// Takes `name VALUE` out of the arguments.
fn option(arguments: &mut Vec<String>, name: &str) -> Outcome<Option<String>> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else {
        return Ok(None);
    };
    if at + 1 == arguments.len() {
        return Err(format!("{name} needs a value").into());
    }
    Ok(arguments.drain(at..=at + 1).nth(1))
}
