//! Decoders that are killed, and results that go away: nothing is acknowledged that is not there.

#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use splitsim_cloud::CloudError;
use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_proto::{PathSample, RequestErrorKind, Settlement};
use splitsim_results::{Cell, ResultsError, Store, TableName};
use support::{Lab, error, ffmpeg_after, result};

/// An ffmpeg that does `before` instead of its n-th coding, n from 1 as `$n`.
fn ffmpeg(directory: &Path, before: &str) -> PathBuf {
    let counting = format!(
        "case \"$*\" in *encoder=libx265*) exec \"$ffmpeg\" \"$@\" ;; esac\n\
         n=$(($(cat \"$0.calls\" 2>/dev/null || echo 0) + 1))\n\
         echo $n >\"$0.calls\"\n\
         {before}"
    );
    ffmpeg_after(directory, &counting)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoder_that_was_cut_off_has_not_judged_the_frame() {
    let lab = Lab::new();
    let odd = "case $n in\n\
               1) kill -KILL $$ ;;\n\
               2) exec sleep 600 ;;\n\
               3) echo 'Cannot allocate memory' >&2; exit 1 ;;\n\
               4) echo 'Invalid data found when processing input' >&2; exit 183 ;;\n\
               esac";
    let mut config = lab.config();
    config.codec.ffmpeg = Some(ffmpeg(lab.path(), odd));
    config.codec.time_limit = Duration::from_secs(3);
    let cloud = lab.start_with(config).await;
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    let shipment = lab.shipment(0, Task::Cls);
    for says in ["signal: 9", "ran longer than", "Cannot allocate memory"] {
        let cut_off = error(edge.send(&shipment).await);
        assert_eq!(cut_off.kind, RequestErrorKind::BrokeDown, "{cut_off}");
        assert!(cut_off.kind.is_transient());
        assert!(cut_off.message.as_str().contains(says), "{cut_off}");
    }
    let verdict = error(edge.send(&shipment).await);
    assert_eq!(verdict.kind, RequestErrorKind::DecodeFailed, "{verdict}");
    assert!(!verdict.kind.is_transient());
    assert!(result(edge.send(&shipment).await).stored);
    edge.done().await;
    assert_eq!(cloud.stop().await.frames, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_refused_while_the_results_are_away_and_taken_when_they_are_back() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(false)).await;
    let [first, second] = [0, 1].map(|frame| lab.shipment(frame, Task::Cls));
    assert!(result(edge.send(&first).await).stored);
    let aside = lab.path().join("aside");
    fs::rename(lab.out(), &aside).unwrap();
    // Also what was recorded before: it is not there any more.
    for shipment in [&first, &second] {
        let refused = error(edge.send(shipment).await);
        assert_eq!(refused.kind, RequestErrorKind::StoreFailed, "{refused}");
        let message = refused.message.as_str();
        assert!(message.contains("results.sqlite was removed"), "{message}");
    }
    fs::rename(&aside, lab.out()).unwrap();
    assert!(result(edge.send(&first).await).duplicate);
    assert!(!result(edge.send(&second).await).duplicate);
    edge.done().await;
    let report = cloud.stop().await;
    assert_eq!((report.frames, report.missing), (2, 0));
    assert_eq!(report.write_failures, 2);
    assert_eq!(lab.logged().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_were_acknowledged_and_are_not_there_at_the_end_are_counted() {
    type Spoil = fn(&Path);
    let spoils: [Spoil; 3] = [
        |file| fs::remove_file(file).unwrap(),
        |file| {
            fs::remove_file(file).unwrap();
            fs::copy(file.with_extension("empty"), file).unwrap();
        },
        // In place: device and inode stay.
        |file| fs::write(file, fs::read(file.with_extension("empty")).unwrap()).unwrap(),
    ];
    for (number, spoil) in spoils.into_iter().enumerate() {
        let lab = Lab::new();
        let cloud = lab.start().await;
        let edge = lab.edge(&cloud, &lab.hello(false)).await;
        for frame in 0..2 {
            assert!(result(edge.send(&lab.shipment(frame, Task::Cls)).await).stored);
        }
        let file = lab.out().join(Store::FILE_NAME);
        let empty = file.with_extension("empty");
        Store::create(&empty).unwrap().close().unwrap();
        // The log would mend what is overwritten.
        let log = lab.out().join("results.sqlite-wal");
        spoil(&file);
        if number == 2 {
            fs::remove_file(log).unwrap();
        }
        edge.done().await;
        let report = cloud.stop().await;
        assert_eq!((report.frames, report.missing), (2, 2), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_cannot_be_written_are_found_before_any_edge() {
    let lab = Lab::new();
    lab.start().await.stop().await;
    let file = lab.out().join(Store::FILE_NAME);
    let folder = lab.out();
    let protect = |mode| {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    protect(0o444);
    // Root may write all the same.
    let root = fs::OpenOptions::new().write(true).open(&file).is_ok();
    let outcome = splitsim_cloud::Cloud::start(lab.config(), lab.engine.clone()).await;
    match (root, outcome.map(drop)) {
        (true, Ok(())) => {}
        (false, Err(error @ CloudError::Results(ResultsError::ReadOnly { .. }))) => {
            assert!(error.is_configuration());
            assert!(error.to_string().contains("write-protected"), "{error}");
        }
        other => panic!("{other:?} in {}", folder.display()),
    }
    protect(0o644);
}

#[tokio::test(flavor = "multi_thread")]
async fn settlements_bring_samples_of_the_connection() {
    let lab = Lab::new();
    let cloud = lab.start().await;
    let edge = lab.edge(&cloud, &lab.hello(true)).await;
    let shipment = lab.shipment(0, Task::Cls);
    edge.refer(&shipment).await;
    assert!(result(edge.send(&shipment).await).stored);
    let ms = Duration::from_millis;
    let settlement = Settlement {
        frame: 0,
        task: Task::Cls,
        transfer: ms(30),
        end_to_end: ms(95),
        stream_bytes: Bytes(1000),
        udp_tx_bytes: Bytes(1400),
        udp_tx_datagrams: 3,
        sends: 1,
        path: Some(PathSample {
            age: ms(4),
            rtt: ms(21),
            min_rtt: ms(20),
            window: Bytes(12_000),
            mtu_bytes: 1452,
            sent_packets: 7,
            sent: Bytes(5000),
            lost_packets: 2,
            lost: Bytes(1300),
            congestion_events: 1,
        }),
    };
    for _ in 0..2 {
        edge.references.settle(&settlement).await.unwrap();
    }
    edge.done().await;
    cloud.stop().await;
    let rows = lab.results().rows(TableName::ConnectionSamples).unwrap();
    assert_eq!(
        rows.rows.len(),
        1,
        "the second settlement tells nothing new"
    );
    let cell = |column: &str| {
        let index = rows.columns.iter().position(|name| name == column);
        rows.rows[0][index.unwrap()].clone()
    };
    for (column, expected) in [
        ("rtt_ms", Cell::Real(21.0)),
        ("min_rtt_ms", Cell::Real(20.0)),
        ("window_bytes", Cell::Integer(12_000)),
        ("mtu_bytes", Cell::Integer(1452)),
        ("sent_packets", Cell::Integer(7)),
        ("sent_bytes", Cell::Integer(5000)),
        ("lost_packets", Cell::Integer(2)),
        ("lost_bytes", Cell::Integer(1300)),
        ("congestion_events", Cell::Integer(1)),
    ] {
        assert_eq!(cell(column), expected, "{column}");
    }
}
