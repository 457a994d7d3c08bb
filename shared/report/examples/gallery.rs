//! Writes a page with one of everything: `cargo run -p splitsim-report --example gallery OUT.html`.

use std::f64::consts::TAU;

use splitsim_report::{
    Axis, Cell, Column, Corner, DataFile, Download, Exhibit, Fact, Figure, Mark, Notice, Page,
    Picture, Quadrants, Section, Series, Span, Table,
};

fn main() -> std::io::Result<()> {
    let out = std::env::args().nth(1).unwrap_or("gallery.html".to_owned());
    std::fs::write(out, page().render())
}

fn page() -> Page {
    Page::new("One of everything")
        .lead("What a page can hold. The numbers are made up by formulas.")
        .notice(Notice::warning("A warning stands out."))
        .section(numbers())
        .section(plots())
        .section(pictures())
        .section(data())
}

fn numbers() -> Section {
    Section::new("Numbers")
        .text("Facts are large, with what they are and what they are compared with.")
        .facts([
            Fact::new("0.042 BPFP", "mean rate").detail("95 % of frames within 0.03 to 0.06"),
            Fact::new("61 %", "bytes saved").detail("against always-richest"),
            Fact::new("1.3 mIoU points", "mean distortion"),
            Fact::new("412 ms", "end to end, median"),
        ])
}

fn plots() -> Section {
    let codecs = ["hevc", "vvc", "hyperprior", "hm", "vtm"];
    let curves = codecs.iter().enumerate().map(|(number, name)| {
        let scale = 1.0 + number as f64 * 0.3;
        let points = (1..8).map(move |step| {
            let rate = 0.01 * 2_f64.powi(step);
            (rate, scale / rate.sqrt())
        });
        Series::line(name, points).with_markers()
    });
    let rate = Figure::new(
        "Rate and distortion",
        "All curves fall; vtm is the highest.",
    )
    .note("metric mode: standard")
    .x(Axis::new("rate", "bits per feature point").log())
    .y(Axis::new("true distortion", "m").from_zero())
    .all_series(curves)
    .mark(Mark::horizontal(5.0, "limit 5 m"));
    let cloud: Vec<(f64, f64)> = (0..300)
        .map(|point| {
            let turn = f64::from(point) * 0.618 % 1.0;
            let noise = (f64::from(point) * 12.9898).sin() * 0.8;
            (0.8 + 0.2 * turn, (1.0 - turn) * 4.0 + noise)
        })
        .collect();
    let labels = (0..300).map(|frame| format!("frame {frame}"));
    let quadrants = Figure::new(
        "Score against true distortion",
        "Distortion falls with the score.",
    )
    .x(Axis::new("cosine similarity", ""))
    .y(Axis::new("true distortion", "mIoU points"))
    .series(Series::scatter("frames", cloud.clone()).labels(labels))
    .quadrants(Quadrants {
        x: 0.93,
        y: 2.0,
        names: [
            "refused, over",
            "accepted, over",
            "refused, within",
            "accepted, within",
        ]
        .map(|name| format!("{name}\n75 frames")),
        alarming: Some(Corner::TopRight),
    });
    let latency = Figure::new("Latency", "Half of the frames take 400 ms.")
        .x(Axis::new("end to end", "ms").from_zero())
        .y(Axis::new("frames up to this", "%").range(0.0, 100.0))
        .series(Series::cdf(
            "gate",
            cloud.iter().map(|(x, y)| 300.0 * x + 40.0 * y),
        ))
        .series(Series::cdf("always", cloud.iter().map(|(x, _)| 400.0 * x)));
    let histogram = Figure::new("Correlations", "Most are near 1.")
        .x(Axis::new("PLCC", "").range(-1.0, 1.0))
        .y(Axis::new("features", ""))
        .series(Series::histogram(
            "cosine",
            (0..500).map(|step| 1.0 - (f64::from(step) / 500.0).powi(3)),
            (-1.0, 1.0),
            20,
        ));
    let rows = [
        "preprocess",
        "extract",
        "attempt 1",
        "attempt 2",
        "transfer",
        "head",
    ];
    let spans = rows.iter().enumerate().map(|(step, row)| Span {
        row: (*row).to_owned(),
        from: step as f64 * 30.0,
        to: step as f64 * 30.0 + 28.0,
    });
    let waterfall = Figure::new("One frame", "Six stages of 28 ms each.")
        .x(Axis::new("time since capture", "ms").from_zero())
        .y(Axis::new("", "").rows(rows))
        .series(Series::spans("frame 7", spans));
    let stacked = Figure::new("Where the time goes", "Attempts take most of the time.")
        .x(Axis::new("median", "ms"))
        .y(Axis::new("", "").rows(["gate", "always"]))
        .series(Series::bars("extract", [("gate", 80.0), ("always", 81.0)]))
        .series(Series::bars(
            "attempts",
            [("gate", 190.0), ("always", 60.0)],
        ))
        .series(Series::bars("transfer", [("gate", 20.0), ("always", 50.0)]));
    let timeline = Figure::new("Link", "The rate falls to 0 for a while.")
        .x(Axis::new("time", "s"))
        .y(Axis::new("rate", "Mbit/s").from_zero())
        .series(Series::steps(
            "link",
            (0..120).map(|second| {
                let phase = TAU * f64::from(second) / 60.0;
                (f64::from(second), 10.0 + 8.0 * phase.sin())
            }),
        ));
    let spots = Figure::new("Operating points", "gate costs less than always.")
        .x(Axis::new("rate", "BPFP"))
        .y(Axis::new("distortion", "m"))
        .series(Series::spots("gate", [(0.1, 1.0)]).intervals([(0.6, 1.5)]))
        .series(Series::spots("always", [(0.4, 0.8)]).intervals([(0.5, 1.0)]))
        .series(Series::spots("bound", [(0.08, 0.6)]).bound())
        .series(Series::steps("front", [(0.1, 1.0), (0.4, 0.8)]).guide());
    let labelled = Figure::new("Ranked", "gate is least.")
        .x(Axis::new("regret", "kB").from_zero())
        .y(Axis::new("", "").rows(["gate", "always"]))
        .series(
            Series::bars("regret", [("gate", 0.2), ("always", 3.0)])
                .labels(["0.20 kB", "3.00 kB"].map(str::to_owned)),
        );
    let empty = Figure::new("No data", "Nothing.");
    Section::new("Plots")
        .figures([rate, quadrants])
        .figure(timeline)
        .figures([
            latency, histogram, waterfall, stacked, spots, labelled, empty,
        ])
}

