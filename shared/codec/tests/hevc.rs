//! The HEVC codec against judges of its own: ffmpeg's header trace and checksums, the closed form of
//! uniform quantisation noise, and bitstreams that are not what they should be.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

#[path = "support/processes.rs"]
mod processes;
mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use splitsim_codec::container::{Ranges, SymbolDigest};
use splitsim_codec::ffmpeg::{Encoder, Ffmpeg};
use splitsim_codec::hevc::Hevc;
use splitsim_codec::picture_codec::Setup;
use splitsim_codec::quantise::{BitDepth, LayerQuantisers, Rounding};
use splitsim_codec::{
    CodecError, CodecId, CodecOptions, Container, Encoded, FeatureCodec, Limits, RangeMode, open,
};
use splitsim_feature::packing::pack;
use splitsim_feature::{Feature, Task};
use splitsim_model::ValueRange;

const CLS: [usize; 4] = [1, 1, 257, 192];

fn codec_with(task: Task, qps: &str, options: &CodecOptions) -> Box<dyn FeatureCodec> {
    let root = tempfile::tempdir().unwrap();
    let package = support::package(root.path(), qps);
    open(CodecId::Hevc, &package, task, options).unwrap()
}

fn codec(task: Task, qps: &str) -> Box<dyn FeatureCodec> {
    codec_with(task, qps, &CodecOptions::default())
}

fn encode(codec: &dyn FeatureCodec, feature: &Feature, level: usize) -> Encoded {
    let level = codec.ladder().level(level).unwrap();
    codec.encode_and_decode(feature, level).unwrap()
}

