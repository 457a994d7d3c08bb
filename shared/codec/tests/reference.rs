//! The adapters to HM and VTM: against a stand-in that is as strict with its command line as the real
//! programs, and against these where `SPLITSIM_HM_DIR` or `SPLITSIM_VTM_DIR` names them.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

#[path = "support/processes.rs"]
mod processes;
mod support;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use splitsim_codec::quantise::{BitDepth, Rounding};
use splitsim_codec::reference::ReferenceOptions;
use splitsim_codec::{
    CodecError, CodecId, CodecOptions, Container, Encoded, FeatureCodec, Limits, open,
};
use splitsim_feature::{Feature, Task};
use tempfile::TempDir;

/// A directory in which the stand-in goes by the names of one reference software.
struct StandIn(TempDir);

impl StandIn {
    fn new(codec: CodecId) -> Self {
        let root = tempfile::tempdir().unwrap();
        let (encoder, decoder, configuration) = match codec {
            CodecId::Hm => (
                "TAppEncoderStatic",
                "TAppDecoderStatic",
                "encoder_intra_main_rext.cfg",
            ),
            CodecId::Vtm => (
                "EncoderAppStatic",
                "DecoderAppStatic",
                "encoder_intra_vtm.cfg",
            ),
            other => panic!("{other} is no reference software"),
        };
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake/reference-software");
        for folder in ["bin", "cfg"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        // Links, because a file that was just written may not be executable while another test is
        // starting a process.
        for name in [encoder, decoder] {
            std::os::unix::fs::symlink(&program, root.path().join("bin").join(name)).unwrap();
        }
        std::fs::write(root.path().join("cfg").join(configuration), "QP : 32\n").unwrap();
        Self(root)
    }

    /// Makes the stand-in misbehave, see there.
    fn with(self, habit: &str) -> Self {
        std::fs::write(self.bin().join(habit), "").unwrap();
        self
    }

    fn bin(&self) -> PathBuf {
        self.0.path().join("bin")
    }

    fn options(&self) -> CodecOptions {
        CodecOptions {
            reference: ReferenceOptions {
                hm_dir: Some(self.0.path().to_owned()),
                vtm_dir: Some(self.0.path().to_owned()),
                ..ReferenceOptions::default()
            },
            ..CodecOptions::default()
        }
    }

    fn encoded_pictures(&self) -> usize {
        let lines = std::fs::read_to_string(self.bin().join("count")).unwrap();
        lines.lines().count()
    }
}

fn try_open(id: CodecId, options: &CodecOptions) -> Result<Box<dyn FeatureCodec>, CodecError> {
    let root = tempfile::tempdir().unwrap();
    open(
        id,
        &support::package(root.path(), "[30]"),
        Task::Cls,
        options,
    )
}

fn encode(codec: &dyn FeatureCodec, feature: &Feature, level: usize) -> Encoded {
    let level = codec.ladder().level(level).unwrap();
    codec.encode_and_decode(feature, level).unwrap()
}

fn encode_error(id: CodecId, options: &CodecOptions) -> CodecError {
    let codec = try_open(id, options).unwrap();
    let feature = support::feature([1, 1, 17, 24], 1);
    codec
        .encode(&feature, codec.ladder().richest())
        .unwrap_err()
}

#[test]
fn published_options_are_what_the_programs_take() {
    for id in [CodecId::Hm, CodecId::Vtm] {
        let stand_in = StandIn::new(id);
        for bits in [8, 10, 12] {
            let options = CodecOptions {
                depth: BitDepth::new(bits).unwrap(),
                rounding: Rounding::Floor,
                ..stand_in.options()
            };
            let codec = try_open(id, &options).unwrap();
            for shape in [[1, 1, 257, 192], [1, 1, 3, 5]] {
                let feature = support::feature(shape, 2);
                let encoded = encode(&*codec, &feature, 9);
                let bytes = encoded.container.to_bytes();
                let container = Container::parse(&bytes, &Limits::default()).unwrap();
                assert_eq!(codec.decode(&container).unwrap(), encoded.reconstruction);
                // The stand-in is lossless: what remains is the quantiser's step, downwards.
                let step = 52.0 / f32::from(options.depth.top());
                let pairs = feature.values().iter().zip(encoded.reconstruction.values());
                assert!(
                    pairs
                        .into_iter()
                        .all(|(a, b)| (-1e-4..=step + 1e-4).contains(&(a - b)))
                );
                let line = String::from_utf8_lossy(&container.payload()[..40]).into_owned();
                let (width, height) = (shape[3].max(16), shape[2].max(16));
                let expected = format!(" {width} {height} {bits} 2\n");
                assert!(line.contains(&expected), "{line} has no {expected}");
            }
        }
    }
}

#[test]
fn a_package_without_a_ladder_gets_the_published_one() {
    let stand_in = StandIn::new(CodecId::Vtm);
    let codec = try_open(CodecId::Vtm, &stand_in.options()).unwrap();
    let labels: Vec<_> = codec
        .ladder()
        .rungs()
        .iter()
        .map(|r| r.label.as_str())
        .collect();
    assert_eq!((labels.len(), labels[0], labels[9]), (10, "qp 20", "qp 2"));
    assert!(matches!(
        codec.encode(
            &support::feature([1, 1, 4, 4], 3),
            splitsim_codec::Level(10)
        ),
        Err(CodecError::NoSuchLevel {
            level: 10,
            levels: 10
        })
    ));
}

#[test]
fn software_that_is_not_there_is_asked_for() {
    let check = |id: CodecId, options: &CodecOptions, expected: &str| {
        let message = try_open(id, options).err().unwrap().to_string();
        assert!(message.contains(expected), "{message}");
    };
    let nowhere = CodecOptions::default();
    for (id, variable) in [
        (CodecId::Hm, "SPLITSIM_HM_DIR"),
        (CodecId::Vtm, "SPLITSIM_VTM_DIR"),
    ] {
        if std::env::var_os(variable).is_none() {
            check(id, &nowhere, &format!("build it and set {variable}"));
        }
    }
    let hm = StandIn::new(CodecId::Hm);
    check(CodecId::Vtm, &hm.options(), "no EncoderAppStatic in ");
    std::fs::remove_file(hm.0.path().join("cfg/encoder_intra_main_rext.cfg")).unwrap();
    check(
        CodecId::Hm,
        &hm.options(),
        "no encoder_intra_main_rext.cfg in ",
    );
}

#[test]
fn software_of_another_kind_or_age_is_refused() {
    let old = StandIn::new(CodecId::Hm).with("old");
    let message = try_open(CodecId::Hm, &old.options())
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.ends_with("is HM 8.2, at least 16.0 is needed"),
        "{message}"
    );
    let other = StandIn::new(CodecId::Hm);
    std::fs::remove_file(other.bin().join("TAppEncoderStatic")).unwrap();
    let cat = other.bin().join("TAppEncoderStatic");
    std::os::unix::fs::symlink("/bin/echo", cat).unwrap();
    let message = try_open(CodecId::Hm, &other.options())
        .err()
        .unwrap()
        .to_string();
    assert!(message.contains("is no encoder of HM"), "{message}");
}

