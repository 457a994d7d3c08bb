use std::pin::pin;

use splitsim_vision::Engine;
use tokio::sync::mpsc::channel;

use crate::courier::{Courier, Ended, Freight, Halt};
use crate::link_meter::LinkMeter;
use crate::outbox::SPOOL;
use crate::plan::Plan;
use crate::stages::{Shared, Stages};
use crate::stop::Stop;
use crate::uplink::Uplink;
use crate::{EdgeConfig, EdgeError, EdgeEvent, EdgeReport};

/// Takes a source through extraction, coding, decision and the cloud.
///
/// `engine` must have the backbone. `events` hears of everything as it happens, on the caller's task.
/// When `shutdown` completes, no new picture is taken; what is under way is sent, or spooled after ten
/// seconds, and the run ends. What is spooled or answered in `config.out` is not made again by a later
/// run with the same configuration.
///
/// A frame whose picture cannot be read, or of which no attempt can be shipped, is in the report, and
/// the run continues.
///
/// # Errors
/// When the configuration cannot be carried out ([`EdgeError::is_configuration`]), the cloud is lost for
/// longer than `config.retry` allows, or journal or spool cannot be written.
pub async fn run(
    config: EdgeConfig,
    engine: Engine,
    mut events: impl FnMut(&EdgeEvent) + Send,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<EdgeReport, EdgeError> {
    let plan = prepare(config.clone(), engine).await?;
    let report = plan.report(&config);
    events(&plan.started());
    if plan.is_done() {
        return Ok(report);
    }
    let (sender, mut heard) = channel(EVENTS);
    let stop = Stop::default();
    let shared = Shared {
        events: sender,
        stop: stop.clone(),
        depth: config.depth.get(),
        link: LinkMeter::default(),
    };
    let to_make = plan.to_make();
    let uplink = Uplink::new(&config, plan.hello, shared.clone())?;
    let Stages { made, threads } = Stages::start(plan.capture, to_make, plan.settings, &shared)?;
    let freight = Freight {
        spooled: plan.backlog.spooled,
        made,
        unsettled: plan.backlog.unsettled,
    };
    let courier = Courier::new(&config, uplink, plan.outbox, freight, shared);

    let mut work = pin!(courier.run());
    let mut shutdown = pin!(shutdown);
    let ended = loop {
        tokio::select! {
            biased;
            Some(event) = heard.recv() => events(&event),
            ended = &mut work => break ended,
            () = &mut shutdown, if !stop.is_requested() => {
                stop.request();
                events(&EdgeEvent::Stopping);
            }
        }
    };
    while let Ok(event) = heard.try_recv() {
        events(&event);
    }
    if matches!(ended.drained, Ok(true)) {
        threads.join()?;
    }
    conclude(&config, report, stop.is_requested(), ended)
}

async fn prepare(config: EdgeConfig, engine: Engine) -> Result<Plan, EdgeError> {
    tokio::task::spawn_blocking(move || Plan::prepare(&config, engine))
        .await
        .map_err(|_| EdgeError::Broken {
            stage: "preparation",
        })?
}

fn conclude(
    config: &EdgeConfig,
    mut report: EdgeReport,
    stopped: bool,
    ended: Ended,
) -> Result<EdgeReport, EdgeError> {
    ended.drained?;
    report.answered = ended.tally.answered;
    report.dropped.extend(ended.tally.dropped);
    report.failed = ended.tally.failed;
    report.kept = ended.tally.kept;
    report.unsettled = ended.tally.unsettled;
    match ended.halt {
        Some(Halt::Lost(source)) => Err(EdgeError::CloudLost {
            source: Box::new(source),
            report: Box::new(report),
            spool: config.out.join(SPOOL),
        }),
        Some(Halt::Interrupted) | None => {
            let dealt_with = report.done() + report.failed.len();
            report.interrupted = stopped && dealt_with < report.frames;
            Ok(report)
        }
    }
}

/// Events that may wait for the listener.
const EVENTS: usize = 256;
