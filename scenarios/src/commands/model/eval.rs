use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_source::{Source, SourceSpec};
use splitsim_truth::{DatasetPerformance, DepthCrop, Evaluation};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

use crate::failure::OrRefuse;
use crate::{Failure, Output, Screen};

/// Measure the tasks on pictures with ground truth, features uncoded.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Eval {
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Pictures with ground truth: scenes:SEED:COUNT
    #[arg(long, value_name = "SOURCE")]
    source: SourceSpec,
    /// cls, seg or dpt; give it as often as needed, all of the model's unless given
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<Task>,
}

/// Everything that an evaluation needs.
struct Prepared {
    engine: Engine,
    source: Source,
    tasks: Vec<Task>,
}

impl Eval {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let prepared = self.prepare().or_refuse()?;
        Ok(self.execute(&prepared, screen)?)
    }

    fn prepare(&self) -> Result<Prepared> {
        let package = Package::find(&self.model)?;
        let source = Source::open(&self.source)?;
        if !source.has_truth() {
            bail!(
                "--source {}: no ground truth; use scenes:SEED:COUNT",
                self.source
            );
        }
        let tasks = match self.tasks.is_empty() {
            true => package.manifest().tasks.available(),
            false => self.tasks.clone(),
        };
        let options = EngineOptions {
            parts: Parts::All,
            compute: Compute::F32,
            threads: None,
        };
        let engine = Engine::load(&package, &tasks, options)?;
        Ok(Prepared {
            engine,
            source,
            tasks,
        })
    }

    fn execute(&self, prepared: &Prepared, screen: &Screen) -> Result<Output> {
        let Prepared {
            engine,
            source,
            tasks,
        } = prepared;
        let mut lines = Vec::new();
        let mut figures = serde_json::Map::new();
        for &task in tasks {
            let evaluation = evaluate(engine, source, task, screen)?;
            let (line, figure) = describe(&evaluation);
            lines.push(format!(
                "{task}: {line} of {} pictures",
                evaluation.images()
            ));
            figures.insert(task.name().to_owned(), figure);
        }
        let package = engine.package();
        let json = json!({
            "model": package.manifest().name,
            "model_digest": package.digest().to_string(),
            "source": self.source.to_string(),
            "tasks": figures,
        });
        Output::new(lines.join("\n"), &json)
    }
}

fn evaluate(engine: &Engine, source: &Source, task: Task, screen: &Screen) -> Result<Evaluation> {
    let mut evaluation = Evaluation::new(task, DepthCrop::Full);
    let mut bar = screen.bar(format!("evaluating {task}"), source.count() as u64);
    for index in 0..source.count() {
        let item = source.item(index, task)?;
        let truth = item.truth.context("a picture without ground truth")?;
        let extent = item.picture.extent();
        let feature = engine.extract(task, item.picture)?.feature;
        let output = engine.run_head(task, &feature, extent)?;
        evaluation.add(&truth, &output).with_context(|| item.name)?;
        bar.message(describe(&evaluation).0);
        bar.advance();
    }
    bar.finish();
    Ok(evaluation)
}

fn describe(evaluation: &Evaluation) -> (String, Value) {
    let images = evaluation.images();
    match evaluation.performance() {
        None => ("nothing".to_owned(), json!({ "images": images })),
        Some(DatasetPerformance::TopOne { percent }) => (
            format!("top-1 {percent:.2} %"),
            json!({ "images": images, "top1_percent": percent }),
        ),
        Some(DatasetPerformance::MeanIou(mean)) => (
            format!("mIoU {:.2} %", mean.percent()),
            json!({ "images": images, "miou_percent": mean.percent() }),
        ),
        Some(DatasetPerformance::MeanRmse(rmse)) => (
            format!("RMSE {:.3} m", rmse.metres()),
            json!({ "images": images, "rmse_m": rmse.metres() }),
        ),
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim model eval --model tiny-scenes --source scenes:7:500
  splitsim model eval --model tiny-scenes --source scenes:7:100 --task seg --json
Take another seed than the model was trained on; for the shipped one that is 1.";
