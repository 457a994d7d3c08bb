//! Examples at a size for a test, and those that no test can run.

/// Replacements in an example, in this order. `scenes:SEED:COUNT` is at most two scenes beside these, and a
/// scenario's `frames` two ([`crate::folder`]).
pub(crate) const SMALLER: &[(&str, &str)] = &[
    ("--count 64", "--count 3"),
    ("--count 12", "--count 3"),
    ("--count 100", "--count 3"),
    ("--set frames=300", "--set frames=2"),
    ("--set frames=100", "--set frames=2"),
    ("--set frames=4", "--set frames=1"),
    ("sweep.seed=[4,5,6]", "sweep.seed=[4,5]"),
    // Data sets stand in the page's folder.
    ("/data/", "data/"),
    ("/tmp/", "tmp/"),
    ("target/release/", ""),
    // Other machines are this one.
    ("cloud.example.org:4433", "127.0.0.1:4433"),
    (
        "cloud.example:4433",
        "127.0.0.1:4433 --server-name cloud.example",
    ),
    // An encoder of seconds a picture for the many views of depth.
    (
        "--codec vvc --keep-ranges",
        "--codec vvc --keep-ranges --task cls",
    ),
    // Templates of small backbones in place of the released ones, which have up to a billion weights.
    (
        "--template dinov2-vitg14 ",
        "--template dinov2-vitg14.toml ",
    ),
    (
        "--template dinov2-vits14 ",
        "--template dinov2-vits14.toml ",
    ),
    // Words that stand for something.
    ("--model MODEL", "--model models/mine"),
    ("--task TASK", "--task cls"),
    // A certificate of few features: a level that they suffice for.
    ("--tau 1", "--tau 1 --alpha 0.9"),
    ("--alpha 0.1 ", "--alpha 0.9 "),
];

/// Beginnings of examples that cannot be run here, and why.
pub(crate) const SKIPPED: &[(&str, &str)] = &[
    (
        "cargo xtask demo",
        "downloads and builds everything; its run is that of scenarios/demo.toml",
    ),
    (
        "cargo xtask setup",
        "downloads libtorch and ffmpeg, which this test already stands on",
    ),
    (
        "cargo bench",
        "builds another profile and measures for minutes",
    ),
    (
        "cargo run --release",
        "builds another profile; the shapes take 10 GB",
    ),
    ("git clone", "a machine without network has no HM and VTM"),
];

/// The words of an example at the size of a test.
pub(crate) fn smaller(example: &str) -> String {
    let replaced = SMALLER.iter().fold(example.to_owned(), |text, (from, to)| {
        text.replace(from, to)
    });
    let words: Vec<String> = replaced.split(' ').map(fewer_scenes).collect();
    let mut typed = words.join(" ");
    // Their defaults are the usual port, and pictures enough for a demonstration.
    if serves(&typed) && !typed.contains("--listen") {
        typed.push_str(" --listen 127.0.0.1:4433");
    }
    if typed.starts_with("splitsim codec train ") {
        typed.push_str(" --validation 1");
    }
    if typed.starts_with("edge run") && !typed.contains("--source") {
        typed = typed.replacen("edge run", "edge run --source scenes:7:2", 1);
    }
    typed
}

/// `true` if an example runs until it is told to stop.
pub(crate) fn serves(example: &str) -> bool {
    example.starts_with("cloud serve")
}

/// `scenes:7:100` as `scenes:7:2`.
fn fewer_scenes(word: &str) -> String {
    let Some((before, seed_and_count)) = word.split_once("scenes:") else {
        return word.to_owned();
    };
    match seed_and_count.split_once(':') {
        Some((seed, count)) if count.parse().is_ok_and(|count: u32| count > 2) => {
            format!("{before}scenes:{seed}:2")
        }
        _ => word.to_owned(),
    }
}

#[test]
fn scenes_become_few() {
    assert_eq!(
        smaller("splitsim a --source scenes:7:100 b"),
        "splitsim a --source scenes:7:2 b"
    );
    assert_eq!(
        smaller("splitsim a --source scenes:7:1"),
        "splitsim a --source scenes:7:1"
    );
    assert_eq!(
        smaller("cloud serve --identity x"),
        "cloud serve --identity x --listen 127.0.0.1:4433"
    );
}
