//! Clouds that are not there, or no longer.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use splitsim_link::{LinkConfig, PipeConfig, Relay, RelayConfig};
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
    killed_and_started_again(1);
}

#[test]
fn a_cloud_that_is_killed_with_several_frames_under_way_misses_none_and_has_none_twice() {
    let again = killed_and_started_again(3);
    // Where the first frame leaves, the fourth follows; and the two others were under way already.
    assert!((2..=3).contains(&again), "{again} frames were cut off");
}

/// Returns how many frames were sent again.
fn killed_and_started_again(in_flight: u32) -> usize {
    let lab = Lab::new();
    let first = lab.cloud().start();
    let again = CloudRun {
        listen: first.address(),
        ..lab.cloud()
    };
    // So far away that frames are under way for longer than it takes to make some.
    let far = (in_flight > 1).then(|| far_away(first.address()));
    let run = EdgeRun {
        frames: 12,
        idle_timeout: "2s",
        in_flight,
        references: far.as_ref().map(|_| first.address()),
        ..lab.edge(far.as_ref().map_or(first.address(), Relay::local_addr))
    };
    let edge = run.start();
    edge.answered(0);
    first.kill();
    let lost = edge.log("; attempt 2 in");
    let mut addresses = [run.connect, again.listen].into_iter();
    assert!(
        addresses.any(|address| lost.contains(&address.to_string())),
        "{lost}"
    );
    let second = again.start();
    let end = edge.end();
    end.is_complete();
    assert_eq!(run.spooled(), 0);
    second.stop();
    let logged = lab.logged();
    results::are_whole(&logged, "edge", run.frames);
    results::are_settled(&logged);
    let sends = logged.iter().filter_map(|logged| logged.stages.sends);
    sends.filter(|&sends| sends > 1).count()
}

/// A link to a cloud, half a second each way.
fn far_away(cloud: SocketAddr) -> Relay {
    let pipe = PipeConfig {
        delay: Duration::from_millis(500),
        ..PipeConfig::transparent()
    };
    let link = LinkConfig {
        up: pipe.clone(),
        down: pipe,
        seed: 1,
    };
    Relay::start(&RelayConfig::loopback(cloud, link)).unwrap()
}
