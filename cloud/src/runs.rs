use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use splitsim_proto::{Hello, Refusal, RefusalKind};
use splitsim_results::RunRecord;

use crate::records;

/// The runs that the results know, so that an edge of another experiment is turned away before it has
/// sent a frame.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    known: Mutex<BTreeMap<EdgeOfRun, Experiment>>,
}

type EdgeOfRun = (String, String);

/// What must stay the same within a run, as far as a hello tells.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Experiment {
    policy: String,
    model_digest: String,
    codec: String,
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

    /// Whether the hello's run is recorded.
    ///
    /// # Errors
    /// When it is, as another experiment.
    pub(crate) fn check(&self, hello: &Hello) -> Result<bool, Refusal> {
        let key = (hello.run_id.to_string(), hello.edge_id.to_string());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = known.get(&key) else {
            return Ok(false);
        };
        let given = Experiment::brought_by(hello);
        let fields = [
            ("policy", &stored.policy, &given.policy),
            ("model digest", &stored.model_digest, &given.model_digest),
            ("codec", &stored.codec, &given.codec),
        ];
        match fields
            .into_iter()
            .find(|(_, stored, given)| stored != given)
        {
            None => Ok(true),
            Some((field, stored, given)) => Err(Refusal::new(
                RefusalKind::Invalid,
                format!(
                    "run '{}' of edge '{}' is recorded with {field} '{stored}', the edge brings \
                     '{given}'; choose another run id",
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
        }
    }

    fn brought_by(hello: &Hello) -> Self {
        Self {
            policy: hello.policy.to_string(),
            model_digest: hello.model.digest.to_string(),
            codec: records::codec_label(hello),
        }
    }
}
