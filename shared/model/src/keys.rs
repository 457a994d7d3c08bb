//! Unknown keys of a manifest, told with the known one that was probably meant.
//!
//! serde refuses unknown keys by itself, but not in tables that several structs are read from, as a
//! task's are.

use serde::Deserialize;
use serde_aux::serde_introspection::serde_introspect;
use toml::{Table, Value};

use crate::{
    Architecture, ClsPreprocess, DptPreprocess, FrameSize, Manifest, Normalisation, SegPreprocess,
    TaskCommon, Tasks,
};

/// A key that means nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownKey {
    /// The key, with the tables that it is in.
    pub(crate) key: String,
    /// The known key of that table that is most like it.
    pub(crate) nearest: String,
}

/// Keys of a task's table beside those of [`TaskCommon`].
const CLS: &[&str] = &["classes", "preprocess"];
const SEG: &[&str] = &["classes", "preprocess"];
const DPT: &[&str] = &["bins", "min-depth-m", "max-depth-m", "preprocess"];

/// Refuses the first key that means nothing.
///
/// What is no table where one is expected is left to the reading of values.
pub(crate) fn check(manifest: &Table) -> Result<(), UnknownKey> {
    keys_of::<Manifest>("", manifest)?;
    if let Some(architecture) = inner(manifest, "architecture") {
        keys_of::<Architecture>("architecture.", architecture)?;
    }
    let Some(tasks) = inner(manifest, "tasks") else {
        return Ok(());
    };
    keys_of::<Tasks>("tasks.", tasks)?;
    task::<ClsPreprocess>("cls", tasks, CLS)?;
    task::<SegPreprocess>("seg", tasks, SEG)?;
    task::<DptPreprocess>("dpt", tasks, DPT)
}

fn task<'de, Preprocess: Deserialize<'de>>(
    name: &str,
    tasks: &Table,
    own: &[&'static str],
) -> Result<(), UnknownKey> {
    let Some(table) = inner(tasks, name) else {
        return Ok(());
    };
    let place = format!("tasks.{name}.");
    let known = [serde_introspect::<TaskCommon>(), own].concat();
    refuse_unknown(&place, table, &known)?;
    let Some(preprocess) = inner(table, "preprocess") else {
        return Ok(());
    };
    let place = format!("{place}preprocess.");
    keys_of::<Preprocess>(&place, preprocess)?;
    if let Some(normalisation) = inner(preprocess, "normalisation") {
        keys_of::<Normalisation>(&format!("{place}normalisation."), normalisation)?;
    }
    match inner(preprocess, "resize") {
        Some(resize) => keys_of::<FrameSize>(&format!("{place}resize."), resize),
        None => Ok(()),
    }
}

fn inner<'a>(table: &'a Table, key: &str) -> Option<&'a Table> {
    table.get(key).and_then(Value::as_table)
}

fn keys_of<'de, T: Deserialize<'de>>(place: &str, table: &Table) -> Result<(), UnknownKey> {
    refuse_unknown(place, table, serde_introspect::<T>())
}

fn refuse_unknown(place: &str, table: &Table, known: &[&str]) -> Result<(), UnknownKey> {
    let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    let nearest = splitsim_display::closest(unknown, known.iter().copied());
    Err(UnknownKey {
        key: format!("{place}{unknown}"),
        nearest: nearest.unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every table and every key that a manifest may have.
    const FULL: &str = r#"
        name = "m"
        description = "d"
        licence = "l"
        provenance = "p"
        [architecture]
        embed-dim = 48
        depth = 4
        heads = 3
        patch = 14
        feed-forward = "mlp"
        registers = 0
        position-grid = 16
        position-interpolation = "size"
        [tasks.cls]
        taps = [4]
        ranges = [[-1.0, 1.0]]
        classes = 3
        ladders = { hevc = [3.0] }
        tables = { codebook = ["codecs/c.json"] }
        [tasks.cls.preprocess]
        resize = 28
        crop = 28
        filter = "bicubic"
        normalisation = { mean = [0.0, 0.0, 0.0], std = [1.0, 1.0, 1.0] }
        [tasks.seg]
        taps = [4]
        ranges = [[-1.0, 1.0]]
        classes = 3
        [tasks.seg.preprocess]
        long-side = 28
        short-side = 28
        window = 28
        stride = 14
        normalisation = { mean = [0.0, 0.0, 0.0], std = [1.0, 1.0, 1.0] }
        [tasks.dpt]
        taps = [4]
        ranges = [[-1.0, 1.0]]
        bins = 3
        min-depth-m = 0.1
        max-depth-m = 10.0
        [tasks.dpt.preprocess]
        flip = true
        resize = { height = 28, width = 28 }
        normalisation = { mean = [0.0, 0.0, 0.0], std = [1.0, 1.0, 1.0] }
    "#;

    #[test]
    fn every_key_of_a_manifest_is_known() {
        assert_eq!(check(&FULL.parse().unwrap()), Ok(()));
        let manifest: Manifest = toml::from_str(FULL).unwrap();
        assert_eq!(manifest.inconsistency(), None);
        let written = toml::to_string(&manifest).unwrap();
        assert_eq!(check(&written.parse().unwrap()), Ok(()));
    }

    #[test]
    fn numbers_that_no_model_has_are_refused() {
        let refused = |change: fn(&mut Manifest), expected: &str| {
            let mut manifest: Manifest = toml::from_str(FULL).unwrap();
            change(&mut manifest);
            let reason = manifest.inconsistency().unwrap();
            assert!(reason.contains(expected), "{reason}");
        };
        refused(
            |m| m.architecture.registers = usize::MAX,
            "architecture.registers",
        );
        refused(
            |m| {
                let common = m.tasks.common_mut(splitsim_feature::Task::Cls).unwrap();
                common.ladders.insert("hevc".to_owned(), vec![f64::NAN]);
            },
            "tasks.cls.ladders.hevc",
        );
        refused(
            |m| m.tasks.dpt.as_mut().unwrap().max_depth_m = f32::INFINITY,
            "tasks.dpt",
        );
    }

    #[test]
    fn a_misspelt_key_is_told_with_the_one_that_was_meant() {
        for (meant, typed, place) in [
            ("licence = \"l\"", "license = \"l\"", "license licence"),
            ("heads = 3", "head = 3", "architecture.head heads"),
            (
                "[tasks.seg.preprocess]",
                "[tasks.seq.preprocess]",
                "tasks.seq seg",
            ),
            (
                "classes = 3\n        ladders",
                "clases = 3\n        ladders",
                "tasks.cls.clases classes",
            ),
            ("tables = {", "table = {", "tasks.cls.table tables"),
            ("bins = 3", "bin = 3", "tasks.dpt.bin bins"),
            (
                "stride = 14",
                "strides = 14",
                "tasks.seg.preprocess.strides stride",
            ),
            (
                "height = 28",
                "hight = 28",
                "tasks.dpt.preprocess.resize.hight height",
            ),
        ] {
            assert!(FULL.contains(meant), "{meant}");
            let table = FULL.replace(meant, typed).parse().unwrap();
            let UnknownKey { key, nearest } = check(&table).unwrap_err();
            assert_eq!(format!("{key} {nearest}"), place);
        }
    }
}
