//! The journal of an evaluation: one JSON record per picture and line, appended when the picture is judged.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use splitsim_feature::Task;
use splitsim_truth::Judgement;

/// The journal's first line: the subject of the records. A journal with another heading cannot be resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Heading {
    pub(crate) model_digest: String,
    pub(crate) source: String,
    /// Pictures of the whole source.
    pub(crate) pictures: usize,
    pub(crate) task: Task,
    pub(crate) dtype: String,
    pub(crate) batch: usize,
}

/// The judgement of one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Its place in the source.
    pub(crate) index: usize,
    pub(crate) name: String,
    /// Rank, mIoU in percent or RMSE in metres: for readers, the judgement has it too.
    performance: f64,
    pub(crate) judgement: Judgement,
}

/// Records by picture, and the file that they are appended to, if any.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: BTreeMap<usize, Record>,
    lines: Option<splitsim_durable::Journal<Line>>,
}

/// A line of the file; the first one is the heading.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Heading(Heading),
    Record(Record),
}

const REMEDY: &str = "remove the file, or take another --out";

impl Record {
    pub(crate) fn new(index: usize, name: String, judgement: Judgement) -> Result<Self> {
        Ok(Self {
            index,
            name,
            performance: judgement.performance()?.value(),
            judgement,
        })
    }
}

impl Journal {
    /// Opens or begins the journal of `heading` in a file that no other process writes.
    ///
    /// A last line that was cut off is dropped.
    ///
    /// # Errors
    /// When the file cannot be read or written, another process has it, it starts with another heading, or a
    /// line other than the last is damaged.
    pub(crate) fn open(path: &Path, heading: &Heading) -> Result<Self> {
        Self::open_file(path, heading).with_context(|| path.display().to_string())
    }

    fn open_file(path: &Path, heading: &Heading) -> Result<Self> {
        let (mut lines, written) = splitsim_durable::Journal::open(path, REMEDY)?;
        let mut written = written.into_iter();
        match written.next() {
            None => lines.append(&Line::Heading(heading.clone()))?,
            Some(Line::Heading(begun)) => check_heading(&begun, heading)?,
            Some(Line::Record(_)) => bail!("line 1 is a record, not a heading; {REMEDY}"),
        }
        let mut records = BTreeMap::new();
        for line in written {
            let Line::Record(record) = line else {
                bail!("it has a second heading; {REMEDY}");
            };
            check_record(&record, heading)?;
            records.insert(record.index, record);
        }
        Ok(Self {
            records,
            lines: Some(lines),
        })
    }

    /// Writes a record down; one of the same picture is replaced.
    pub(crate) fn add(&mut self, record: Record) -> Result<()> {
        let known = self.records.get(&record.index) == Some(&record);
        if let (false, Some(lines)) = (known, &mut self.lines) {
            lines.append(&Line::Record(record.clone()))?;
        }
        self.records.insert(record.index, record);
        Ok(())
    }

    /// Returns the number of pictures in the range that have a record.
    pub(crate) fn known(&self, pictures: Range<usize>) -> usize {
        self.records.range(pictures).count()
    }

    pub(crate) fn knows(&self, picture: usize) -> bool {
        self.records.contains_key(&picture)
    }

    /// Returns the records of the pictures in the range, in their order.
    pub(crate) fn records(&self, pictures: Range<usize>) -> impl Iterator<Item = &Record> {
        self.records.range(pictures).map(|(_, record)| record)
    }
}

fn check_heading(begun: &Heading, heading: &Heading) -> Result<()> {
    let text = |heading: &Heading| serde_json::to_string(heading);
    ensure!(
        begun == heading,
        "begun with {}, which is not {}; {REMEDY}",
        text(begun)?,
        text(heading)?
    );
    Ok(())
}

fn check_record(record: &Record, heading: &Heading) -> Result<()> {
    let Record {
        index, judgement, ..
    } = record;
    ensure!(
        *index < heading.pictures && judgement.task() == heading.task,
        "a record of picture {index} for {}, expected pictures below {} for {}",
        judgement.task(),
        heading.pictures,
        heading.task
    );
    judgement.performance()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use splitsim_truth::Rank;

    use super::*;

    fn heading() -> Heading {
        Heading {
            model_digest: "d".to_owned(),
            source: "scenes:1:9".to_owned(),
            pictures: 9,
            task: Task::Cls,
            dtype: "f32".to_owned(),
            batch: 1,
        }
    }

    fn record(index: usize, place: u32) -> Record {
        let judgement = Judgement::Cls(Rank::new(place).unwrap());
        Record::new(index, format!("picture {index}"), judgement).unwrap()
    }

    /// A journal of pictures 0 to 3, and the bytes of its file.
    fn written(dir: &Path) -> (PathBuf, Vec<u8>) {
        let path = dir.join("cls.jsonl");
        let mut journal = Journal::open(&path, &heading()).unwrap();
        for index in 0..4 {
            journal.add(record(index, 1 + index as u32)).unwrap();
        }
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    }

    #[test]
    fn goes_on_from_wherever_it_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let (path, whole) = written(dir.path());
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut journal = Journal::open(&path, &heading()).unwrap();
            let lines = whole[..cut].iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(journal.known(0..9), lines.saturating_sub(1));
            for index in lines.saturating_sub(1)..4 {
                journal.add(record(index, 1 + index as u32)).unwrap();
            }
            drop(journal);
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_record_again_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, whole) = written(dir.path());
        let mut journal = Journal::open(&path, &heading()).unwrap();
        journal.add(record(2, 3)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        journal.add(record(2, 5)).unwrap();
        drop(journal);
        let journal = Journal::open(&path, &heading()).unwrap();
        assert_eq!(journal.records(2..3).next(), Some(&record(2, 5)));
    }

    #[test]
    fn what_it_cannot_go_on_from_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (path, whole) = written(dir.path());
        let refused = |heading: &Heading, expected: &str| {
            let error = Journal::open(&path, heading).unwrap_err();
            let message = format!("{error:#}");
            assert!(
                message.contains("cls.jsonl") && message.contains(expected),
                "{message}"
            );
        };
        let other = Heading {
            batch: 4,
            ..heading()
        };
        refused(&other, "begun with");
        let held = Journal::open(&path, &heading()).unwrap();
        refused(&heading(), "is being written by another process");
        drop(held);
        let text = String::from_utf8(whole).unwrap();
        for (from, to, expected) in [
            (
                "\"index\":1",
                "\"index\":9",
                "a record of picture 9 for cls",
            ),
            ("\"cls\":2", "\"cls\":0", "is damaged: line 3: "),
            ("{\"index\":2", "index 2", "is damaged: line 4: "),
        ] {
            assert!(text.contains(from), "{text}");
            std::fs::write(&path, text.replace(from, to)).unwrap();
            refused(&heading(), expected);
        }
        let dpt = text.replace("{\"cls\":2}", "{\"seg\":[[1,1,1]]}");
        std::fs::write(&path, dpt).unwrap();
        refused(&heading(), "a record of picture 1 for seg");
    }
}
