//! A picture's feature with the answer that its reconstructions are judged against.
//!
//! An [`Extractor`] makes a [`Specimen`] of a picture. A specimen is coded by [`Specimen::trial`], as an edge's gate does
//! it, and a reconstruction is judged by [`Specimen::answer`], as a cloud does it. Recordings, calibration, benchmark
//! sets, comparisons of codecs and the pictures of a report are made of these two steps alone.

use std::time::{Duration, Instant};

use splitsim_cfqa::{Metric, Reference};
use splitsim_codec::{FeatureCodec, Level};
use splitsim_feature::{Feature, Task};
use splitsim_source::{ImageExtent, Item};
use splitsim_trial::{Trial, TrialError};
use splitsim_truth::{
    DepthCrop, GroundTruth, HeadOutput, Judgement, Performance, SemanticDistortion, TruthError,
};
use splitsim_vision::{Engine, VisionError};

/// The answer that a task head should give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// The picture's ground truth, without which there is no specimen.
    Truth,
    /// The picture's ground truth, where it is known.
    TruthIfKnown,
    /// The head's own answer to the original feature.
    Agreement,
    /// No expected answer. No head runs, so the package does not need one.
    Nothing,
}

/// Makes specimens of pictures for one task.
#[derive(Debug, Clone, Copy)]
pub struct Extractor<'a> {
    /// The engine with the backbone.
    pub backbone: &'a Engine,
    /// The engine with the task's head; it may be the same.
    pub heads: &'a Engine,
    /// The task.
    pub task: Task,
    /// The source of expected answers.
    pub expectation: Expectation,
}

/// A picture's feature, extracted once for any number of codecs and levels.
#[derive(Debug)]
pub struct Specimen<'a> {
    heads: &'a Engine,
    task: Task,
    extent: ImageExtent,
    name: String,
    reference: Reference,
    expected: Option<GroundTruth>,
    original: Option<Answer>,
    extract: Duration,
}

/// A head's answer to a feature, and its worth.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer.
    pub output: HeadOutput,
    /// The performance against the expected answer, if there is one.
    pub performance: Option<Performance>,
    /// Wall-clock time of the head.
    pub took: Duration,
}

/// The reason why there is no specimen or no answer.
#[derive(Debug, thiserror::Error)]
pub enum SpecimenError {
    /// The expected answer is the ground truth, and the source does not know it.
    #[error("no ground truth for {task}")]
    NoTruth {
        /// The task.
        task: Task,
    },
    /// Extraction or a head failed.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The answer cannot be judged.
    #[error(transparent)]
    Truth(#[from] TruthError),
}

impl<'a> Extractor<'a> {
    /// Extracts the picture's feature, and runs the head on it where there is an answer to compare with.
    ///
    /// # Errors
    /// When the ground truth is expected but unknown, the picture or the model fails, or the head's answer to the
    /// original cannot be judged.
    pub fn specimen(&self, item: Item) -> Result<Specimen<'a>, SpecimenError> {
        let Self {
            backbone,
            heads,
            task,
            expectation,
        } = *self;
        let Item {
            name,
            picture,
            truth,
        } = item;
        let extent = picture.extent();
        if truth.is_none() && expectation == Expectation::Truth {
            return Err(SpecimenError::NoTruth { task });
        }
        let extraction = backbone.extract(task, picture)?;
        let mut specimen = Specimen {
            heads,
            task,
            extent,
            name,
            reference: Reference::new(extraction.feature),
            expected: None,
            original: None,
            extract: extraction.preprocess + extraction.forward,
        };
        match expectation {
            Expectation::Nothing => {}
            Expectation::Truth | Expectation::TruthIfKnown => {
                specimen.expected = truth;
                if specimen.expected.is_some() {
                    specimen.original = Some(specimen.answer(specimen.feature())?);
                }
            }
            Expectation::Agreement => {
                let mut answer = specimen.answer(specimen.feature())?;
                let expected = specimen.expected.insert(answer.output.as_truth());
                let performance = Performance::of(expected, &answer.output, DepthCrop::Full)?;
                answer.performance = Some(performance);
                specimen.original = Some(answer);
            }
        }
        Ok(specimen)
    }
}

impl Specimen<'_> {
    /// The picture's name in its source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The original feature.
    #[must_use]
    pub const fn feature(&self) -> &Feature {
        self.reference.feature()
    }

    /// The expected answer.
    #[must_use]
    pub const fn expected(&self) -> Option<&GroundTruth> {
        self.expected.as_ref()
    }

    /// The head's answer to the original, where there is an expected one to compare it with.
    #[must_use]
    pub const fn original(&self) -> Option<&Answer> {
        self.original.as_ref()
    }

    /// Wall-clock time from the picture to the feature.
    #[must_use]
    pub const fn extract_time(&self) -> Duration {
        self.extract
    }

    /// Codes the feature at a level of the codec, and scores the reconstruction.
    ///
    /// # Errors
    /// As [`Trial::run`].
    pub fn trial(
        &self,
        codec: &dyn FeatureCodec,
        level: Level,
        metrics: &[Metric],
    ) -> Result<Trial, TrialError> {
        Trial::run(codec, &self.reference, level, metrics)
    }

    /// The head's answer to a reconstruction of this feature.
    ///
    /// # Errors
    /// When there is no such head, the reconstruction has another shape than the feature, or the answer cannot be
    /// judged.
    pub fn answer(&self, reconstruction: &Feature) -> Result<Answer, SpecimenError> {
        let start = Instant::now();
        let output = self
            .heads
            .run_head(self.task, reconstruction, self.extent)?;
        let took = start.elapsed();
        let judge = |expected| Performance::of(expected, &output, DepthCrop::Full);
        let performance = self.expected.as_ref().map(judge).transpose()?;
        Ok(Answer {
            output,
            performance,
            took,
        })
    }

    /// The performance lost from the original to a reconstruction with this answer, where there is an expected one
    /// (CFQA, §4.6).
    ///
    /// # Errors
    /// When the answer is of another task.
    pub fn distortion(&self, answer: &Answer) -> Result<Option<SemanticDistortion>, SpecimenError> {
        let original = self
            .original
            .as_ref()
            .and_then(|original| original.performance);
        let pair = original.zip(answer.performance);
        let distortion =
            pair.map(|(original, received)| SemanticDistortion::between(original, received));
        Ok(distortion.transpose()?)
    }

    /// The part of this picture in the figures of its data set, where there is an expected answer.
    ///
    /// # Errors
    /// When the answer is of another task or cannot be judged.
    pub fn judgement(&self, answer: &Answer) -> Result<Option<Judgement>, SpecimenError> {
        let judge = |expected| Judgement::of(expected, &answer.output, DepthCrop::Full);
        Ok(self.expected.as_ref().map(judge).transpose()?)
    }
}
