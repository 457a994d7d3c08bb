//! The codec's processes: when they die, and when their edge does.

use splitsim_tests::{EdgeRun, Ffmpeg, Lab, eventually, results};

#[test]
fn an_encoder_that_dies_costs_an_attempt_and_no_frame() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    // Codings come in pairs, an encoding and a decoding; every third one dies. So the first frame's
    // first attempt lives, and each further frame's first attempt dies at its encoding.
    let kill = "[ $((n % 3)) -eq 0 ] && kill -KILL $$";
    let ffmpeg = Ffmpeg::before_coding(lab.directory(), kill);
    let edge = EdgeRun {
        frames: 4,
        policy: "threshold:mse<=1000000".to_owned(),
        ffmpeg: Some(ffmpeg.path()),
        ..lab.edge(cloud.address())
    };
    edge.run().is_complete();
    assert_eq!(cloud.stop().0, Some(0));
    let logged = lab.logged();
    results::are_whole(&logged, "edge", edge.frames);
    for logged in &logged {
        let failed: Vec<Option<&str>> = logged
            .attempts
            .iter()
            .map(|attempt| attempt.failed.as_deref())
            .collect();
        match (logged.frame.key.frame, &failed[..]) {
            (0, [None]) => {}
            (1.., [Some(reason), None]) => {
                assert!(reason.contains("signal: 9"), "{reason}");
                assert_eq!(logged.frame.shipped_attempt, 1);
            }
            (frame, attempts) => panic!("frame {frame}: {attempts:?}"),
        }
    }
}

#[test]
fn a_killed_edge_leaves_no_ffmpeg_behind() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    // An endless picture, slowly: this coding is under way whenever its edge is killed.
    let endless = "exec \"$ffmpeg\" -nostdin -loglevel error -re -f lavfi \
                   -i color=size=16x16:rate=10 -f rawvideo -flush_packets 1 pipe:1";
    let ffmpeg = Ffmpeg::before_coding(lab.directory(), endless);
    let edge = EdgeRun {
        ffmpeg: Some(ffmpeg.path()),
        ..lab.edge(cloud.address())
    };
    let edge = edge.start();
    let process = eventually("a coding", || ffmpeg.codings().pop());
    // The script has become ffmpeg, or soon will.
    assert!(!Ffmpeg::has_ended(&process));
    edge.kill();
    eventually("the end of ffmpeg", || {
        Ffmpeg::has_ended(&process).then_some(())
    });
}
