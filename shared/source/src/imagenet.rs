//! Labelled pictures as FCM-LM selects them from ImageNet: a folder and a file of labels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use splitsim_feature::Task;
use splitsim_truth::GroundTruth;

use crate::files::{entries, is_picture};
use crate::list::{Line, List, stem};
use crate::{DataSetSpec, Item, Picture, SourceError};

/// The label file of a folder that comes without one by name.
const LABELS: &str = "labels.txt";

/// Labelled pictures in the order of the label file.
#[derive(Debug, Clone)]
pub(crate) struct ImageNet {
    pub(crate) pictures: Vec<Labelled>,
}

#[derive(Debug, Clone)]
pub(crate) struct Labelled {
    name: String,
    path: PathBuf,
    label: u32,
}

impl ImageNet {
    /// The pictures of the folder and of the folders in it, as torchvision's `ImageFolder` finds them.
    ///
    /// A line of the label file is `NAME … LABEL`: the picture's file name, with or without its ending,
    /// and last the class, counted from 0. Every picture must have a line and every line a picture.
    pub(crate) fn open(spec: &DataSetSpec) -> Result<Self, SourceError> {
        let list = List::read(spec.list_or(LABELS))?;
        let mut unlabelled = pictures_by_name(&spec.dir)?;
        let mut lines_by_name: HashMap<String, usize> = HashMap::new();
        let mut pictures = Vec::with_capacity(list.lines.len());
        for line in &list.lines {
            let (name, label) = name_and_label(&list, line)?;
            if let Some(first) = lines_by_name.insert(name.clone(), line.number) {
                return Err(list.refuse(line, format!("'{name}' has a label in line {first}")));
            }
            let path = unlabelled.remove(&name).ok_or_else(|| {
                let dir = spec.dir.display();
                list.refuse(
                    line,
                    format!("no picture '{name}' in {dir} or a folder in it"),
                )
            })?;
            pictures.push(Labelled { name, path, label });
        }
        match unlabelled.into_values().min() {
            Some(image) => Err(SourceError::Unlabelled {
                image,
                list: list.path,
            }),
            None => Ok(Self { pictures }),
        }
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

fn name_and_label(list: &List, line: &Line) -> Result<(String, u32), SourceError> {
    let [name, .., label] = line.words.as_slice() else {
        return Err(list.refuse(line, "expected NAME … LABEL"));
    };
    let label = label.parse().map_err(|_| {
        let reason = format!("label '{label}' is no class number, 0 or more");
        list.refuse(line, reason)
    })?;
    let path = Path::new(name);
    let name = match is_picture(path) {
        true => stem(path),
        false => path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
    };
    Ok((name, label))
}

/// The pictures of a folder and of the folders in it, by their names without ending.
fn pictures_by_name(dir: &Path) -> Result<HashMap<String, PathBuf>, SourceError> {
    let mut paths = Vec::new();
    for path in entries(dir)? {
        match path.is_dir() {
            true => paths.extend(entries(&path)?),
            false => paths.push(path),
        }
    }
    let mut by_name = HashMap::new();
    for second in paths.into_iter().filter(|path| is_picture(path)) {
        let name = stem(&second);
        if let Some(first) = by_name.insert(name.clone(), second.clone()) {
            return Err(SourceError::SameName {
                name,
                first,
                second,
            });
        }
    }
    match by_name.is_empty() {
        true => Err(SourceError::EmptyFolder {
            path: dir.to_owned(),
        }),
        false => Ok(by_name),
    }
}
