use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use splitsim_proto::{
    CloudSide, Digest, Hello, ModelIdentity, Refusal, RefusalKind, RequestError, RequestErrorKind,
    Welcome, negotiate,
};
use splitsim_results::{ResultsError, Store};
use splitsim_transport::identity::Roster;
use splitsim_transport::{Certified, Throttle};
use splitsim_vision::Engine;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::decoders::{self, Decoders};
use crate::journal::{Journal, JournalError};
use crate::peers::Peers;
use crate::references::{Directory, Pool, References};
use crate::runs::{Known, Runs};
use crate::seldom::seldom;
use crate::shelf::Shelf;
use crate::tally::{Event, Tally};
use crate::{CloudConfig, CloudError, CloudLimits, records};

/// The most recorded frames whose settlement is awaited; beyond it the oldest lose the time spent on storing
/// them.
const MAX_UNSETTLED: u64 = 1 << 16;

/// The state that all connections of a cloud share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) decoders: Decoders,
    pub(crate) limits: CloudLimits,
    pub(crate) side: CloudSide,
    pub(crate) roster: Roster,
    pub(crate) journal: Journal,
    pub(crate) runs: Runs,
    pub(crate) references: References,
    /// The time spent on the experiment's work for frames whose settlement has not arrived.
    pub(crate) unsettled: Mutex<Shelf<Duration>>,
    pub(crate) tally: Tally,
    /// `true` if the connection samples in settlements are recorded.
    pub(crate) connection_samples: bool,
    /// One permit per frame that is worked on.
    pub(crate) workers: Semaphore,
    /// One permit per frame that waits for a worker.
    pub(crate) waiting: Semaphore,
    /// The connected edges.
    pub(crate) peers: Arc<Peers>,
    /// The longest pause in the middle of a request.
    pub(crate) patience: Duration,
    /// Throttles the log messages that peers can repeat.
    pub(crate) warnings: Warnings,
    /// Cancelled when the cloud stops.
    pub(crate) stop: CancellationToken,
}

/// Warnings that a peer can cause as often as it likes.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    /// Warnings about connections that are not served.
    pub(crate) turned_away: Throttle,
    /// Warnings about connections that break.
    pub(crate) lost: Throttle,
    /// Warnings about requests that are not answered as they should be.
    pub(crate) requests: Throttle,
}

impl Shared {
    /// Opens files and programs. Blocks.
    pub(crate) fn open(config: &CloudConfig, engine: Engine) -> Result<Self, CloudError> {
        let package = engine.package();
        let decoders = Decoders::open(package, &config.tasks, &config.codec)?;
        let directory = config.references.as_deref();
        let heads = package.manifest().tasks.classes().collect();
        let directory = directory.map(|root| Directory::open(root, heads));
        let directory = directory.transpose()?;
        let side = CloudSide {
            model: ModelIdentity {
                name: decoders::name("model", &package.manifest().name)?,
                digest: Digest::new(*package.digest().bytes()),
            },
            tasks: config.tasks.clone(),
            codecs: decoders.offers()?,
            limits: config.limits.to_proto(),
            software_version: decoders::name("software version", SOFTWARE)?,
        };
        let (journal, runs) = open_results(config)?;
        Ok(Self {
            decoders,
            side,
            roster: Roster::of(config.identity.directory()),
            journal,
            runs,
            references: References {
                pool: Pool::new(config.limits.reference_memory),
                directory,
            },
            unsettled: Mutex::new(Shelf::new(MAX_UNSETTLED)),
            tally: Tally::default(),
            connection_samples: config.connection_samples,
            workers: Semaphore::new(config.workers.get()),
            waiting: Semaphore::new(config.limits.frames_waiting.get()),
            peers: Arc::new(Peers::new(&config.limits)),
            patience: config
                .limits
                .request_patience
                .unwrap_or(config.transport.idle_timeout),
            warnings: Warnings::default(),
            stop: CancellationToken::new(),
            limits: config.limits.clone(),
            engine,
        })
    }

