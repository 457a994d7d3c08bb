//! Reads the results that the cloud recorded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use splitsim_results::{LoggedFrame, Store};

/// The results file in a cloud's folder.
#[must_use]
pub fn file(out: &Path) -> PathBuf {
    out.join(Store::FILE_NAME)
}

/// Every frame in it.
#[must_use]
pub fn frames(out: &Path) -> Vec<LoggedFrame> {
    Store::open(&file(out)).unwrap().frames().unwrap()
}

/// Frames 0 to `count` of one edge are there, each once, each with its true distortion.
pub fn are_whole(logged: &[LoggedFrame], edge_id: &str, count: usize) {
    let of_edge = || {
        logged
            .iter()
            .filter(|logged| logged.frame.key.edge_id == edge_id)
    };
    let numbers: Vec<u64> = of_edge().map(|logged| logged.frame.key.frame).collect();
    let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
    let expected: BTreeSet<u64> = (0..count as u64).collect();
    assert_eq!(distinct, expected, "frames of {edge_id}");
    assert_eq!(numbers.len(), count, "{edge_id} twice: {numbers:?}");
    for logged in of_edge() {
        let key = &logged.frame.key;
        let measured = logged.distortion.is_some_and(|record| {
            record.original.is_some()
                && record.received.is_some()
                && record.distortion.is_some()
                && record.feature_mse.is_some()
        });
        assert!(measured, "{key}: {:?}", logged.distortion);
        assert!(!logged.attempts.is_empty(), "{key} has no attempts");
    }
}

/// Asserts that every frame has the measurements that its edge makes only after the reply.
pub fn are_settled(logged: &[LoggedFrame]) {
    for logged in logged {
        let (key, stages) = (&logged.frame.key, &logged.stages);
        let settled = stages.transfer_ms.is_some()
            && stages.end_to_end_ms.is_some()
            && stages.stream_bytes.is_some()
            && stages.udp_bytes.is_some()
            && stages.udp_datagrams.is_some()
            && stages.link_bytes.is_some()
            && stages.sends.is_some();
        assert!(settled, "{key}: {stages:?}");
    }
}