#[test]
fn a_crashing_encoder_is_quoted_with_its_log() {
    let stand_in = StandIn::new(CodecId::Vtm).with("crash");
    let message = encode_error(CodecId::Vtm, &stand_in.options()).to_string();
    assert!(
        message.starts_with("vtm encode: ")
            && message.contains("exit status: 1")
            && message.contains("POC 0 ...")
            && message.ends_with("Assertion `quantised' failed."),
        "{message}"
    );
}

#[test]
fn an_encoder_out_of_time_is_killed() {
    let stand_in = StandIn::new(CodecId::Hm).with("hang");
    let mut options = stand_in.options();
    options.reference.time_limit = Duration::from_secs(2);
    let message = encode_error(CodecId::Hm, &options).to_string();
    assert!(
        message.contains("ran longer than 2s and was killed"),
        "{message}"
    );
    let pid = std::fs::read_to_string(stand_in.bin().join("pid")).unwrap();
    processes::eventually(|| processes::has_ended(pid.trim()).then_some(()));
}

#[test]
fn output_that_is_missing_or_short_is_found_out() {
    let silent = StandIn::new(CodecId::Hm).with("silent");
    assert!(matches!(
        encode_error(CodecId::Hm, &silent.options()),
        CodecError::EncodedSize { actual: 0, .. }
    ));
    let short = StandIn::new(CodecId::Hm).with("short");
    assert!(matches!(
        encode_error(CodecId::Hm, &short.options()),
        CodecError::DecodedSize {
            expected: 816,
            actual: 10,
            ..
        }
    ));
}

