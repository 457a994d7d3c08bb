//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

use splitsim_feature::Task;

use crate::format::Format;
use crate::pixels::Rgb;
use crate::{DataSetSpec, DepthScale, Source, SourceSpec, depth, jpeg, mask, png_file};

/// Any bytes are refused or a picture whose samples fill its extent, and are the same the next time: nothing is
/// made up for what is missing.
///
/// # Panics
/// When that is not so.
pub fn image(input: &[u8]) -> bool {
    let Some(Rgb { extent, samples }) = rgb(input) else {
        return false;
    };
    assert_eq!(samples.len(), extent.width() * extent.height() * 3);
    let again = rgb(input).map(|again| again.samples);
    assert_eq!(again, Some(samples), "other samples the next time");
    true
}

fn rgb(input: &[u8]) -> Option<Rgb> {
    match Format::of(input) {
        Some(Format::Png) => png_file::rgb(Cursor::new(input)).ok(),
        Some(Format::Jpeg) => jpeg::rgb(input).ok(),
        _ => None,
    }
}

/// Any bytes are refused or a mask or depth map that fills its extent.
///
/// # Panics
/// When that is not so.
pub fn truth(input: &[u8]) -> bool {
    let Ok(stored) = png_file::stored(Cursor::new(input)) else {
        return false;
    };
    let extent = (stored.extent.height(), stored.extent.width());
    let mask = mask::of_stored(&stored);
    if let Ok(mask) = &mask {
        assert_eq!(mask.view().dim(), extent);
    }
    let depth = depth::of_stored(&stored, DepthScale::Millimetres);
    if let Ok(depth) = &depth {
        assert_eq!(depth.view().dim(), extent);
        assert!(depth.view().iter().all(|metres| metres.is_finite()));
    }
    mask.is_ok() || depth.is_ok()
}

/// Checks that a list over the pictures of `dir` is either refused or names pictures, each under a
/// unique name. `kind`, the input's first byte, selects the data set.
///
/// # Panics
/// When that is not so.
pub fn list(list: &Path, kind: u8, dir: &Path) -> bool {
    let set = DataSetSpec {
        dir: dir.to_owned(),
        list: Some(list.to_owned()),
        depth_scale: DepthScale::default(),
    };
    let spec = match kind % 3 {
        0 => SourceSpec::ImageNet(set),
        1 => SourceSpec::Voc(set),
        _ => SourceSpec::Nyu(set),
    };
    let Ok(source) = Source::open(&spec) else {
        return false;
    };
    let count = source.count();
    assert!(count > 0, "a source of nothing");
    let names: BTreeSet<_> = (0..count).filter_map(|index| source.name(index)).collect();
    assert_eq!(names.len(), count, "names are unique");
    assert_eq!(source.name(count), None);
    for index in 0..count.min(MOST_READ) {
        for task in Task::ALL {
            if let Ok(item) = source.item(index, task) {
                assert_eq!(Some(item.name), source.name(index));
                assert_eq!(item.truth.is_some(), source.has_truth(task));
            }
        }
    }
    true
}

/// Pictures that are read of a list.
const MOST_READ: usize = 2;

/// Any text is refused or names a source, by a text that names the same.
///
/// # Panics
/// When that is not so.
pub fn spec(input: &[u8]) -> bool {
    let text = std::str::from_utf8(input).unwrap_or_default();
    let spec = text.parse::<SourceSpec>();
    if let Ok(spec) = &spec {
        assert_eq!(
            spec.to_string().parse::<SourceSpec>().ok().as_ref(),
            Some(spec)
        );
    }
    spec.is_ok()
}
