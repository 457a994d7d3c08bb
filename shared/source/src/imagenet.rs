//! Labelled pictures as FCM-LM selects them from ImageNet: a folder and a file of labels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use splitsim_feature::Task;
use splitsim_truth::GroundTruth;

use crate::folder::{Folder, LeftOut};
use crate::list::{Line, List, file_name, picture_name};
use crate::{DataSetSpec, Item, Picture, SourceError};

/// The label file of a folder that comes without one by name.
const LABELS: &str = "labels.txt";

/// Labelled pictures in the order of the label file.
#[derive(Debug, Clone)]
pub(crate) struct ImageNet {
    pub(crate) pictures: Vec<Labelled>,
    pub(crate) left_out: LeftOut,
}

#[derive(Debug, Clone)]
pub(crate) struct Labelled {
    name: String,
    pub(crate) path: PathBuf,
    label: u32,
}

/// The pictures of a folder by their names without ending.
struct Pictures {
    by_name: HashMap<String, PathBuf>,
    left_out: LeftOut,
}

impl ImageNet {
    /// The pictures of the folder and of the folders in it, as torchvision's `ImageFolder` finds them.
    ///
    /// A line of the label file is `NAME … LABEL`: the picture's file name, with or without its ending,
    /// and last the class, counted from 0. Every picture must have a line and every line a picture.
    pub(crate) fn open(spec: &DataSetSpec) -> Result<Self, SourceError> {
        let list = List::read(spec.list_or(LABELS))?;
        let found = Pictures::find(&spec.dir)?;
        let mut lines_by_name: HashMap<String, usize> = HashMap::new();
        let mut pictures = Vec::with_capacity(list.lines.len());
        for line in &list.lines {
            let (name, label) = found.name_and_label(&list, line)?;
            let Some(path) = found.by_name.get(&name).cloned() else {
                return Err(list.refuse(line, found.missing(&name, &spec.dir)));
            };
            if let Some(first) = lines_by_name.insert(name.clone(), line.number) {
                return Err(list.refuse(line, format!("'{name}' has a label in line {first}")));
            }
            pictures.push(Labelled { name, path, label });
        }
        let unlabelled = found.by_name.into_iter();
        let unlabelled = unlabelled.filter(|(name, _)| !lines_by_name.contains_key(name));
        match unlabelled.map(|(_, path)| path).min() {
            Some(image) => Err(SourceError::Unlabelled {
                image,
                list: list.path,
            }),
            None => Ok(Self {
                pictures,
                left_out: found.left_out,
            }),
        }
    }

    pub(crate) fn name(&self, index: usize) -> Option<&str> {
        self.pictures
            .get(index)
            .map(|picture| picture.name.as_str())
    }

    pub(crate) fn item(&self, index: usize, task: Task) -> Result<Item, SourceError> {
        let Labelled { name, path, label } = &self.pictures[index];
        let truth = matches!(task, Task::Cls).then_some(GroundTruth::Cls { label: *label });
        Ok(Item {
            name: name.clone(),
            picture: Picture::read(path)?,
            truth,
        })
    }
}

impl Pictures {
    /// The pictures of a folder and of the folders in it.
    fn find(dir: &Path) -> Result<Self, SourceError> {
        let folder = Folder::list_with_folders(dir)?.or_empty(dir)?;
        let mut by_name = HashMap::new();
        for second in folder.pictures {
            let name = picture_name(&second);
            if let Some(first) = by_name.insert(name.clone(), second.clone()) {
                return Err(SourceError::SameName {
                    name,
                    first,
                    second,
                });
            }
        }
        let left_out = folder.left_out;
        Ok(Self { by_name, left_out })
    }

    /// The picture that a line names, and its class.
    ///
    /// A name may hold blanks, and words may stand between name and label: the longest beginning of the
    /// line that is a picture's name is meant.
    fn name_and_label(&self, list: &List, line: &Line) -> Result<(String, u32), SourceError> {
        let between = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
        let Some((named, label)) = line.text.rsplit_once(between) else {
            return Err(list.refuse(line, "expected NAME … LABEL"));
        };
        let label = label.parse().map_err(|_| {
            let reason = format!("label '{label}' is no class number, 0 or more");
            list.refuse(line, reason)
        })?;
        let named = named.trim_end_matches(between);
        let ends = named
            .char_indices()
            .rev()
            .filter(|&(_, c)| between(c))
            .map(|(at, _)| at);
        let beginnings = std::iter::once(named.len())
            .chain(ends)
            .map(|end| &named[..end]);
        let known = beginnings
            .flat_map(|name| [picture_name(unquoted(name)), file_name(unquoted(name))])
            .find(|name| self.by_name.contains_key(name));
        let first_word = || picture_name(unquoted(named.split(between).next().unwrap_or(named)));
        Ok((known.unwrap_or_else(first_word), label))
    }

    /// The message about a listed name that has no picture.
    fn missing(&self, name: &str, dir: &Path) -> String {
        match self.left_out.format_of(name) {
            Some(format) => format!("'{name}' is {format}; convert it to PNG or JPEG"),
            None => format!("no picture '{name}' in {} or a folder in it", dir.display()),
        }
    }
}

/// A name that may be quoted.
fn unquoted(name: &str) -> &str {
    name.trim().trim_matches('"')
}
