//! Pages that explain results to someone who was not there: one HTML file with its plots, tables,
//! pictures and data, that needs no network.
//!
//! - [`Page`]: a title, notices and [`Section`]s, rendered by [`Page::render`];
//! - [`Figure`]: an interactive plot of [`Series`] over two [`Axis`], with [`Mark`]s;
//! - [`Table`]: sortable, with a filter where it is long;
//! - [`Exhibit`]: pictures side by side under one heading;
//! - [`Download`]: data that the page carries, compressed.
//!
//! Every section, figure, table and exhibit has a name for addresses, made of its title, and every figure can
//! be saved as SVG. Pages follow the reader's choice of light or dark, print in light, fit a phone, and can be read
//! with a keyboard and a screen reader: every figure and picture asks for a description in words.
//! All text is escaped. Nothing here has a clock or reads a file: equal content is equal bytes.
//!
//! ```
//! use splitsim_report::{Axis, Column, Cell, Figure, Page, Section, Series, Table};
//!
//! let figure = Figure::new("Rate and distortion", "distortion falls as the rate grows")
//!     .x(Axis::new("rate", "bits per feature point").log())
//!     .y(Axis::new("true distortion", "m"))
//!     .series(Series::line("hevc", [(0.02, 1.4), (0.1, 0.6), (0.4, 0.1)]).with_markers());
//! let table = Table::new("Levels", [Column::text("codec"), Column::number("rate", "BPFP")])
//!     .row([Cell::text("hevc"), Cell::number(0.02, 3)]);
//! let page = Page::new("Codecs on tiny-scenes")
//!     .lead("What each codec costs and what it breaks.")
//!     .section(Section::new("Depth").text("Held-out scenes only.").figure(figure).table(table));
//! assert!(page.render().starts_with("<!doctype html>"));
//! ```

mod anchor;
mod download;
mod exhibit;
mod figure;
mod page;
mod palette;
mod script;
mod section;
mod table;

pub use download::{DataFile, Download};
pub use exhibit::{Exhibit, Picture};
pub use figure::{Axis, Corner, Figure, Mark, Quadrants, Series, Span};
pub use page::Page;
pub use palette::Hue;
pub use section::{Fact, Notice, Section};
pub use table::{Cell, Column, Table};
