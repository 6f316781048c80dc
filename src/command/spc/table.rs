//! A CSV file with a title line. Whatever is wrong with it is told with its line, its column and what would be right.
//!
//! Quoted cells may hold delimiters, doubled quotes and line ends; a byte order mark and empty lines are passed over, but where there
//! is one column only an empty line is a value that is missing. Titles are found in any case. Where the first line holds nothing
//! but numbers it is no title line, and the columns are named by their numbers; the names of rows, which R writes without a
//! title, get one.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

pub struct Table {
    file: PathBuf,
    pub titles: Vec<String>,
    /// What was taken for granted.
    pub noted: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    /// Where it starts, counted from 1.
    line: usize,
    cells: Vec<String>,
}

/// What files write where there is no value.
const MISSING: [&str; 6] = ["", "NA", "N/A", "NaN", "null", "-"];
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// Of the names of rows, which have no title.
const ROW_TITLE: &str = "row";

pub fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|missing| missing.eq_ignore_ascii_case(cell))
}

impl Table {
    pub fn read(file: &Path, delimiter: Option<char>) -> Result<Self, String> {
        let is_piped = file == Path::new("-");
        let mut bytes = Vec::new();
        let read = if is_piped {
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
        } else {
            fs::read(file).map(|read| bytes = read)
        };
        let file = if is_piped { Path::new("stdin") } else { file };
        read.map_err(|error| format!("{}: {error}", file.display()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = line_at(error.as_bytes(), error.utf8_error().valid_up_to());
            format!("{}:{line}: this is not UTF-8; save the file as UTF-8", file.display())
        })?;
        Self::parse(file, text.trim_start_matches('\u{feff}'), delimiter)
    }

    fn parse(file: &Path, text: &str, delimiter: Option<char>) -> Result<Self, String> {
        let first = text.lines().next().unwrap_or_default();
        let most = || {
            DELIMITERS
                .into_iter()
                .rev()
                .max_by_key(|delimiter| first.matches(*delimiter).count())
        };
        let delimiter = delimiter.or_else(most).unwrap_or(',');
        let mut rows =
            cut(text, delimiter).map_err(|(line, problem)| format!("{}:{line}: {problem}", file.display()))?;
        let is_blank = |row: &Row| row.cells.len() < 2 && row.cells.iter().all(|cell| cell.trim().is_empty());
        while rows.last().is_some_and(is_blank) {
            rows.pop();
        }
        let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or_default();
        let mut is_before = true;
        rows.retain(|row| {
            is_before &= is_blank(row);
            !is_blank(row) || columns == 1 && !is_before
        });
        let mut noted = Vec::new();
        let titles = titles(file, &mut rows, &mut noted);
        if rows.is_empty() {
            return Err(format!(
                "{}: a title line and at least one line of values are needed",
                file.display()
            ));
        }
        if let Some(row) = rows.iter().find(|row| row.cells.len() != titles.len()) {
            let (line, cells, columns) = (row.line, row.cells.len(), titles.len());
            let problem = format!("{cells} cells where the title line has {columns}");
            return Err(format!("{}:{line}: {problem}", file.display()));
        }
        Ok(Self {
            file: file.to_owned(),
            titles,
            noted,
            rows,
        })
    }

    pub fn column(&self, title: &str) -> Result<usize, String> {
        let exact = self.titles.iter().position(|known| known == title);
        let lower = title.to_lowercase();
        let found = exact.or_else(|| self.titles.iter().position(|known| known.to_lowercase() == lower));
        found.ok_or_else(|| {
            format!(
                "{} has no column `{title}`; it has: {}",
                self.file.display(),
                self.titles.join(", ")
            )
        })
    }

    /// The numbers of a column with their lines, none where one is missing.
    pub fn numbers(&self, column: usize) -> Result<Vec<(usize, Option<f64>)>, String> {
        self.rows
            .iter()
            .map(|row| Ok((row.line, self.number(row, column)?)))
            .collect()
    }

    fn number(&self, row: &Row, column: usize) -> Result<Option<f64>, String> {
        let cell = row.cells.get(column).map(|cell| cell.trim()).unwrap_or_default();
        if is_missing(cell) {
            return Ok(None);
        }
        let number: Option<f64> = cell.parse().ok();
        number.filter(|number| number.is_finite()).map(Some).ok_or_else(|| {
            let title = self.titles.get(column).map(String::as_str).unwrap_or_default();
            let hint = if cell.contains(',') {
                "; write a point in numbers"
            } else {
                ""
            };
            let (file, line) = (self.file.display(), row.line);
            format!(
                "{file}:{line}: column {} `{title}`: `{cell}` is not a number{hint}",
                column + 1
            )
        })
    }

    pub fn texts(&self, column: usize) -> Vec<&str> {
        self.rows
            .iter()
            .map(|row| row.cells.get(column).map(|cell| cell.trim()).unwrap_or_default())
            .collect()
    }

    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.file.display())
    }
}

