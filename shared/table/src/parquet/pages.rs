use parquet::basic::Type as Physical;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// Pages whose declared counts are checked against what they can hold.
///
/// The decoder allocates a dictionary's declared number of values before it reads them.
pub(super) struct CheckedPages {
    pages: Box<dyn PageReader>,
    physical: Physical,
    rows: usize,
}

impl CheckedPages {
    /// The pages of a column chunk of `rows` rows.
    pub(super) const fn new(pages: Box<dyn PageReader>, physical: Physical, rows: usize) -> Self {
        Self {
            pages,
            physical,
            rows,
        }
    }

    fn checked(&self, page: Page) -> Result<Page> {
        let declared = page.num_values() as usize;
        let most = if page.is_dictionary_page() {
            page.buffer().len() / least_bytes(self.physical)
        } else {
            self.rows
        };
        if declared <= most {
            return Ok(page);
        }
        let what = format!("a page declares {declared} values, at most {most} are possible");
        Err(ParquetError::General(what))
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.map(|page| self.checked(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// The fewest bytes that one value of a dictionary takes.
const fn least_bytes(physical: Physical) -> usize {
    match physical {
        Physical::BOOLEAN | Physical::FIXED_LEN_BYTE_ARRAY => 1,
        Physical::INT32 | Physical::FLOAT | Physical::BYTE_ARRAY => 4,
        Physical::INT64 | Physical::DOUBLE => 8,
        Physical::INT96 => 12,
    }
}
