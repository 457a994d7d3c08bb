//! Every frame of a source at every level of the codec's ladder.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use splitsim_cfqa::{Metric, Reference};
use splitsim_codec::{FeatureCodec, Level};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_replay::{Identity, RecordedFrame, Recording};
use splitsim_source::{ImageExtent, Source};
use splitsim_truth::{DepthCrop, GroundTruth, Performance, SemanticDistortion};
use splitsim_vision::Engine;
use tokio_util::sync::CancellationToken;

use crate::Screen;
use crate::scenario::Scenario;

/// What records a scenario's ladders. Frames are coded one after another, so that their times are those
/// of an edge that has the machine to itself.
pub(crate) struct Recorder<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) package: &'a Package,
    pub(crate) backbone: &'a Engine,
    pub(crate) heads: &'a Engine,
    /// Frames under way are finished when it is cancelled.
    pub(crate) stop: &'a CancellationToken,
}

/// What was recorded, and whether it is all.
pub(crate) struct Recordings {
    pub(crate) of_tasks: Vec<Recording>,
    pub(crate) interrupted: bool,
}

/// A frame of which the feature is there.
struct Subject {
    reference: Reference,
    extent: ImageExtent,
    truth: Option<(GroundTruth, Performance)>,
}

/// Frames between two writings of the file: what a crash costs.
const FRAMES_PER_WRITING: usize = 20;

