//! Clouds that are not there, or no longer.

use std::net::UdpSocket;

use splitsim_tests::{CloudRun, EdgeRun, Ffmpeg, Lab, results};

#[test]
fn an_absent_cloud_costs_no_frame_and_no_second_extraction() {
    let lab = Lab::new();
    // A port that is taken, so that no other test gets it, and whose owner never answers.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let ffmpeg = Ffmpeg::before_coding(lab.directory(), "");
    let edge = EdgeRun {
        frames: 4,
        retry_for: "3s",
        ffmpeg: Some(ffmpeg.path()),
        ..lab.edge(address)
    };
    let end = edge.run();
    let spool = edge.out().join("spool").display().to_string();
    end.failed_with(
        1,
        &[&address.to_string(), &spool, "is it running and reachable?"],
    );
    let spooled = edge.spooled();
    assert!(spooled > 0, "{}", end.stderr);
    assert_eq!(end.summary["kept"], spooled);
    assert_eq!(end.summary["answered"], 0);
    assert_eq!(ffmpeg.codings().len(), CODINGS_PER_FRAME * spooled);

    drop(silent);
    let cloud = CloudRun {
        listen: address,
        ..lab.cloud()
    };
    let cloud = cloud.start();
    let end = edge.run();
    end.is_complete();
    assert_eq!(ffmpeg.codings().len(), CODINGS_PER_FRAME * edge.frames);
    assert_eq!(edge.spooled(), 0);
    let (_, report) = cloud.stop();
    assert_eq!(
        (&report["frames"], &report["duplicates"]),
        (&4.into(), &0.into())
    );
    let logged = lab.logged();
    results::are_whole(&logged, "edge", edge.frames);
    results::are_settled(&logged);
}

/// Under a policy that makes one attempt: an encoding, and the decoding of its bytes.
const CODINGS_PER_FRAME: usize = 2;

#[test]
fn a_killed_cloud_that_comes_back_misses_no_frame_and_has_none_twice() {
    let lab = Lab::new();
    let first = lab.cloud().start();
    let again = CloudRun {
        listen: first.address(),
        ..lab.cloud()
    };
    let run = EdgeRun {
        frames: 12,
        idle_timeout: "2s",
        ..lab.edge(first.address())
    };
    let edge = run.start();
    edge.answered(0);
    first.kill();
    let lost = edge.log("; attempt 2 in");
    assert!(lost.contains(&again.listen.to_string()), "{lost}");
    let second = again.start();
    let end = edge.end();
    end.is_complete();
    assert_eq!(run.spooled(), 0);
    second.stop();
    let logged = lab.logged();
    results::are_whole(&logged, "edge", run.frames);
    results::are_settled(&logged);
}
