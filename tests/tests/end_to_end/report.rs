//! The reports of a real run and of a real replay as a reader meets them: in a browser, on a desk and on
//! a phone.

use std::fs;
use std::path::{Path, PathBuf};

use splitsim_tests::{Chromium, Device, Lab, View, eventually};

const SCENARIO: &str = r#"
name = "seen"
description = "A run to look at"
seed = 5
frames = 3
threads = 1
metrics = ["mse", "cosine"]

[[policies]]
name = "gate"
kind = "threshold"
metric = "cosine"
threshold = 0.99

[[policies]]
name = "richest"
kind = "always"
level = "richest"

[link]
rtt = "10 ms"
[link.up]
rate = "8 Mbit/s"
"#;

/// The same over recorded ladders, with what bounds them.
const REPLAY: &str = r#"
name = "replayed"
description = "A replay to look at"
seed = 5
frames = 3
threads = 1
metrics = ["mse", "cosine"]

[replay]
rate = "1 Mbit/s"
rtt = "40 ms"
deadline = "150 ms"
limits = { cls = 0, seg = 1, dpt = 0.02 }

[[policies]]
name = "oracle"
kind = "oracle"

[[policies]]
name = "gate"
kind = "threshold"
metric = "cosine"
threshold = 0.99

[[policies]]
name = "strict"
kind = "threshold"
metric = "cosine"
threshold = 1.0
fallback = "drop"

[[policies]]
name = "richest"
kind = "always"
level = "richest"
"#;

/// The expected contents of a report page.
struct Expected {
    name: &'static str,
    /// The headings of the sections.
    sections: &'static [&'static str],
    figures: usize,
    /// The minimum number of marks in all figures together.
    marks: usize,
    has_pictures: bool,
}

const RUN: Expected = Expected {
    name: "report",
    sections: &[
        "Overview",
        "Rate and distortion",
        "Score against true distortion",
        "Latency",
        "Timeline of the link",
        "Most misjudged frames",
        "Every frame",
        "Data and provenance",
    ],
    // Three, one per task, of each: operating points, Pareto front, score and truth, latency
    // distribution, stages, waterfall; and goodput, frames under way, rate and queue of the link.
    figures: 6 * 3 + 4,
    marks: 100,
    has_pictures: true,
};

const REPLAYED: Expected = Expected {
    name: "replay",
    sections: &[
        "Overview",
        "Bytes and distortion",
        "Regret",
        "The ladder",
        "Score against true distortion",
        "Latency",
        "Break-even bandwidth",
        "Every policy",
        "Data and provenance",
    ],
    // Per task: distortion and broken frames of policies, regret, both again of the levels, score and
    // truth, latency distribution, late frames, relative time.
    figures: 9 * 3,
    // Of these, 18 are scores, 12 levels, and 6 once more beside the policies.
    marks: 80,
    has_pictures: false,
};

#[test]
fn a_report_can_be_read_by_everybody() {
    let tables = [("frames.csv", "run,policy,task,edge,frame,", 19)];
    can_be_read_by_everybody(SCENARIO, &RUN, answers_clicks, &tables);
}

#[test]
fn a_report_of_a_replay_can_be_read_by_everybody() {
    let tables = [
        ("policies.csv", "task,rank,policy,label,", 13),
        ("frames.csv", "task,policy,frame,name,end,", 37),
        ("ladder-dpt.csv", "frame,name,points,", 7),
    ];
    can_be_read_by_everybody(REPLAY, &REPLAYED, shows_what_was_replayed, &tables);
}

/// A table that a page offers: its file's name, how it begins, and its lines.
type Offered<'a> = (&'a str, &'a str, usize);