#[test]
fn encoded_pictures_are_kept_by_content() {
    let stand_in = StandIn::new(CodecId::Hm).with("count");
    let kept = tempfile::tempdir().unwrap();
    let mut options = stand_in.options();
    options.reference.cache = Some(kept.path().join("cache"));
    let codec = || try_open(CodecId::Hm, &options).unwrap();
    let feature = support::feature([1, 1, 20, 20], 4);
    let first = encode(&*codec(), &feature, 3);
    let again = encode(&*codec(), &feature, 3);
    assert_eq!(first.container, again.container);
    assert_eq!(stand_in.encoded_pictures(), 1);
    encode(&*codec(), &feature, 4);
    encode(&*codec(), &support::feature([1, 1, 20, 20], 5), 3);
    assert_eq!(stand_in.encoded_pictures(), 3);
    // Another configuration file is another codec.
    let configuration = stand_in.0.path().join("cfg/encoder_intra_main_rext.cfg");
    std::fs::write(configuration, "QP : 33\n").unwrap();
    encode(&*codec(), &feature, 3);
    assert_eq!(stand_in.encoded_pictures(), 4);
}

#[test]
fn no_files_are_left_behind() {
    let ours = |id: CodecId| {
        let entries = std::fs::read_dir(std::env::temp_dir()).unwrap();
        let prefix = format!("splitsim-{id}-");
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(&prefix))
            .count()
    };
    // VTM's only: other tests of this program may be running HM's.
    let stand_in = StandIn::new(CodecId::Vtm);
    let mut options = stand_in.options();
    options.reference.parallel = NonZeroUsize::new(1);
    let codec = try_open(CodecId::Vtm, &options).unwrap();
    encode(&*codec, &support::feature([1, 1, 20, 20], 6), 0);
    processes::eventually(|| (ours(CodecId::Vtm) == 0).then_some(()));
}

/// Says so and passes where there is no such software.
fn real(id: CodecId, variable: &str) {
    if std::env::var_os(variable).is_none() {
        eprintln!("skipped: {variable} is not set");
        return;
    }
    let codec = try_open(id, &CodecOptions::default()).unwrap();
    let feature = support::feature([1, 1, 65, 48], 7);
    let mse = |encoded: &Encoded| {
        let pairs = feature.values().iter().zip(encoded.reconstruction.values());
        let sum: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
        sum / feature.values().len() as f64
    };
    let [cheap, rich] = [0, 9].map(|level| encode(&*codec, &feature, level));
    assert!(cheap.container.payload_bytes() < rich.container.payload_bytes());
    assert!(mse(&cheap) > mse(&rich));
    // QP 2 has a step of 2^(10/6) symbols of 52/1023; the quantiser adds a twelfth of one.
    let symbol = 52.0f64 / 1023.0;
    let step = (10.0f64 / 6.0).exp2() * symbol;
    let expected = (step * step + symbol * symbol) / 12.0;
    assert!(mse(&rich) < 2.0 * expected, "{} of {expected}", mse(&rich));
    assert_eq!(codec.decode(&rich.container).unwrap(), rich.reconstruction);
}

#[test]
fn the_real_hm_codes_where_it_is() {
    real(CodecId::Hm, "SPLITSIM_HM_DIR");
}

#[test]
fn the_real_vtm_codes_where_it_is() {
    real(CodecId::Vtm, "SPLITSIM_VTM_DIR");
}
