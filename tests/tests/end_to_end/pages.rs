//! Pages on every width: nothing sticks out, wide tables say so, figures leave as files.

use std::fs;
use std::path::{Path, PathBuf};

use splitsim_tests::{Chromium, Device, Lab, View, eventually};

/// Two points of a link's rate, and one that cannot be run.
const SWEEP: &str = r#"
name = "rates"
seed = 5
frames = 2
threads = 1
tasks = ["cls"]
metrics = ["mse", "cosine"]

[sweep]
link.up.rate = ["8 Mbit/s", "500 kbit/s"]

[link]
rtt = "10 ms"
[link.up]
rate = "1 Mbit/s"

[[policies]]
name = "gate"
kind = "threshold"
metric = "cosine"
threshold = 0.99

[[policies]]
name = "a-policy-with-a-name-that-is-as-long-as-names-of-policies-may-be"
kind = "always"
level = "richest"
"#;

#[test]
fn a_sweep_is_told_on_every_width() {
    let lab = Lab::new();
    let model = lab.path("random").display().to_string();
    fs::write(
        lab.path("rates.toml"),
        format!("model = '{model}'\n{SWEEP}"),
    )
    .unwrap();
    let ran = lab.splitsim(&["run", "rates.toml", "--out", "out"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let reported = lab.splitsim(&["report", "out"]);
    assert_eq!(reported.code, Some(0), "{}", reported.stderr);

    let browser = Chromium::start();
    let page = lab.path("out/report.html");
    fits(&browser, &page, "sweep");
    let view = browser.open(&page, DESK);
    let headings: Vec<String> =
        view.ask("[...document.querySelectorAll('h2')].map(h => h.innerText)");
    assert_eq!(headings, ["Overview", "Over link.up.rate", "Every point"]);
    // The values of the key are numbers in one unit, and each policy is a line through them.
    let drawn: Vec<Vec<f64>> =
        view.ask("document.querySelector('.plot').data.map(trace => [...trace.x])");
    assert_eq!(drawn, [[0.5, 8.0], [0.5, 8.0]]);
    // Every point leads to its own report.
    let links: Vec<String> = view.ask(
        "[...document.querySelectorAll('#overview--points a')].map(a => a.getAttribute('href'))",
    );
    assert_eq!(links.len(), 2);
    for link in links {
        assert!(lab.path("out").join(&link).is_file(), "{link}");
    }
    saves_a_figure(&view, &lab);
    assert_eq!(view.complaints(), [""; 0]);
}

#[test]
fn runs_over_other_pictures_are_told_apart_on_every_width() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    for (run, seed) in [("first", 7), ("second", 8)] {
        let mut edge = lab.edge(cloud.address());
        edge.run_id = format!("{run}-run-with-a-name-that-does-not-fit-on-a-phone-at-all");
        edge.seed = seed;
        edge.edge_id = run.to_owned();
        edge.run().is_complete();
    }
    let (code, _) = cloud.stop();
    assert_eq!(code, Some(0));
    let reported = lab.splitsim(&["report", "cloud-out"]);
    assert_eq!(reported.code, Some(0), "{}", reported.stderr);
    let page = lab.path("cloud-out/report.html");
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("Not all of these went over the same pictures"));
    assert!(!html.contains("more bytes") && !html.contains("fewer bytes"));
    fits(&Chromium::start(), &page, "cloud");
}

#[test]
fn a_table_of_a_benchmark_fits_every_width() {
    let lab = Lab::new();
    let line = |at: usize| format!("n{} {} 0.{at} 0.9{at} 0.8{at}\n", at % 5, 60 - at);
    let log: String = (0..10).map(line).collect();
    fs::write(lab.path("hm_trained_hybrid_eval_seg_all.txt"), log).unwrap();
    let imported = lab.splitsim(&[
        "cfqa",
        "import",
        "hm_trained_hybrid_eval_seg_all.txt",
        "--out",
        "set",
        "--features",
        "5",
        "--levels",
        "2",
    ]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    let made = lab.splitsim(&[
        "cfqa",
        "table",
        "set",
        "--mode",
        "cfqa2025",
        "--html",
        "table.html",
    ]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    fits(&Chromium::start(), &lab.path("table.html"), "benchmark");
}

const DESK: Device = Device {
    width_px: 1280,
    dark: false,
};

/// On a phone, a tablet, a desk and a large screen, light and dark.
pub(crate) fn fits(browser: &Chromium, page: &Path, name: &str) {
    for width_px in [390, 768, 1280, 1920] {
        for dark in [false, true] {
            let view = browser.open(page, Device { width_px, dark });
            let on = format!("{name}, {width_px} px, dark: {dark}");
            let width: u32 = view.ask("document.documentElement.scrollWidth");
            assert!(width <= width_px, "{on}: {width}");
            tables_say_that_they_scroll(&view, &on);
            view.photograph(&photograph(name, width_px, dark));
            assert_eq!(view.complaints(), [""; 0], "{on}");
        }
    }
}

fn photograph(name: &str, width_px: u32, dark: bool) -> PathBuf {
    let theme = if dark { "dark" } else { "light" };
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fits-{name}-{width_px}-{theme}.png"))
}

/// A table that is wider than its place has a hint above it, and keeps its first column when it scrolls.
fn tables_say_that_they_scroll(view: &View, on: &str) {
    let silent: Vec<String> = view.ask(
        "[...document.querySelectorAll('.sheet')].filter(sheet => {
            const scroll = sheet.querySelector('.scroll');
            const wide = scroll.scrollWidth > scroll.clientWidth + 1;
            const hint = sheet.querySelector('.hint').getClientRects().length > 0;
            return wide !== hint;
        }).map(sheet => sheet.id)",
    );
    assert_eq!(silent, [""; 0], "{on}");
    let moved: Vec<String> = view.ask(
        "[...document.querySelectorAll('.sheet.wide .scroll')].filter(scroll => {
            const first = scroll.querySelector('tbody td');
            const before = first.getBoundingClientRect().left;
            scroll.scrollLeft = 1e6;
            const after = first.getBoundingClientRect().left;
            scroll.scrollLeft = 0;
            return Math.abs(before - after) > 1;
        }).map(scroll => scroll.parentElement.id)",
    );
    assert_eq!(moved, [""; 0], "{on}");
}

/// The first figure as a file under its name in addresses.
fn saves_a_figure(view: &View, lab: &Lab) {
    let folder = lab.path("figures");
    fs::create_dir(&folder).unwrap();
    view.download_to(&folder);
    let id: String = view.ask("document.querySelector('.figures > figure').id");
    assert_eq!(
        id,
        "over-link-up-rate--classification-on-the-link-per-frame"
    );
    view.click(".figures > figure .svg");
    let file = folder.join(format!("{id}.svg"));
    let svg = eventually("the figure", || fs::read_to_string(&file).ok());
    assert!(
        svg.contains("<svg") && svg.contains("Classification"),
        "{svg}"
    );
    assert!(svg.contains("gate") && svg.contains("Mbit/s"), "{svg}");
}