/// `special` holds the checks beyond those of every page.
fn can_be_read_by_everybody(
    scenario: &str,
    expected: &Expected,
    special: fn(&View),
    tables: &[Offered<'_>],
) {
    let lab = Lab::new();
    let page = report(&lab, scenario);
    let browser = Chromium::start();
    is_there_for_everybody(&browser, &page, expected);
    let view = browser.open(&page, DESK);
    special(&view);
    answers_the_keyboard(&view);
    gives_its_data(&view, &lab, tables);
    prints(&view);
    assert_eq!(view.complaints(), [""; 0]);
}

const DESK: Device = Device {
    width_px: 1280,
    dark: false,
};

fn report(lab: &Lab, scenario: &str) -> PathBuf {
    let model = lab.path("random").display().to_string();
    let scenario = format!("model = '{model}'\n{scenario}");
    fs::write(lab.path("seen.toml"), scenario).unwrap();
    let ran = lab.splitsim(&["run", "seen.toml", "--out", "out", "--pictures", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    lab.path("out/report.html")
}

/// On a desk and on a phone, light and dark.
fn is_there_for_everybody(browser: &Chromium, page: &Path, expected: &Expected) {
    let size = fs::metadata(page).unwrap().len();
    assert!(size < 6_000_000, "{size} bytes");
    for width_px in [1280, 390] {
        for dark in [false, true] {
            let device = Device { width_px, dark };
            let view = browser.open(page, device);
            everything_is_there(&view, device, expected);
            view.photograph(&photograph(expected.name, device));
        }
    }
}

fn photograph(name: &str, Device { width_px, dark }: Device) -> PathBuf {
    let theme = if dark { "dark" } else { "light" };
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{width_px}-{theme}.png"))
}

fn everything_is_there(view: &View, Device { width_px, dark }: Device, expected: &Expected) {
    let on = format!("{width_px} px, dark: {dark}");
    let headings: Vec<String> =
        view.ask("[...document.querySelectorAll('h2')].map(h => h.innerText)");
    assert_eq!(headings, expected.sections, "{on}");
    let drawn: usize = view.ask("document.querySelectorAll('.plot.js-plotly-plot').length");
    assert_eq!(drawn, expected.figures, "{on}");
    let points: usize = view.ask("document.querySelectorAll('.plot .points path').length");
    assert!(points > expected.marks, "{on}: {points} marks");
    // Nothing sticks out at the side; tables scroll in themselves.
    let width: u32 = view.ask("document.documentElement.scrollWidth");
    assert!(width <= width_px, "{on}: {width}");
    let cut: Vec<String> = view.ask(
        "[...document.querySelectorAll('h1, h2, h3, p, .facts dd, .legend button, figcaption')]
            .filter(e => !e.closest('.unseen, .skip') && e.getClientRects().length)
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 80))",
    );
    assert_eq!(cut, [""; 0], "{on}");
    let nameless: usize =
        view.ask("[...document.images].filter(i => !i.alt || !i.naturalWidth).length");
    let images: usize = view.ask("document.images.length");
    assert_eq!(images > 0, expected.has_pictures, "{on}: {images}");
    assert_eq!(nameless, 0, "{on}: of {images}");
    let luminance: f64 = view.ask(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + +b, 0) / 3",
    );
    assert_eq!(luminance < 128.0, dark, "{on}: {luminance}");
    assert_eq!(view.complaints(), [""; 0], "{on}");
}

fn answers_clicks(view: &View) {
    // A policy goes from its figure, frames and mean, and comes back.
    let hidden = "document.querySelector('.plot').data.filter(t => t.visible === false).length";
    let button = ".legend button[aria-pressed]";
    let before: usize = view.ask(hidden);
    view.click(button);
    view.wait_for(&format!("{hidden} === {before} + 2"));
    view.wait_for(&format!(
        "document.querySelector('{button}').ariaPressed === 'false'"
    ));
    view.click(button);
    view.wait_for(&format!("{hidden} === {before}"));

    let ground = "getComputedStyle(document.body).backgroundColor";
    let light: String = view.ask(ground);
    view.click("#theme");
    view.wait_for(&format!("{ground} !== '{light}'"));
    view.click("#theme");
    view.wait_for(&format!("{ground} === '{light}'"));

    // The first numeric column of the long table, up and down.
    let column = "[...document.querySelectorAll('.long tbody tr')].map(r => +r.cells[2].innerText)";
    for sorted in ["a[i - 1] <= v", "a[i - 1] >= v"] {
        view.click(".long thead th:nth-child(3) button");
        view.wait_for(&format!("{column}.every((v, i, a) => i === 0 || {sorted})"));
    }
    let shown = "[...document.querySelectorAll('.long tbody tr')].filter(r => !r.hidden).length";
    assert_eq!(view.ask::<usize>(shown), 18);
    view.click(".long input");
    view.type_text("seg richest");
    view.wait_for(&format!("{shown} === 3"));
    view.type_text(" nowhere");
    view.wait_for(&format!("{shown} === 0"));

    view.click("figure details.data summary");
    view.wait_for("document.querySelectorAll('figure details.data[open] td').length > 10");
    view.click("details.listing summary");
    let scenario: String =
        view.ask("document.querySelector('details.listing[open] pre').innerText");
    assert!(scenario.contains("name = \"seen\"") && scenario.contains("[provenance]"));
}

