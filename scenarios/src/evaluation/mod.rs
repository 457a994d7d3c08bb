//! A task over a data set: every picture extracted, put through the head and judged.
//!
//! Every judgement goes into a [`Journal`], from which an interrupted evaluation resumes. Figures are taken
//! from the journal in the order of the pictures, and an incomplete batch is computed again as a whole:
//! interrupted or not, they are the same to the last bit.

mod journal;

use std::num::NonZeroUsize;
use std::ops::Range;

use anyhow::{Context, Result};
use splitsim_cli::causes;
use splitsim_feature::{Feature, Task};
use splitsim_source::{Item, Picture, Source};
use splitsim_truth::{DepthCrop, Evaluation, Judgement};
use splitsim_vision::Engine;

pub(crate) use journal::{Heading, Journal, Record};

/// The model, the pictures and the task of an evaluation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) source: &'a Source,
    pub(crate) task: Task,
    /// The first pictures of the source that are taken.
    pub(crate) pictures: usize,
    /// Pictures per forward pass.
    pub(crate) batch: NonZeroUsize,
}

/// The outcome of an evaluation.
#[derive(Debug)]
pub(crate) struct Evaluated {
    pub(crate) evaluation: Evaluation,
    /// Pictures that could not be judged, and why.
    pub(crate) problems: Vec<String>,
}

/// Evaluates the pictures that `journal` lacks. `progress` receives the number of pictures seen and the
/// figures so far.
///
/// # Errors
/// When the journal cannot be written, or holds something that is not a judgement of the task. A picture
/// that cannot be judged is a problem, not an error: the others are still evaluated.
pub(crate) fn evaluate(
    plan: Plan<'_>,
    journal: &mut Journal,
    mut progress: impl FnMut(usize, &Evaluation),
) -> Result<Evaluated> {
    let mut running = figures(plan, journal)?;
    let mut problems = Vec::new();
    let mut seen = journal.known(0..plan.pictures);
    progress(seen, &running);
    for batch in batches(plan.pictures, plan.batch) {
        let known = journal.known(batch.clone());
        if known == batch.len() {
            continue;
        }
        for (index, judged) in judge_batch(plan, batch.clone()) {
            match judged {
                Ok((name, judgement)) => {
                    if !journal.knows(index) {
                        running.add(&judgement)?;
                    }
                    journal.add(Record::new(index, name, judgement)?)?;
                }
                Err(error) => problems.push(causes(&error)),
            }
        }
        seen += batch.len() - known;
        progress(seen, &running);
    }
    Ok(Evaluated {
        evaluation: figures(plan, journal)?,
        problems,
    })
}

fn batches(pictures: usize, batch: NonZeroUsize) -> impl Iterator<Item = Range<usize>> {
    (0..pictures)
        .step_by(batch.get())
        .map(move |first| first..pictures.min(first + batch.get()))
}

/// The figures of all that the journal knows of the pictures taken.
fn figures(plan: Plan<'_>, journal: &Journal) -> Result<Evaluation> {
    let mut evaluation = Evaluation::new(plan.task);
    for record in journal.records(0..plan.pictures) {
        let added = evaluation.add(&record.judgement);
        added.with_context(|| format!("the record of picture {}", record.index))?;
    }
    Ok(evaluation)
}

type Judged = Result<(String, Judgement)>;

/// Judges a batch. Pictures that cannot be read are left out; if the forward pass fails with the others
/// together, each is tried alone.
fn judge_batch(plan: Plan<'_>, batch: Range<usize>) -> Vec<(usize, Judged)> {
    let mut judged: Vec<(usize, Judged)> = Vec::with_capacity(batch.len());
    let mut items = Vec::with_capacity(batch.len());
    for index in batch {
        match plan.source.item(index, plan.task) {
            Ok(item) => items.push((index, item)),
            Err(error) => judged.push((index, Err(error.into()))),
        }
    }
    let pictures: Vec<Picture> = items.iter().map(|(_, item)| item.picture.clone()).collect();
    let features = plan.engine.extract_batch(plan.task, pictures);
    match features {
        Ok(features) => judged.extend(
            items
                .into_iter()
                .zip(features)
                .map(|((index, item), feature)| (index, judge(plan, item, &feature))),
        ),
        Err(_) => judged.extend(
            items
                .into_iter()
                .map(|(index, item)| (index, judge_alone(plan, item))),
        ),
    }
    judged.sort_by_key(|(index, _)| *index);
    judged
}

fn judge_alone(plan: Plan<'_>, item: Item) -> Judged {
    let extraction = plan.engine.extract(plan.task, item.picture.clone());
    let feature = extraction.with_context(|| item.name.clone())?.feature;
    judge(plan, item, &feature)
}

fn judge(plan: Plan<'_>, item: Item, feature: &Feature) -> Judged {
    let Item {
        name,
        picture,
        truth,
    } = item;
    let judged = || -> Result<Judgement> {
        let truth = truth.context("no ground truth")?;
        let output = plan.engine.run_head(plan.task, feature, picture.extent())?;
        Ok(Judgement::of(&truth, &output, DepthCrop::Full)?)
    };
    let judgement = judged().with_context(|| name.clone())?;
    Ok((name, judgement))
}
