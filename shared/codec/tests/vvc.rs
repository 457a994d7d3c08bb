//! The VVC codec against judges of its own: the picture hash that vvenc writes of its own
//! reconstruction, ffmpeg's header trace, and the closed form of uniform quantisation noise.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};

use splitsim_codec::ffmpeg::{Encoder, Ffmpeg};
use splitsim_codec::picture::{Assignment, Codebook, Tables, fit};
use splitsim_codec::picture_codec::{PictureCoder, Setup};
use splitsim_codec::quantise::{BitDepth, LayerQuantisers, Rounding};
use splitsim_codec::vvc::{Vvc, Vvenc};
use splitsim_codec::{
    CodecError, CodecId, CodecOptions, Container, Encoded, FeatureCodec, Limits, Transform, open,
    open_with,
};
use splitsim_feature::{Feature, Task};
use splitsim_model::{RangeTable, ValueRange};

const CLS: [usize; 4] = [1, 1, 65, 48];

fn range() -> ValueRange {
    ValueRange::new(-40.0, 12.0).unwrap()
}

fn setup(ladder: &[f64], codebook: Option<Codebook>) -> Setup {
    Setup {
        tables: Tables {
            model: "test".to_owned(),
            task: Task::Cls,
            layers: 1,
            ranges: RangeTable(vec![range()]),
            codebook,
        },
        ladder: ladder.to_vec(),
    }
}

fn codec(ladder: &[f64]) -> Box<dyn FeatureCodec> {
    open_with(setup(ladder, None), CodecId::Vvc, &CodecOptions::default()).unwrap()
}

fn encode(codec: &dyn FeatureCodec, feature: &Feature, level: usize) -> Encoded {
    let level = codec.ladder().level(level).unwrap();
    codec.encode_and_decode(feature, level).unwrap()
}

fn ffmpeg() -> PathBuf {
    let encoder = Encoder {
        name: "libvvenc",
        pixel_format: "yuv420p10le",
    };
    Ffmpeg::find(None, encoder).unwrap().path().to_owned()
}

