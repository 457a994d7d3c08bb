//! An edge that ends with code 0 has its frames in the results, and no other edge's.

use splitsim_tests::{CloudRun, EdgeRun, Ffmpeg, Lab, results};

/// An edge on another machine: its journal and spool are its own.
fn elsewhere(lab: &Lab, folder: &str, edge: &EdgeRun) -> EdgeRun {
    let directory = lab.path(folder);
    std::fs::create_dir(&directory).unwrap();
    EdgeRun {
        directory,
        ..edge.clone()
    }
}

#[test]
fn a_second_edge_of_one_id_does_not_end_as_if_its_frames_had_arrived() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    let first = lab.edge(cloud.address());
    first.run().is_complete();
    let second = EdgeRun {
        seed: EdgeRun::SEED + 1,
        ..elsewhere(&lab, "second", &first)
    };
    second.run().failed_with(
        2,
        &["source 'scenes:7:2'", "'scenes:8:2'", "another edge id"],
    );
    // Under a run of its own it is welcome.
    let own = EdgeRun {
        run_id: "own".to_owned(),
        ..elsewhere(&lab, "own", &second)
    };
    own.run().is_complete();
    let (code, report) = cloud.stop();
    assert_eq!((code, &report["frames"]), (Some(0), &4.into()));
    assert_eq!(lab.logged().len(), 4);
}

#[test]
fn a_cloud_whose_results_were_removed_takes_no_more_and_ends_with_code_1() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    let first = lab.edge(cloud.address());
    first.run().is_complete();
    std::fs::remove_file(results::file(&lab.path("cloud-out"))).unwrap();
    let log = cloud.log("frames are refused until the results are back");
    assert!(log.contains("ERROR"), "{log}");
    let late = EdgeRun {
        run_id: "late".to_owned(),
        retry_for: "1s",
        ..elsewhere(&lab, "late", &first)
    };
    late.run()
        .failed_with(1, &["results.sqlite was removed", "frames wait in"]);
    let (code, report) = cloud.stop();
    assert_eq!((code, &report["missing"]), (Some(1), &2.into()));
}

#[test]
fn a_decoder_that_dies_at_the_cloud_costs_a_frame_another_send() {
    let lab = Lab::new();
    let ffmpeg = Ffmpeg::before_coding(lab.directory(), "[ $n -eq 2 ] && kill -KILL $$");
    let cloud = CloudRun {
        ffmpeg: Some(ffmpeg.path()),
        ..lab.cloud()
    };
    let cloud = cloud.start();
    let edge = EdgeRun {
        frames: 3,
        ..lab.edge(cloud.address())
    };
    edge.run().is_complete();
    assert_eq!(cloud.stop().0, Some(0));
    let logged = lab.logged();
    results::are_whole(&logged, "edge", 3);
    let sends: Vec<_> = logged.iter().map(|logged| logged.stages.sends).collect();
    assert_eq!(sends, [Some(1), Some(2), Some(1)]);
}
