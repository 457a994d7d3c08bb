use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_model::Package;
use splitsim_source::SourceSpec;
use splitsim_transport::{Congestion, Priority};
use splitsim_vision::Compute;
use splitsim_vision::train::{TrainConfig, random_package};

use super::*;

const SMALL: &str = r#"
name = "small"
frames = 3
[thresholds.cosine]
cls = 0.9
seg = 0.8
dpt = 0.7
[[policies]]
name = "gate"
kind = "threshold"
metric = "cosine"
[[policies]]
name = "rich"
kind = "always"
level = "richest"
"#;

fn package() -> Package {
    let dir = tempfile::tempdir().unwrap();
    random_package(&TrainConfig::miniature(), dir.path()).unwrap()
}

fn settings(settings: &[&str]) -> Vec<String> {
    settings.iter().map(ToString::to_string).collect()
}

fn resolved(text: &str, given: &[&str]) -> Result<Scenario, ScenarioError> {
    parse(text, &settings(given))?.resolve(&package())
}

fn refused(given: &[&str], part: &str) {
    let message = resolved(SMALL, given).unwrap_err().to_string();
    assert!(message.contains(part), "{message}");
}

#[test]
fn defaults_are_spelt_out() {
    let scenario = resolved(SMALL, &[]).unwrap();
    assert_eq!(scenario.model, "tiny-scenes");
    assert_eq!(scenario.source, SourceSpec::Scenes { seed: 4, count: 3 });
    assert_eq!(scenario.tasks, Task::ALL);
    assert_eq!(scenario.metrics, splitsim_cfqa::Metric::STANDARD);
    assert_eq!(scenario.queue.get(), 2);
    let policies: Vec<_> = scenario
        .policies
        .iter()
        .map(|policy| {
            (
                scenario.run_id(policy),
                policy.of_task[&Task::Seg].to_string(),
            )
        })
        .collect();
    let expected = [
        (
            "small-gate",
            "threshold:cosine>=0.8,start=0,step=1,max-attempts=10",
        ),
        ("small-rich", "always:richest"),
    ];
    assert_eq!(
        policies,
        expected.map(|(run, policy)| (run.to_owned(), policy.to_owned()))
    );
}

#[test]
fn a_resolved_scenario_is_a_scenario_file_of_the_same_meaning() {
    let given = [
        "transport.initial-window=64 KiB",
        "transport.in-flight=4",
        "transport.priority=oldest-first",
        "transport.reply-timeout=90 s",
    ];
    let scenario = resolved(SMALL, &given).unwrap();
    assert_eq!(scenario.transport.reply_timeout.as_secs(), 90);
    let text = scenario.to_toml();
    assert!(text.contains("codec-time-limit = \"1m\""), "{text}");
    assert!(text.contains("priority = \"oldest-first\""), "{text}");
    assert!(text.contains("max-attempts = 10"), "{text}");
    let again = parse(&text, &[]).unwrap().resolve(&package()).unwrap();
    assert_eq!(again, scenario);
}

#[test]
fn provenance_is_read_over() {
    let text = format!("{SMALL}\n[provenance]\nsplitsim = \"0.1.0\"\nhost.cores = 2");
    assert_eq!(resolved(&text, &[]).unwrap(), resolved(SMALL, &[]).unwrap());
}

#[test]
fn an_unknown_key_is_told_with_the_nearest() {
    let check = |text: String, key: &str, nearest: &str| {
        let message = parse(&text, &[]).unwrap_err().to_string();
        let expected = format!("unknown key '{key}'; the nearest known key is '{nearest}'");
        assert!(message.starts_with(&expected), "{message}");
    };
    let before = |extra: &str| format!("{extra}\n{SMALL}");
    let after = |extra: &str| format!("{SMALL}\n{extra}");
    check(before("frmaes = 3"), "frmaes", "frames");
    check(before("Seed = 3"), "Seed", "seed");
    let transport = after("[transport]\nidle-time = '9 s'");
    check(transport, "transport.idle-time", "idle-timeout");
    let thresholds = after("[thresholds.csine]\ncls = 1");
    check(thresholds, "thresholds.csine", "cosine");
    check(
        after("[thresholds.mse]\nsgm = 1"),
        "thresholds.mse.sgm",
        "seg",
    );
    let policy = after("[[policies]]\nname = 'x'\nkind = 'always'\nlevels = 2");
    check(policy, "policies[2].levels", "level");
}

