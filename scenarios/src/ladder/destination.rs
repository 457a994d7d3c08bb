//! The folder that a comparison over recordings of elsewhere goes to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use splitsim_model::Package;
use splitsim_replay::{Comparison, Recording};

use super::{json_text, report, write};
use crate::commands::report::FILE as REPORT;
use crate::outputs::Force;
use crate::run::Provenance;
use crate::run::folder::{RESOLVED, require_same, resolved};
use crate::scenario::Scenario;

/// A folder for a comparison, with the scenario and the recordings that its report needs.
///
/// Nothing of another scenario is replaced: recordings take long to make.
pub(crate) struct Destination<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) scenario: &'a Scenario,
    pub(crate) package: &'a Package,
    pub(crate) recordings: &'a [Recording],
    /// Permission to replace an existing comparison.
    pub(crate) force: Force,
}

impl Destination<'_> {
    /// Refuses a folder that has the results of another scenario or model, or other recordings.
    pub(crate) fn check(&self) -> Result<()> {
        let digest = self.package.digest().to_string();
        require_same(self.folder, self.scenario, &digest, "choose another --out")?;
        for recording in self.recordings {
            let path = self.recording(recording);
            match Recording::read(&path) {
                Ok(there) if there == *recording => {}
                Ok(_) => bail!(
                    "{} is another recording; choose another --out",
                    path.display()
                ),
                Err(error) if error.is_missing_file() => {}
                Err(error) => return Err(error).context(path.display().to_string()),
            }
        }
        Ok(())
    }

    /// Refuses to replace another comparison.
    pub(crate) fn check_comparison(&self, comparison: &Comparison) -> Result<()> {
        let path = self.folder.join(Comparison::FILE_NAME);
        let content = json_text(comparison)?;
        self.force.check_content("--out", &path, content.as_bytes())
    }

    /// Writes what is not there yet of scenario and recordings, then the comparison and its report.
    pub(crate) fn write(&self, comparison: &Comparison) -> Result<()> {
        let ladders = self.folder.join(Recording::FOLDER);
        fs::create_dir_all(&ladders).with_context(|| ladders.display().to_string())?;
        for recording in self.recordings {
            let path = self.recording(recording);
            if !path.exists() {
                recording.write(&path)?;
            }
        }
        let scenario = self.folder.join(RESOLVED);
        if !scenario.exists() {
            let provenance = Provenance::of_replay(self.package);
            let text = resolved(self.scenario, &provenance)?;
            splitsim_durable::replace(&scenario, text)?;
        }
        write(comparison, self.folder)?;
        let html = report(self.folder, &[])?;
        splitsim_durable::replace(&self.folder.join(REPORT), html)?;
        Ok(())
    }

    fn recording(&self, recording: &Recording) -> PathBuf {
        let name = Recording::file_name(recording.identity().task);
        self.folder.join(Recording::FOLDER).join(name)
    }
}
