use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use splitsim_feature::Task;
use splitsim_source::SourceSpec;
use splitsim_truth::{DatasetPerformance, DepthErrors, Evaluation};
use splitsim_vision::Compute;

use super::opened::{Opened, Wanted};
use crate::evaluation::{self, Evaluated, Heading, Journal};
use crate::{Failure, Output, Screen};
use splitsim_cli::{OrRefuse, bounds, names};

/// Measure the tasks on pictures with ground truth, features uncoded.
///
/// Classification: top-1 and top-5. Segmentation: mIoU over all pixels of the data set, and the mean of
/// the pictures' own. Depth: the nine figures a1, a2, a3, abs_rel, rmse, log_10, rmse_log, silog and
/// sq_rel, means over the pictures.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Eval {
    /// The model package, a name or a folder
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Pictures with ground truth: scenes:SEED:COUNT, imagenet:DIR, voc:DIR or nyu:DIR
    ///
    /// A data set's list of pictures is DIR/labels.txt, DIR/ImageSets/Segmentation/val.txt or
    /// DIR/nyu_test.txt, or FILE in DIR?list=FILE.
    #[arg(long, value_name = "SOURCE")]
    source: SourceSpec,
    /// cls, seg or dpt; give it as often as needed [default: all that model and source have]
    #[arg(long = "task", value_name = "TASK", value_parser = names::of(&Task::ALL, Task::name))]
    tasks: Vec<Task>,
    /// Only the first N pictures
    #[arg(long, value_name = "N", value_parser = bounds::PICTURES.parser::<NonZeroUsize>())]
    limit: Option<NonZeroUsize>,
    /// Pictures per forward pass; more suits a GPU, and may change figures in their last digits
    #[arg(long, value_name = "N", default_value = "1", value_parser = bounds::BATCH.parser::<NonZeroUsize>())]
    batch: NonZeroUsize,
    /// Element type of the backbone's products
    #[arg(
        long,
        alias = "dtype",
        value_name = "TYPE",
        default_value_t,
        value_parser = names::of(&Compute::ALL, Compute::name)
    )]
    compute: Compute,
    /// libtorch's threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = bounds::THREADS.parser::<NonZeroUsize>())]
    threads: Option<NonZeroUsize>,
    /// Keep a record per picture in DIR/TASK.jsonl, and resume from existing records
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Everything that an evaluation needs.
struct Prepared {
    opened: Opened,
    /// One per task.
    journals: Vec<Journal>,
}

impl Eval {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let mut prepared = self.prepare().or_refuse()?;
        Ok(self.execute(&mut prepared, screen)?)
    }

    fn prepare(&self) -> Result<Prepared> {
        let wanted = Wanted {
            model: &self.model,
            source: &self.source,
            tasks: &self.tasks,
            compute: self.compute,
            threads: self.threads,
        };
        let opened = wanted.open()?;
        let journal = |&task: &Task| match &self.out {
            Some(dir) => self.journal(dir, task, &opened),
            None => Ok(Journal::default()),
        };
        let journals = opened.tasks.iter().map(journal).collect::<Result<_>>()?;
        Ok(Prepared { opened, journals })
    }

    fn journal(&self, dir: &Path, task: Task, opened: &Opened) -> Result<Journal> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let heading = Heading {
            model_digest: opened.engine.package().digest().to_string(),
            source: self.source.to_string(),
            pictures: opened.source.count(),
            task,
            dtype: self.compute.name().to_owned(),
            batch: self.batch.get(),
        };
        Journal::open(&dir.join(format!("{task}.jsonl")), &heading)
    }

    fn execute(&self, prepared: &mut Prepared, screen: &Screen) -> Result<Output> {
        let Prepared { opened, journals } = prepared;
        let (mut lines, mut figures) = (Vec::new(), Map::new());
        let mut problems = Vec::new();
        for (&task, journal) in opened.tasks.iter().zip(journals) {
            let done = self.evaluate(opened, task, journal, screen)?;
            let images = done.evaluation.images();
            let line = describe(&done.evaluation);
            lines.push(format!("{task}: {line} of {images} pictures"));
            lines.extend(depth_table(&done.evaluation));
            figures.insert(task.name().to_owned(), to_json(&done)?);
            problems.extend(done.problems);
        }
        let package = opened.engine.package();
        let json = json!({
            "model": package.manifest().name,
            "model_digest": package.digest().to_string(),
            "source": self.source.to_string(),
            "dtype": self.compute.name(),
            "tasks": figures,
        });
        let output = Output::new(lines.join("\n"), &json)?;
        Ok(output.short_of((!problems.is_empty()).then(|| problems.join("; "))))
    }

    fn evaluate(
        &self,
        opened: &Opened,
        task: Task,
        journal: &mut Journal,
        screen: &Screen,
    ) -> Result<Evaluated> {
        let count = opened.source.count();
        let pictures = self.limit.map_or(count, |limit| count.min(limit.get()));
        let mut bar = screen.bar(format!("evaluating {task}"), pictures as u64);
        let plan = evaluation::Plan {
            engine: &opened.engine,
            source: &opened.source,
            task,
            pictures,
            batch: self.batch,
        };
        let done = evaluation::evaluate(plan, journal, |seen, so_far| {
            bar.message(&describe(so_far));
            bar.set(seen as u64);
        })?;
        bar.finish();
        Ok(done)
    }
}

/// The task's foremost figure.
fn describe(evaluation: &Evaluation) -> String {
    match evaluation.performance() {
        None => "nothing".to_owned(),
        Some(DatasetPerformance::Cls {
            top1_percent,
            top5_percent,
        }) => format!("top-1 {top1_percent:.2} %, top-5 {top5_percent:.2} %"),
        Some(DatasetPerformance::Seg {
            miou_percent,
            image_miou_percent,
        }) => format!(
            "{miou_percent}, mean of the pictures' {:.2} %",
            image_miou_percent.percent()
        ),
        Some(DatasetPerformance::Dpt(errors)) => format!("RMSE {:.4} m", errors.rmse),
    }
}

/// The nine figures of depth.
fn depth_table(evaluation: &Evaluation) -> Option<String> {
    let Some(DatasetPerformance::Dpt(errors)) = evaluation.performance() else {
        return None;
    };
    let cells = || DepthErrors::NAMES.into_iter().zip(errors.values());
    let names: Vec<String> = cells().map(|(name, _)| format!("{name:>8}")).collect();
    let values: Vec<String> = cells().map(|(_, value)| format!("{value:>8.4}")).collect();
    Some(format!("  {}\n  {}", names.join(" "), values.join(" ")))
}

fn to_json(done: &Evaluated) -> Result<Value> {
    let mut figures = json!({ "images": done.evaluation.images() });
    let performance = serde_json::to_value(done.evaluation.performance())?;
    if let (Value::Object(figures), Value::Object(performance)) = (&mut figures, performance) {
        figures.extend(performance);
        figures.insert("problems".to_owned(), json!(done.problems));
    }
    Ok(figures)
}

const EXAMPLES: &str = "\
Examples:
  splitsim model eval --model tiny-scenes --source scenes:7:500
  splitsim model eval --model tiny-scenes --source scenes:7:100 --task seg --json
  splitsim model eval --model models/vitg --source imagenet:/data/val?list=labels.txt --out out/cls
  splitsim model eval --model models/vitg --source voc:/data/VOC2012 --limit 100 --out out/seg
  splitsim model eval --model models/vitg --source nyu:/data/nyu --compute bf16 --out out/dpt
The same command again goes on where one with --out was cut off. Take other scenes than the model was
trained on; the shipped one was trained on seed 1.";
