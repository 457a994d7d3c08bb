//! From pictures to rows.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use splitsim_cli::causes;
use splitsim_codec::FeatureCodec;
use splitsim_feature::Task;
use splitsim_source::{Item, Source};
use splitsim_specimen::{Expectation, Extractor, Specimen};
use splitsim_table::Table;
use splitsim_vision::Engine;

use super::folder::Summary;
use super::identity::CodecIdentity;
use super::keep::{Keeper, Origin, stem};
use super::rows::{Row, Shared, table};
use super::scoring::Scoring;
use super::{Codecs, Identity, Manifest, SetFolder, Shard, part};
use crate::Screen;

/// Everything that a build needs.
pub(crate) struct Builder {
    pub(crate) engine: Engine,
    pub(crate) source: Source,
    pub(crate) codecs: Codecs,
    pub(crate) scoring: Scoring,
    pub(crate) identity: Identity,
    pub(crate) shard: Shard,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) folder: SetFolder,
}

/// A finished build: the set's manifest and the counts of its parts.
pub(crate) struct Built {
    pub(crate) manifest: Manifest,
    /// The number of parts that existed already and were not built again.
    pub(crate) reused: usize,
    pub(crate) parts: usize,
}

/// A feature to be coded.
#[derive(Clone, Copy)]
struct Unit {
    task: Task,
    index: usize,
}

/// The tables of one unit, one per codec.
type Parts = Vec<Table>;

/// The state that the workers of a build share.
struct Work<'a> {
    builder: &'a Builder,
    keeper: Keeper,
    units: &'a [Unit],
    next: AtomicUsize,
    stop: AtomicBool,
    reused: AtomicUsize,
    /// In the order of units; of one without a feature, why.
    done: Mutex<Vec<Option<Result<Parts, String>>>>,
}

impl Builder {
    /// Builds the missing parts, then writes rows and manifest.
    ///
    /// A picture, head or codec that fails costs its own rows and is tried again by the next build.
    ///
    /// # Errors
    /// When a file cannot be written, an existing one is damaged, or there is not a single row.
    pub(crate) fn build(&self, screen: &Screen) -> Result<Built> {
        let units = self.units();
        let work = Work {
            builder: self,
            keeper: Keeper {
                root: self.folder.root().to_owned(),
                kinds: self.identity.keep.clone(),
            },
            units: &units,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            reused: AtomicUsize::new(0),
            done: Mutex::new(units.iter().map(|_| None).collect()),
        };
        work.perform(self.jobs, screen)?;
        let reused = work.reused.into_inner();
        let done = work
            .done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut rows: Option<Table> = None;
        let mut missing = Vec::new();
        let (mut features, mut parts) = (0, 0);
        for outcome in done.into_iter().flatten() {
            let tables = match outcome {
                Ok(tables) => tables,
                Err(reason) => {
                    missing.push(reason);
                    continue;
                }
            };
            features += 1;
            parts += tables.len();
            for table in tables {
                match &mut rows {
                    Some(rows) => rows.append(table)?,
                    None => rows = Some(table),
                }
            }
        }
        let rows =
            rows.with_context(|| format!("no feature could be coded: {}", missing.join("; ")))?;
        let manifest = self.folder.finish(
            &rows,
            Summary {
                identity: self.identity.clone(),
                shard: self.shard,
                features,
                missing,
            },
        )?;
        Ok(Built {
            manifest,
            reused,
            parts,
        })
    }

    fn units(&self) -> Vec<Unit> {
        let tasks = self.identity.tasks.iter();
        let all =
            tasks.flat_map(|&task| (0..self.source.count()).map(move |index| Unit { task, index }));
        all.enumerate()
            .filter(|(place, _)| self.shard.has(*place))
            .map(|(_, unit)| unit)
            .collect()
    }
}

