//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use splitsim_policy::{Conditions, DecidedFrame, Decision};
use splitsim_transport::LinkUsage;
use tokio::runtime::{Builder, Runtime};

use crate::decisions::{DecisionLog, read_decisions};
use crate::outbox::{Outbox, OutboxError, read_settings};
use crate::spool;
use crate::timeline::{Clock, ExperimentLog};

/// Any bytes are refused or become a parcel, which is spooled as one of the same content, and whose times go on from
/// where they were.
///
/// The checksum keeps a fuzzer out, so the input is completed to a right one.
///
/// # Panics
/// When that is not so.
pub fn spool(input: &[u8]) -> bool {
    let file = spool::with_checksum(input.to_vec());
    let clock = Clock::now();
    let Ok(mut parcel) = spool::decode(&file.into(), clock) else {
        return false;
    };
    let log = ExperimentLog::new(1);
    let stored = parcel.timeline.store(clock, &log);
    let written = spool::encode(&parcel, stored).expect("what was read can be written");
    let again = spool::decode(&Bytes::from(written), clock).expect("what is written is read");
    assert_eq!(again.header, parcel.header);
    assert_eq!(again.container, parcel.container);
    assert_eq!(again.reference, parcel.reference);
    let (one, other) = (parcel.points, again.points);
    assert_eq!(one, other);
    assert_eq!(again.timeline.store(clock, &log), stored);
    let mut stages = parcel.header.stages;
    parcel.timeline.open(Instant::now(), &log, &mut stages);
    parcel.timeline.add_link(LinkUsage {
        datagrams: 1,
        udp_bytes: splitsim_feature::units::Bytes(1200),
    });
    true
}

/// Any journal is either refused and left as it is, or resumed: its whole lines stay, and additions count.
///
/// # Panics
/// When that is not so.
pub fn journal(folder: &Path) -> bool {
    let path = folder.join("journal.jsonl");
    let before = content(&path);
    let settings = read_settings(folder).ok().flatten().unwrap_or_default();
    let (mut outbox, backlog) = match Outbox::open(folder, &settings) {
        Ok(opened) => opened,
        Err(error) => {
            check_left_alone(&error, &before, &content(&path));
            return false;
        }
    };
    assert!(content(&path).starts_with(whole_lines(&before)));
    let frame = backlog
        .unsettled
        .first()
        .map_or(0, |settlement| settlement.frame);
    let settled = RUNTIME.block_on(outbox.journal.settled(frame));
    settled.expect("memory has room for a line");
    drop(outbox);
    let (_outbox, again) = Outbox::open(folder, &settings).expect("what was written is read");
    assert_eq!(again.answered, backlog.answered);
    assert!(
        again
            .unsettled
            .iter()
            .all(|settlement| settlement.frame != frame)
    );
    !backlog.answered.is_empty()
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build();
    runtime.expect("a runtime without sockets can be made")
});

/// Any log of decisions is either refused and left as it is, or resumed: its entries are written as they
/// were read, and additions are read.
///
/// # Panics
/// When that is not so.
pub fn decisions(folder: &Path) -> bool {
    let path = folder.join("decisions.jsonl");
    let before = content(&path);
    let (mut log, past) = match DecisionLog::open(folder) {
        Ok(opened) => opened,
        Err(error) => {
            check_left_alone(&error, &before, &content(&path));
            return false;
        }
    };
    assert!(content(&path).starts_with(whole_lines(&before)));
    let added: Vec<_> = past.iter().take(4).cloned().chain([given_up()]).collect();
    for decided in &added {
        log.add(decided).expect("memory has room for a line");
    }
    drop(log);
    let read = read_decisions(folder).expect("what was written is read");
    assert_eq!(read[read.len() - added.len()..], added);
    !past.is_empty()
}

fn given_up() -> DecidedFrame {
    DecidedFrame {
        frame: 0,
        conditions: Conditions {
            now: Duration::from_nanos(12_345_678_901),
            ..Conditions::default()
        },
        attempts: Vec::new(),
        end: Decision::GiveUp,
    }
}

fn content(path: &Path) -> Vec<u8> {
    splitsim_text::read(path, 1 << 30).unwrap_or_default()
}

/// Up to the last line feed.
fn whole_lines(content: &[u8]) -> &[u8] {
    let end = content.iter().rposition(|&byte| byte == b'\n');
    &content[..end.map_or(0, |end| end + 1)]
}

/// A file of something else is named, and nobody's lines are lost.
fn check_left_alone(error: &OutboxError, before: &[u8], after: &[u8]) {
    assert!(matches!(
        error,
        OutboxError::Damaged { .. } | OutboxError::OtherRun { .. }
    ));
    assert!(after.starts_with(whole_lines(before)), "lines are gone");
}
