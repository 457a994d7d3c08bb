//! Sections: the content of a page from one heading to the next.

use crate::{Download, Exhibit, Figure, Table};

/// A part of a page, under its own heading and in the page's list of contents.
#[derive(Debug, Clone)]
pub struct Section {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
pub(crate) enum Block {
    Text(String),
    Notice(Notice),
    Facts(Vec<Fact>),
    Figures(Vec<Figure>),
    Table(Table),
    Exhibits(Vec<Exhibit>),
    Listing { title: String, text: String },
    Downloads(Vec<Download>),
}

/// A number that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) detail: String,
}

/// Something to know before reading on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub(crate) grave: bool,
    pub(crate) text: String,
}

impl Section {
    /// An empty section.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.block(Block::Text(text.into()))
    }

    /// Adds a notice.
    #[must_use]
    pub fn notice(self, notice: Notice) -> Self {
        self.block(Block::Notice(notice))
    }

    /// Adds numbers that matter, side by side.
    #[must_use]
    pub fn facts(self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.block(Block::Facts(facts.into_iter().collect()))
    }

    /// Adds a figure as wide as the page.
    #[must_use]
    pub fn figure(self, figure: Figure) -> Self {
        self.figures([figure])
    }

    /// Adds figures side by side, where the page is wide enough.
    #[must_use]
    pub fn figures(self, figures: impl IntoIterator<Item = Figure>) -> Self {
        self.block(Block::Figures(figures.into_iter().collect()))
    }

    /// Adds a table.
    #[must_use]
    pub fn table(self, table: Table) -> Self {
        self.block(Block::Table(table))
    }

    /// Adds pictures.
    #[must_use]
    pub fn exhibits(self, exhibits: impl IntoIterator<Item = Exhibit>) -> Self {
        self.block(Block::Exhibits(exhibits.into_iter().collect()))
    }

    /// Adds preformatted text that is folded away until a reader opens it.
    #[must_use]
    pub fn listing(self, title: impl Into<String>, text: impl Into<String>) -> Self {
        let (title, text) = (title.into(), text.into());
        self.block(Block::Listing { title, text })
    }

    /// Adds data to take along.
    #[must_use]
    pub fn downloads(self, downloads: impl IntoIterator<Item = Download>) -> Self {
        self.block(Block::Downloads(downloads.into_iter().collect()))
    }

    fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }
}

impl Block {
    /// The titles of what can be linked to.
    pub(crate) fn titles(&self) -> Vec<&str> {
        match self {
            Self::Figures(figures) => figures.iter().map(|one| one.title.as_str()).collect(),
            Self::Table(table) => vec![&table.caption],
            Self::Exhibits(exhibits) => exhibits.iter().map(|one| one.heading.as_str()).collect(),
            Self::Listing { title, .. } => vec![title],
            Self::Text(_) | Self::Notice(_) | Self::Facts(_) | Self::Downloads(_) => Vec::new(),
        }
    }
}

impl Fact {
    /// A value with its unit, such as `0.042 BPFP`, and what it is.
    #[must_use]
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            detail: String::new(),
        }
    }

    /// Adds what it is compared with, or its interval.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

impl Notice {
    /// A notice with useful information.
    #[must_use]
    pub fn remark(text: impl Into<String>) -> Self {
        Self {
            grave: false,
            text: text.into(),
        }
    }

    /// A notice without which the page would mislead.
    #[must_use]
    pub fn warning(text: impl Into<String>) -> Self {
        Self {
            grave: true,
            text: text.into(),
        }
    }
}
