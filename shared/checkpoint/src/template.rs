//! Templates: the properties of released models beside their weights.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use splitsim_feature::Task;
use splitsim_model::{
    Architecture, ClsPreprocess, DptPreprocess, Manifest, RangeTable, SegPreprocess,
};
use splitsim_text::Text;
use toml::{Table, Value};

use crate::import_error::ImportError;
use crate::tasks::tasks;

/// The properties of a released model: `models/NAME/template.toml` on top of `models/dinov2.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Template {
    /// The model's name, and its package's unless another is asked for.
    pub name: String,
    /// A description of the model in a sentence.
    pub description: String,
    /// Licence of code and weights.
    pub licence: String,
    /// Public addresses of the files to import, if there are any.
    #[serde(default)]
    pub downloads: Downloads,
    /// The backbone.
    pub architecture: Architecture,
    /// Classification.
    pub cls: ClsTemplate,
    /// Segmentation.
    pub seg: SegTemplate,
    /// Depth.
    pub dpt: DptTemplate,
}

/// Public addresses of a model's files; nothing is ever fetched from them here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Downloads {
    /// Any one of these.
    #[serde(default)]
    pub backbone: Vec<String>,
    /// Classifiers of 1 and 4 layers.
    #[serde(default)]
    pub cls_head: Vec<String>,
    /// Linear segmentation heads.
    #[serde(default)]
    pub seg_head: Vec<String>,
    /// Linear depth heads of 1 and 4 layers.
    #[serde(default)]
    pub dpt_head: Vec<String>,
}

/// The properties of a model's classification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClsTemplate {
    /// Class counts of released heads, the usual one first.
    pub classes: Vec<usize>,
    /// Published value range of the last block's feature; if empty, the user calibrates it.
    #[serde(default)]
    pub ranges: RangeTable,
    /// Parameters per codec, cheapest → richest.
    pub ladders: BTreeMap<String, Vec<f64>>,
    /// The preprocessing from an image to an input.
    pub preprocess: ClsPreprocess,
}

/// The properties of a model's segmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SegTemplate {
    /// Class counts of released heads, the usual one first.
    pub classes: Vec<usize>,
    /// Published value range of the last block's feature; if empty, the user calibrates it.
    #[serde(default)]
    pub ranges: RangeTable,
    /// Parameters per codec, cheapest → richest.
    pub ladders: BTreeMap<String, Vec<f64>>,
    /// The preprocessing from an image to windows.
    pub preprocess: SegPreprocess,
}

/// The properties of a model's depth estimation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DptTemplate {
    /// The blocks that the four-layer head was trained on, counted from 1; of L blocks L/4, L/2, 3L/4 and
    /// L unless given.
    #[serde(default)]
    pub taps: Vec<usize>,
    /// Depth bins.
    pub bins: usize,
    /// Centre of the nearest bin, metres.
    pub min_depth_m: f32,
    /// Centre of the farthest bin, metres.
    pub max_depth_m: f32,
    /// Published value ranges of `taps`; if empty, the user calibrates them.
    #[serde(default)]
    pub ranges: RangeTable,
    /// Parameters per codec, cheapest → richest.
    pub ladders: BTreeMap<String, Vec<f64>>,
    /// The preprocessing from an image to views.
    pub preprocess: DptPreprocess,
}

macro_rules! model_file {
    ($name:literal) => {
        include_str!(concat!("../../../models/", $name))
    };
}

/// The largest file that is read as a template.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The properties that all of DINOv2's models share.
const SHARED: &str = model_file!("dinov2.toml");
/// The eight released models.
const SHIPPED: [&str; 8] = [
    model_file!("dinov2-vits14/template.toml"),
    model_file!("dinov2-vits14-reg/template.toml"),
    model_file!("dinov2-vitb14/template.toml"),
    model_file!("dinov2-vitb14-reg/template.toml"),
    model_file!("dinov2-vitl14/template.toml"),
    model_file!("dinov2-vitl14-reg/template.toml"),
    model_file!("dinov2-vitg14/template.toml"),
    model_file!("dinov2-vitg14-reg/template.toml"),
];

impl Template {
    /// The templates of the eight released models.
    #[must_use]
    pub fn shipped() -> Vec<Self> {
        // The unit test below reads every one of them.
        SHIPPED
            .iter()
            .filter_map(|text| Self::parse(text).ok())
            .collect()
    }

