use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use splitsim_checkpoint::{
    Checkpoint, Choices, Import as Plan, Imported, SourceFile, Sources, Template,
};
use splitsim_display::printable;
use splitsim_feature::Task;
use splitsim_model::{Manifest, Package, PositionInterpolation};

use crate::outputs::Force;
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, bounds};

/// Bytes in a step of the progress bar.
const MEBIBYTE: u64 = 1 << 20;
/// Keys that are shown of those a package leaves out; `--json` gives all.
const SHOWN_KEYS: usize = 6;

/// Make a model package of released weights.
///
/// Nothing is downloaded: --list-templates says where the files are published. A .pth file's pickle is
/// read as data, nothing in it is executed. Files are recognised by their content; key names may be
/// Meta's or Hugging Face's. Without a head, the package gives a task's features only.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// Template of the model: one of --list-templates, or a .toml file of that kind
    #[arg(long, value_name = "NAME", required_unless_present = "list_templates")]
    template: Option<String>,
    /// The backbone, .pth or .safetensors
    #[arg(long, value_name = "FILE", required_unless_present = "list_templates")]
    backbone: Option<PathBuf>,
    /// Linear classifier of 1 or 4 layers
    #[arg(long, value_name = "FILE")]
    cls_head: Option<PathBuf>,
    /// Linear segmentation head
    #[arg(long, value_name = "FILE")]
    seg_head: Option<PathBuf>,
    /// Linear depth head of 1 or 4 layers
    #[arg(long, value_name = "FILE")]
    dpt_head: Option<PathBuf>,
    /// Folder for the package; models/NAME unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The model's name; the template's unless given
    #[arg(long)]
    name: Option<String>,
    /// Classes of the classifier, where they are not the template's
    #[arg(long, value_name = "N", value_parser = bounds::CLASSES.parser::<usize>())]
    cls_classes: Option<usize>,
    /// Classes of the segmentation head, where they are none of the template's
    #[arg(long, value_name = "N", value_parser = bounds::CLASSES.parser::<usize>())]
    seg_classes: Option<usize>,
    /// Interpolation of the position embedding to other grids; as in the released model unless given.
    /// Hugging Face's transformers interpolates by size
    #[arg(long, value_enum, value_name = "MODE")]
    position_interpolation: Option<Interpolation>,
    #[command(flatten)]
    force: Force,
    /// List the templates and where their files are published, and do nothing else
    #[arg(long, exclusive = true)]
    list_templates: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Interpolation {
    /// By scale, with an offset of 0.1: Meta's models without registers
    ScaleOffset,
    /// By size, antialiased: Meta's models with registers
    Antialias,
    /// By size: Hugging Face's transformers
    Size,
}

impl From<Interpolation> for PositionInterpolation {
    fn from(interpolation: Interpolation) -> Self {
        match interpolation {
            Interpolation::ScaleOffset => Self::ScaleOffset,
            Interpolation::Antialias => Self::Antialias,
            Interpolation::Size => Self::Size,
        }
    }
}

impl Import {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        if self.list_templates {
            return Ok(list_templates()?);
        }
        let template = self.template().or_refuse()?;
        let out = self.out_dir(&template).or_refuse()?;
        let sources = self.sources().or_refuse()?;
        let plan = Plan::plan(&template, &sources, &self.choices()).or_refuse()?;
        Ok(execute(plan, &out, screen)?)
    }

    fn template(&self) -> Result<Template> {
        let name = self.template.as_deref().context("--template is missing")?;
        Ok(Template::find(name)?)
    }

    fn out_dir(&self, template: &Template) -> Result<PathBuf> {
        let name = self.name.as_ref().unwrap_or(&template.name);
        let out = match &self.out {
            Some(out) => out.clone(),
            None => Path::new("models").join(name),
        };
        let manifest = out.join(Package::MANIFEST);
        self.force.check("--out", &manifest)?;
        Ok(out)
    }

    fn sources(&self) -> Result<Sources> {
        let backbone = self.backbone.as_ref().context("--backbone is missing")?;
        let head = |path: &Option<PathBuf>| {
            let path = path.as_ref();
            path.map(|path| Checkpoint::open(path)).transpose()
        };
        Ok(Sources {
            backbone: Checkpoint::open(backbone)?,
            cls_head: head(&self.cls_head)?,
            seg_head: head(&self.seg_head)?,
            dpt_head: head(&self.dpt_head)?,
        })
    }

    fn choices(&self) -> Choices {
        Choices {
            name: self.name.clone(),
            position_interpolation: self.position_interpolation.map(Into::into),
            cls_classes: self.cls_classes,
            seg_classes: self.seg_classes,
        }
    }
}

