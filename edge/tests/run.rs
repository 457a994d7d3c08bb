//! An edge and a fake cloud over real QUIC, with a real codec and random weights.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use splitsim_cfqa::Metric;
use splitsim_codec::ffmpeg::{Encoder, Ffmpeg};
use splitsim_edge::{EdgeConfig, EdgeError, EdgeEvent};
use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_policy::Verdict;
use splitsim_proto::ReferenceTruth;
use splitsim_transport::Priority;
use support::{FakeCloud, Faults, World, extracted, run};
use tokio::sync::Notify;

fn numbers(frames: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    frames.into_iter().collect()
}

/// As precise as the wire is.
fn micros(span: Duration) -> u128 {
    span.as_micros()
}

/// A configuration of three frames in flight, which are made as quickly as can be.
fn three_in_flight(world: &World, source: &str) -> EdgeConfig {
    let mut config = world.config(source);
    config.policy = "always:cheapest".parse().unwrap();
    config.transport.in_flight = NonZeroU32::new(3).unwrap();
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn three_scenes_arrive_with_their_references_and_settlements() {
    let world = World::new();
    let cloud = world.cloud(Faults {
        work: Duration::from_millis(5),
        ..Faults::default()
    });
    let mut config = world.config("scenes:7:3");
    config.metrics = vec![Metric::Mse];
    let (report, events) = run(config).await;
    let report = report.unwrap();
    assert!(report.is_complete() && report.failed.is_empty());
    assert_eq!((extracted(&events), report.unsettled), (3, 0));
    tokio::time::timeout(Duration::from_secs(5), async {
        while cloud.kept().farewells < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();

    let kept = cloud.kept();
    assert_eq!(numbers(kept.frames.keys().copied()), numbers(0..3));
    assert_eq!(kept.arrivals, [0, 1, 2]);
    for record in &report.answered {
        let (header, container) = &kept.frames[&record.frame];
        assert_eq!(Bytes::of(container), record.container_bytes);
        assert_eq!(header.source.as_str(), record.source);
        assert_eq!(header.attempts.len(), record.attempts);
        let shipped = header.shipped().unwrap();
        let scored: Vec<&str> = shipped.scores.iter().map(|s| s.metric().as_str()).collect();
        assert_eq!(scored, ["cosine", "mse"]);
        if record.verdict == Verdict::Passed {
            assert!(record.score().unwrap() >= 0.9);
        }

        let settlement = &kept.settlements[&record.frame];
        assert_eq!(micros(settlement.end_to_end), micros(record.end_to_end));
        assert_eq!(
            (settlement.sends, settlement.stream_bytes),
            (1, record.stream_bytes)
        );
        assert!(
            record.udp_bytes > record.stream_bytes && record.stream_bytes > record.container_bytes
        );
        let stages = header.stages;
        let edge = stages.preprocess + stages.extract + stages.attempts + stages.queue;
        let sum = edge + record.transfer + record.cloud_queue + record.decode + record.head;
        assert!(micros(record.end_to_end).abs_diff(micros(sum)) <= 4);
        assert_eq!(record.decode, Duration::from_millis(5));

        let reference = &kept.references[&record.frame];
        assert_eq!(reference.feature().shape().dims(), [1, 1, 257, 48]);
        assert!(matches!(
            reference.truth(),
            Some(ReferenceTruth::Cls { .. })
        ));
    }
    assert!(
        kept.hellos
            .iter()
            .all(|hello| hello.references && hello.tasks == [Task::Cls])
    );
    assert_eq!(kept.hellos.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn dense_truth_and_several_layers_travel_too() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let mut config = world.config("scenes:7:1");
    config.task = Task::Dpt;
    config.policy = "always:cheapest".parse().unwrap();
    // The fake cloud answers as a classifier would, which is not this task's answer.
    let (outcome, _) = run(config).await;
    let Err(EdgeError::CloudLost { source, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(source.to_string().contains("frame 0, task cls"), "{source}");
    let kept = cloud.kept();
    let reference = &kept.references[&0];
    assert_eq!(reference.feature().shape().layers(), 4);
    let Some(ReferenceTruth::Dpt { image, depth_m }) = reference.truth() else {
        panic!("{:?}", reference.truth());
    };
    assert_eq!(
        (image.width(), image.height(), depth_m.len()),
        (224, 224, 224 * 224)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cloud_frames_are_kept_and_delivered_by_the_next_run() {
    let world = World::new();
    let mut config = world.config("scenes:7:3");
    config.retry.total = Duration::from_millis(1200);
    let (outcome, events) = run(config.clone()).await;
    let error = outcome.unwrap_err();
    assert!(!error.is_configuration());
    let message = error.to_string();
    assert!(
        message.contains("is it running and reachable?"),
        "{message}"
    );
    assert!(message.contains("frames wait in"), "{message}");
    let EdgeError::CloudLost { report, .. } = error else {
        panic!("{error}");
    };
    let kept = report.kept.len();
    assert!(kept > 0 && kept == extracted(&events) && kept == world.spooled());

    let cloud = world.cloud(Faults::default());
    let (report, events) = run(config.clone()).await;
    assert!(report.unwrap().is_complete());
    assert_eq!(extracted(&events), 3 - kept);
    assert_eq!(cloud.kept().arrivals.len(), 3);
    assert_eq!(cloud.kept().settlements.len(), 3);
    assert_eq!(world.spooled(), 0);

    // And nothing is left to do.
    let (report, events) = run(config).await;
    let report = report.unwrap();
    assert_eq!((report.answered_before, report.answered.len()), (3, 0));
    assert_eq!(events.len(), 1);
    assert_eq!(cloud.kept().arrivals.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_frames_are_under_way_as_may_be_and_no_more() {
    // Far longer than extracting and coding: the cloud's answer is what frames wait for.
    let work = Duration::from_secs(1);
    for (in_flight, priority) in [(1, Priority::Equal), (3, Priority::OldestFirst)] {
        let world = World::new();
        let cloud = world.cloud(Faults {
            work,
            ..Faults::default()
        });
        let mut config = world.config("scenes:7:6");
        config.transport.in_flight = NonZeroU32::new(in_flight).unwrap();
        config.transport.priority = priority;
        config.policy = "always:cheapest".parse().unwrap();
        let (report, _) = run(config).await;
        let report = report.unwrap();
        assert!(report.is_complete());
        let kept = cloud.kept();
        assert_eq!(kept.most_under_way, in_flight as usize);
        assert_eq!(kept.arrivals.len(), 6);
        assert_eq!(kept.settlements.len(), 6);
        for record in &report.answered {
            let settlement = &kept.settlements[&record.frame];
            assert_eq!(micros(settlement.end_to_end), micros(record.end_to_end));
            let sum = record.preprocess + record.extract + record.attempting + record.queue;
            let sum = sum + record.transfer + record.cloud_queue + record.decode + record.head;
            assert!(micros(record.end_to_end).abs_diff(micros(sum)) <= 4);
            // The cloud's work is no transfer, of this frame or of others.
            assert!(record.transfer < work / 2, "{record:?}");
        }
        // The wait for a place is queue: it was five rounds of work, less what was waited for the gate
        // before the picture was taken, or one.
        let last = report.answered.iter().find(|record| record.frame == 5);
        let queue = last.unwrap().queue;
        assert!((in_flight == 1) == (queue > 3 * work), "{queue:?}");
        assert!(in_flight == 1 || queue < 2 * work, "{queue:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_frames_in_flight_than_the_cloud_allows_are_a_matter_of_configuration() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let mut config = world.config("scenes:7:2");
    config.transport.in_flight = NonZeroU32::new(FakeCloud::MAX_IN_FLIGHT + 1).unwrap();
    let error = run(config).await.0.unwrap_err();
    assert!(error.is_configuration());
    let message = error.to_string();
    let part = "in-flight of 5 is more than the 4 that";
    assert!(message.contains(part), "{message}");
    assert!(cloud.kept().arrivals.is_empty());
}

/// The same faults with three frames under way: all on the connection are cut off, which is one outage,
/// and each is there once in the end.
async fn check_broken_connection_of_three(faults: Faults) {
    let world = World::new();
    let cloud = world.cloud(Faults {
        work: Duration::from_secs(1),
        ..faults
    });
    let (report, events) = run(three_in_flight(&world, "scenes:7:9")).await;
    let report = report.unwrap();
    assert!(report.is_complete());
    let kept = cloud.kept();
    assert_eq!(kept.most_under_way, 3);
    assert_eq!(numbers(kept.frames.keys().copied()), numbers(0..9));
    assert_eq!(kept.settlements.len(), 9);
    assert_eq!(report.answered.len(), 9);
    let answered = report.answered.iter().map(|record| record.frame);
    assert_eq!(numbers(answered), numbers(0..9));
    assert_eq!(world.spooled(), 0);
    let again = report.answered.iter().filter(|record| record.sends > 1);
    assert!((2..=3).contains(&again.count()));
    let retried = |event: &&EdgeEvent| matches!(event, EdgeEvent::Retrying { .. });
    assert_eq!(events.iter().filter(retried).count(), 1);
}

async fn check_broken_connection(faults: Faults, stored_before: bool) {
    let world = World::new();
    let cloud = world.cloud(faults);
    let (report, events) = run(world.config("scenes:7:4")).await;
    let report = report.unwrap();
    assert!(report.is_complete());
    let kept = cloud.kept();
    assert_eq!(numbers(kept.frames.keys().copied()), numbers(0..4));
    assert_eq!(kept.arrivals, [0, 1, 1, 2, 3]);
    let answered: Vec<u64> = report.answered.iter().map(|record| record.frame).collect();
    assert_eq!(answered, [0, 1, 2, 3]);
    assert_eq!(
        (report.answered[1].sends, report.answered[1].duplicate),
        (2, stored_before)
    );
    assert_eq!(kept.settlements[&1].sends, 2);
    assert_eq!(kept.settlements.len(), 4);
    assert_eq!(world.spooled(), 0);
    let retried = |event: &&EdgeEvent| matches!(event, EdgeEvent::Retrying { .. });
    assert_eq!(events.iter().filter(retried).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_on_a_broken_connection_is_sent_again() {
    let faults = Faults {
        break_before_storing: Some(2),
        ..Faults::default()
    };
    check_broken_connection(faults, false).await;
    let faults = Faults {
        break_before_storing: Some(5),
        ..Faults::default()
    };
    check_broken_connection_of_three(faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_whose_reply_was_lost_is_not_doubled() {
    let faults = Faults {
        break_before_reply: Some(2),
        ..Faults::default()
    };
    check_broken_connection(faults, true).await;
    let faults = Faults {
        break_before_reply: Some(5),
        ..Faults::default()
    };
    check_broken_connection_of_three(faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_reference_is_sent_again() {
    let world = World::new();
    let cloud = world.cloud(Faults {
        forget_references: Some(2),
        ..Faults::default()
    });
    let (report, _) = run(world.config("scenes:7:3")).await;
    assert!(report.unwrap().is_complete());
    let kept = cloud.kept();
    assert_eq!(kept.arrivals, [0, 1, 1, 2]);
    assert_eq!(kept.references_taken, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn references_of_several_frames_under_way_are_sent_again_when_forgotten() {
    let world = World::new();
    let cloud = world.cloud(Faults {
        forget_references: Some(5),
        work: Duration::from_secs(1),
        ..Faults::default()
    });
    let (report, _) = run(three_in_flight(&world, "scenes:7:9")).await;
    assert!(report.unwrap().is_complete());
    let kept = cloud.kept();
    assert_eq!(numbers(kept.frames.keys().copied()), numbers(0..9));
    let again = kept.arrivals.len() - 9;
    assert!((1..=3).contains(&again), "{:?}", kept.arrivals);
    assert_eq!(kept.references_taken, 9 + again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_cannot_be_read_is_reported_and_the_others_arrive() {
    let world = World::new();
    let pictures = world.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for name in ["a.png", "c.png"] {
        let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8, y as u8, 9]));
        picture.save(pictures.join(name)).unwrap();
    }
    std::fs::write(pictures.join("b.png"), "no picture").unwrap();
    let cloud = world.cloud(Faults::default());
    let mut config = world.config(pictures.to_str().unwrap());
    config.references = false;
    let (report, _) = run(config).await;
    let report = report.unwrap();
    assert!(!report.is_complete());
    let [failed] = &report.failed[..] else {
        panic!("{:?}", report.failed);
    };
    assert_eq!(failed.frame, 1);
    assert!(
        failed.reason.contains("b.png: not a readable image"),
        "{}",
        failed.reason
    );
    let kept = cloud.kept();
    assert_eq!(numbers(kept.frames.keys().copied()), numbers([0, 2]));
    assert_eq!(kept.frames[&2].0.source.as_str(), "c.png");
    assert!(kept.references.is_empty() && kept.settlements.is_empty());
}

/// An ffmpeg that kills itself in every third call.
fn dying_ffmpeg(directory: &Path) -> PathBuf {
    let encoder = Encoder {
        name: "libx265",
        pixel_format: "gray10le",
    };
    let real = Ffmpeg::find(None, encoder).unwrap();
    let script = format!(
        "#!/bin/sh\n\
         case \"$*\" in *encoder=libx265*) exec '{real}' \"$@\" ;; esac\n\
         calls=$(($(cat \"$0.calls\" 2>/dev/null || echo 0) + 1))\n\
         echo $calls >\"$0.calls\"\n\
         [ $((calls % 3)) -eq 0 ] && kill -9 $$\n\
         exec '{real}' \"$@\"\n",
        real = real.path().display()
    );
    let path = directory.join("dying-ffmpeg");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dying_codec_costs_attempts_and_not_frames() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let mut config = world.config("scenes:7:2");
    config.codec_options.ffmpeg = Some(dying_ffmpeg(world.path()));
    // No coded feature is the original: all four levels are tried.
    config.policy = "threshold:cosine>=1".parse().unwrap();
    let (report, _) = run(config).await;
    let report = report.unwrap();
    assert!(report.is_complete());
    let kept = cloud.kept();
    for (header, _) in kept.frames.values() {
        let failed: Vec<bool> = header
            .attempts
            .iter()
            .map(|attempt| attempt.failed.is_some())
            .collect();
        assert_eq!(failed, [false, true, false, true]);
        assert_eq!(
            (header.shipped_attempt, header.verdict),
            (2, Verdict::BestEffort)
        );
        let reason = header.attempts[1].failed.as_ref().unwrap().as_str();
        assert!(reason.contains("signal: 9"), "{reason}");
    }
    assert_eq!(report.summary().best_effort, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_at_the_hello_is_a_matter_of_configuration() {
    let world = World::new();
    let cloud = world.cloud(Faults {
        other_model: true,
        ..Faults::default()
    });
    let (outcome, _) = run(world.config("scenes:7:2")).await;
    let error = outcome.unwrap_err();
    assert!(error.is_configuration());
    assert!(
        error.to_string().contains("give both the same package"),
        "{error}"
    );
    assert!(cloud.kept().arrivals.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_among_clouds_is_a_matter_of_configuration() {
    let (world, other) = (World::new(), World::new());
    let cloud = world.cloud(Faults::default());
    let mut config = other.config("scenes:7:1");
    config.target = world.target.clone().into();
    let error = run(config).await.0.unwrap_err();
    assert!(error.is_configuration());
    assert!(error.to_string().contains("splitsim certs"), "{error}");
    assert!(cloud.kept().hellos.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_belongs_to_one_configuration() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let mut config = world.config("scenes:7:1");
    run(config.clone()).await.0.unwrap();
    config.policy = "always:0".parse().unwrap();
    let error = run(config).await.0.unwrap_err();
    assert!(error.is_configuration());
    let message = error.to_string();
    assert!(
        message.contains(r#"is "always:0"; use another directory"#),
        "{message}"
    );
    assert_eq!(cloud.kept().arrivals.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_loses_nothing_and_is_continued() {
    let world = World::new();
    check_interrupted(&world, world.config("scenes:7:12"), Duration::ZERO).await;
    let world = World::new();
    let config = three_in_flight(&world, "scenes:7:12");
    check_interrupted(&world, config, Duration::from_millis(200)).await;
}

async fn check_interrupted(world: &World, config: EdgeConfig, work: Duration) {
    let cloud = world.cloud(Faults {
        work,
        ..Faults::default()
    });
    let in_flight = config.transport.in_flight.get() as usize;
    let enough = Arc::new(Notify::new());
    let told = Arc::clone(&enough);
    let engine_events = move |event: &EdgeEvent| {
        if matches!(event, EdgeEvent::Replied(_)) {
            told.notify_one();
        }
    };
    let engine = support::shared_engine();
    let shutdown = async move { enough.notified().await };
    let report = splitsim_edge::run(config.clone(), engine, engine_events, shutdown).await;
    let report = report.unwrap();
    assert!(report.interrupted && report.kept.is_empty());
    let first = report.answered.len();
    assert!((1..12).contains(&first));
    assert_eq!(cloud.kept().frames.len(), first);

    let (report, events) = run(config).await;
    let report = report.unwrap();
    assert!(report.is_complete() && !report.interrupted);
    assert_eq!(
        (report.answered_before, extracted(&events)),
        (first, 12 - first)
    );
    let kept = cloud.kept();
    assert_eq!(kept.arrivals.len(), 12);
    assert_eq!(numbers(kept.arrivals.iter().copied()), numbers(0..12));
    assert!(in_flight > 1 || kept.arrivals.is_sorted());
    assert_eq!(kept.settlements.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_not_answered_in_the_time_to_end_are_kept() {
    let world = World::new();
    let silent = world.cloud(Faults {
        work: Duration::from_secs(3600),
        ..Faults::default()
    });
    let config = three_in_flight(&world, "scenes:7:5");
    let three = Arc::new(Notify::new());
    let (told, mut shipped) = (Arc::clone(&three), 0);
    let events = move |event: &EdgeEvent| {
        if matches!(event, EdgeEvent::Shipped { .. }) {
            shipped += 1;
            if shipped == 3 {
                told.notify_one();
            }
        }
    };
    let engine = support::shared_engine();
    let shutdown = async move { three.notified().await };
    let report = splitsim_edge::run(config.clone(), engine, events, shutdown).await;
    let report = report.unwrap();
    assert!(report.interrupted && report.answered.is_empty());
    let kept = numbers(report.kept.iter().copied());
    assert!(kept.is_superset(&numbers(0..3)), "{kept:?}");
    assert_eq!(
        (world.spooled(), report.kept.len()),
        (kept.len(), kept.len())
    );
    assert_eq!(silent.kept().most_under_way, 3);
    silent.stop().await;

    let cloud = world.cloud(Faults::default());
    let (report, events) = run(config).await;
    assert!(report.unwrap().is_complete());
    assert_eq!(extracted(&events), 5 - kept.len());
    let kept = cloud.kept();
    assert_eq!(kept.arrivals.len(), 5);
    assert_eq!(numbers(kept.frames.keys().copied()), numbers(0..5));
    assert!((0..3).all(|frame| kept.settlements[&frame].sends == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_does_not_come_back_is_given_up_and_nothing_is_lost() {
    let world = World::new();
    let first = world.cloud(Faults {
        work: Duration::from_millis(100),
        ..Faults::default()
    });
    let mut config = three_in_flight(&world, "scenes:7:8");
    config.retry.total = Duration::from_millis(1500);
    let running = tokio::spawn(run(config.clone()));
    while first.kept().frames.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = first.stop().await;
    let (outcome, _) = running.await.unwrap();
    let Err(EdgeError::CloudLost { report, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(!report.kept.is_empty());
    assert_eq!(report.kept.len(), world.spooled());

    let second = world.cloud(Faults::default());
    let (report, _) = run(config).await;
    assert!(report.unwrap().is_complete());
    let kept = second.kept();
    let distinct = numbers(kept.arrivals.iter().copied());
    assert_eq!(kept.arrivals.len(), distinct.len());
    let all = before.into_iter().chain(distinct);
    assert_eq!(numbers(all), numbers(0..8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_cloud_gets_what_it_lacks() {
    let world = World::new();
    check_restarted(&world, world.config("scenes:7:8")).await;
    let world = World::new();
    check_restarted(&world, three_in_flight(&world, "scenes:7:8")).await;
}

async fn check_restarted(world: &World, config: EdgeConfig) {
    let first = world.cloud(Faults {
        work: Duration::from_millis(50),
        ..Faults::default()
    });
    let running = tokio::spawn(run(config));
    while first.kept().frames.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = first.stop().await;
    let second = world.cloud(Faults::default());
    let (report, _) = running.await.unwrap();
    assert!(report.unwrap().is_complete());
    let kept = second.kept();
    let all = before.into_iter().chain(kept.frames.keys().copied());
    assert_eq!(numbers(all), numbers(0..8));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_before_a_kill_is_done_and_not_decided_again() {
    let world = World::new();
    let cloud = world.cloud(Faults::default());
    let config = world.config("scenes:7:2");
    run(config.clone()).await.0.unwrap();
    let sent = cloud.kept().frames.clone();
    // As a kill leaves it that came before anything was kept or answered.
    let journal = world.out().join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let heading = text.lines().next().unwrap();
    std::fs::write(&journal, format!("{heading}\n")).unwrap();
    let decisions = || std::fs::read_to_string(world.out().join("decisions.jsonl")).unwrap();
    let decided = decisions();

    let report = run(config).await.0.unwrap();
    assert_eq!(report.answered.len(), 2);
    assert_eq!(decisions(), decided, "a line for each frame");
    for (frame, (_, container)) in &cloud.kept().frames {
        assert_eq!(container, &sent[frame].1);
    }
}