#[test]
fn a_setting_replaces_a_value() {
    let scenario = resolved(
        SMALL,
        &[
            "seed=9",
            "frames = 5",
            "tasks=[\"dpt\", \"cls\"]",
            "policies.gate.threshold=0.5",
            "policies.rich.level=2",
            "transport.congestion=bbr",
            "transport.initial-window=12 kB",
            "transport.in-flight=3",
            "transport.priority=newest-first",
            "codec-time-limit=\"90 s\"",
            "compute=bf16",
            "threads=3",
        ],
    )
    .unwrap();
    assert_eq!(scenario.source, SourceSpec::Scenes { seed: 9, count: 5 });
    assert_eq!(scenario.tasks, [Task::Dpt, Task::Cls]);
    let labels: Vec<_> = scenario
        .policies
        .iter()
        .map(|policy| policy.of_task[&Task::Cls].to_string())
        .collect();
    let gate = "threshold:cosine>=0.5,start=0,step=1,max-attempts=10";
    assert_eq!(labels, [gate, "always:2"]);
    assert_eq!(scenario.transport.congestion, Congestion::Bbr);
    assert_eq!(scenario.transport.initial_window, Some(Bytes(12_000)));
    assert_eq!(scenario.transport.in_flight.get(), 3);
    assert_eq!(scenario.transport.priority, Priority::NewestFirst);
    assert_eq!(scenario.codec_options.time_limit, Duration::from_secs(90));
    assert_eq!(scenario.compute, Compute::Bf16);
    assert_eq!(scenario.threads, NonZeroUsize::new(3).unwrap());
}

#[test]
fn a_wrong_setting_is_named() {
    refused(&["name=../x"], "name: holds the character");
    refused(&["frames=0"], "expected a whole number from 1");
    refused(&["seed=-1"], "expected a whole number from 0");
    refused(&["frames"], "--set frames: expected key=value");
    refused(
        &["frmes=3"],
        "--set frmes=3: unknown key 'frmes'; the nearest known key is 'frames'",
    );
    refused(&["frames.x=3"], "--set frames.x=3: 'frames' is a value");
    refused(&["policies.nobody.level=3"], "there is no policy 'nobody'");
    refused(
        &["policies.gaet.level=3"],
        "there is no policy 'gaet', did you mean 'gate'?",
    );
    refused(&["policies.gate=3"], "name a key of policy 'gate'");
    refused(&["frames=none"], "--set frames=none: ");
    refused(&["=3"], "a key is empty");
}

#[test]
fn values_need_units_and_ranges() {
    refused(&["codec-time-limit=60"], "codec-time-limit");
    refused(&["codec-time-limit=\"60\""], "a number and a unit");
    refused(&["transport.initial-window=12"], "initial-window");
    refused(&["transport.initial-window=12 KB"], "'12 KB' is no size");
    refused(
        &["transport.keep-alive=3 min"],
        "shorter than transport.idle-timeout",
    );
    refused(
        &["transport.keep-alive=5"],
        "5 has no unit, expected a time with its unit, such as \"35 ms\"",
    );
    for (setting, range) in [
        (
            "transport.in-flight=4294967295",
            "transport.in-flight: expected a whole number from 1 to 256",
        ),
        (
            "queue=1000000",
            "queue: expected a whole number from 1 to 256",
        ),
        (
            "threads=100000",
            "threads: expected a whole number from 1 to 1024",
        ),
        (
            "edges-per-task=100000",
            "edges-per-task: expected a whole number from 1 to 256",
        ),
        (
            "codec-time-limit=1us",
            "codec-time-limit: expected a time from 1ms to 30 days",
        ),
        (
            "transport.keep-alive=1ms",
            "transport.keep-alive: expected a time from 10ms to 1h",
        ),
        (
            "transport.idle-timeout=2 days",
            "transport.idle-timeout: expected a time from 100ms to 1day",
        ),
        (
            "transport.reply-timeout=10ms",
            "transport.reply-timeout: expected a time from 100ms to 1day",
        ),
        (
            "transport.retry-for=100000 years",
            "no span of time up to a year",
        ),
    ] {
        refused(&[setting], range);
    }
    refused(&["transport.congestion=reno"], "cubic, new-reno or bbr");
    refused(
        &["thresholds.cosine.cls=95"],
        "95 is no score of cosine, expected -1 to 1",
    );
    refused(&["policies.gate.threshold=nan"], "no score of cosine");
    refused(&["frames=0"], "frames");
    refused(&["metrics=[\"ssim\"]"], "ssim");
    refused(&["metrics=[\"mse\", \"mse\"]"], "'mse' stands twice");
    refused(&["tasks=[]"], "tasks: empty");
    refused(&["name=\"a/b\""], "character '/'");
}

