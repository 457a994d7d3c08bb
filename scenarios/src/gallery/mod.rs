//! Pictures of misjudged frames, with the ground truth and the heads' answers.
//!
//! Nothing of a frame is kept but its records. The pipeline is deterministic, so a frame's picture,
//! feature and bitstream are made again from the scenario and the recorded level.

mod paint;
mod raster;

use anyhow::{Context, Result, bail};
use splitsim_cli::causes;
use splitsim_codec::{CodecId, CodecOptions, FeatureCodec};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_report::Exhibit;
use splitsim_source::{Item, Source};
use splitsim_specimen::{Expectation, Extractor};
use splitsim_story::{Misjudged, Pictures, RecordedRun, Surprise};
use splitsim_truth::HeadOutput;
use splitsim_vision::{Engine, EngineOptions, Parts};

use crate::Screen;
use crate::scenario::{self, Scenario};

/// Runs recorded frames through the pipeline again, to show them as pictures.
#[derive(Debug)]
pub(crate) struct Studio<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) package: &'a Package,
    pub(crate) backbone: &'a Engine,
    pub(crate) heads: &'a Engine,
}

/// A frame as it went through the pipeline once more.
struct Remade {
    item: Item,
    class_names: Option<Vec<String>>,
    original: HeadOutput,
    arrived: HeadOutput,
    container_bytes: u64,
}

impl Studio<'_> {
    /// Up to `each` frames of every task and either surprise. What cannot be made again is said.
    pub(crate) fn pictures(&self, run: &RecordedRun, each: usize, screen: &Screen) -> Pictures {
        let misjudged = run.misjudged(each);
        let mut bar = screen.bar("pictures", misjudged.len() as u64);
        let mut pictures = Pictures::default();
        for frame in &misjudged {
            match self.exhibit(frame) {
                Ok(exhibit) => pictures.exhibits.push(exhibit),
                Err(error) => {
                    let named = format!("{} frame {}", frame.task, frame.frame);
                    pictures.remark = Some(format!("{named} cannot be shown: {}", causes(&error)));
                }
            }
            bar.advance();
        }
        bar.finish();
        pictures
    }

    fn exhibit(&self, frame: &Misjudged) -> Result<Exhibit> {
        let remade = self.remake(frame)?;
        let mut about = told(frame);
        if remade.container_bytes != frame.container_bytes {
            about = format!(
                "{about} Coded again it takes {} bytes: what is shown may differ from what was shipped.",
                remade.container_bytes
            );
        }
        let Remade {
            item,
            class_names,
            original,
            arrived,
            ..
        } = remade;
        paint::exhibit(
            heading(frame),
            about,
            &paint::Seen {
                picture: &item.picture,
                truth: item.truth.as_ref(),
                class_names: class_names.as_deref(),
                original: &original,
                arrived: &arrived,
            },
        )
    }

    fn remake(&self, frame: &Misjudged) -> Result<Remade> {
        let source = Source::open(&self.scenario.source)?;
        let item = source.item(usize::try_from(frame.frame)?, frame.task)?;
        if item.name != frame.source {
            bail!("the source now has '{}' in its place", item.name);
        }
        let extractor = Extractor {
            backbone: self.backbone,
            heads: self.heads,
            task: frame.task,
            expectation: Expectation::Nothing,
        };
        let specimen = extractor.specimen(item.clone())?;
        let codec = self.codec(frame.task)?;
        let level = codec.ladder().level(usize::try_from(frame.level)?)?;
        let encoded = specimen.trial(codec.as_ref(), level, &[])?.encoded;
        Ok(Remade {
            original: specimen.answer(specimen.feature())?.output,
            arrived: specimen.answer(&encoded.reconstruction)?.output,
            container_bytes: encoded.container.container_bytes().0,
            class_names: source.class_names(),
            item,
        })
    }

    fn codec(&self, task: Task) -> Result<Box<dyn FeatureCodec>> {
        let (id, options): (CodecId, &CodecOptions) =
            (self.scenario.codec, &self.scenario.codec_options);
        Ok(splitsim_hyperprior::open(id, self.package, task, options)?)
    }
}

/// The pictures of a run that another process recorded; a remark where its model is not at hand.
pub(crate) fn of_recorded(run: &RecordedRun, each: usize, screen: &Screen) -> Pictures {
    if each == 0 || run.misjudged(each).is_empty() {
        return Pictures::default();
    }
    try_of_recorded(run, each, screen).unwrap_or_else(|error| Pictures {
        exhibits: Vec::new(),
        remark: Some(format!("No pictures: {}.", causes(&error))),
    })
}

fn try_of_recorded(run: &RecordedRun, each: usize, screen: &Screen) -> Result<Pictures> {
    let scenario = run
        .scenario()
        .context("the results name no scenario, and so no pictures")?;
    let draft = scenario::parse(scenario, &[])?;
    let package = Package::find(draft.model())?;
    let digest = package.digest().to_string();
    if run
        .model_digest()
        .is_some_and(|recorded| recorded != digest)
    {
        bail!(
            "the model {} is not the one that the run used",
            draft.model()
        );
    }
    let scenario = draft.resolve(&package)?;
    let options = EngineOptions {
        parts: Parts::All,
        compute: scenario.compute,
        threads: Some(scenario.threads),
    };
    let engine =
        Engine::load(&package, &scenario.tasks, options).context("cannot load the model")?;
    let studio = Studio {
        scenario: &scenario,
        package: &package,
        backbone: &engine,
        heads: &engine,
    };
    Ok(studio.pictures(run, each, screen))
}

fn heading(frame: &Misjudged) -> String {
    let task = match frame.task {
        Task::Cls => "Classification",
        Task::Seg => "Segmentation",
        Task::Dpt => "Depth",
    };
    let surprise = match frame.surprise {
        Surprise::WorseThanPredicted => "worse than predicted",
        Surprise::BetterThanPredicted => "better than predicted",
    };
    format!("{task}, {}: {surprise}", frame.source)
}

fn told(frame: &Misjudged) -> String {
    let Misjudged {
        policy,
        label,
        metric,
        score,
        ..
    } = frame;
    let kilobytes = frame.container_bytes as f64 / 1000.0;
    let accepted = if frame.accepted {
        "passes"
    } else {
        "does not pass"
    };
    let distortion = match frame.task {
        Task::Cls => format!("{:+} ranks", frame.distortion),
        Task::Seg => format!("{:+.2} mIoU points", frame.distortion),
        Task::Dpt => format!("{:+.4} m of RMSE", frame.distortion),
    };
    format!(
        "{policy} shipped {label}, {kilobytes:.2} kB. Its {metric} of {score:.4} {accepted} the gate; \
         the true distortion is {distortion}."
    )
}
