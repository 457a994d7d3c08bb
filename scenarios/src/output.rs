use serde::Serialize;
use serde_json::Value;
use splitsim_display::{printable_json, printable_lines};

/// The result of a command, for stdout.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    text: String,
    json: Value,
    shortfall: Option<String>,
}

impl Output {
    /// For people `text`, for programs `json`.
    ///
    /// # Errors
    /// When `json` cannot be expressed as JSON.
    pub(crate) fn new(text: impl Into<String>, json: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self {
            text: text.into(),
            json: serde_json::to_value(json)?,
            shortfall: None,
        })
    }

    /// The same, of work that was done only in part.
    pub(crate) fn short_of(mut self, shortfall: Option<String>) -> Self {
        self.shortfall = shortfall;
        self
    }

    /// Returns the text for stdout, without a final newline and without characters that drive a terminal.
    #[must_use]
    pub fn render(&self, json: bool) -> String {
        if json {
            printable_json(&format!("{:#}", self.json))
        } else {
            printable_lines(self.text.trim_end())
        }
    }

    /// Returns a description of the work that could not be done, if any: the exit code is then 1.
    #[must_use]
    pub fn shortfall(&self) -> Option<&str> {
        self.shortfall.as_deref()
    }
}
