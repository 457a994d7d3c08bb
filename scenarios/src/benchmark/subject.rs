//! One feature, and what codecs make of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use splitsim_cfqa::{Bank, Reference, Scores, score_layers};
use splitsim_codec::{Encoded, FeatureCodec, Level};
use splitsim_feature::{Feature, Task};
use splitsim_source::{ImageExtent, Item};
use splitsim_truth::{DepthCrop, GroundTruth, Performance, SemanticDistortion};
use splitsim_vision::Engine;

use super::builder::Scoring;
use super::rows::Coded;

/// A feature with what is true of its picture. Extracted once, whatever the codecs and levels.
pub(super) struct Subject<'a> {
    engine: &'a Engine,
    scoring: &'a Scoring,
    task: Task,
    reference: Reference,
    extent: ImageExtent,
    truth: GroundTruth,
    original: Performance,
    extract: Duration,
}

impl<'a> Subject<'a> {
    pub(super) fn of(
        engine: &'a Engine,
        scoring: &'a Scoring,
        task: Task,
        item: Item,
    ) -> Result<Self> {
        let truth = item.truth.context("no ground truth")?;
        let extent = item.picture.extent();
        let extraction = engine.extract(task, item.picture)?;
        let output = engine.run_head(task, &extraction.feature, extent)?;
        Ok(Self {
            engine,
            scoring,
            task,
            extent,
            original: Performance::of(&truth, &output, DepthCrop::Full)?,
            truth,
            extract: extraction.preprocess + extraction.forward,
            reference: Reference::new(extraction.feature),
        })
    }

    pub(super) const fn feature(&self) -> &Feature {
        self.reference.feature()
    }

    pub(super) fn original(&self) -> f64 {
        self.original.value()
    }

    pub(super) const fn extract(&self) -> Duration {
        self.extract
    }

    /// Codes the feature, and puts what was decoded to the test.
    pub(super) fn code(&self, codec: &dyn FeatureCodec, level: Level) -> Result<(Coded, Encoded)> {
        let encoded = codec.encode_and_decode(self.feature(), level)?;
        let scoring = Instant::now();
        let scores = self.scores(&encoded.reconstruction)?;
        let score = scoring.elapsed();
        let heading = Instant::now();
        let output = self
            .engine
            .run_head(self.task, &encoded.reconstruction, self.extent)?;
        let received = Performance::of(&self.truth, &output, DepthCrop::Full)?;
        let coded = Coded {
            container: encoded.container.clone(),
            scores,
            performance: received.value(),
            distortion: SemanticDistortion::between(self.original, received)?.value(),
            encode: encoded.encode,
            decode: encoded.decode,
            score,
            head: heading.elapsed(),
        };
        Ok((coded, encoded))
    }

    /// In the order of [`Scoring::names`]. Of metrics that are undefined for the pair there is no score.
    fn scores(&self, distorted: &Feature) -> Result<Vec<Option<f64>>> {
        let Scoring {
            metrics,
            layered,
            layers,
            bank,
        } = self.scoring;
        let mut scores = defined(&self.reference.score_all(metrics, distorted)?);
        let of_layers = match distorted.shape().layers() {
            1 => Vec::new(),
            _ => score_layers(layered, self.feature(), distorted)?,
        };
        for layer in 0..*layers {
            match of_layers.get(layer) {
                Some(of_layer) => scores.extend(defined(of_layer)),
                None => scores.extend(layered.iter().map(|_| None)),
            }
        }
        if let Some(bank) = bank {
            scores.extend(self.discrimination(bank, distorted));
        }
        Ok(scores)
    }

    /// Undefined for tasks without labels, and labels that the bank does not have.
    fn discrimination(&self, bank: &Bank, distorted: &Feature) -> [Option<f64>; 2] {
        let GroundTruth::Cls { label } = self.truth else {
            return [None; 2];
        };
        [
            bank.discrimination(distorted, label).ok(),
            bank.combined(self.feature(), distorted, label).ok(),
        ]
    }
}

fn defined(scores: &Scores) -> Vec<Option<f64>> {
    let values = scores.iter();
    values
        .map(|(_, score)| score.as_ref().ok().map(|score| score.value()))
        .collect()
}