/// Runs ffmpeg on a stream in a file, as a person would.
fn ffmpeg(stream: &[u8], arguments: &[&str]) -> String {
    let encoder = Encoder {
        name: "libx265",
        pixel_format: "gray10le",
    };
    let mut file = tempfile::NamedTempFile::with_suffix(".hevc").unwrap();
    file.write_all(stream).unwrap();
    let output = Command::new(Ffmpeg::find(None, encoder).unwrap().path())
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(file.path())
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// The last value of a syntax element in ffmpeg's trace.
fn syntax_element(trace: &str, name: &str) -> i32 {
    let line = trace
        .lines()
        .rfind(|line| line.split_whitespace().any(|word| word == name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {trace}"));
    line.rsplit("= ").next().unwrap().parse().unwrap()
}

fn symbols_of(feature: &Feature) -> Vec<u16> {
    let range = ValueRange::new(-40.0, 12.0).unwrap();
    let ranges = vec![range; feature.shape().layers()];
    let quantisers = LayerQuantisers::new(&ranges, BitDepth::TEN, Rounding::Nearest);
    quantisers
        .quantise(feature)
        .unwrap()
        .symbols
        .into_raw_vec_and_offset()
        .0
}

/// Mean squared and greatest error, in symbols.
fn symbol_errors(original: &Feature, reconstruction: &Feature) -> (f64, u16) {
    let (original, reconstruction) = (symbols_of(original), symbols_of(reconstruction));
    let errors = || {
        original
            .iter()
            .zip(&reconstruction)
            .map(|(&a, &b)| a.abs_diff(b))
    };
    let sum: f64 = errors().map(|error| f64::from(error).powi(2)).sum();
    (sum / original.len() as f64, errors().max().unwrap())
}

#[test]
fn the_qp_asked_for_is_the_qp_used() {
    let qps = [51, 37, 22, 7, 1, 0];
    let codec = codec(Task::Cls, "[51, 37, 22, 7, 1, 0]");
    let feature = support::feature(CLS, 1);
    for (level, qp) in qps.into_iter().enumerate() {
        let stream = encode(&*codec, &feature, level).container.payload().clone();
        let trace = ["-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"];
        let trace = ffmpeg(&stream, &trace);
        let element = |name| syntax_element(&trace, name);
        let slice_qp = 26 + element("init_qp_minus26") + element("slice_qp_delta");
        assert_eq!(slice_qp, qp);
        assert_eq!(element("cu_qp_delta_enabled_flag"), 0, "no block differs");
        assert_eq!(element("bit_depth_luma_minus8"), 2);
        assert_eq!(element("chroma_format_idc"), 0);
        assert_eq!(element("slice_type"), 2, "an I slice");
        assert!(!trace.contains("Supplemental"), "no SEI bytes");
    }
}

#[test]
fn at_high_rate_the_error_is_that_of_uniform_quantisation() {
    // A step of 2^((QP + 8) / 6) symbols, and an orthonormal transform, give an error of a twelfth of
    // its square; x265's dead zone adds a little.
    let codec = codec(Task::Cls, "[12, 6, 0]");
    let feature = support::feature(CLS, 2);
    for (level, qp) in [12.0, 6.0, 0.0].into_iter().enumerate() {
        let reconstruction = encode(&*codec, &feature, level).reconstruction;
        let (mse, greatest) = symbol_errors(&feature, &reconstruction);
        let step = ((qp + 8.0) / 6.0f64).exp2();
        let relative = mse / (step * step / 12.0);
        assert!((0.85..1.25).contains(&relative), "QP {qp}: {relative}");
        assert!(f64::from(greatest) < 2.5 * step, "QP {qp}: {greatest}");
    }
}

#[test]
fn a_richer_level_costs_more_and_errs_less() {
    let codec = codec(Task::Cls, "[47, 42, 37, 32, 27, 22, 17, 12, 7, 2]");
    let feature = support::feature(CLS, 3);
    let encoded: Vec<_> = codec
        .ladder()
        .levels()
        .map(|level| encode(&*codec, &feature, level.index()))
        .collect();
    for pair in encoded.windows(2) {
        let mse = |encoded: &Encoded| symbol_errors(&feature, &encoded.reconstruction).0;
        let bytes = |encoded: &Encoded| encoded.container.container_bytes();
        assert!(mse(&pair[0]) > mse(&pair[1]));
        assert!(bytes(&pair[0]) < bytes(&pair[1]));
    }
}

#[test]
fn another_run_of_the_decoder_sees_the_same_picture() {
    let codec = codec(Task::Dpt, "[22]");
    let feature = support::feature([2, 4, 33, 24], 4);
    let encoded = encode(&*codec, &feature, 0);
    let crc = ffmpeg(encoded.container.payload(), &["-f", "framecrc", "-"]);
    let samples = symbols_of(&encoded.reconstruction);
    let samples: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    // Stream, times, size and Adler-32 of the one frame.
    let frame = crc.lines().find(|line| line.starts_with("0,")).unwrap();
    let fields: Vec<_> = frame.split(',').map(str::trim).collect();
    assert_eq!(fields[4], samples.len().to_string());
    assert_eq!(fields[5], format!("0x{:08x}", adler32_from_zero(&samples)));
}

/// RFC 1950, clause 8.2, but starting from zero, as ffmpeg's `framecrc` does.
fn adler32_from_zero(bytes: &[u8]) -> u32 {
    let step = |(a, b): (u32, u32), &byte: &u8| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    };
    let (a, b) = bytes.iter().fold((0, 0), step);
    b << 16 | a
}

#[test]
fn features_of_any_extent_arrive() {
    let cls = codec(Task::Cls, "[4]");
    let dpt = codec(Task::Dpt, "[4]");
    let cases = [
        (&cls, [1, 1, 1, 1]),
        (&cls, [1, 1, 3, 700]),
        (&cls, [1, 1, 700, 3]),
        (&cls, [1, 1, 17, 33]),
        (&cls, [3, 1, 7, 16]),
        (&dpt, [2, 4, 5, 9]),
    ];
    for (codec, shape) in cases {
        let feature = support::feature(shape, 5);
        let encoded = encode(&**codec, &feature, 0);
        let bytes = encoded.container.to_bytes();
        let container = Container::parse(&bytes, &Limits::default()).unwrap();
        assert_eq!(codec.decode(&container).unwrap(), encoded.reconstruction);
        let (_, greatest) = symbol_errors(&feature, &encoded.reconstruction);
        assert!(greatest < 10, "{shape:?}: {greatest}");
    }
}

#[test]
fn the_same_feature_gives_the_same_bytes_on_every_thread() {
    let codec = codec(Task::Cls, "[22]");
    let feature = support::feature([1, 1, 65, 64], 6);
    let containers: Vec<Container> = std::thread::scope(|scope| {
        let encode = || encode(&*codec, &feature, 0).container;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(encode)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(containers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn ranges_come_from_the_package_or_travel_along() {
    let feature = support::feature(CLS, 7);
    let louder = feature.values().iter().map(|v| v * 1.5).collect();
    let louder = Feature::new(feature.shape(), louder).unwrap();
    let package = encode(&*codec(Task::Cls, "[2]"), &louder, 0);
    assert!(package.clamped_points > 0);
    let options = CodecOptions {
        range_mode: RangeMode::Feature,
        ..CodecOptions::default()
    };
    let own = encode(&*codec_with(Task::Cls, "[2]", &options), &louder, 0);
    assert_eq!(own.clamped_points, 0);
    assert!(matches!(&own.container.header().ranges, Ranges::Inline(ranges) if ranges.len() == 1));
    let worst = |encoded: &Encoded| {
        let difference = pack(&louder) - pack(&encoded.reconstruction);
        difference.iter().fold(0f32, |max, d| max.max(d.abs()))
    };
    assert!(worst(&package) > 10.0, "what was clamped is lost");
    assert!(worst(&own) < 1.0);
    // Any decoder of the task reads inline ranges.
    let decoded = codec(Task::Cls, "[2]").decode(&own.container).unwrap();
    assert_eq!(decoded, own.reconstruction);
}

#[test]
fn floor_rounds_downwards() {
    let feature = support::feature(CLS, 8);
    let options = CodecOptions {
        rounding: Rounding::Floor,
        ..CodecOptions::default()
    };
    let mean_error = |options: &CodecOptions| {
        let codec = codec_with(Task::Cls, "[0]", options);
        let difference = pack(&encode(&*codec, &feature, 0).reconstruction) - pack(&feature);
        f64::from(difference.mean().unwrap()) / (52.0 / 1023.0)
    };
    // In steps: unbiased, and half a step below.
    assert!(mean_error(&CodecOptions::default()).abs() < 0.05);
    assert!((mean_error(&options) + 0.5).abs() < 0.05);
}

/// A container with the given payload and a symbol digest of one's choice.
fn forge(original: &Container, payload: Bytes, symbols: SymbolDigest) -> Container {
    let mut header = original.header().clone();
    header.symbols = symbols;
    let forged = Container::new(header, payload).unwrap();
    Container::parse(&forged.to_bytes(), &Limits::default()).unwrap()
}

#[test]
fn a_payload_of_other_symbols_is_found_out() {
    let codec = codec(Task::Cls, "[30]");
    let small = [1, 1, 40, 48];
    let honest = encode(&*codec, &support::feature(small, 9), 0).container;
    let other = encode(&*codec, &support::feature(small, 10), 0).container;
    let forged = forge(&honest, other.payload().clone(), honest.header().symbols);
    match codec.decode(&forged) {
        Err(CodecError::SymbolsDiffer { expected, actual }) => {
            assert_eq!(expected, honest.header().symbols);
            assert_eq!(actual, other.header().symbols);
        }
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn a_payload_that_is_no_such_picture_is_refused() {
    let codec = codec(Task::Cls, "[30]");
    let honest = encode(&*codec, &support::feature([1, 1, 40, 48], 11), 0).container;
    let refuse = |payload: Bytes| {
        let forged = forge(&honest, payload, honest.header().symbols);
        codec.decode(&forged).unwrap_err()
    };
    let garbage: Vec<u8> = (0..2000u32).map(|n| ((n * n) >> 3) as u8).collect();
    for payload in [
        Bytes::new(),
        Bytes::from(garbage),
        honest.payload().slice(..60),
    ] {
        let error = refuse(payload);
        let refused = matches!(
            error,
            CodecError::Process { .. } | CodecError::DecodedSize { .. }
        );
        assert!(refused, "{error:?}");
    }
    for shape in [[1, 1, 40, 24], [1, 1, 400, 480]] {
        let other = encode(&*codec, &support::feature(shape, 12), 0).container;
        let error = refuse(other.payload().clone());
        let refused = matches!(
            error,
            CodecError::Process { .. } | CodecError::DecodedSize { .. }
        );
        assert!(refused, "{error:?}");
    }
    let twice = Bytes::from(honest.payload().repeat(2));
    assert!(matches!(refuse(twice), CodecError::DecodedSize { .. }));
}

#[test]
fn containers_for_another_decoder_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let package = support::package(root.path(), "[30, 20]");
    let options = CodecOptions::default();
    let hevc = |task| {
        let setup = Setup::of(&package, task, CodecId::Hevc).unwrap();
        Hevc::new(setup, &options).unwrap()
    };
    let cls = hevc(Task::Cls);
    let dpt = hevc(Task::Dpt);
    let container = encode(&cls, &support::feature([1, 1, 20, 20], 13), 1).container;
    let altered = |alter: &dyn Fn(&mut splitsim_codec::container::Header)| {
        let mut header = container.header().clone();
        alter(&mut header);
        let altered = Container::new(header, container.payload().clone()).unwrap();
        cls.decode(&altered).unwrap_err()
    };
    let shorter = codec(Task::Cls, "[30]");
    assert!(matches!(
        dpt.decode(&container),
        Err(CodecError::WrongTask { .. })
    ));
    assert!(matches!(
        shorter.decode(&container),
        Err(CodecError::NoSuchLevel {
            level: 1,
            levels: 1
        })
    ));
    assert!(matches!(
        altered(&|header| header.ranges = Ranges::Package([7; 8])),
        CodecError::TablesDiffer { actual, .. } if actual == [7; 8]
    ));
    assert!(matches!(
        altered(&|header| header.depth = BitDepth::new(9).unwrap()),
        CodecError::WrongDepth { .. }
    ));
    assert_ne!(cls.tables_digest(), dpt.tables_digest());
    assert!(matches!(
        encode_error(&dpt, [1, 1, 20, 20]),
        CodecError::Layers {
            expected: 4,
            actual: 1
        }
    ));
}

fn encode_error(codec: &dyn FeatureCodec, shape: [usize; 4]) -> CodecError {
    let level = codec.ladder().level(0).unwrap();
    codec
        .encode(&support::feature(shape, 14), level)
        .unwrap_err()
}

#[test]
fn packages_without_a_valid_ladder_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let refuse = |task, qps: &str| {
        let package = support::package(root.path(), qps);
        let opened = open(CodecId::Hevc, &package, task, &CodecOptions::default());
        opened.err().unwrap().to_string()
    };
    assert_eq!(
        refuse(Task::Cls, "[30, -1]"),
        "model 'test', tasks.cls.ladders.hevc: level 1: -1 is no QP, expected a whole number from 0 to 51"
    );
    assert_eq!(
        refuse(Task::Seg, "[30]"),
        "model 'test' has no task seg; it has cls, dpt"
    );
    let manifest = root.path().join("model.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("hevc =", "vvc =")).unwrap();
    let package = splitsim_model::Package::open(root.path()).unwrap();
    let opened = open(CodecId::Hevc, &package, Task::Cls, &CodecOptions::default());
    assert_eq!(
        opened.err().unwrap().to_string(),
        "model 'test' has no ladder for hevc on cls, add it to tasks.cls.ladders"
    );
}

/// Options that use a fake ffmpeg of this crate under a name in `root`. A link, because a file that
/// was just written may not be executable while another test is starting a process.
fn fake(root: &Path, name: &str) -> CodecOptions {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake");
    let link = root.join(name);
    std::os::unix::fs::symlink(script.join(name), &link).unwrap();
    CodecOptions {
        ffmpeg: Some(link),
        ..CodecOptions::default()
    }
}

#[test]
fn an_encoder_out_of_time_is_killed_with_all_it_started() {
    let root = tempfile::tempdir().unwrap();
    let options = CodecOptions {
        time_limit: Duration::from_secs(2),
        ..fake(root.path(), "sleeping-ffmpeg")
    };
    let codec = codec_with(Task::Cls, "[30]", &options);
    let message = encode_error(&*codec, CLS).to_string();
    assert!(
        message.starts_with("hevc encode: ") && message.contains("ran longer than 2s"),
        "{message}"
    );
    let pids = std::fs::read_to_string(root.path().join("sleeping-ffmpeg.pids")).unwrap();
    let pids: Vec<_> = pids.split_whitespace().collect();
    assert_eq!(pids.len(), 2);
    assert!(!Path::new("/proc").join(pids[0]).exists(), "reaped");
    processes::eventually(|| {
        pids.iter()
            .all(|pid| processes::has_ended(pid))
            .then_some(())
    });
}

#[test]
fn a_failing_encoder_is_quoted() {
    let root = tempfile::tempdir().unwrap();
    let options = fake(root.path(), "failing-ffmpeg");
    let message = encode_error(&*codec_with(Task::Cls, "[30]", &options), CLS).to_string();
    assert!(
        message.ends_with("failed (exit status: 1): the encoder is on strike"),
        "{message}"
    );
}

#[test]
fn an_ffmpeg_without_x265_is_refused_at_once() {
    let root = tempfile::tempdir().unwrap();
    let options = fake(root.path(), "old-ffmpeg");
    let package = support::package(root.path(), "[30]");
    let opened = open(CodecId::Hevc, &package, Task::Cls, &options);
    let message = opened.err().unwrap().to_string();
    assert!(
        message.contains("cannot encode gray10le with libx265"),
        "{message}"
    );
}