    /// A shipped template by its name, or one of a `.toml` file.
    ///
    /// # Errors
    /// When there is no such template, or the file is not a valid one.
    pub fn find(name: &str) -> Result<Self, ImportError> {
        let invalid = |reason| ImportError::Template {
            name: name.to_owned(),
            reason,
        };
        if Path::new(name)
            .extension()
            .is_some_and(|ending| ending == "toml")
        {
            let text = Text::read(Path::new(name), MAX_FILE_BYTES);
            let text = text.map_err(|error| invalid(error.reason()))?;
            return Self::parse(text.as_str()).map_err(invalid);
        }
        let mut shipped = Self::shipped();
        match shipped.iter().position(|template| template.name == name) {
            Some(index) => Ok(shipped.swap_remove(index)),
            None => {
                let names = shipped.into_iter().map(|template| template.name);
                let names: Vec<String> = names.collect();
                Err(invalid(format!(
                    "not shipped; there are {}, or give a .toml file",
                    names.join(", ")
                )))
            }
        }
    }

    /// Reads a template; values that it lacks are those that DINOv2's models share.
    ///
    /// # Errors
    /// The reason why it is not valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table = |text: &str| text.parse::<Table>().map_err(|error| error.to_string());
        let mut merged = table(SHARED)?;
        merge(&mut merged, table(text)?);
        add_taps(&mut merged);
        let template: Self = merged
            .try_into()
            .map_err(|error: toml::de::Error| error.to_string())?;
        match template.inconsistency() {
            Some(reason) => Err(reason),
            None => Ok(template),
        }
    }

    /// The first fault that keeps a package from being made, if there is one. It uses the names of the
    /// template's keys.
    fn inconsistency(&self) -> Option<String> {
        if self.name.is_empty() || self.name.contains(['/', '\\']) || self.name.starts_with('.') {
            return Some(format!(
                "name '{}' must be that of a folder, without a path",
                self.name
            ));
        }
        let no_classes = |classes: &[usize]| classes.is_empty() || classes.contains(&0);
        if no_classes(&self.cls.classes) {
            return Some("cls.classes must name a number of classes".to_owned());
        }
        if no_classes(&self.seg.classes) {
            return Some("seg.classes must name a number of classes".to_owned());
        }
        let taps = [1, 1, self.dpt.taps.len()];
        let ranges = [&self.cls.ranges, &self.seg.ranges, &self.dpt.ranges];
        for ((task, taps), ranges) in ["cls", "seg", "dpt"].into_iter().zip(taps).zip(ranges) {
            let given = ranges.0.len();
            if given != 0 && given != taps {
                return Some(format!("{task}.ranges has {given} entries for {taps} taps"));
            }
        }
        let reason = self.features_only().inconsistency()?;
        Some(reason.replace("tasks.", ""))
    }

    /// The manifest of a package without heads.
    fn features_only(&self) -> Manifest {
        Manifest {
            name: self.name.clone(),
            description: self.description.clone(),
            licence: self.licence.clone(),
            provenance: String::new(),
            architecture: self.architecture.clone(),
            without_head: Task::ALL.to_vec(),
            tasks: tasks(self, &self.architecture, &BTreeMap::new()),
        }
    }
}

/// Adds the depth head's taps if a template does not give them: a quarter, half, three quarters and all of the
/// blocks.
fn add_taps(template: &mut Table) {
    let architecture = template.get("architecture").and_then(Value::as_table);
    let depth = architecture.and_then(|architecture| architecture.get("depth")?.as_integer());
    let Some(depth) = depth.filter(|depth| (1..=MOST_BLOCKS).contains(depth)) else {
        return;
    };
    if let Some(dpt) = template.get_mut("dpt").and_then(Value::as_table_mut) {
        dpt.entry("taps").or_insert_with(|| {
            let mut taps: Vec<i64> = (1..=4).map(|quarter| quarter * depth / 4).collect();
            taps.retain(|&tap| tap > 0);
            taps.dedup();
            taps.into()
        });
    }
}

/// More blocks than any backbone has; no taps are computed for more.
const MOST_BLOCKS: i64 = 1 << 16;

