//! A data set's logs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use splitsim_display::printable;
use splitsim_feature::Task;
use splitsim_lab::published::{self, Log, LogLine};
use splitsim_text::Text;

use super::files::walk;

/// Logs by codec and task.
pub(super) struct Logs {
    logs: BTreeMap<(String, Task), (PathBuf, Log)>,
}

/// A log that is larger is none.
const MAX_BYTES: u64 = 1 << 28;

impl Logs {
    /// The logs among paths and in folders. A file whose name says no codec and task is passed over, unless
    /// it was named itself.
    pub(super) fn find(paths: &[PathBuf]) -> Result<Self> {
        let mut logs = BTreeMap::new();
        for path in paths {
            let named = path.is_file();
            for file in walk(path)? {
                if file.extension().is_none_or(|extension| extension != "txt") {
                    continue;
                }
                let Some(key) = codec_and_task(&file) else {
                    ensure!(
                        !named,
                        "{}: its name says no codec and task, as hm_trained_hybrid_eval_cls_all.txt does",
                        file.display()
                    );
                    continue;
                };
                let log = read(&file)?;
                if log.lines.is_empty() && !named {
                    continue;
                }
                if let Some((other, _)) = logs.insert(key, (file.clone(), log)) {
                    anyhow::bail!(
                        "{} and {} are of one codec and task, remove one",
                        other.display(),
                        file.display()
                    );
                }
            }
        }
        Ok(Self { logs })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    pub(super) fn of(&self, codec: &str, task: Task) -> Option<&Log> {
        let log = self.logs.get(&(codec.to_owned(), task));
        log.map(|(_, log)| log)
    }

    /// Every codec and task with its lines.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Task, &[LogLine])> {
        self.logs
            .iter()
            .map(|((codec, task), (_, log))| (codec.as_str(), *task, log.lines.as_slice()))
    }

    pub(super) fn gaps(&self, features: usize, levels: usize) -> Vec<String> {
        let each = self.logs.values();
        each.flat_map(|(path, log)| {
            let gaps = log.gaps(features, levels).into_iter();
            gaps.map(move |gap| format!("{}: {gap}", printable(path.display())))
        })
        .collect()
    }

    pub(super) fn describe(&self) -> String {
        let each = self.logs.iter();
        each.map(|((codec, task), (path, log))| {
            format!(
                "log of {codec} {task}: {} results, {} other lines passed over, {}\n",
                log.lines.len(),
                log.passed_over,
                printable(path.display())
            )
        })
        .collect()
    }
}

fn read(path: &Path) -> Result<Log> {
    let text = Text::read(path, MAX_BYTES)?;
    Ok(published::parse(text.as_str()))
}

/// Returns the codec and the task that a log's file name states. The name is `CODEC_TASK`, or
/// `ARCH_trained_TRAIN_eval_TASK_all`: hyperpriors trained on one task and on all (`hybrid`) are different
/// codecs then, as they are in the data set's folders.
fn codec_and_task(path: &Path) -> Option<(String, Task)> {
    let stem = path.file_stem()?.to_str()?;
    if let Some((trained, eval)) = stem.split_once("_eval_") {
        let task = eval.split('_').next()?.parse().ok()?;
        let codec = match trained.split_once("_trained_") {
            Some((arch @ ("hm" | "vtm"), _)) => arch.to_owned(),
            Some((arch, "hybrid")) => format!("{arch}_multi_task"),
            Some((arch, train)) if train.parse() == Ok(task) => format!("{arch}_task_specific"),
            _ => trained.to_owned(),
        };
        return Some((codec, task));
    }
    let (codec, task) = stem.rsplit_once('_')?;
    Some((codec.to_owned(), task.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_codec_and_task() {
        let check = |name: &str, expected: Option<(&str, Task)>| {
            let actual = codec_and_task(Path::new(name));
            let expected = expected.map(|(codec, task)| (codec.to_owned(), task));
            assert_eq!(actual, expected, "{name}");
        };
        check(
            "a/hm_trained_hybrid_eval_cls_all.txt",
            Some(("hm", Task::Cls)),
        );
        check(
            "hyperprior_trained_hybrid_eval_seg_all.txt",
            Some(("hyperprior_multi_task", Task::Seg)),
        );
        check(
            "hyperprior_trained_dpt_eval_dpt_all.txt",
            Some(("hyperprior_task_specific", Task::Dpt)),
        );
        check(
            "hyperprior_trained_cls_eval_dpt_all.txt",
            Some(("hyperprior_trained_cls", Task::Dpt)),
        );
        check("my_codec_seg.txt", Some(("my_codec", Task::Seg)));
        check("imagenet_selected_label100.txt", None);
        check("notes.txt", None);
    }

    #[test]
    fn logs_are_read_as_tools_leave_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hm_trained_hybrid_eval_cls_all.txt");
        let text = "\u{feff}a.bin 1.0 0.5 0.9 0.8\r\nb.bin 0.0 0.6 0.7 0.6\r\n";
        let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [text.as_bytes().to_vec(), utf16] {
            std::fs::write(&path, bytes).unwrap();
            let log = read(&path).unwrap();
            let names: Vec<_> = log.lines.iter().map(|line| line.name.as_str()).collect();
            assert_eq!((names, log.passed_over), (vec!["a", "b"], 0));
        }
        let message = read(Path::new("/dev/null")).err().unwrap().to_string();
        assert_eq!(message, "/dev/null: a device, expected a regular file");
    }
}
