//! `splitsim cfqa score`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use splitsim_cfqa::{Metric, Scores, score_all};
use splitsim_feature::{TokenLayout, npy};

use crate::{Failure, Output};
use splitsim_cli::{OrRefuse, bounds, names};

/// Both files are .npy, f32 [views, layers, tokens, dim], of one shape.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Score {
    /// The feature before coding
    #[arg(long, value_name = "A.npy")]
    original: PathBuf,
    /// The feature after coding
    #[arg(long, value_name = "B.npy")]
    distorted: PathBuf,
    /// A metric of docs/metrics.md, as often as needed; mse, cosine and cka unless given
    #[arg(long = "metric", value_name = "METRIC", value_parser = names::of(&Metric::ALL, Metric::name))]
    metrics: Vec<Metric>,
    /// Registers of the model that made the features: tokens after the class token that are no patches
    #[arg(long, value_name = "N", default_value = "0", value_parser = bounds::REGISTERS.parser::<usize>())]
    registers: usize,
}

impl Score {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let metrics = match self.metrics.is_empty() {
            true => Metric::STANDARD.to_vec(),
            false => self.metrics,
        };
        let layout = TokenLayout {
            registers: self.registers,
        };
        let original = npy::read(&self.original).or_refuse()?;
        layout
            .check(original.shape())
            .context("--registers")
            .or_refuse()?;
        let original = original.with_layout(layout);
        let distorted = npy::read(&self.distorted).or_refuse()?;
        let scores = score_all(&metrics, &original, &distorted).or_refuse()?;
        let output = Output::new(text(&scores), &json(&scores))?;
        Ok(output.short_of(undefined(&scores)))
    }
}

fn text(scores: &Scores) -> String {
    scores
        .iter()
        .fold(String::new(), |mut text, (metric, score)| {
            // Writing to a string cannot fail.
            let _ = match score {
                Ok(score) => writeln!(text, "{metric:<18} {}", score.value()),
                Err(_) => writeln!(text, "{metric:<18} undefined"),
            };
            text
        })
}

fn json(scores: &Scores) -> Value {
    let score = |(metric, score): (Metric, &Result<splitsim_cfqa::Score, _>)| {
        let value = score.as_ref().ok().map(|score| score.value());
        (metric.name().to_owned(), json!(value))
    };
    json!({ "scores": scores.iter().map(score).collect::<serde_json::Map<_, _>>() })
}

/// The metrics that the pair has no score by, with the reasons.
fn undefined(scores: &Scores) -> Option<String> {
    let reasons: Vec<_> = scores
        .iter()
        .filter_map(|(_, score)| score.as_ref().err())
        .map(ToString::to_string)
        .collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

const EXAMPLES: &str = "\
Examples:
  splitsim cfqa score --original f.npy --distorted r.npy
  splitsim cfqa score --original f.npy --distorted r.npy --metric cosine --metric cka --json";