/// Puts `over` on top of `base`, table by table.
fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use splitsim_model::{FeedForward, PositionInterpolation};

    use super::*;

    #[test]
    fn the_eight_released_models_are_there() {
        // Channels, blocks, heads, feed-forward width and last block of the depth head as released
        // (facebookresearch/dinov2: hub/backbones.py, hub/depthers.py).
        let sizes = [
            ("vits14", 384, 12, 6, 1536, [3, 6, 9, 12]),
            ("vitb14", 768, 12, 12, 3072, [3, 6, 9, 12]),
            ("vitl14", 1024, 24, 16, 4096, [5, 12, 18, 24]),
            ("vitg14", 1536, 40, 24, 4096, [10, 20, 30, 40]),
        ];
        let shipped: Vec<Template> = SHIPPED
            .iter()
            .map(|text| Template::parse(text).unwrap())
            .collect();
        for (pair, (name, dim, depth, heads, hidden, taps)) in shipped.chunks(2).zip(sizes) {
            for (template, registers) in pair.iter().zip([0, 4]) {
                let suffix = if registers == 0 { "" } else { "-reg" };
                assert_eq!(template.name, format!("dinov2-{name}{suffix}"));
                let a = &template.architecture;
                assert_eq!((a.embed_dim, a.depth, a.heads), (dim, depth, heads));
                assert_eq!((a.hidden_dim(), a.registers), (hidden, registers));
                assert_eq!((a.patch, a.position_grid), (14, 37));
                let gated = a.feed_forward == FeedForward::SwiGlu;
                assert_eq!(gated, name == "vitg14");
                let mode = match registers {
                    0 => PositionInterpolation::ScaleOffset,
                    _ => PositionInterpolation::Antialias,
                };
                assert_eq!(a.position_interpolation, mode);
                assert_eq!(template.dpt.taps, taps);
                let urls = &template.downloads.backbone;
                assert!(
                    urls.iter()
                        .any(|url| url.contains(&format!("dinov2_{name}")))
                );
            }
        }
        assert_eq!(Template::shipped(), shipped);
    }

    #[test]
    fn only_what_was_published_has_ranges() {
        for template in Template::shipped() {
            let ranges = template.cls.ranges.0.len()
                + template.seg.ranges.0.len()
                + template.dpt.ranges.0.len();
            let published = template.name == "dinov2-vitg14";
            assert_eq!(ranges, if published { 6 } else { 0 }, "{}", template.name);
        }
    }

    #[test]
    fn an_unknown_template_is_told_the_known_ones() {
        let error = Template::find("dinov2-vith14").unwrap_err().to_string();
        assert!(error.contains("dinov2-vits14-reg, "), "{error}");
        let error = Template::find("missing.toml").unwrap_err().to_string();
        assert!(error.contains("missing.toml': No such file"), "{error}");
        let error = Template::parse("cls.colour = 'red'").unwrap_err();
        assert!(error.contains("colour"), "{error}");
    }

    /// A user's own template, as short as docs/models.md says.
    const OWN: &str = r#"
        name = "mine"
        description = "of my own"
        [architecture]
        embed-dim = 48
        depth = 10
        heads = 4
        patch = 14
        feed-forward = "mlp"
        registers = 0
        position-grid = 16
        position-interpolation = "scale-offset"
    "#;

    #[test]
    fn a_template_of_ones_own_needs_neither_downloads_nor_taps() {
        let taps = |depth: usize| {
            let text = OWN.replace("depth = 10", &format!("depth = {depth}"));
            Template::parse(&text).unwrap().dpt.taps
        };
        assert_eq!(taps(12), [3, 6, 9, 12]);
        assert_eq!(taps(40), [10, 20, 30, 40]);
        assert_eq!(taps(10), [2, 5, 7, 10]);
        assert_eq!(taps(2), [1, 2]);
        assert_eq!(taps(1), [1]);
        let own = Template::parse(OWN).unwrap();
        assert_eq!(own.downloads, Downloads::default());
        let given = format!("{OWN}\n[dpt]\ntaps = [1, 10]");
        assert_eq!(Template::parse(&given).unwrap().dpt.taps, [1, 10]);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let check = |more: &str, named: &str| {
            let error = Template::parse(&format!("{OWN}\n{more}")).unwrap_err();
            assert!(error.contains(named), "{more}: {error}");
        };
        for taps in ["[]", "[0, 5]", "[3, 11]", "[5, 3]", "[5, 5]"] {
            check(&format!("[dpt]\ntaps = {taps}"), "dpt.taps");
        }
        check(
            "[dpt]\nranges = [[-1.0, 1.0]]",
            "dpt.ranges has 1 entries for 4 taps",
        );
        check("[cls]\nclasses = []", "cls.classes");
        check("[seg]\nclasses = [0]", "seg.classes");
        check("[dpt]\nbins = 1", "dpt: at least two bins");
        check("[cls.preprocess]\ncrop = 225", "cls.preprocess: crop 225");
        check("[dpt]\ntap = [1]", "tap");
        let check = |from: &str, to: &str, named: &str| {
            let error = Template::parse(&OWN.replace(from, to)).unwrap_err();
            assert!(error.contains(named), "{to}: {error}");
        };
        check("\"mine\"", "\"../mine\"", "name '../mine'");
        check("depth = 10", "depth = 0", "depth");
        check("depth = 10", "depth = -4", "depth");
        check("heads = 4", "heads = 5", "heads");
    }

    #[test]
    fn a_file_is_read_as_editors_leave_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("template.toml");
        let name = path.to_str().unwrap();
        let expected = Template::parse(SHIPPED[0]).unwrap();
        let crlf = format!("\u{feff}{}", SHIPPED[0].replace('\n', "\r\n"));
        let utf16 = crlf.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [crlf.clone().into_bytes(), utf16] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Template::find(name).unwrap(), expected);
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let message = Template::find(name).unwrap_err().to_string();
        assert!(
            message.contains("a device, expected a regular file"),
            "{message}"
        );
    }
}