#[test]
fn a_policy_has_the_keys_of_its_kind() {
    let with = |policy: &str| {
        let text = format!("name = 'x'\nframes = 1\n[[policies]]\nname = 'p'\n{policy}");
        resolved(&text, &[]).unwrap_err().to_string()
    };
    let check = |policy: &str, part: &str| {
        let message = with(policy);
        assert!(message.contains(part), "{message}");
    };
    check("kind = 'always'", "policies.p.level: missing");
    check("kind = 'threshold'", "policies.p.metric: missing");
    check(
        "kind = 'threshold'\nmetric = 'mse'",
        "add cls to [thresholds.mse]",
    );
    check("kind = 'oracle'", "it needs [replay]");
    check(
        "kind = 'always'\nlevel = 'best'",
        "policies.p.level: 'best': expected cheapest, richest or an index from 0",
    );
    check("kind = 'gate'", "unknown kind of policy 'gate'");
    check(
        "kind = 'always'\nlevel = [1]",
        "policies.p.level: [1] is no setting",
    );
    check(
        "kind = 'always'\nlevel = 1\nstep = 2",
        "policies.p.step: means nothing",
    );
    let threshold = "kind = 'threshold'\nmetric = 'mse'\nthreshold = 0.1\n";
    check(
        &format!("{threshold}level = 1"),
        "policies.p.level: means nothing",
    );
    check(&format!("{threshold}max-attempts = 0"), "1 to 64");
    check(&format!("{threshold}start = -1"), "start");
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let text = format!(
        "{SMALL}[[policies]]\nname = 'late'\nkind = 'deadline'\nmetric = 'cosine'\ndeadline = '250 ms'\n"
    );
    let replay =
        "[replay]\nrate = '1 Mbit/s'\nrtt = '40 ms'\nlimits = { cls = 0, seg = 1, dpt = 0.02 }\n";
    let refused = |text: &str, given: &[&str], part: &str| {
        let message = resolved(text, given).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    let live = format!("{text}[link]\nrtt = '40 ms'\n");
    assert!(resolved(&live, &[]).is_ok());
    refused(
        &live,
        &["link.rtt=500 ms"],
        "policies.late.deadline: nothing arrives within 250ms: by link, a bit takes 250ms",
    );
    let replayed = format!("{text}{replay}");
    assert!(resolved(&replayed, &["replay.deadline=21 ms"]).is_ok());
    let blind = resolved(&replayed, &["images=photos"]).unwrap_err();
    let blind = blind.to_string();
    assert!(blind.contains("photos has no ground truth for"), "{blind}");
    refused(
        &replayed,
        &["replay.deadline=20 ms"],
        "replay.deadline: nothing arrives within 20ms: by replay.rtt, a bit takes 20ms",
    );
    refused(&replayed, &["replay.rtt=1 s"], "policies.late.deadline");
    refused(
        &replayed,
        &["replay.permitted-violations=1.5"],
        "1.5 is no share, expected 0 to 1",
    );
    refused(
        &replayed,
        &["replay.limits={cls = 0, seg = 1}"],
        "replay.limits.dpt: missing",
    );
    refused(
        &format!("{text}[[policies]]\nname = 'best'\nkind = 'oracle'\n"),
        &[],
        "policies.best.kind: an oracle knows the true distortion",
    );
}

#[test]
fn an_order_of_one_frame_is_refused_and_so_are_several_on_a_cold_connection() {
    for priority in ["oldest-first", "newest-first"] {
        let priority = format!("transport.priority={priority}");
        refused(&[&priority], "transport.priority: '");
        refused(&[&priority], "transport.in-flight is 1");
        assert!(resolved(SMALL, &[&priority, "transport.in-flight=2"]).is_ok());
    }
    assert!(resolved(SMALL, &["transport.priority=equal"]).is_ok());
    refused(&["transport.priority=fresh"], "unknown priority 'fresh'");
    refused(&["transport.in-flight=0"], "in-flight");
    let cold = ["transport.connection=cold", "transport.in-flight=3"];
    refused(&cold, "transport.in-flight: 3 frames need");
}

#[test]
fn policies_are_told_apart_by_name() {
    let twice = format!("{SMALL}\n[[policies]]\nname = 'gate'\nkind = 'always'\nlevel = 0");
    let message = resolved(&twice, &[]).unwrap_err().to_string();
    assert!(message.contains("'gate' stands twice"), "{message}");
}

#[test]
fn images_take_the_place_of_scenes() {
    let text = SMALL.replace("frames = 3", "images = 'pictures'");
    let scenario = resolved(&text, &[]).unwrap();
    assert_eq!(scenario.source, SourceSpec::Path(PathBuf::from("pictures")));
    let set = resolved(SMALL, &["images=\"pictures\""]).unwrap();
    assert_eq!(
        set.source, scenario.source,
        "a setting takes the place, too"
    );
    let back = resolved(&text, &["frames=3"]).unwrap();
    assert_eq!(back.source, SourceSpec::Scenes { seed: 4, count: 3 });
    let both = SMALL.replace("frames = 3", "frames = 3\nimages = 'pictures'");
    let message = resolved(&both, &[]).unwrap_err().to_string();
    assert!(message.contains("not both"), "{message}");
    let neither = SMALL.replace("frames = 3", "");
    let message = resolved(&neither, &[]).unwrap_err().to_string();
    assert!(message.contains("frames: missing"), "{message}");
    let text = SMALL.replace("frames = 3", "images = 'voc:data?list=few.txt'");
    let scenario = resolved(&text, &[]).unwrap();
    assert!(matches!(scenario.source, SourceSpec::Voc(_)));
    assert!(scenario.to_toml().contains("voc:data?list=few.txt"));
    let scenes = SMALL.replace("frames = 3", "images = 'scenes:1:3'");
    let message = resolved(&scenes, &[]).unwrap_err().to_string();
    assert!(message.contains("by frames and seed"), "{message}");
}

/// The scenario files of this repository.
fn shipped() -> impl Iterator<Item = PathBuf> {
    let folder = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    folder.map(|entry| entry.unwrap().path()).filter(|path| {
        path.extension().is_some_and(|ending| ending == "toml") && !path.ends_with("Cargo.toml")
    })
}

#[test]
fn the_shipped_scenarios_are_valid_and_say_what_they_are_about() {
    // Traces are named from the root of the repository.
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
    let mut names = Vec::new();
    for path in shipped() {
        let drafts = match plan(&path, &[]).unwrap() {
            Plan::Single(draft) => vec![*draft],
            Plan::Sweep(sweep) => {
                let points = sweep.points.iter();
                points.map(|point| point.draft().unwrap()).collect()
            }
        };
        for draft in drafts {
            assert!(!draft.description().is_empty(), "{}", path.display());
            let scenario = draft.resolve(&package()).unwrap();
            assert_eq!(
                Some(scenario.name.as_str()),
                path.file_stem().unwrap().to_str()
            );
            // Seeds 1 to 3 are those of training, checking and calibration.
            if let SourceSpec::Scenes { seed, .. } = scenario.source {
                assert!(seed > 3, "{}: seed {seed}", path.display());
            }
        }
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    for name in ["demo", "second-application", "policy-comparison"] {
        assert!(names.iter().any(|there| there == name), "{name} is missing");
    }
}
