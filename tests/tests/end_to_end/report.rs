//! The report of a real run as a reader meets it: in a browser, on a desk and on a phone.

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

/// What a reader looks for, by its heading.
const SECTIONS: [&str; 8] = [
    "Overview",
    "Rate and distortion",
    "Score against true distortion",
    "Latency",
    "Timeline of the link",
    "Most misjudged frames",
    "Every frame",
    "Data and provenance",
];

/// Three figures, one per task, of each: operating points, Pareto front, score and truth, latency
/// distribution, stages, waterfall; and goodput, frames under way, rate and queue of the link.
const FIGURES: usize = 6 * 3 + 4;

#[test]
fn a_report_can_be_read_by_everybody() {
    let lab = Lab::new();
    let page = report(&lab);
    let size = fs::metadata(&page).unwrap().len();
    assert!(size < 6_000_000, "{size} bytes");
    let browser = Chromium::start();
    for width_px in [1280, 390] {
        for dark in [false, true] {
            let view = browser.open(&page, Device { width_px, dark });
            everything_is_there(&view, width_px, dark);
            view.photograph(&photograph(width_px, dark));
        }
    }
    let view = browser.open(
        &page,
        Device {
            width_px: 1280,
            dark: false,
        },
    );
    answers_clicks(&view);
    answers_the_keyboard(&view);
    gives_its_data(&view, &lab);
    prints(&view);
    assert_eq!(view.complaints(), [""; 0]);
}

fn report(lab: &Lab) -> PathBuf {
    let model = lab.path("random").display().to_string();
    let scenario = format!("model = '{model}'\n{SCENARIO}");
    fs::write(lab.path("seen.toml"), scenario).unwrap();
    let ran = lab.splitsim(&["run", "seen.toml", "--out", "out", "--pictures", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    lab.path("out/report.html")
}

fn photograph(width_px: u32, dark: bool) -> PathBuf {
    let theme = if dark { "dark" } else { "light" };
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{width_px}-{theme}.png"))
}

fn everything_is_there(view: &View, width_px: u32, dark: bool) {
    let on = format!("{width_px} px, dark: {dark}");
    let headings: Vec<String> =
        view.ask("[...document.querySelectorAll('h2')].map(h => h.innerText)");
    assert_eq!(headings, SECTIONS, "{on}");
    let drawn: usize = view.ask("document.querySelectorAll('.plot.js-plotly-plot').length");
    assert_eq!(drawn, FIGURES, "{on}");
    let points: usize = view.ask("document.querySelectorAll('.plot .points path').length");
    assert!(points > 100, "{on}: {points} marks");
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
    assert!(images > 0 && nameless == 0, "{on}: {nameless} of {images}");
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

fn answers_the_keyboard(view: &View) {
    view.click("h1");
    view.press("Tab");
    let focus = "document.activeElement";
    view.wait_for(&format!("{focus}.id === 'theme'"));
    view.press("Tab");
    view.wait_for(&format!("{focus}.hash === '#s1'"));
    view.press("Tab");
    view.press("Enter");
    view.wait_for("location.hash === '#s2'");
    // Every plot has a name and a description.
    let mute: usize = view.ask(
        "[...document.querySelectorAll('.figures > figure')].filter(f =>
            !['aria-labelledby', 'aria-describedby']
                .every(a => document.getElementById(f.getAttribute(a))?.textContent.length > 3)).length",
    );
    assert_eq!(mute, 0);
}

fn gives_its_data(view: &View, lab: &Lab) {
    let folder = lab.path("downloads");
    fs::create_dir(&folder).unwrap();
    view.download_to(&folder);
    for (name, start, lines) in [
        ("frames.csv", "run,policy,task,edge,frame,", 19),
        ("scenario.resolved.toml", "name = \"seen\"", 20),
    ] {
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