    /// Decides whether an edge may send, and under which limits.
    pub(crate) fn welcome(
        &self,
        hello: &Hello,
        certified: Option<&Certified>,
    ) -> Result<Welcome, Refusal> {
        is_who_it_says(hello, certified)?;
        self.admit(certified)?;
        let welcome = negotiate(hello, &self.side)?;
        if self.runs.check(hello)? == Known::Not {
            let certified = certified.ok_or_else(for_no_edge)?;
            self.peers.begin_run(certified, &hello.run_id)?;
        }
        Ok(welcome)
    }

    /// Checks that the list of edges currently admits this certificate.
    pub(crate) fn admit(&self, certified: Option<&Certified>) -> Result<(), Refusal> {
        let certified = certified.ok_or_else(for_no_edge)?;
        self.roster
            .admit(certified)
            .map_err(|error| Refusal::new(RefusalKind::Invalid, error.to_string()))
    }

    /// Records the run of a welcomed edge, unless it is recorded. Blocks.
    pub(crate) fn register(&self, hello: &Hello) -> Result<(), JournalError> {
        // A conflict would have been found before the welcome.
        match self.runs.check(hello).unwrap_or(Known::Not) {
            Known::Fully => {}
            Known::WithoutSettings => {
                let (run_id, edge_id) = (hello.run_id.as_str(), hello.edge_id.as_str());
                let settings = records::settings(hello);
                self.journal
                    .with(|store| store.tell_settings(run_id, edge_id, &settings))?;
                self.runs.learn_settings(hello);
            }
            Known::Not => {
                let run = records::run(hello, SystemTime::now());
                self.journal
                    .with(|store| store.register_run(&run).map(drop))?;
                self.runs.learn(&run);
            }
        }
        self.tally.welcome(hello);
        Ok(())
    }

    /// Turns a failure of the results into an answer, logs and counts it.
    pub(crate) fn not_recorded(&self, error: &JournalError) -> RequestError {
        let answer = error.to_request_error();
        if answer.kind == RequestErrorKind::StoreFailed {
            self.tally.count(Event::WriteFailure);
            seldom!(error, %error, "not recorded");
        }
        answer
    }
}

/// An edge is the one that its certificate names.
fn is_who_it_says(hello: &Hello, certified: Option<&Certified>) -> Result<(), Refusal> {
    let certified = certified.ok_or_else(for_no_edge)?;
    if certified.allows(&hello.edge_id) {
        return Ok(());
    }
    let message = format!(
        "certificate is for {certified}, the hello is of edge '{}'; leave the edge id out, or use the \
         certificate of that edge",
        hello.edge_id
    );
    Err(Refusal::new(RefusalKind::Invalid, message))
}

fn for_no_edge() -> Refusal {
    let message = "certificate names no edge; make one with `splitsim certs --edge ID`";
    Refusal::new(RefusalKind::Invalid, message)
}

/// The name and version of this software, for edges.
const SOFTWARE: &str = concat!("splitsim-cloud ", env!("CARGO_PKG_VERSION"));

fn open_results(config: &CloudConfig) -> Result<(Journal, Runs), CloudError> {
    std::fs::create_dir_all(&config.out).map_err(|source| CloudError::Out {
        path: config.out.clone(),
        source,
    })?;
    let mut store = Store::open_or_create(&config.out.join(Store::FILE_NAME))?;
    let recorded = register_all(&mut store, config)?;
    Ok((Journal::new(store)?, Runs::new(&recorded)))
}

fn register_all(
    store: &mut Store,
    config: &CloudConfig,
) -> Result<Vec<splitsim_results::RunRecord>, ResultsError> {
    for run in &config.runs {
        // A run that goes on is recorded already.
        let _ = store.register_run(run)?;
    }
    store.runs()
}

/// Runs work that blocks on a thread where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CloudError> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .map_err(|error| {
            tracing::error!(%error, operation, "a worker thread failed");
            CloudError::Worker { operation }
        })
}