impl Recorder<'_> {
    /// Records every task into `folder`, and goes on with what is recorded there of the same.
    ///
    /// # Errors
    /// When a picture or the model fails, a file cannot be written, or one that is there is of
    /// something else. A level at which the codec fails is recorded as such.
    pub(crate) fn record(&self, folder: &Path, screen: &Screen) -> Result<Recordings> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let mut of_tasks = Vec::new();
        for &task in &self.scenario.tasks {
            let path = folder.join(Recording::file_name(task));
            let recorded = self.record_task(task, &path, screen);
            of_tasks.extend(recorded.with_context(|| format!("recording {task}"))?);
            if self.stop.is_cancelled() {
                break;
            }
        }
        let interrupted = self.stop.is_cancelled();
        Ok(Recordings {
            of_tasks,
            interrupted,
        })
    }

    /// `None` when it was interrupted before the first frame.
    fn record_task(&self, task: Task, path: &Path, screen: &Screen) -> Result<Option<Recording>> {
        let source =
            Source::open(&self.scenario.source)?.for_heads(self.package.manifest().tasks.classes());
        let options = &self.scenario.codec_options;
        let codec = splitsim_hyperprior::open(self.scenario.codec, self.package, task, options)?;
        let identity = self.identity(task, codec.as_ref());
        let mut frames = resume(path, &identity)?;
        let mut bar = screen.bar(format!("recording {task}"), source.count() as u64);
        bar.set(frames.len() as u64);
        for index in frames.len()..source.count() {
            if self.stop.is_cancelled() {
                break;
            }
            frames.push(self.frame(&source, index, task, codec.as_ref())?);
            bar.set(frames.len() as u64);
            if frames.len().is_multiple_of(FRAMES_PER_WRITING) {
                Recording::new(identity.clone(), frames.clone())?.write(path)?;
            }
        }
        bar.finish();
        if frames.is_empty() {
            return Ok(None);
        }
        let recording = Recording::new(identity, frames)?;
        recording.write(path)?;
        Ok(Some(recording))
    }

    fn identity(&self, task: Task, codec: &dyn FeatureCodec) -> Identity {
        let rungs = codec.ladder().rungs().iter();
        Identity {
            model: self.package.manifest().name.clone(),
            model_digest: self.package.digest().to_string(),
            codec: self.scenario.codec.name().to_owned(),
            tables_digest: codec.tables_digest().to_string(),
            range: self.scenario.codec_options.range_mode.to_string(),
            task,
            source: self.scenario.source.to_string(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            levels: rungs.map(|rung| rung.label.clone()).collect(),
        }
    }

    fn frame(
        &self,
        source: &Source,
        index: usize,
        task: Task,
        codec: &dyn FeatureCodec,
    ) -> Result<RecordedFrame> {
        let item = source.item(index, task)?;
        let extent = item.picture.extent();
        let extraction = self.backbone.extract(task, item.picture)?;
        let truth = item.truth.map(|truth| -> Result<_> {
            let output = self.heads.run_head(task, &extraction.feature, extent)?;
            let original = Performance::of(&truth, &output, DepthCrop::Full)?;
            Ok((truth, original))
        });
        let points = extraction.feature.shape().points() as u64;
        let subject = Subject {
            reference: Reference::new(extraction.feature),
            extent,
            truth: truth.transpose()?,
        };
        let levels = codec.ladder().levels();
        let levels = levels.map(|level| self.level(&subject, task, codec, level));
        Ok(RecordedFrame {
            frame: index as u64,
            name: item.name,
            points,
            extract: whole_micros(extraction.preprocess + extraction.forward),
            levels: levels.collect::<Result<_>>()?,
        })
    }

    /// As an edge's attempt and what the cloud makes of it.
    fn level(
        &self,
        subject: &Subject,
        task: Task,
        codec: &dyn FeatureCodec,
        level: Level,
    ) -> Result<splitsim_replay::Level> {
        let start = Instant::now();
        let failed = |error: &dyn std::error::Error| splitsim_replay::Level::Failed {
            took: whole_micros(start.elapsed()),
            reason: error.to_string(),
        };
        let encoded = match codec.encode_and_decode(subject.reference.feature(), level) {
            Ok(encoded) => encoded,
            Err(error) => return Ok(failed(&error)),
        };
        let scoring = Instant::now();
        let scores = match subject
            .reference
            .score_all(&self.metrics(), &encoded.reconstruction)
        {
            Ok(scores) => scores,
            Err(error) => return Ok(failed(&error)),
        };
        let score = scoring.elapsed();
        let defined = scores.iter().filter_map(|(metric, score)| {
            let score = score.as_ref().ok()?.value();
            Some((metric.name().to_owned(), score))
        });
        let scores: BTreeMap<String, f64> = defined.collect();
        let heading = Instant::now();
        let output = self
            .heads
            .run_head(task, &encoded.reconstruction, subject.extent)?;
        // The cloud decodes as the edge did.
        let cloud = encoded.decode + heading.elapsed();
        let distortion = subject
            .truth
            .as_ref()
            .map(|(truth, original)| -> Result<f64> {
                let received = Performance::of(truth, &output, DepthCrop::Full)?;
                Ok(SemanticDistortion::between(*original, received)?.value())
            });
        Ok(splitsim_replay::Level::Coded {
            container: encoded.container.container_bytes(),
            encode: whole_micros(encoded.encode),
            decode: whole_micros(encoded.decode),
            score: whole_micros(score),
            cloud: whole_micros(cloud),
            scores,
            distortion: distortion.transpose()?,
        })
    }

    /// The scenario's metrics and those that its policies decide by.
    fn metrics(&self) -> Vec<Metric> {
        let policies = self.scenario.policies.iter();
        let criteria = policies
            .flat_map(|policy| policy.of_task.values())
            .filter_map(|c| c.criterion());
        let decisive = criteria.filter_map(|criterion| criterion.metric().parse().ok());
        let mut metrics = self.scenario.metrics.clone();
        for metric in decisive {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        metrics
    }
}

/// The frames that are recorded already.
fn resume(path: &Path, identity: &Identity) -> Result<Vec<RecordedFrame>> {
    let recording = match Recording::read(path) {
        Ok(recording) => recording,
        Err(error) if error.is_missing_file() => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let there = recording.identity();
    there
        .require(identity)
        .with_context(|| path.display().to_string())?;
    if there.source != identity.source {
        bail!(
            "{} has the recording of {}, not of {}: choose another folder",
            path.display(),
            there.source,
            identity.source
        );
    }
    Ok(recording.frames().to_vec())
}

/// As recordings keep times, so that one that is gone on with is like one that is made at once.
const fn whole_micros(time: Duration) -> Duration {
    Duration::from_micros(time.as_micros() as u64)
}