fn execute(plan: Plan<'_>, out: &Path, screen: &Screen) -> Result<Output> {
    let mut bar = screen.bar("importing, MiB", plan.work_bytes() / MEBIBYTE);
    let mut done = 0;
    let imported = plan.write(out, &mut |bytes| {
        let before = done / MEBIBYTE;
        done += bytes;
        if done / MEBIBYTE > before {
            bar.set(done / MEBIBYTE);
        }
    })?;
    bar.finish();
    Output::new(text(&imported), &json(&imported))
}

/// Tasks whose value ranges nobody knows yet.
fn uncalibrated(manifest: &Manifest) -> Vec<Task> {
    let ranges = |task| Some(&manifest.tasks.common(task)?.ranges);
    Task::ALL
        .into_iter()
        .filter(|&task| ranges(task).is_some_and(|ranges| ranges.is_empty()))
        .collect()
}

fn names(tasks: &[Task]) -> String {
    let names: Vec<_> = tasks.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn text(imported: &Imported) -> String {
    let package = &imported.package;
    let manifest = package.manifest();
    let folder = printable(package.root().display());
    let mut text = format!(
        "{folder}: {}\n  digest      {}\n",
        printable(&manifest.description),
        package.digest()
    );
    for source in &imported.sources {
        text.push_str(&describe(source));
    }
    // Writing to a string cannot fail.
    if !manifest.without_head.is_empty() {
        let tasks = names(&manifest.without_head);
        let _ = writeln!(text, "  no head     {tasks}: features only");
    }
    let uncalibrated = uncalibrated(manifest);
    if !uncalibrated.is_empty() {
        let tasks = names(&uncalibrated);
        let _ = writeln!(
            text,
            "  no ranges   {tasks}: find them with splitsim model calibrate --model {folder} --source \
             folder:PHOTOS\n              (no labels needed), or code with range 'feature'"
        );
    }
    if let Some(note) = interpolation_note(imported) {
        let _ = writeln!(text, "  note        {note}");
    }
    text
}

fn describe(source: &SourceFile) -> String {
    let naming = source
        .naming
        .map_or_else(String::new, |naming| format!(", {naming} names"));
    let unused = match source.unused.as_slice() {
        [] => String::new(),
        unused if unused.len() <= SHOWN_KEYS => format!("; left out: {}", unused.join(", ")),
        unused => {
            let more = unused.len() - SHOWN_KEYS;
            format!(
                "; left out: {} and {more} more",
                unused[..SHOWN_KEYS].join(", ")
            )
        }
    };
    format!(
        "  {:<11} {} ({}{naming}{unused})\n              sha256 {}\n",
        source.role, source.file, source.format, source.sha256
    )
}

/// Hugging Face's port brings the position embedding to other grids in its own way.
fn interpolation_note(imported: &Imported) -> Option<&'static str> {
    let ported = imported
        .sources
        .iter()
        .any(|source| source.naming == Some("hugging-face"));
    let mode = imported
        .package
        .manifest()
        .architecture
        .position_interpolation;
    (ported && mode == PositionInterpolation::ScaleOffset).then_some(
        "the position embedding is interpolated as in Meta's code; for what transformers does, \
         import with --position-interpolation size",
    )
}

fn json(imported: &Imported) -> Value {
    let package = &imported.package;
    let manifest = package.manifest();
    json!({
        "package": package.root(),
        "digest": package.digest().to_string(),
        "manifest": manifest,
        "sources": imported.sources,
        "features_only": manifest.without_head,
        "uncalibrated": uncalibrated(manifest),
        "note": interpolation_note(imported),
    })
}

fn list_templates() -> Result<Output> {
    let templates = Template::shipped();
    let mut text = String::new();
    for template in &templates {
        let _ = writeln!(text, "{}: {}", template.name, template.description);
        let downloads = &template.downloads;
        for (option, files) in [
            ("backbone", &downloads.backbone),
            ("cls-head", &downloads.cls_head),
            ("seg-head", &downloads.seg_head),
            ("dpt-head", &downloads.dpt_head),
        ] {
            for file in files {
                let _ = writeln!(text, "  --{option:<9} {file}");
            }
        }
    }
    Output::new(text, &json!({ "templates": templates }))
}

const EXAMPLES: &str = "\
Examples:
  splitsim model import --list-templates
  splitsim model import --template dinov2-vitg14 --backbone dinov2_vitg14_pretrain.pth \\
      --cls-head dinov2_vitg14_linear_head.pth --seg-head dinov2_vitg14_voc2012_linear_head.pth \\
      --dpt-head dinov2_vitg14_nyu_linear4_head.pth
  splitsim model import --template dinov2-vits14 --backbone model.safetensors --out models/small";
