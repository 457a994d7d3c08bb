//! Names that parts of a page have in addresses: `report.html#rate-and-distortion`.

use std::collections::BTreeSet;

use crate::Section;
use crate::section::Block;

/// The names given on a page so far.
#[derive(Debug)]
struct Anchors(BTreeSet<String>);

/// A section with the names of its parts.
#[derive(Debug)]
pub(crate) struct Anchored<'a> {
    pub(crate) id: String,
    pub(crate) section: &'a Section,
    /// Blocks with the names of what is in them, in its order; none for text.
    pub(crate) blocks: Vec<(&'a Block, Vec<String>)>,
}

/// Names the sections of a page, and their figures, tables and exhibits after their titles. Equal titles are
/// numbered; a name stays as long as the titles do.
pub(crate) fn anchored(sections: &[Section]) -> Vec<Anchored<'_>> {
    let mut anchors = Anchors(RESERVED.map(str::to_owned).into());
    let named: Vec<(String, &Section)> = sections
        .iter()
        .map(|section| (anchors.name(&slug(&section.title)), section))
        .collect();
    named
        .into_iter()
        .map(|(id, section)| Anchored {
            blocks: anchors.blocks(&id, section),
            id,
            section,
        })
        .collect()
}

/// Ids of the page's own elements.
const RESERVED: [&str; 3] = ["content", "plotly", "theme"];

impl Anchors {
    fn blocks<'a>(&mut self, section: &str, of: &'a Section) -> Vec<(&'a Block, Vec<String>)> {
        let named = |block: &'a Block| {
            let titles = block.titles().into_iter();
            let ids = titles.map(|title| self.name(&format!("{section}--{}", slug(title))));
            (block, ids.collect())
        };
        of.blocks.iter().map(named).collect()
    }

    /// The name, with a number where it is given already.
    fn name(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
        let free = candidates.find(|name| !self.0.contains(name));
        let name = free.unwrap_or_else(|| wanted.to_owned());
        self.0.insert(name.clone());
        name
    }
}

/// Letters and digits in lower case, everything else as single hyphens.
fn slug(title: &str) -> String {
    let words = title
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_lowercase();
    match slug.is_empty() {
        true => "part".to_owned(),
        false => slug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Figure, Table};

    #[test]
    fn names_are_those_of_titles_and_unlike() {
        let figures = ["Depth", "Depth", "<b>"].map(|title| Figure::new(title, ""));
        let sections = [
            Section::new("Rate & distortion").figures(figures),
            Section::new("Content").table(Table::new("Every frame", [Column::text("a")])),
            Section::new("Content").text("none"),
            Section::new("…"),
        ];
        let anchored = anchored(&sections);
        let ids: Vec<&str> = anchored.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["rate-distortion", "content-2", "content-3", "part"]);
        let inside = |at: usize| anchored[at].blocks[0].1.clone();
        let figures = ["depth", "depth-2", "b"].map(|id| format!("rate-distortion--{id}"));
        assert_eq!(inside(0), figures);
        assert_eq!(inside(1), ["content-2--every-frame"]);
        assert!(inside(2).is_empty());
    }
}
