use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use splitsim_proto::{Hello, Refusal, RefusalKind};
use splitsim_results::RunRecord;

use crate::records;

/// The extent to which a run is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    Not,
    /// The run, but not its edge's settings.
    WithoutSettings,
    /// The run and all settings that a hello states.
    Fully,
}

/// The runs that the results know, so that an edge of another experiment is turned away before it has
/// sent a frame.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    known: Mutex<BTreeMap<EdgeOfRun, Experiment>>,
}

type EdgeOfRun = (String, String);

/// The properties that must stay the same within a run, as far as a hello states them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Experiment {
    policy: String,
    model_digest: String,
    codec: String,
    /// `None` where no hello stated it, here and below; then no difference can be found.
    source: Option<String>,
    settings_digest: Option<String>,
}

impl Runs {
    pub(crate) fn new(recorded: &[RunRecord]) -> Self {
        let runs = Self::default();
        recorded.iter().for_each(|run| runs.learn(run));
        runs
    }

    /// Remembers a run that has been recorded.
    pub(crate) fn learn(&self, run: &RunRecord) {
        let key = (run.run_id.clone(), run.edge_id.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, Experiment::of(run));
    }

    /// Remembers the settings of a recorded run.
    pub(crate) fn learn_settings(&self, hello: &Hello) {
        let key = (hello.run_id.to_string(), hello.edge_id.to_string());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stored) = known.get_mut(&key) {
            let given = Experiment::brought_by(hello);
            stored.source = stored.source.take().or(given.source);
            stored.settings_digest = stored.settings_digest.take().or(given.settings_digest);
        }
    }

    /// Returns the extent to which the hello's run is recorded.
    ///
    /// # Errors
    /// If the run is recorded as another experiment.
    pub(crate) fn check(&self, hello: &Hello) -> Result<Known, Refusal> {
        let key = (hello.run_id.to_string(), hello.edge_id.to_string());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = known.get(&key) else {
            return Ok(Known::Not);
        };
        let given = Experiment::brought_by(hello);
        match stored.difference(&given) {
            None if stored.settings_digest.is_none() => Ok(Known::WithoutSettings),
            None => Ok(Known::Fully),
            Some((field, stored, given)) => Err(Refusal::new(
                RefusalKind::Invalid,
                format!(
                    "run '{}' of edge '{}' is recorded with {field} '{stored}', this edge brings \
                     '{given}'; choose another run id, or another edge id where two edges share this one",
                    hello.run_id, hello.edge_id
                ),
            )),
        }
    }
}

impl Experiment {
    fn of(run: &RunRecord) -> Self {
        Self {
            policy: run.policy.clone(),
            model_digest: run.model_digest.clone(),
            codec: run.codec.clone(),
            source: run.source.clone(),
            settings_digest: run.settings_digest.clone(),
        }
    }

    fn brought_by(hello: &Hello) -> Self {
        Self {
            policy: hello.policy.to_string(),
            model_digest: hello.model.digest.to_string(),
            codec: records::codec_label(hello),
            source: hello.source.as_ref().map(ToString::to_string),
            settings_digest: hello.settings_digest.map(|digest| digest.to_string()),
        }
    }

    /// The first thing in which the two differ, with both values.
    fn difference<'a>(&'a self, given: &'a Self) -> Option<(&'static str, &'a str, &'a str)> {
        let fields = |one: &'a Self| {
            [
                ("policy", Some(one.policy.as_str())),
                ("model digest", Some(one.model_digest.as_str())),
                ("codec", Some(one.codec.as_str())),
                ("source", one.source.as_deref()),
                // Settings without a field of their own, such as the task.
                ("settings of digest", one.settings_digest.as_deref()),
            ]
        };
        let pairs = fields(self).into_iter().zip(fields(given));
        pairs
            .filter_map(|((field, stored), (_, given))| Some((field, stored?, given?)))
            .find(|(_, stored, given)| stored != given)
    }
}