/// Checks every policy in every figure, and a reader's actions on figures, tables and sections.
fn shows_what_was_replayed(view: &View) {
    let told: String = view.ask("document.querySelector('#overview').innerText");
    assert!(
        told.contains("Replayed: gate, strict, richest, oracle."),
        "{told}"
    );
    let names = "[...document.querySelectorAll('#bytes-and-distortion figure')].map(f =>
        [...f.querySelectorAll('.legend button')].map(b => b.innerText.trim()).join(', '))";
    let names: Vec<String> = view.ask(names);
    // Of the first, the levels are shown too; strict drops every frame.
    let policies = "gate, richest, oracle (not deployable)";
    let levels = format!("Pareto front, one level for all, {policies}");
    let without = format!("Pareto front, {policies}");
    assert_eq!(names[..3], [levels.as_str(); 3]);
    assert_eq!(names[3..], [without.as_str(); 3]);
    let open = "document.querySelectorAll('#bytes-and-distortion .plot .points path[style*=\"fill: none\"]').length";
    assert_eq!(view.ask::<usize>(open), 6, "one oracle in each figure");

    // What is written on the bars of what never left.
    let unsent: Vec<String> =
        view.ask("[...document.querySelectorAll('#latency .bartext')].map(t => t.textContent)");
    assert!(unsent.contains(&"100 %".to_owned()), "{unsent:?}");
    // All frames at both levels, in the four corners.
    let corners =
        "[...document.querySelectorAll('#score-against-true-distortion .annotation-text')].map(t =>
        +t.textContent.match(/[0-9]+$/)[0])";
    let corners: Vec<usize> = view.ask(corners);
    assert_eq!(
        corners
            .chunks(4)
            .map(|four| four.iter().sum())
            .collect::<Vec<usize>>(),
        [6; 3]
    );

    let hidden = "document.querySelector('#break-even-bandwidth .plot').data.filter(t => t.visible === false).length";
    for (pressed, left) in [(true, 1), (false, 0)] {
        view.click(&format!(
            "#break-even-bandwidth .legend button[aria-pressed='{pressed}']"
        ));
        view.wait_for(&format!("{hidden} === {left}"));
    }

    view.click("nav a[href='#every-policy']");
    view.wait_for(
        "Math.abs(document.querySelector('#every-policy').getBoundingClientRect().top) < 100",
    );
    let regrets =
        "[...document.querySelector('#every-policy tbody').rows].map(r => r.cells[2].innerText)
        .filter(t => t !== '–').map(Number)";
    for sorted in ["a[i - 1] <= v", "a[i - 1] >= v"] {
        view.click("#every-policy thead th:nth-child(3) button");
        view.wait_for(&format!(
            "{regrets}.every((v, i, a) => i === 0 || {sorted})"
        ));
    }
    view.click("#bytes-and-distortion figure details.data summary");
    view.wait_for(
        "document.querySelectorAll('#bytes-and-distortion details.data[open] td').length > 10",
    );
    view.click("details.listing summary");
    let scenario: String =
        view.ask("document.querySelector('details.listing[open] pre').innerText");
    assert!(scenario.contains("[replay]") && scenario.contains("[provenance]"));
}

fn answers_the_keyboard(view: &View) {
    view.click("h1");
    view.press("Tab");
    let focus = "document.activeElement";
    view.wait_for(&format!("{focus}.id === 'theme'"));
    view.press("Tab");
    view.wait_for(&format!("{focus}.hash === '#overview'"));
    view.press("Tab");
    view.press("Enter");
    let second: String = view.ask("document.querySelectorAll('nav a')[1].hash");
    view.wait_for(&format!("location.hash === '{second}'"));
    view.wait_for(&format!(
        "Math.abs(document.querySelector('{second}').getBoundingClientRect().top) < 100"
    ));
    // Every plot has a name and a description.
    let mute: usize = view.ask(
        "[...document.querySelectorAll('.figures > figure')].filter(f =>
            !['aria-labelledby', 'aria-describedby']
                .every(a => document.getElementById(f.getAttribute(a))?.textContent.length > 3)).length",
    );
    assert_eq!(mute, 0);
}

/// Files with their beginnings and the lines that they have at least.
fn gives_its_data(view: &View, lab: &Lab, tables: &[Offered<'_>]) {
    let folder = lab.path("downloads");
    fs::create_dir(&folder).unwrap();
    view.download_to(&folder);
    let scenario = ("scenario.resolved.toml", "name = \"", 20);
    for &(name, start, lines) in tables.iter().chain([&scenario]) {
        view.click(&format!("a[data-name='{name}']"));
        let text = eventually(name, || {
            let text = fs::read_to_string(folder.join(name)).ok();
            text.filter(|text| !text.is_empty())
        });
        assert!(text.starts_with(start), "{text}");
        assert!(text.lines().count() >= lines, "{text}");
    }
}

fn prints(view: &View) {
    let pdf = view.print();
    assert!(pdf.starts_with(b"%PDF-"), "no PDF");
    let kind = b"/Type /Page\n";
    let pages = pdf.windows(kind.len()).filter(|part| part == kind).count();
    assert!((5..60).contains(&pages), "{pages} pages");
}
