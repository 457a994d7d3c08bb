//! Scoring of a benchmark set's compressed features, by metrics and by task heads.

use std::time::Instant;

use anyhow::{Context, Result};
use splitsim_cfqa::{Bank, Metric, Scores, score_layers};
use splitsim_codec::{Encoded, FeatureCodec, Level};
use splitsim_feature::Feature;
use splitsim_specimen::Specimen;
use splitsim_truth::GroundTruth;

use super::rows::Coded;

/// The metrics that compressed features are scored by.
pub(crate) struct Scoring {
    /// Over the whole feature.
    pub(crate) metrics: Vec<Metric>,
    /// Layer by layer, where a feature has several.
    pub(crate) layered: Vec<Metric>,
    /// The most layers that a task's features have; 0 where none has several.
    pub(crate) layers: usize,
    /// Labelled features to tell classes apart by.
    pub(crate) bank: Option<Bank>,
}

impl Scoring {
    /// The names of the scores, in the order of a row's.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.metrics.iter().map(ToString::to_string).collect();
        for layer in 1..=self.layers {
            let of_layer = |metric: &Metric| format!("{metric}_layer{layer}");
            names.extend(self.layered.iter().map(of_layer));
        }
        if self.bank.is_some() {
            names.extend(["dis".to_owned(), "combined".to_owned()]);
        }
        names
    }

    /// Codes a specimen, and puts what was decoded to the test.
    pub(super) fn code(
        &self,
        specimen: &Specimen<'_>,
        codec: &dyn FeatureCodec,
        level: Level,
    ) -> Result<(Coded, Encoded)> {
        let trial = specimen.trial(codec, level, &self.metrics)?;
        let reconstruction = &trial.encoded.reconstruction;
        let start = Instant::now();
        let mut scores = defined(&trial.scores);
        scores.extend(self.of_layers(specimen.feature(), reconstruction)?);
        if let Some(bank) = &self.bank {
            scores.extend(discrimination(bank, specimen, reconstruction));
        }
        let score = trial.score + start.elapsed();
        let answer = specimen.answer(reconstruction)?;
        let distortion = specimen.distortion(&answer)?;
        let performance = answer.performance.context("no ground truth")?;
        let encoded = trial.encoded;
        let coded = Coded {
            container: encoded.container.clone(),
            scores,
            performance: performance.value(),
            distortion: distortion.context("no ground truth")?.value(),
            encode: encoded.encode,
            decode: encoded.decode,
            score,
            head: answer.took,
        };
        Ok((coded, encoded))
    }

    /// Layer after layer, `None` for layers that the feature does not have.
    fn of_layers(&self, original: &Feature, distorted: &Feature) -> Result<Vec<Option<f64>>> {
        let there = match distorted.shape().layers() {
            1 => Vec::new(),
            _ => score_layers(&self.layered, original, distorted)?,
        };
        let mut scores = Vec::new();
        for layer in 0..self.layers {
            match there.get(layer) {
                Some(of_layer) => scores.extend(defined(of_layer)),
                None => scores.extend(self.layered.iter().map(|_| None)),
            }
        }
        Ok(scores)
    }
}

/// Undefined for tasks without labels, and labels that the bank does not have.
fn discrimination(bank: &Bank, specimen: &Specimen<'_>, distorted: &Feature) -> [Option<f64>; 2] {
    let Some(&GroundTruth::Cls { label }) = specimen.expected() else {
        return [None; 2];
    };
    [
        bank.discrimination(distorted, label).ok(),
        bank.combined(specimen.feature(), distorted, label).ok(),
    ]
}

/// In the metrics' order, `None` for metrics that are undefined for the pair.
fn defined(scores: &Scores) -> Vec<Option<f64>> {
    let values = scores.iter();
    values
        .map(|(_, score)| score.as_ref().ok().map(|score| score.value()))
        .collect()
}
