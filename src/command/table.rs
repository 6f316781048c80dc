//! CSV with a header, read row by row: one line of memory, whatever the file's size. RFC 4180, with the freedoms that
//! exports take: a byte order mark, `;`, tab or `|` between fields, blanks around them, empty lines.

use std::io::BufRead;

/// Longer rows are no table.
const ROW_BYTES_MAX: usize = 1 << 20;
/// What may stand between fields when nobody says.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The table is wrong: a person has to look at this place.
    #[error("line {line}, column {column}: {reason}")]
    Wrong { line: u64, column: usize, reason: String },
    #[error("the table can't be read: {0}")]
    Unreadable(#[from] std::io::Error),
}

pub struct Table<R> {
    source: R,
    delimiter: u8,
    header: Vec<String>,
    /// Of the row read last; a row with line breaks in quotes has the number of its last line.
    line: u64,
}

impl<R: BufRead> Table<R> {
    /// Reads the header. Without a delimiter it is the one that the header has most of.
    pub fn open(source: R, delimiter: Option<u8>) -> Result<Self, TableError> {
        let mut table = Self {
            source,
            delimiter: b',',
            header: Vec::new(),
            line: 0,
        };
        let Some(text) = table.next_text()? else {
            return Err(table.wrong(1, "the file is empty; a header such as `timestamp,value` was expected"));
        };
        let count = |delimiter: &u8| text.bytes().filter(|byte| byte == delimiter).count();
        let likely = DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',');
        table.delimiter = delimiter.unwrap_or(likely);
        table.header = table.split(text.trim_start_matches('\u{feff}'))?;
        Ok(table)
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The line of the row read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The first column with one of these names, in whatever case.
    pub fn column(&self, names: &[&str]) -> Result<usize, TableError> {
        let found = names
            .iter()
            .find_map(|name| self.header.iter().position(|column| column.eq_ignore_ascii_case(name)));
        found.ok_or_else(|| {
            let wanted = names.join("` or `");
            let there = self.header.join("`, `");
            self.wrong(1, &format!("there is no column `{wanted}`; the header has `{there}`"))
        })
    }

    /// The next row, with as many fields as the header has.
    pub fn next_row(&mut self) -> Result<Option<Vec<String>>, TableError> {
        let Some(text) = self.next_text()? else {
            return Ok(None);
        };
        let fields = self.split(&text)?;
        if fields.len() == self.header.len() {
            return Ok(Some(fields));
        }
        let reason = format!("{} fields, the header has {}", fields.len(), self.header.len());
        Err(self.wrong(fields.len().min(self.header.len()), &reason))
    }

    /// What is wrong with a field of the row read last; `column` counts from 1.
    pub fn wrong(&self, column: usize, reason: &str) -> TableError {
        TableError::Wrong {
            line: self.line.max(1),
            column,
            reason: reason.to_owned(),
        }
    }

    /// The text of the next row that is not empty, without its line end.
    fn next_text(&mut self) -> Result<Option<String>, TableError> {
        let mut bytes = Vec::new();
        loop {
            let room = (ROW_BYTES_MAX - bytes.len()) as u64;
            let read = std::io::Read::take(&mut self.source, room).read_until(b'\n', &mut bytes)?;
            if read == 0 && bytes.is_empty() {
                return Ok(None);
            }
            self.line += u64::from(read > 0);
            if bytes.len() >= ROW_BYTES_MAX {
                return Err(self.wrong(1, "the row is longer than 1 MiB; is a quote left open?"));
            }
            let is_open = bytes.iter().fold(false, |is_open, byte| is_open ^ (*byte == b'"'));
            if is_open && read > 0 {
                continue;
            }
            if is_open {
                return Err(self.wrong(1, "a quote is opened and never closed"));
            }
            while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                bytes.pop();
            }
            if !bytes.is_empty() {
                let text = String::from_utf8(std::mem::take(&mut bytes));
                return text.map(Some).map_err(|_| self.wrong(1, "the row is not UTF-8"));
            }
        }
    }

    fn split(&self, text: &str) -> Result<Vec<String>, TableError> {
        let delimiter = char::from(self.delimiter);
        let mut fields = Vec::with_capacity(self.header.len());
        let mut rest = text;
        loop {
            let (field, after) = if let Some(quoted) = rest.trim_start_matches(' ').strip_prefix('"') {
                let Some((field, after)) = unquote(quoted) else {
                    return Err(self.wrong(fields.len() + 1, "a quote is opened and never closed"));
                };
                (field, after.trim_start_matches(' '))
            } else {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            };
            fields.push(field);
            match after.strip_prefix(delimiter) {
                Some(next) => rest = next,
                None if after.is_empty() => return Ok(fields),
                None => return Err(self.wrong(fields.len(), "something follows the closing quote")),
            }
        }
    }
}

/// The field up to its closing quote, where two quotes are one, and what is behind it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, after)),
        }
    }
}

/// A field as it is written: in quotes where it has to be.
pub fn field(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<Vec<String>>, TableError> {
        let mut table = Table::open(text.as_bytes(), None)?;
        let mut rows = vec![table.header().to_vec()];
        while let Some(row) = table.next_row()? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn quotes_delimiters_and_line_ends_are_read_as_programs_write_them() {
        let read = rows("\u{feff}time; value\r\n\r\n\"a \"\"b\"\"; c\" ;1\r\n\"two\nlines\";2").expect("a table");
        assert_eq!(read, [["time", "value"], ["a \"b\"; c", "1"], ["two\nlines", "2"]]);
        assert_eq!(rows("a\tb\n1,5\t2\n").expect("a table")[1], ["1,5", "2"]);
        assert_eq!(field("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let said = |text: &str| rows(text).expect_err("wrong").to_string();
        assert_eq!(said("a,b\n1,2\n\n3\n"), "line 4, column 1: 1 fields, the header has 2");
        assert_eq!(
            said("a,b\n1,\"2\n"),
            "line 2, column 1: a quote is opened and never closed"
        );
        assert_eq!(
            said("a,b\n1,\"2\"x\n"),
            "line 2, column 2: something follows the closing quote"
        );
        assert!(said("").starts_with("line 1, column 1: the file is empty"));
        let table = Table::open("Time,Wert\n".as_bytes(), None).expect("a table");
        assert_eq!(table.column(&["timestamp", "time"]).expect("in whatever case"), 0);
        let missing = table.column(&["value"]).expect_err("not there").to_string();
        assert_eq!(
            missing,
            "line 1, column 1: there is no column `value`; the header has `Time`, `Wert`"
        );
    }
}
