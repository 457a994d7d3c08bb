//! Every frame of a source at every level of the codec's ladder.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use splitsim_cfqa::Metric;
use splitsim_codec::{FeatureCodec, Level};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_replay::{Identity, RecordedFrame, Recording};
use splitsim_source::Source;
use splitsim_specimen::{Expectation, Extractor, Specimen};
use splitsim_truth::SemanticDistortion;
use splitsim_vision::Engine;
use tokio_util::sync::CancellationToken;

use crate::Screen;
use crate::scenario::Scenario;

/// Records a scenario's ladders. Frames are coded one after another, so that their times are those of an edge
/// that has the machine to itself.
pub(crate) struct Recorder<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) package: &'a Package,
    pub(crate) backbone: &'a Engine,
    pub(crate) heads: &'a Engine,
    /// Frames under way are finished when it is cancelled.
    pub(crate) stop: &'a CancellationToken,
}

/// The recordings, one per task. Frames are missing if the recorder was interrupted.
pub(crate) struct Recordings {
    pub(crate) of_tasks: Vec<Recording>,
    pub(crate) interrupted: bool,
}

/// Frames between two writings of the file: what a crash costs.
const FRAMES_PER_WRITING: usize = 20;

impl Recorder<'_> {
    /// Records every task into `folder`, and resumes existing recordings of the same scenario.
    ///
    /// # Errors
    /// When a picture or the model fails, a file cannot be written, or an existing one records something
    /// else. A level at which the codec fails is recorded as such.
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
        if frames.len() < source.count() {
            // libtorch sets itself up in the first pass, which is in no frame's time.
            self.backbone.extract(task, source.item(0, task)?.picture)?;
        }
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
        let extractor = Extractor {
            backbone: self.backbone,
            heads: self.heads,
            task,
            expectation: Expectation::TruthIfKnown,
        };
        let specimen = extractor.specimen(source.item(index, task)?)?;
        let metrics = self.metrics();
        let levels = codec.ladder().levels();
        let levels = levels.map(|level| recorded(&specimen, codec, level, &metrics));
        Ok(RecordedFrame {
            frame: index as u64,
            name: specimen.name().to_owned(),
            points: specimen.feature().shape().points() as u64,
            extract: whole_micros(specimen.extract_time()),
            levels: levels.collect::<Result<_>>()?,
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

/// One level of a frame: an edge's attempt, and the cloud's answer to it.
fn recorded(
    specimen: &Specimen<'_>,
    codec: &dyn FeatureCodec,
    level: Level,
    metrics: &[Metric],
) -> Result<splitsim_replay::Level> {
    let trial = match specimen.trial(codec, level, metrics) {
        Ok(trial) => trial,
        Err(error) => {
            return Ok(splitsim_replay::Level::Failed {
                took: whole_micros(error.took),
                reason: error.to_string(),
            });
        }
    };
    let encoded = &trial.encoded;
    let answer = specimen.answer(&encoded.reconstruction)?;
    let scores = trial.scores.defined();
    let scores = scores.map(|score| (score.metric().name().to_owned(), score.value()));
    let distortion = specimen.distortion(&answer)?;
    Ok(splitsim_replay::Level::Coded {
        container: encoded.container.container_bytes(),
        encode: whole_micros(encoded.encode),
        decode: whole_micros(encoded.decode),
        score: whole_micros(trial.score),
        // The cloud decodes as the edge did.
        cloud: whole_micros(encoded.decode + answer.took),
        scores: scores.collect(),
        distortion: distortion.map(SemanticDistortion::value),
    })
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

/// Rounds a time down to whole microseconds, as recordings store it: a resumed recording then equals an
/// uninterrupted one.
const fn whole_micros(time: Duration) -> Duration {
    Duration::from_micros(time.as_micros() as u64)
}
