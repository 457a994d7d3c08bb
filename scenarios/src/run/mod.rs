//! Running a scenario: one cloud, and for policy after policy an edge per task, over loopback QUIC.
//!
//! - [`Experiment`]: prepared ([`Experiment::prepare`]), then performed ([`Experiment::perform`]);
//! - [`Order`]: what is to be run; `prepared`: a scenario made ready, for runs and recordings;
//! - `folder`: the folder of results, which belongs to one scenario and model;
//! - `provenance`: what a result must be accompanied by to be believed;
//! - `loopback`: the cloud and the edges;
//! - `wire`: the emulated links between them;
//! - `live`: how far they are.
//!
//! Policies run one after another, so that they do not take each other's time; the edges of a policy
//! run together, as they would at a site.

pub(crate) mod folder;
mod live;
mod loopback;
mod prepared;
mod provenance;
pub(crate) mod report;
mod wire;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use splitsim_model::Package;
use splitsim_policy::LadderLen;
use splitsim_results::Summary;
use splitsim_source::Source;
use splitsim_story::Limits;
use tokio_util::sync::CancellationToken;

use crate::gallery::Studio;
use crate::ladder::Recorder;
use crate::scenario::Scenario;
use crate::{Screen, Signals};
use loopback::Loopback;
pub use prepared::Order;
pub(crate) use prepared::Prepared;
pub(crate) use provenance::Provenance;

/// The message that answers a request to end.
pub(crate) const STOPPING: &str =
    "ending: frames under way are finished, what is done is kept; once more to end at once";

/// The options of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// `true` to accept finished results as they are; otherwise they are an error.
    pub resume: bool,
    /// Frames that the report shows in pictures, per task and for either surprise.
    pub pictures: usize,
}

/// An experiment whose scenario, model and folder of results are ready.
#[derive(Debug)]
pub struct Experiment {
    ready: Prepared,
    pictures: usize,
    /// `true` if there are frames left to run.
    due: bool,
}

/// The outcome of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Performed {
    /// Everything in the results, that of earlier processes included.
    pub summary: Summary,
    /// The summary for a terminal.
    pub table: String,
    /// The folder of the results.
    pub out: PathBuf,
    /// A description of what is missing in them, and why; `None` if nothing is.
    pub shortfall: Option<String>,
}

impl Experiment {
    /// Reads the scenario, loads the model, and takes hold of the folder of results.
    ///
    /// # Errors
    /// When anything does not fit; nothing has been replaced then.
    pub fn prepare(order: &Order, options: RunOptions) -> Result<Self> {
        let ready = Prepared::open(order)?;
        let finished = ready.folder.is_finished();
        if finished && !options.resume && ready.folder.is_told() {
            bail!(
                "{}",
                ready
                    .folder
                    .in_the_way("; --resume leaves them as they are")
            );
        }
        Ok(Self {
            due: !finished,
            pictures: options.pictures,
            ready,
        })
    }

    /// Runs every policy, and writes the summary of all that is in the results then.
    ///
    /// Ctrl-C ends it early: frames under way are finished, and what is done is kept and summarised.
    ///
    /// # Errors
    /// When cloud or edges fail, or the results cannot be written.
    pub async fn perform(mut self, screen: &Screen, signals: &Signals) -> Result<Performed> {
        let shortfalls = if self.due {
            self.ready.folder.begin()?;
            screen.note(&format!("results: {}", self.ready.folder.path().display()));
            let stop = signals.stop(STOPPING);
            self.record_ladders(screen, &stop).await?;
            Loopback::start(&self)
                .await?
                .run(&self, screen, &stop)
                .await?
        } else {
            screen.note(&format!("finished: {}", self.ready.folder.path().display()));
            Vec::new()
        };
        let mut summary = Summary::of_file(&self.ready.folder.results())?;
        self.ready.folder.finish(&summary)?;
        self.report(screen).await?;
        let dropped = |policy: &str, edge: &str| self.ready.folder.dropped(policy, edge);
        let missing = report::missing(&self.ready.scenario, self.ready.frames, &summary, dropped);
        let shortfall = (missing > 0 || !shortfalls.is_empty())
            .then(|| report::shortfall(missing, &shortfalls));
        let performed = Performed {
            summary: summary.clone(),
            table: report::table(&self.ready.scenario, &mut summary),
            out: self.ready.folder.path().to_owned(),
            shortfall,
        };
        Ok(performed)
    }
}

impl Experiment {
    /// Records every level of every frame, if the scenario says so.
    async fn record_ladders(&self, screen: &Screen, stop: &CancellationToken) -> Result<()> {
        if !self.ready.scenario.record_ladders {
            return Ok(());
        }
        let (scenario, package) = (self.ready.scenario.clone(), self.ready.package.clone());
        let (backbone, heads) = (self.ready.backbone.clone(), self.ready.heads.clone());
        let (folder, screen, stop) = (self.ready.folder.ladders(), screen.clone(), stop.clone());
        let record = move || {
            let recorder = Recorder {
                scenario: &scenario,
                package: &package,
                backbone: &backbone,
                heads: &heads,
                stop: &stop,
            };
            recorder.record(&folder, &screen).map(drop)
        };
        tokio::task::spawn_blocking(record)
            .await
            .context("the recording broke down")?
    }

    /// Writes the report of everything that is in the results.
    async fn report(&self, screen: &Screen) -> Result<()> {
        let run = report::read(self.ready.folder.path())?;
        let (scenario, package) = (self.ready.scenario.clone(), self.ready.package.clone());
        let (backbone, heads) = (self.ready.backbone.clone(), self.ready.heads.clone());
        let (each, screen) = (self.pictures, screen.clone());
        let render = move || {
            let studio = Studio {
                scenario: &scenario,
                package: &package,
                backbone: &backbone,
                heads: &heads,
            };
            let pictures = studio.pictures(&run, each, &screen);
            run.page(&Limits::default(), pictures).render()
        };
        let html = tokio::task::spawn_blocking(render)
            .await
            .context("the report broke down")?;
        self.ready.folder.report(&html)
    }
}

/// Checks what can be checked before models are loaded; returns how many frames the scenario has.
///
/// # Errors
/// When a ladder does not suit a policy, or the pictures are not there.
pub(crate) fn check(scenario: &Scenario, package: &Package) -> Result<usize> {
    check_ladders(scenario, package)?;
    Ok(Source::open(&scenario.source)?.count())
}

/// Every policy must suit the ladder of every task before the first one runs.
fn check_ladders(scenario: &Scenario, package: &Package) -> Result<()> {
    for &task in &scenario.tasks {
        let options = &scenario.codec_options;
        let codec = splitsim_hyperprior::open(scenario.codec, package, task, options)?;
        let ladder = LadderLen::new(codec.ladder().len())?;
        for policy in &scenario.policies {
            if let Some(config) = policy.of_task.get(&task) {
                config
                    .resolve(ladder)
                    .with_context(|| format!("policy '{}' for {task}", policy.name))?;
            }
        }
    }
    Ok(())
}
