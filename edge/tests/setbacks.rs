//! Clouds that are reachable and misbehave.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use splitsim_edge::{EdgeConfig, EdgeError, EdgeEvent};
use splitsim_proto::RequestErrorKind;
use support::{Faults, Odd, World, run};

/// Three frames, each of one attempt.
fn config(world: &World) -> EdgeConfig {
    let mut config = world.config("scenes:7:3");
    config.policy = "always:cheapest".parse().unwrap();
    config
}

fn odd(arrival: usize, odd: Odd) -> Faults {
    Faults {
        odd: BTreeMap::from([(arrival, odd)]),
        ..Faults::default()
    }
}

fn all() -> BTreeSet<u64> {
    (0..3).collect()
}

/// The second frame needs two sends, and all arrive.
async fn check_sent_again(fault: Odd, change: impl FnOnce(&mut EdgeConfig)) {
    let world = World::new();
    let cloud = world.cloud(odd(2, fault));
    let mut config = config(&world);
    change(&mut config);
    let (report, events) = run(config).await;
    let report = report.unwrap();
    assert!(report.is_complete(), "{fault:?}");
    let kept = cloud.kept();
    assert_eq!(kept.arrivals, [0, 1, 1, 2], "{fault:?}");
    assert_eq!(kept.frames.keys().copied().collect::<BTreeSet<_>>(), all());
    assert_eq!(kept.settlements.len(), 3);
    assert_eq!(report.answered[1].sends, 2);
    assert!(report.answered.iter().all(|record| record.stored));
    assert_eq!(world.spooled(), 0);
    let retried = |event: &&EdgeEvent| matches!(event, EdgeEvent::Retrying { .. });
    assert_eq!(events.iter().filter(retried).count(), 1, "{fault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_never_comes_is_not_waited_for_without_a_limit() {
    check_sent_again(Odd::Silence, |config| {
        config.transport.reply_timeout = Duration::from_millis(700);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_not_stored_is_not_answered() {
    check_sent_again(Odd::NotStored, |_| ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_the_cloud_broke_down_over_is_sent_again() {
    let fault = Odd::Refusal(RequestErrorKind::BrokeDown);
    check_sent_again(fault, |_| ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_never_stores_is_given_up_and_nothing_is_lost() {
    let world = World::new();
    let cloud = world.cloud(Faults {
        always: Some((0, Odd::NotStored)),
        ..Faults::default()
    });
    let mut config = config(&world);
    config.retry.total = Duration::from_millis(500);
    let (outcome, _) = run(config.clone()).await;
    let error = outcome.unwrap_err();
    assert!(!error.is_configuration());
    let message = error.to_string();
    assert!(message.contains("did not write it down"), "{message}");
    let EdgeError::CloudLost { report, .. } = error else {
        panic!("{error}");
    };
    assert!(report.answered.is_empty() && report.kept.contains(&0));
    assert_eq!(report.kept.len(), world.spooled());
    cloud.stop().await;

    let sound = world.cloud(Faults::default());
    assert!(run(config).await.0.unwrap().is_complete());
    let stored: BTreeSet<u64> = sound.kept().frames.keys().copied().collect();
    assert_eq!(stored, all());
}

/// Frame 1 cannot be brought to this cloud; the others can, and it waits.
async fn check_kept(kind: RequestErrorKind, sends: usize) {
    let world = World::new();
    let cloud = world.cloud(Faults {
        always: Some((1, Odd::Refusal(kind))),
        ..Faults::default()
    });
    let (report, _) = run(config(&world)).await;
    let report = report.unwrap();
    assert!(!report.is_complete());
    assert_eq!((&report.kept[..], world.spooled()), (&[1][..], 1));
    let [failed] = &report.failed[..] else {
        panic!("{:?}", report.failed);
    };
    assert_eq!(failed.frame, 1);
    assert!(failed.reason.contains(kind.name()), "{}", failed.reason);
    let stored: BTreeSet<u64> = cloud.kept().frames.keys().copied().collect();
    assert_eq!(stored, BTreeSet::from([0, 2]));
    let of_one = cloud
        .kept()
        .arrivals
        .iter()
        .filter(|&&frame| frame == 1)
        .count();
    assert_eq!(of_one, sends, "{kind}");
    cloud.stop().await;

    let sound = world.cloud(Faults::default());
    let (report, _) = run(config(&world)).await;
    assert!(report.unwrap().is_complete());
    assert_eq!(sound.kept().arrivals, [1]);
    assert_eq!(world.spooled(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_the_cloud_breaks_down_over_every_time_is_kept_and_the_others_arrive() {
    check_kept(RequestErrorKind::BrokeDown, 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_in_conflict_with_a_recorded_one_is_kept() {
    check_kept(RequestErrorKind::Conflict, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hello_tells_the_settings_and_settlements_the_connection() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let digest = async |change: fn(&mut EdgeConfig), out: &str| {
        let mut config = config(&world);
        config.out = world.path().join(out);
        change(&mut config);
        run(config).await.0.unwrap();
        let hello = cloud.kept().hellos.last().cloned().unwrap();
        (hello.settings_digest.unwrap(), hello.source.unwrap())
    };
    let (first, source) = digest(|_| (), "a").await;
    assert_eq!(source.as_str(), "scenes:7:3");
    {
        let kept = cloud.kept();
        for (frame, settlement) in &kept.settlements {
            let path = settlement.path.unwrap();
            assert!(
                path.rtt >= path.min_rtt && path.sent_packets > 0,
                "{path:?}"
            );
            let header = &kept.frames[frame].0;
            assert!(header.picture_digest.is_some());
            assert_eq!(
                kept.references[frame].picture_digest(),
                header.picture_digest
            );
        }
        let pictures: BTreeSet<_> = kept
            .frames
            .values()
            .map(|one| one.0.picture_digest)
            .collect();
        assert_eq!(pictures.len(), 3, "another digest for each picture");
    }
    assert_eq!(digest(|_| (), "b").await.0, first);
    let changes: [fn(&mut EdgeConfig); 4] = [
        |config| config.source = "scenes:8:3".parse().unwrap(),
        |config| config.policy = "always:1".parse().unwrap(),
        |config| config.metrics = vec![splitsim_cfqa::Metric::Mse],
        |config| config.references = false,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (other, _) = digest(change, &number.to_string()).await;
        assert_ne!(other, first, "change {number}");
    }
}