/// Runs ffmpeg on a stream in a file. With one thread: its VVC decoder has a race at the borders of
/// coding tree units when it has more.
fn judge(stream: &[u8], arguments: &[&str]) -> Output {
    let mut file = tempfile::NamedTempFile::with_suffix(".vvc").unwrap();
    file.write_all(stream).unwrap();
    let output = Command::new(ffmpeg())
        .args(["-nostdin", "-hide_banner", "-threads", "1", "-i"])
        .arg(file.path())
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

fn trace(stream: &[u8]) -> String {
    let trace = ["-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"];
    String::from_utf8(judge(stream, &trace).stderr).unwrap()
}

/// All values of a syntax element in ffmpeg's trace.
fn elements(trace: &str, name: &str) -> Vec<i32> {
    let lines = trace
        .lines()
        .filter(|line| line.split_whitespace().any(|word| word.starts_with(name)));
    let value = |line: &str| line.rsplit("= ").next().unwrap().parse().unwrap();
    lines.map(value).collect()
}

fn symbols_of(feature: &Feature) -> ndarray::Array2<u16> {
    let quantisers = LayerQuantisers::new(&[range()], BitDepth::TEN, Rounding::Nearest);
    quantisers.quantise(feature).unwrap().symbols
}

#[test]
fn the_qp_asked_for_is_the_qp_used() {
    let qps = [63, 40, 22, 1, 0];
    let codec = codec(&qps.map(f64::from));
    let feature = support::feature(CLS, 1);
    for (level, qp) in qps.into_iter().enumerate() {
        let trace = trace(encode(&*codec, &feature, level).container.payload());
        let last = |name| *elements(&trace, name).last().unwrap();
        assert_eq!(26 + last("pps_init_qp_minus26") + last("sh_qp_delta"), qp);
        assert_eq!(last("pps_cu_qp_delta_enabled_flag"), 0, "no block differs");
        assert_eq!(last("sps_bitdepth_minus8"), 2);
        assert!(!trace.contains("Supplemental"), "no SEI bytes");
    }
}

/// The same encoder as the codec's, asked to write the MD5 of its own reconstruction into the stream.
fn with_picture_hash(samples: &[u8], extent: &str, qp: &str) -> Vec<u8> {
    let mut input = tempfile::NamedTempFile::with_suffix(".yuv").unwrap();
    input.write_all(samples).unwrap();
    let settings = format!("{}:decodedpicturehash=md5", Vvenc::SETTINGS);
    let output = Command::new(ffmpeg())
        .args(["-nostdin", "-loglevel", "error", "-threads", "1"])
        .args([
            "-f",
            "rawvideo",
            "-pixel_format",
            "yuv420p10le",
            "-video_size",
            extent,
            "-i",
        ])
        .arg(input.path())
        .args(["-c:v", "libvvenc", "-preset", "faster", "-threads", "1"])
        .args([
            "-qp",
            qp,
            "-qpa",
            "0",
            "-vvenc-params",
            &settings,
            "-f",
            "vvc",
            "-",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn what_is_decoded_is_the_encoders_own_reconstruction() {
    let feature = support::feature(CLS, 2);
    // 65 rows are padded to 72.
    let mut rows = symbols_of(&feature);
    while rows.nrows() < 72 {
        let last = rows.row(64).to_owned();
        rows.push_row(last.view()).unwrap();
    }
    let mut samples: Vec<u8> = rows.iter().flat_map(|s| s.to_le_bytes()).collect();
    samples.extend(512u16.to_le_bytes().repeat(72 * 48 / 2));
    for qp in ["45", "30", "12"] {
        let hashed = with_picture_hash(&samples, "48x72", qp);
        let md5 = elements(&trace(&hashed), "dph_sei_picture_md5[0]");
        let md5: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
        let luma = [
            "-vf",
            "extractplanes=y",
            "-loglevel",
            "error",
            "-f",
            "md5",
            "-",
        ];
        let decoded = String::from_utf8(judge(&hashed, &luma).stdout).unwrap();
        assert_eq!(decoded.trim(), format!("MD5={md5}"), "QP {qp}");
        // The codec's stream is this one without the hash, and decodes to the same.
        let codec = codec(&[qp.parse().unwrap()]);
        let encoded = encode(&*codec, &feature, 0);
        let payload = encoded.container.payload();
        assert_eq!(hashed[..payload.len()], payload[..]);
        let decoded = symbols_of(&encoded.reconstruction);
        let raw = judge(payload, &["-loglevel", "error", "-f", "rawvideo", "-"]).stdout;
        let ours: Vec<u8> = decoded.iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(raw[..65 * 48 * 2], ours[..]);
    }
}

#[test]
fn at_high_rate_the_error_is_that_of_uniform_quantisation() {
    let codec = codec(&[14.0, 8.0]);
    let feature = support::feature(CLS, 3);
    let original = symbols_of(&feature);
    for (level, qp) in [14.0f64, 8.0].into_iter().enumerate() {
        let decoded = symbols_of(&encode(&*codec, &feature, level).reconstruction);
        let errors = original
            .iter()
            .zip(&decoded)
            .map(|(&a, &b)| f64::from(a.abs_diff(b)));
        let mse = errors.map(|e| e * e).sum::<f64>() / original.len() as f64;
        let step = ((qp + 8.0) / 6.0).exp2();
        let relative = mse / (step * step / 12.0);
        assert!((0.6..1.6).contains(&relative), "QP {qp}: {relative}");
    }
}

#[test]
fn features_of_any_extent_arrive() {
    let codec = codec(&[8.0]);
    for shape in [[1, 1, 1, 1], [1, 1, 3, 200], [1, 1, 200, 3], [3, 1, 7, 16]] {
        let feature = support::feature(shape, 4);
        let encoded = encode(&*codec, &feature, 0);
        let bytes = encoded.container.to_bytes();
        let container = Container::parse(&bytes, &Limits::default()).unwrap();
        assert_eq!(codec.decode(&container).unwrap(), encoded.reconstruction);
        let (original, decoded) = (symbols_of(&feature), symbols_of(&encoded.reconstruction));
        let greatest = original
            .iter()
            .zip(&decoded)
            .map(|(&a, &b)| a.abs_diff(b))
            .max();
        assert!(greatest < Some(30), "{shape:?}: {greatest:?}");
    }
}

#[test]
fn the_ends_of_the_scale_survive() {
    // Half of the picture at the lower end of the range, half at the upper: full range, not 64 to 940.
    let shape = splitsim_feature::FeatureShape::new(1, 1, 32, 32).unwrap();
    let values = (0..1024)
        .map(|n| if n < 512 { -40.0 } else { 12.0 })
        .collect();
    let feature = Feature::new(shape, values).unwrap();
    let decoded = symbols_of(&encode(&*codec(&[4.0]), &feature, 0).reconstruction);
    assert!(decoded.iter().all(|&s| s <= 3 || s >= 1020), "{decoded}");
}

#[test]
fn a_codebooks_symbols_are_coded_in_eight_bits() {
    let feature = support::feature(CLS, 5);
    let centres = fit(feature.values(), BitDepth::EIGHT).unwrap();
    let codebook = Codebook::new(&[centres.centres]).unwrap();
    let options = CodecOptions {
        transform: Transform::Codebook(Assignment::Nearest),
        ..CodecOptions::default()
    };
    let codec = Vvc::new(setup(&[30.0, 4.0], Some(codebook)), &options).unwrap();
    let encoded = encode(&codec, &feature, 1);
    assert_eq!(encoded.container.header().depth, BitDepth::EIGHT);
    assert_eq!(
        codec.decode(&encoded.container).unwrap(),
        encoded.reconstruction
    );
    let error = |encoded: &Encoded| {
        let pairs = feature.values().iter().zip(encoded.reconstruction.values());
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / feature.values().len() as f64
    };
    // QP 4 has a step of one 8-bit symbol: the error stays near that of the codebook alone.
    let rich = error(&encoded);
    assert!(
        centres.mse < rich && rich < 20.0 * centres.mse,
        "{rich}, {}",
        centres.mse
    );
    assert!(error(&encode(&codec, &feature, 0)) > 3.0 * rich);
}

#[test]
fn twelve_bits_are_more_than_vvenc_takes() {
    let options = CodecOptions {
        depth: BitDepth::TWELVE,
        ..CodecOptions::default()
    };
    let refused = Vvc::new(setup(&[30.0], None), &options).unwrap_err();
    assert!(matches!(refused, CodecError::WrongDepth { .. }));
    assert_eq!(
        refused.to_string(),
        "vvc codes samples of 8 or 10 bits, not of 12"
    );
}

#[test]
fn a_package_without_a_ladder_has_no_such_codec() {
    let root = tempfile::tempdir().unwrap();
    let package = support::package(root.path(), "[30]");
    let options = CodecOptions::default();
    let refused = open(CodecId::Vvc, &package, Task::Cls, &options);
    assert_eq!(
        refused.err().unwrap().to_string(),
        "model 'test' has no ladder for vvc on cls, add it to tasks.cls.ladders"
    );
    for learned in [CodecId::Hyperprior, CodecId::HyperpriorTask] {
        let refused = open(learned, &package, Task::Cls, &options);
        assert!(matches!(refused, Err(CodecError::NeedsLibtorch { codec }) if codec == learned));
    }
}