/// Takes the title line off, if there is one.
fn titles(file: &Path, rows: &mut Vec<Row>, noted: &mut Vec<String>) -> Vec<String> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    if first.cells.iter().all(|cell| cell.trim().parse::<f64>().is_ok()) {
        let at = format!("{}:{}", file.display(), first.line);
        noted.push(format!(
            "{at}: numbers, so there is no title line; columns are named 1, 2, …"
        ));
        return (1..=first.cells.len()).map(|column| column.to_string()).collect();
    }
    let cells = rows.remove(0).cells;
    let mut titles: Vec<String> = cells.iter().map(|title| title.trim().to_owned()).collect();
    if !rows.is_empty() && rows.iter().all(|row| row.cells.len() == titles.len() + 1) {
        titles.insert(0, ROW_TITLE.to_owned());
    }
    titles
}

fn line_at(bytes: &[u8], place: usize) -> usize {
    bytes.iter().take(place).filter(|byte| **byte == b'\n').count() + 1
}

/// Lines and cells. Returns the line of what cannot be read.
fn cut(text: &str, delimiter: char) -> Result<Vec<Row>, (usize, &'static str)> {
    let mut rows = Vec::new();
    let mut row = Row {
        line: 1,
        cells: Vec::new(),
    };
    let mut cell = String::new();
    let mut quote: Option<usize> = None;
    let mut line = 1;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('"', Some(_)) if rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            ('"', Some(_)) => quote = None,
            ('"', None) if cell.trim().is_empty() => {
                cell.clear();
                quote = Some(line);
            }
            ('\n', None) => {
                line += 1;
                row.cells.push(std::mem::take(&mut cell));
                rows.push(std::mem::replace(
                    &mut row,
                    Row {
                        line,
                        cells: Vec::new(),
                    },
                ));
            }
            ('\r', None) if rest.peek() == Some(&'\n') => {}
            (c, None) if c == delimiter => row.cells.push(std::mem::take(&mut cell)),
            (c, _) => {
                line += usize::from(c == '\n');
                cell.push(c);
            }
        }
    }
    if let Some(line) = quote {
        return Err((line, "a quoted cell has no end"));
    }
    if !cell.is_empty() || !row.cells.is_empty() {
        row.cells.push(cell);
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Table, String> {
        Table::parse(Path::new("a.csv"), text, None)
    }

    #[test]
    fn cells_are_cut_as_spreadsheets_write_them() {
        let table = parsed("\"a;b\";x\r\n\"1\"\"\";2.5\r\n\r\n\"two\nlines\"; \r\nz;-3e2").expect("a table");
        assert_eq!(table.titles, ["a;b", "x"]);
        assert_eq!(table.texts(0), ["1\"", "two\nlines", "z"]);
        assert_eq!(table.numbers(1), Ok(vec![(2, Some(2.5)), (4, None), (6, Some(-300.0))]));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let told = |text: &str| parsed(text).err().unwrap_or_default();
        assert_eq!(told("a,b\n1,2\n3\n"), "a.csv:3: 1 cells where the title line has 2");
        assert_eq!(told("a\n\"1\n"), "a.csv:2: a quoted cell has no end");
        assert_eq!(
            told("a\n"),
            "a.csv: a title line and at least one line of values are needed"
        );
        assert_eq!(told("a,b\n1,2,3\n3,4\n"), "a.csv:2: 3 cells where the title line has 2");
        let table = parsed("a,b\n1,2\n3,4x\n").expect("a table");
        assert_eq!(
            table.numbers(1),
            Err("a.csv:3: column 2 `b`: `4x` is not a number".to_owned())
        );
        assert_eq!(
            table.column("c"),
            Err("a.csv has no column `c`; it has: a, b".to_owned())
        );
    }

    #[test]
    fn tables_of_other_programs_are_understood() {
        let table = parsed("name , \"Force\"\n a, \"1\" \n").expect("a blank before quotes");
        assert_eq!((table.column("force"), table.column("NAME")), (Ok(1), Ok(0)));
        assert_eq!(table.numbers(1), Ok(vec![(2, Some(1.0))]));
        let table = parsed("a|b\n1,5|2\n").expect("bars");
        assert_eq!(
            (table.texts(0), table.numbers(1)),
            (vec!["1,5"], Ok(vec![(2, Some(2.0))]))
        );
        let table = parsed("\"x\",\"g\"\n\"1\",7,1\n\"2\",8,1\n").expect("row names, as R writes them");
        assert_eq!(table.titles, ["row", "x", "g"]);
        assert_eq!(table.numbers(1), Ok(vec![(2, Some(7.0)), (3, Some(8.0))]));
    }

    #[test]
    fn without_titles_no_row_is_lost_and_an_empty_line_is_a_missing_value() {
        let table = parsed("7,1\n8,2\n").expect("numbers only");
        assert_eq!(table.titles, ["1", "2"]);
        assert_eq!(table.numbers(0), Ok(vec![(1, Some(7.0)), (2, Some(8.0))]));
        assert_eq!(table.noted.len(), 1);
        let table = parsed("x\n7\n\n8\n\n").expect("one column");
        assert_eq!(table.numbers(0), Ok(vec![(2, Some(7.0)), (3, None), (4, Some(8.0))]));
    }
}