impl Work<'_> {
    fn perform(&self, jobs: NonZeroUsize, screen: &Screen) -> Result<()> {
        let levels = |unit: &Unit| self.builder.codecs.levels(unit.task);
        let total: usize = self.units.iter().map(levels).sum();
        let mut bar = screen.bar("compressed features", total as u64);
        let (ticks, ticking) = channel();
        let outcome = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs.get().min(self.units.len()))
                .map(|_| {
                    let ticks = ticks.clone();
                    scope.spawn(move || self.work(&ticks))
                })
                .collect();
            drop(ticks);
            for count in ticking {
                for _ in 0..count {
                    bar.advance();
                }
            }
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        });
        bar.finish();
        outcome
    }

    /// Processes one unit after another until none is left, or a worker has failed.
    fn work(&self, ticks: &Sender<usize>) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(&unit) = self.units.get(place) else {
                break;
            };
            let outcome = self.unit(unit, ticks).inspect_err(|_| {
                self.stop.store(true, Ordering::Relaxed);
            })?;
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done[place] = Some(outcome);
        }
        Ok(())
    }

    /// Returns the inner `Err` if this feature cannot be made, the outer `Err` if the build cannot continue.
    fn unit(&self, unit: Unit, ticks: &Sender<usize>) -> Result<Result<Parts, String>> {
        let Unit { task, index } = unit;
        let item = match self.builder.source.item(index, task) {
            Ok(item) => item,
            Err(error) => return Ok(Err(format!("{task} {index}: {error}"))),
        };
        let codecs = self.builder.codecs.of(task);
        let mut addressed = Vec::new();
        for codec in codecs {
            let identity = CodecIdentity::of(codec.as_ref(), task);
            let name = part::name(&self.builder.identity, &identity, (index, &item))?;
            let there = self.builder.folder.part(&name)?;
            if there.is_some() {
                self.reused.fetch_add(1, Ordering::Relaxed);
                // Whoever counts is gone only when all is over.
                let _ = ticks.send(codec.ladder().len());
            }
            addressed.push((name, there));
        }
        if addressed.iter().all(|(_, part)| part.is_some()) {
            return Ok(Ok(addressed
                .into_iter()
                .filter_map(|(_, part)| part)
                .collect()));
        }
        let name = item.name.clone();
        let specimen = match self.specimen(task, item) {
            Ok(specimen) => specimen,
            Err(error) => return Ok(Err(format!("{task} {name}: {}", causes(&error)))),
        };
        let stem = stem(index, &name);
        let origin = Origin { task, stem: &stem };
        self.keeper.original(origin, specimen.feature())?;
        let mut parts = Vec::new();
        for (codec, (part_name, there)) in codecs.iter().zip(addressed) {
            let part = match there {
                Some(part) => part,
                None => {
                    let coding = Coding {
                        specimen: &specimen,
                        codec: codec.as_ref(),
                        origin,
                        feature: &name,
                        index,
                    };
                    self.code(&coding, &part_name, ticks)?
                }
            };
            parts.push(part);
        }
        Ok(Ok(parts))
    }

    fn specimen(&self, task: Task, item: Item) -> Result<Specimen<'_>> {
        let engine = &self.builder.engine;
        let extractor = Extractor {
            backbone: engine,
            heads: engine,
            task,
            expectation: Expectation::Truth,
        };
        Ok(extractor.specimen(item)?)
    }

    /// One codec at all of its levels. A part with a failure is not kept, so that it is tried again.
    fn code(&self, coding: &Coding<'_>, part_name: &str, ticks: &Sender<usize>) -> Result<Table> {
        let Coding {
            specimen,
            codec,
            origin,
            ..
        } = *coding;
        let mut rows = Vec::new();
        let mut complete = true;
        for (level, rung) in codec.ladder().levels().zip(codec.ladder().rungs()) {
            let outcome = match self.builder.scoring.code(specimen, codec, level) {
                Ok((coded, encoded)) => {
                    self.keeper.coded(origin, codec.id(), level, &encoded)?;
                    Ok(coded)
                }
                Err(error) => {
                    complete = false;
                    Err(causes(&error))
                }
            };
            rows.push(Row {
                level: level.0,
                rung,
                outcome,
            });
            let _ = ticks.send(1);
        }
        let original = specimen.original().and_then(|answer| answer.performance);
        let original = original.context("no ground truth")?;
        let part = table(
            &Shared {
                codec: codec.id().name(),
                task: origin.task,
                feature: coding.feature,
                index: coding.index,
                points: specimen.feature().shape().points(),
                original: original.value(),
                extract: specimen.extract_time(),
                metrics: &self.builder.identity.metrics,
            },
            &rows,
        )?;
        if complete {
            self.builder.folder.put(part_name, &part)?;
        }
        Ok(part)
    }
}

/// A feature before a codec.
#[derive(Clone, Copy)]
struct Coding<'a> {
    specimen: &'a Specimen<'a>,
    codec: &'a dyn FeatureCodec,
    origin: Origin<'a>,
    feature: &'a str,
    index: usize,
}
