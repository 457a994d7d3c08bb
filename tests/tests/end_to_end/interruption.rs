//! Ctrl-C on either side.

use splitsim_tests::{CloudRun, EdgeRun, Lab, results};

/// Enough that none is through when the first frame is answered.
const FRAMES: usize = 40;

#[test]
fn an_interrupted_edge_keeps_what_is_done_and_goes_on_later() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    let run = EdgeRun {
        frames: FRAMES,
        ..lab.edge(cloud.address())
    };
    let edge = run.start();
    edge.answered(0);
    edge.interrupt();
    let end = edge.end();
    assert_eq!(end.code, Some(1), "{}", end.stderr);
    assert_eq!(end.summary["interrupted"], true);
    let answered = end.summary["answered"].as_u64().unwrap();
    assert!(answered >= 1 && answered < FRAMES as u64, "{}", end.summary);
    assert!(
        end.stderr.contains("stopping: what is under way"),
        "{}",
        end.stderr
    );

    let end = run.run();
    end.is_complete();
    assert_eq!(end.summary["answered_before"], answered);
    let (code, report) = cloud.stop();
    assert_eq!(code, Some(0));
    assert_eq!(
        (&report["frames"], &report["duplicates"]),
        (&FRAMES.into(), &0.into())
    );
    let logged = lab.logged();
    results::are_whole(&logged, "edge", FRAMES);
    results::are_settled(&logged);
}

#[test]
fn an_interrupted_cloud_answers_what_it_has_and_its_successor_the_rest() {
    let lab = Lab::new();
    let first = lab.cloud().start();
    let successor = CloudRun {
        listen: first.address(),
        ..lab.cloud()
    };
    let run = EdgeRun {
        frames: FRAMES,
        ..lab.edge(first.address())
    };
    let edge = run.start();
    edge.answered(0);
    let (code, before) = first.stop();
    assert_eq!(code, Some(0));
    let done = before["frames"].as_u64().unwrap();
    assert!(done >= 1 && done < FRAMES as u64, "{before}");
    assert_eq!(
        lab.logged().len() as u64,
        done,
        "the first cloud kept its frames"
    );

    let second = successor.start();
    edge.end().is_complete();
    let (code, after) = second.stop();
    assert_eq!(code, Some(0));
    assert_eq!(done + after["frames"].as_u64().unwrap(), FRAMES as u64);
    let logged = lab.logged();
    results::are_whole(&logged, "edge", FRAMES);
    results::are_settled(&logged);
}
