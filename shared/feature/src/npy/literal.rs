//! Python literals, as far as headers of `.npy` files have them.
//!
//! The grammar is that of `ast.literal_eval` without escapes in strings, joined strings, comments and
//! numbers in other notations than decimal: NumPy writes none of these.

use super::NpyError;

/// The deepest nesting of literals; the fields of a structured type have a depth of four.
const MAX_DEPTH: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    Int(i64),
    Bool(bool),
    None,
    Tuple(Vec<Self>),
    List(Vec<Self>),
    Dict(Vec<(Self, Self)>),
}

impl Literal {
    /// Its kind, for messages.
    pub(super) const fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Int(_) => "an integer",
            Self::Bool(_) => "a truth value",
            Self::None => "None",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a structured type",
            Self::Dict(_) => "a dictionary",
        }
    }
}

/// Parses a text that is one literal; `long` allows the `L` behind integers of Python 2, as NumPy does in
/// versions 1 and 2.
pub(super) fn parse(text: &str, long: bool) -> Result<Literal, NpyError> {
    let mut parser = Parser { text, at: 0, long };
    let literal = parser.value(0)?;
    match parser.peek() {
        None => Ok(literal),
        Some(_) => Err(parser.expected("its end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    long: bool,
}

impl Parser<'_> {
    fn expected(&self, expected: &'static str) -> NpyError {
        NpyError::Literal {
            at: self.at,
            expected,
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// The next character that is no blank; blanks before it are passed.
    fn peek(&mut self) -> Option<char> {
        let blank = [' ', '\t', '\n', '\r', '\x0c'];
        self.at = self.text.len() - self.rest().trim_start_matches(blank).len();
        self.rest().chars().next()
    }

    /// Passes a character if it comes next.
    fn passes(&mut self, wanted: char) -> bool {
        let comes = self.peek() == Some(wanted);
        if comes {
            self.at += wanted.len_utf8();
        }
        comes
    }

    fn value(&mut self, depth: usize) -> Result<Literal, NpyError> {
        if depth > MAX_DEPTH {
            return Err(self.expected("fewer brackets"));
        }
        match self.peek() {
            Some('{') => self.dict(depth + 1),
            Some('[') => Ok(Literal::List(self.sequence(']', depth + 1)?.0)),
            Some('(') => self.tuple(depth + 1),
            Some('+' | '-' | '0'..='9') => self.int(),
            Some('\'' | '"') => self.string(),
            Some(c) if c.is_ascii_alphabetic() => self.word(),
            _ => Err(self.expected("a value")),
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, NpyError> {
        self.at += 1;
        let mut entries = Vec::new();
        while !self.passes('}') {
            let key = self.value(depth)?;
            if !self.passes(':') {
                return Err(self.expected("':'"));
            }
            entries.push((key, self.value(depth)?));
            self.separator('}', "',' or '}'")?;
        }
        Ok(Literal::Dict(entries))
    }

    /// One value without a comma is in parentheses, not a tuple.
    fn tuple(&mut self, depth: usize) -> Result<Literal, NpyError> {
        let (mut values, comma) = self.sequence(')', depth)?;
        match (values.len(), comma) {
            (1, false) => Ok(values.remove(0)),
            _ => Ok(Literal::Tuple(values)),
        }
    }

    /// Values up to a bracket, and whether a comma was before it.
    fn sequence(&mut self, close: char, depth: usize) -> Result<(Vec<Literal>, bool), NpyError> {
        self.at += 1;
        let (mut values, mut comma) = (Vec::new(), false);
        while !self.passes(close) {
            values.push(self.value(depth)?);
            comma = self.separator(close, "',' or a closing bracket")?;
        }
        Ok((values, comma))
    }

    /// Passes a comma, unless the closing bracket follows; says whether there was one.
    fn separator(&mut self, close: char, expected: &'static str) -> Result<bool, NpyError> {
        match self.passes(',') {
            true => Ok(true),
            false if self.peek() == Some(close) => Ok(false),
            false => Err(self.expected(expected)),
        }
    }

    fn int(&mut self) -> Result<Literal, NpyError> {
        let negative = self.rest().starts_with('-');
        if self.rest().starts_with(['+', '-']) {
            self.at += 1;
        }
        self.peek();
        let digits = self.digits();
        // Python reads 0 and 00, but not 01.
        let zeros = digits.len() > 1 && digits.starts_with('0') && digits.contains(|c| c != '0');
        let value = digits.parse::<i64>().ok().filter(|_| !zeros);
        let value = value.ok_or_else(|| self.expected("an integer"))?;
        self.at += digits.len();
        if self.long && self.rest().starts_with('L') {
            self.at += 1;
        }
        if self
            .rest()
            .starts_with(|c: char| c.is_alphanumeric() || "_.".contains(c))
        {
            return Err(self.expected("an integer"));
        }
        Ok(Literal::Int(if negative { -value } else { value }))
    }

    fn digits(&self) -> String {
        let digits = self.rest().chars().take_while(char::is_ascii_digit);
        digits.collect()
    }

    fn string(&mut self) -> Result<Literal, NpyError> {
        let quote = if self.rest().starts_with('"') {
            '"'
        } else {
            '\''
        };
        self.at += 1;
        let end = self.rest().find([quote, '\\', '\n', '\r']);
        let end = end.filter(|&end| self.rest()[end..].starts_with(quote));
        let Some(end) = end else {
            return Err(self.expected("a string without escapes in one line"));
        };
        let text = self.rest()[..end].to_owned();
        self.at += end + 1;
        match self.peek() {
            Some('\'' | '"') => Err(self.expected("one string, not several")),
            _ => Ok(Literal::Text(text)),
        }
    }

    fn word(&mut self) -> Result<Literal, NpyError> {
        let word: String = self
            .rest()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let literal = match word.as_str() {
            "True" => Literal::Bool(true),
            "False" => Literal::Bool(false),
            "None" => Literal::None,
            // A string of Python 2.
            "u" | "U" if self.rest()[1..].starts_with(['\'', '"']) => {
                self.at += 1;
                return self.string();
            }
            _ => return Err(self.expected("a value")),
        };
        self.at += word.len();
        Ok(literal)
    }
}
