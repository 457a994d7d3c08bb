//! A recording as a table: one row per frame and level.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_table::{Column, Table, TableError, Values, read_parquet, write_parquet};

use crate::{Identity, Level, RecordedFrame, Recording, ReplayError};

/// The prefix of a column of scores, before the metric's name.
const SCORE: &str = "score_";

impl Recording {
    /// Reads a recording from a Parquet file.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn read(path: &Path) -> Result<Self, ReplayError> {
        Self::from_table(&read_parquet(path)?)
    }

    /// Writes the recording as a Parquet file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ReplayError> {
        Ok(write_parquet(path, &self.to_table()?)?)
    }

    /// The recording as a table. Times are whole microseconds; columns that say what it is of hold the
    /// same text in every row.
    ///
    /// # Errors
    /// When a column would have the name of another.
    pub fn to_table(&self) -> Result<Table, ReplayError> {
        let rows = Rows::of(self);
        let identity = self.identity();
        let constant =
            |name: &str, text: &str| Column::text(name, std::iter::repeat_n(text, rows.0.len()));
        let mut columns = vec![
            rows.ints("frame", |frame, _, _| as_int(frame.frame)),
            rows.texts("name", |frame, _, _| Some(frame.name.clone())),
            rows.ints("points", |frame, _, _| as_int(frame.points)),
            rows.ints("extract_us", |frame, _, _| micros(frame.extract)),
            rows.ints("level", |_, index, _| as_int(index as u64)),
            rows.texts("label", |_, index, _| identity.levels.get(index).cloned()),
            rows.texts("failed", |_, _, level| match level {
                Level::Failed { reason, .. } => Some(reason.clone()),
                Level::Coded { .. } => None,
            }),
            rows.ints("container_bytes", |_, _, level| match level {
                Level::Coded { container, .. } => as_int(container.0),
                Level::Failed { .. } => None,
            }),
            rows.ints("encode_us", |_, _, level| match level {
                Level::Coded { encode, .. } => micros(*encode),
                Level::Failed { took, .. } => micros(*took),
            }),
        ];
        columns.extend([
            rows.coded_time("decode_us", |times| times.0),
            rows.coded_time("score_us", |times| times.1),
            rows.coded_time("cloud_us", |times| times.2),
        ]);
        for metric in self.metrics() {
            columns.push(
                rows.floats(&format!("{SCORE}{metric}"), |level| match level {
                    Level::Coded { scores, .. } => scores.get(metric).copied(),
                    Level::Failed { .. } => None,
                }),
            );
        }
        columns.push(rows.floats("distortion", |level| match level {
            Level::Coded { distortion, .. } => *distortion,
            Level::Failed { .. } => None,
        }));
        columns.extend([
            constant("task", identity.task.name()),
            constant("model", &identity.model),
            constant("model_digest", &identity.model_digest),
            constant("codec", &identity.codec),
            constant("tables_digest", &identity.tables_digest),
            constant("range", &identity.range),
            constant("source", &identity.source),
            constant("software", &identity.software),
        ]);
        Ok(Table::new(columns)?)
    }

    /// The recording in a table that [`Self::to_table`] made.
    ///
    /// # Errors
    /// When a column is missing or of another kind, or rows do not make up frames with all their levels.
    pub fn from_table(table: &Table) -> Result<Self, ReplayError> {
        let reader = Reader { table };
        let rows = table.rows();
        if rows == 0 {
            return Err(ReplayError::Empty);
        }
        let levels = reader.levels_of_first_frame()?;
        let labels = (0..levels)
            .map(|row| reader.text("label", row))
            .collect::<Result<Vec<_>, _>>()?;
        let identity = reader.identity(labels)?;
        let mut frames = Vec::with_capacity(rows / levels);
        for first in (0..rows).step_by(levels) {
            frames.push(reader.frame(first, levels)?);
        }
        Self::new(identity, frames)
    }
}

/// Every level of every frame, in order.
struct Rows<'a>(Vec<(&'a RecordedFrame, usize, &'a Level)>);

impl<'a> Rows<'a> {
    fn of(recording: &'a Recording) -> Self {
        let frames = recording.frames().iter();
        let levels = frames.flat_map(|frame| {
            let levels = frame.levels.iter().enumerate();
            levels.map(move |(index, level)| (frame, index, level))
        });
        Self(levels.collect())
    }

    fn ints(
        &self,
        name: &str,
        value: impl Fn(&RecordedFrame, usize, &Level) -> Option<i64>,
    ) -> Column {
        Column::int(
            name,
            self.0
                .iter()
                .map(|(frame, index, level)| value(frame, *index, level)),
        )
    }

    fn texts(
        &self,
        name: &str,
        value: impl Fn(&RecordedFrame, usize, &Level) -> Option<String>,
    ) -> Column {
        let cells = self
            .0
            .iter()
            .map(|(frame, index, level)| value(frame, *index, level));
        Column::new(name, Values::Text(cells.collect()))
    }

    fn floats(&self, name: &str, value: impl Fn(&Level) -> Option<f64>) -> Column {
        Column::float(name, self.0.iter().map(|(_, _, level)| value(level)))
    }