fn pictures() -> Section {
    let shots = (0..3).map(|number| {
        let picture = Picture::png(format!("caption {number}"), "a grey square", GREY);
        Exhibit::new(format!("Exhibit {number}"), "Four squares.")
            .picture(picture.clone())
            .picture(picture.clone())
            .picture(picture.clone())
            .picture(picture)
    });
    Section::new("Pictures").exhibits(shots)
}

fn data() -> Section {
    let columns = [
        Column::text("policy"),
        Column::number("rate", "BPFP").about("bits per feature point"),
        Column::number("end to end", "ms"),
    ];
    let mut table = Table::new("Everything", columns);
    for row in 0..60_u32 {
        let latency = (row % 7 != 0).then(|| f64::from(row * 37 % 101));
        table.push([
            Cell::text(["gate", "always", "bisect"][row as usize % 3]),
            Cell::number(f64::from(row * 13 % 17) / 100.0, 3),
            Cell::known(latency, 1),
        ]);
    }
    Section::new("Data")
        .table(table)
        .listing("Scenario, resolved", "name = \"made up\"\nframes = 24\n")
        .downloads([Download::new(
            DataFile::Csv,
            "frames.csv",
            "one row per frame",
            "a,b\n1,2\n",
        )])
}

/// A PNG file of one grey pixel.
const GREY: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0,
    1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T',
    0x78, 0x9c, 0x63, 0x68, 0, 0, 0, 0x82, 0, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0, 0, 0, 0, b'I', b'E',
    b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
