//! The true semantic distortion of a frame: the same head on the original and on what arrived.

use splitsim_cfqa::{CfqaError, Metric, score};
use splitsim_feature::{Feature, FeatureShape, Task};
use splitsim_results::DistortionRecord;
use splitsim_source::ImageExtent;
use splitsim_truth::{
    DepthCrop, GroundTruth, HeadOutput, Performance, SemanticDistortion, TruthError, agreement,
};
use splitsim_vision::{Engine, VisionError};

use crate::references::Original;
use crate::seldom::seldom;

/// A received feature and the head's output for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'a> {
    pub(crate) task: Task,
    pub(crate) extent: ImageExtent,
    pub(crate) feature: &'a Feature,
    pub(crate) output: &'a HeadOutput,
}

/// The reason why a distortion cannot be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExperimentError {
    #[error("the original feature is {original}, the frame's {received}")]
    Shape {
        original: FeatureShape,
        received: FeatureShape,
    },
    #[error("the ground truth does not fit: {0}")]
    Truth(#[from] TruthError),
    #[error("the original feature cannot be compared: {0}")]
    Compare(#[from] CfqaError),
    #[error("head on the original feature: {0}")]
    Head(#[from] VisionError),
}

/// Measures what can be measured: performance needs the ground truth, distortion the original feature as well
/// (CFQA, §4.6), agreement that one alone. `None` when neither is known.
pub(crate) fn measure(
    engine: &Engine,
    original: &Original,
    received: Received<'_>,
) -> Result<Option<DistortionRecord>, ExperimentError> {
    let truth = original.truth.as_ref();
    let mut record = DistortionRecord::default();
    let received_performance = performance(truth, received.output)?;
    record.received = received_performance.map(Performance::value);
    if let Some(feature) = &original.feature {
        record.feature_mse = Some(mse(feature, received.feature)?);
        let output = engine.run_head(received.task, feature, received.extent)?;
        record.agreement = Some(agreement(&output, received.output)?);
        let original = performance(truth, &output)?;
        record.original = original.map(Performance::value);
        record.distortion = original
            .zip(received_performance)
            .map(|(original, received)| SemanticDistortion::between(original, received))
            .transpose()?
            .map(SemanticDistortion::value);
    }
    Ok((record != DistortionRecord::default()).then_some(record))
}

/// `None` without a truth, and where none of its pixels can be judged.
fn performance(
    truth: Option<&GroundTruth>,
    output: &HeadOutput,
) -> Result<Option<Performance>, TruthError> {
    let Some(truth) = truth else {
        return Ok(None);
    };
    match Performance::of(truth, output, DepthCrop::Full) {
        Ok(performance) => Ok(Some(performance)),
        Err(TruthError::NoValidPixel { what }) => {
            seldom!(warn, what, "no pixel of the ground truth can be judged");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn mse(original: &Feature, received: &Feature) -> Result<f64, ExperimentError> {
    if original.shape() != received.shape() {
        return Err(ExperimentError::Shape {
            original: original.shape(),
            received: received.shape(),
        });
    }
    Ok(score(Metric::Mse, original, received)?.value())
}