    /// One of decoding, scoring and the cloud's time.
    fn coded_time(
        &self,
        name: &str,
        which: impl Fn((Duration, Duration, Duration)) -> Duration,
    ) -> Column {
        self.ints(name, |_, _, level| match level {
            Level::Coded {
                decode,
                score,
                cloud,
                ..
            } => micros(which((*decode, *score, *cloud))),
            Level::Failed { .. } => None,
        })
    }
}

fn as_int(number: u64) -> Option<i64> {
    i64::try_from(number).ok()
}

fn micros(time: Duration) -> Option<i64> {
    i64::try_from(time.as_micros()).ok()
}

struct Reader<'a> {
    table: &'a Table,
}

impl Reader<'_> {
    fn identity(&self, levels: Vec<String>) -> Result<Identity, ReplayError> {
        let task = self.constant("task")?;
        Ok(Identity {
            model: self.constant("model")?,
            model_digest: self.constant("model_digest")?,
            codec: self.constant("codec")?,
            tables_digest: self.constant("tables_digest")?,
            range: self.constant("range")?,
            task: task
                .parse::<Task>()
                .map_err(|error| wrong(0, error.to_string()))?,
            source: self.constant("source")?,
            software: self.constant("software")?,
            levels,
        })
    }

    /// A text that must be the same in every row.
    fn constant(&self, name: &str) -> Result<String, ReplayError> {
        let cells = self.table.texts(name)?;
        let first = self.text(name, 0)?;
        match cells.iter().position(|cell| cell.as_ref() != Some(&first)) {
            None => Ok(first),
            Some(row) => Err(wrong(row, format!("'{name}' is not that of the first row"))),
        }
    }

    /// Rows until the first one of another frame.
    fn levels_of_first_frame(&self) -> Result<usize, ReplayError> {
        let frames = self.table.ints("frame")?;
        let levels = frames
            .iter()
            .take_while(|&&frame| frame == frames[0])
            .count();
        Ok(levels)
    }

    fn frame(&self, first: usize, levels: usize) -> Result<RecordedFrame, ReplayError> {
        let frame = self.number("frame", first)?;
        let level = |index: usize| {
            let row = first + index;
            let (there, expected) = (self.number("level", row)?, index as u64);
            if self.number("frame", row)? != frame || there != expected {
                let reason = format!("level {there}, expected level {expected} of frame {frame}");
                return Err(wrong(row, reason));
            }
            self.level(row)
        };
        Ok(RecordedFrame {
            frame,
            name: self.text("name", first)?,
            points: self.number("points", first)?,
            extract: self.time("extract_us", first)?,
            levels: (0..levels).map(level).collect::<Result<_, _>>()?,
        })
    }

    fn level(&self, row: usize) -> Result<Level, ReplayError> {
        let encode = self.time("encode_us", row)?;
        if let Some(Some(reason)) = self.table.texts("failed")?.get(row) {
            return Ok(Level::Failed {
                took: encode,
                reason: reason.clone(),
            });
        }
        Ok(Level::Coded {
            container: Bytes(self.number("container_bytes", row)?),
            encode,
            decode: self.time("decode_us", row)?,
            score: self.time("score_us", row)?,
            cloud: self.time("cloud_us", row)?,
            scores: self.scores(row)?,
            distortion: self.table.floats("distortion")?.get(row).copied().flatten(),
        })
    }

    fn scores(&self, row: usize) -> Result<BTreeMap<String, f64>, ReplayError> {
        let mut scores = BTreeMap::new();
        for column in self.table.columns() {
            if let Some(metric) = column.name().strip_prefix(SCORE)
                && let Values::Float(cells) = column.values()
                && let Some(Some(score)) = cells.get(row)
            {
                scores.insert(metric.to_owned(), *score);
            }
        }
        Ok(scores)
    }

    fn text(&self, name: &str, row: usize) -> Result<String, ReplayError> {
        let cell = self.table.texts(name)?.get(row).cloned().flatten();
        cell.ok_or_else(|| wrong(row, format!("'{name}' is missing")))
    }

    fn number(&self, name: &str, row: usize) -> Result<u64, ReplayError> {
        let cell = self.table.ints(name)?.get(row).copied().flatten();
        cell.and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| wrong(row, format!("'{name}' is no number from 0")))
    }

    fn time(&self, name: &str, row: usize) -> Result<Duration, ReplayError> {
        let micros = self.number(name, row)?;
        match micros <= LONGEST_US {
            true => Ok(Duration::from_micros(micros)),
            false => Err(wrong(row, format!("'{name}' is longer than a day"))),
        }
    }
}

fn wrong(row: usize, reason: String) -> ReplayError {
    ReplayError::Row { row, reason }
}

impl ReplayError {
    /// `true` if the file does not exist, as opposed to holding something else.
    #[must_use]
    pub fn is_missing_file(&self) -> bool {
        matches!(self, Self::Table(TableError::File(error)) if error.is_not_found())
    }
}

/// A day: sums of times stay far from what a duration can hold.
const LONGEST_US: u64 = 86_400_000_000;
