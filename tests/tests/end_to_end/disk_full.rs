//! A results file that cannot grow.

use splitsim_tests::{CloudRun, EdgeRun, Lab, results};

/// A limit on the size of files, in POSIX's blocks of 512 bytes: room for the tables and a few frames,
/// not for all. Writing beyond it is an error rather than a signal.
const LIMITED: [&str; 4] = ["sh", "-c", "ulimit -f 320; exec \"$@\"", "sh"];

#[test]
fn a_full_disk_refuses_frames_that_arrive_once_there_is_room() {
    let lab = Lab::new();
    let mut cloud = CloudRun {
        launcher: LIMITED.map(Into::into).to_vec(),
        ..lab.cloud()
    }
    .start();
    let edge = EdgeRun {
        frames: 16,
        retry_for: "2s",
        ..lab.edge(cloud.address())
    };
    let end = edge.run();
    end.failed_with(1, &["store failed", "no space left", "results.sqlite"]);
    assert!(edge.spooled() > 0);
    let answered = end.summary["answered"].as_u64().unwrap();
    let all = edge.frames as u64;
    assert!(0 < answered && answered < all, "{}", end.summary);
    assert!(cloud.is_running());
    let log = cloud.log("not recorded");
    assert!(log.contains("ERROR"), "{log}");
    let (code, report) = cloud.stop();
    assert_eq!(code, Some(1), "results are missing");
    assert!(report["write_failures"].as_u64() > Some(0), "{report}");
    assert_eq!(report["frames"], answered);
    assert_eq!(lab.logged().len() as u64, answered);

    let roomy = lab.cloud().start();
    let edge = EdgeRun {
        connect: roomy.address(),
        ..edge
    };
    edge.run().is_complete();
    assert_eq!(edge.spooled(), 0);
    assert_eq!(roomy.stop().0, Some(0));
    let logged = lab.logged();
    results::are_whole(&logged, "edge", edge.frames);
    results::are_settled(&logged);
}
