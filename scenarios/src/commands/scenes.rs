//! `splitsim scenes`.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand, value_parser};
use rayon::prelude::*;
use serde_json::json;
use splitsim_display::printable;
use splitsim_durable::place;
use splitsim_scenes::{
    ImageSize, Quality, RenderedScene, SceneId, ScenePaths, contact_sheet, render_scene,
    write_scene,
};

use crate::outputs::Force;
use crate::{Failure, Output, Screen};
use splitsim_cli::{Bar, OrRefuse};

/// Scenes that a contact sheet shows at most.
const SHEET_SCENES: u64 = 64;

#[derive(Debug, Subcommand)]
pub(crate) enum ScenesCommand {
    /// Render scenes with their class, mask and depth
    Render(Render),
}

/// Per scene NNNNNN.png, .mask.png (shape categories), .depth.png (16 bit, millimetres), .json.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Render {
    /// Number of scenes
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// Seed of the scenes: the same seed always gives the same scenes
    #[arg(long, value_name = "S")]
    seed: u64,
    /// Folder for the scenes
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Side of the square pictures, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 224)]
    size: u32,
    /// Also one PNG of the first scenes side by side, 64 at most
    #[arg(long, value_name = "FILE.png")]
    contact_sheet: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
}

impl ScenesCommand {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        match self {
            Self::Render(render) => render.run(screen),
        }
    }
}

impl Render {
    fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let size = self.prepare().or_refuse()?;
        Ok(self.render(size, screen)?)
    }

    fn prepare(&self) -> Result<ImageSize> {
        if let Some(path) = &self.contact_sheet
            && path.extension().is_none_or(|ending| ending != "png")
        {
            bail!(
                "--contact-sheet {}: expected a name in .png",
                path.display()
            );
        }
        self.check_outputs()?;
        ImageSize::square(self.size).context("--size")
    }

    fn check_outputs(&self) -> Result<()> {
        if let Some(path) = &self.contact_sheet {
            let sheet = place(path);
            let beside = sheet.parent() == Some(place(&self.out).as_path());
            let name = sheet.file_name().unwrap_or_default();
            ensure!(
                !(beside && self.is_output(&self.out.join(name))),
                "--contact-sheet {}: a scene has this name, name another file",
                path.display()
            );
            self.force.check("--contact-sheet", path)?;
        }
        // A look at what is there costs less than one at each file that there will be.
        let there = match std::fs::read_dir(&self.out) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| self.out.display().to_string()),
        };
        let paths = there.flatten().map(|entry| entry.path());
        let first = paths.filter(|path| self.is_output(path)).min();
        first.map_or(Ok(()), |path| self.force.check("--out", &path))
    }

    /// `true` if the file name is one that this command would write.
    fn is_output(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let number = name.split('.').next().unwrap_or_default();
        let index = number.parse().ok().filter(|index| *index < self.count);
        index.is_some_and(|index| ScenePaths::of(&self.out, index).all().contains(&path))
    }

    fn render(&self, size: ImageSize, screen: &Screen) -> Result<Output> {
        let bar = Mutex::new(screen.bar("rendering", self.count));
        let kept = (0..self.count)
            .into_par_iter()
            .map(|index| {
                let seed = self.seed;
                let scene = render_scene(SceneId { seed, index }, size, Quality::Standard);
                write_scene(&self.out, &scene)?;
                bar.lock().unwrap_or_else(PoisonError::into_inner).advance();
                let on_sheet = self.contact_sheet.is_some() && index < SHEET_SCENES;
                Ok(on_sheet.then(|| Box::new(scene)))
            })
            .collect::<Result<Vec<_>>>()?;
        bar.into_inner().map(Bar::finish).ok();
        let shown: Vec<_> = kept.into_iter().flatten().map(|scene| *scene).collect();
        if let Some(path) = &self.contact_sheet {
            save_sheet(&shown, path)?;
        }
        let (count, seed, out) = (self.count, self.seed, printable(self.out.display()));
        let text = format!("{count} scenes of seed {seed} in {out}");
        let json = json!({
            "count": count,
            "seed": seed,
            "size": self.size,
            "out": self.out,
            "contact_sheet": self.contact_sheet,
        });
        Output::new(text, &json)
    }
}

fn save_sheet(scenes: &[RenderedScene], path: &Path) -> Result<()> {
    Ok(contact_sheet(scenes, scenes.len().isqrt().max(1)).save(path)?)
}

const EXAMPLES: &str = "\
Examples:
  splitsim scenes render --count 12 --seed 4 --out out/scenes
  splitsim scenes render --count 64 --seed 4 --out out/more --contact-sheet out/more.png";
