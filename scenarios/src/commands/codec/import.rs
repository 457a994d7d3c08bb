use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use splitsim_codec::CodecId;
use splitsim_display::printable;
use splitsim_feature::Task;
use splitsim_hyperprior::{Parameters, Precision, TrainedLevel, install};
use splitsim_model::Package;

use crate::outputs::PackageTarget;
use crate::{Failure, Output};
use splitsim_cli::{OrRefuse, names};

/// Put hyperprior checkpoints of CompressAI or of the CFQA benchmark into a model package.
///
/// Checkpoints are one-channel bmshj2018 models of any width, .pth, .pth.tar or .safetensors, one per
/// level; the package needs the codebooks that they were trained with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// hyperprior or hyperprior-task
    #[arg(long, value_name = "CODEC", value_parser = names::of(&CodecId::ALL, CodecId::name))]
    codec: CodecId,
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The task of a task-specific codec
    #[arg(long, value_name = "TASK", required_if_eq("codec", "hyperprior-task"), value_parser = names::of(&Task::ALL, Task::name))]
    task: Option<Task>,
    /// A level: its lambda and its checkpoint; give it once per level, in any order
    #[arg(long = "level", value_name = "LAMBDA=FILE", required = true)]
    levels: Vec<LevelArgument>,
    /// Keep weights as 16-bit floats, half the size
    #[arg(long)]
    half_precision: bool,
    #[command(flatten)]
    target: PackageTarget,
}

#[derive(Debug, Clone)]
struct LevelArgument {
    lambda: f64,
    file: PathBuf,
}

impl FromStr for LevelArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || "expected LAMBDA=FILE, such as 0.0016=cls_0.0016.pth.tar".to_owned();
        let (lambda, file) = text.split_once('=').ok_or_else(expected)?;
        let lambda = lambda
            .parse()
            .ok()
            .filter(|&lambda: &f64| lambda.is_finite() && lambda > 0.0);
        Ok(Self {
            lambda: lambda.ok_or_else(expected)?,
            file: file.into(),
        })
    }
}

impl Import {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let (package, tasks, levels) = self.prepare().or_refuse()?;
        Ok(self.execute(&package, &tasks, &levels)?)
    }

    fn prepare(&self) -> Result<(Package, Vec<Task>, Vec<TrainedLevel>)> {
        if !self.codec.is_learned() {
            bail!(
                "--codec {}: only hyperprior and hyperprior-task have checkpoints",
                self.codec
            );
        }
        let package = Package::find(&self.model)?;
        self.target.check(&package)?;
        let tasks = match (self.codec, self.task) {
            (CodecId::HyperpriorTask, Some(task)) => vec![task],
            (_, None) => package.manifest().tasks.available(),
            (_, Some(_)) => bail!("--task: hyperprior serves every task of the model"),
        };
        for &task in &tasks {
            package.task(task)?;
        }
        let mut arguments = self.levels.clone();
        arguments.sort_by(|a, b| a.lambda.total_cmp(&b.lambda));
        if let Some(pair) = arguments
            .windows(2)
            .find(|pair| pair[0].lambda == pair[1].lambda)
        {
            bail!("--level: {} is given twice", pair[0].lambda);
        }
        let read = |argument: &LevelArgument| {
            Ok(TrainedLevel {
                lambda: argument.lambda,
                parameters: Parameters::import(&argument.file)?,
            })
        };
        let levels = arguments.iter().map(read).collect::<Result<_>>()?;
        Ok((package, tasks, levels))
    }

    fn execute(
        &self,
        package: &Package,
        tasks: &[Task],
        levels: &[TrainedLevel],
    ) -> Result<Output> {
        let precision = if self.half_precision {
            Precision::Half
        } else {
            Precision::Full
        };
        let package = &self.target.open(package)?;
        let files = install(package, self.codec, tasks, levels, precision)
            .with_context(|| printable(package.root().display()).to_string())?;
        let widths: Vec<_> = levels
            .iter()
            .map(|level| level.parameters.widths())
            .collect();
        let json = json!({
            "codec": self.codec,
            "tasks": tasks,
            "levels": levels.iter().zip(&files).zip(&widths).map(|((level, file), widths)| json!({
                "lambda": level.lambda,
                "file": file,
                "n": widths.n,
                "m": widths.m,
            })).collect::<Vec<_>>(),
        });
        let text = format!(
            "{} levels of {} in {}",
            files.len(),
            self.codec,
            package.root().display()
        );
        Output::new(text, &json)
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim codec import --codec hyperprior-task --task cls --model models/vitg \\
      --level 0.0016=cls_0.0016.pth.tar --level 0.015=cls_0.015.pth.tar
  splitsim codec import --codec hyperprior --model models/vitg --level 0.01=multi.pth.tar --json";
