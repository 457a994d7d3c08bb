//! The file.

use askama::Template;

use crate::anchor::{Anchored, anchored};
use crate::section::Block;
use crate::{Notice, Section, script};

/// A page: a title, what it is about, and sections.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    lead: String,
    notices: Vec<Notice>,
    sections: Vec<Section>,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Document<'a> {
    page: &'a Page,
    sections: Vec<Anchored<'a>>,
    style: &'static str,
    behaviour: &'static str,
    /// plotly.js, where the page has figures.
    plotly: Option<&'static str>,
}

const STYLE: &str = include_str!("../assets/page.css");
const BEHAVIOUR: &str = include_str!("../assets/page.js");

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lead: String::new(),
            notices: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Sets the text under the title that says what the page is about.
    #[must_use]
    pub fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = lead.into();
        self
    }

    /// Adds something to know before reading on.
    #[must_use]
    pub fn notice(mut self, notice: Notice) -> Self {
        self.notices.push(notice);
        self
    }

    /// Adds a section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// The HTML file. With figures it is 1.9 MB larger, whatever their number.
    #[must_use]
    pub fn render(&self) -> String {
        let plotly = self.has_figures().then(script::plotly_gzip_base64);
        let document = Document {
            page: self,
            sections: anchored(&self.sections),
            style: STYLE,
            behaviour: BEHAVIOUR,
            plotly,
        };
        written(&document)
    }

    fn has_figures(&self) -> bool {
        let mut blocks = self.sections.iter().flat_map(|section| &section.blocks);
        blocks.any(|block| matches!(block, Block::Figures(figures) if !figures.is_empty()))
    }
}

fn written(document: &Document<'_>) -> String {
    document
        .render()
        .expect("the template calls nothing that fails, and nor does writing to a string")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Cell, Column, DataFile, Download, Fact, Figure, Series, Table};

    fn page() -> Page {
        let table = Table::new("T <1>", [Column::text("<b>"), Column::number("n", "ms")]).row([
            Cell::text("\"quoted\" & <script>alert(1)</script>"),
            Cell::count(2_u64),
        ]);
        let section = Section::new("First <section>")
            .text("less < more")
            .facts([Fact::new("1 <", "of <").detail("<i>")])
            .table(table)
            .figure(
                Figure::new("</script><script>alert(2)</script>", "<u>")
                    .note("<s>")
                    .x(Axis::new("</script><script>alert(3)", "<kB>").names(["<em>", "</script>"]))
                    .series(
                        Series::scatter("</script><b>", [(0.0, 1.0)]).labels(["<q>".to_owned()]),
                    ),
            )
            .listing("scenario", "name = '</pre><script>'")
            .downloads([Download::new(DataFile::Csv, "a\"b.csv", "<all>", "x\n")]);
        Page::new("A <title>").lead("<lead>").section(section)
    }

    #[test]
    fn whatever_is_said_stays_text() {
        let html = page().render();
        for raw in [
            "<script>alert",
            "<b>",
            "<i>",
            "<lead>",
            "<all>",
            "</pre><script>",
            "a\"b",
            "</script><",
            "<u>",
            "<s>",
            "<em>",
            "<q>",
        ] {
            assert!(!html.contains(raw), "{raw}");
        }
        assert!(html.contains("&#60;script&#62;alert(1)"));
    }

    #[test]
    fn nothing_is_fetched_from_anywhere() {
        let figure = Figure::new("f", "d").series(Series::line("s", [(1.0, 1.0)]));
        let html = page()
            .section(Section::new("Plots").figure(figure))
            .render();
        assert!(html.contains("default-src 'none'"));
        for far in [
            "src=\"http",
            "href=\"http",
            "url(http",
            "@import",
            "src=\"/",
        ] {
            assert!(!html.contains(far), "{far}");
        }
    }

    #[test]
    fn only_pages_with_figures_carry_the_plotting_script() {
        let plain = Page::new("t").section(Section::new("s").text("words"));
        assert!(plain.render().len() < 60_000);
        let figure = Figure::new("f", "d").series(Series::line("s", [(1.0, 1.0)]));
        let html = plain.section(Section::new("Plots").figures([figure.clone(), figure]));
        let html = html.render();
        assert_eq!(html.matches(script::plotly_gzip_base64()).count(), 1);
        assert!(html.len() < 2_000_000, "{}", html.len());
    }

    #[test]
    fn equal_content_is_equal_bytes() {
        assert_eq!(page().render(), page().render());
    }
}
