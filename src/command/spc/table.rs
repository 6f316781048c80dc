//! A CSV file with a title line. Whatever is wrong with it is told with its line, its column and what would be right.
//!
//! Quoted cells may hold delimiters, doubled quotes and line ends; a byte order mark and empty lines are passed over, but where there
//! is one column only an empty line is a value that is missing. Titles are found in any case. Where the first line holds nothing
//! but numbers and times it is no title line, and the columns are named by their numbers; the names of rows, which R writes
//! without a title, get one.

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

/// One cell of a column of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    pub line: usize,
    pub column: usize,
    /// None where there is no value.
    pub number: Option<f64>,
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
            format!(
                "{}:{line}: a letter that is not UTF-8; save the file as UTF-8",
                file.display()
            )
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
        let mut rows = cut(text, delimiter).map_err(|wrong| {
            let (file, line, column) = (file.display(), wrong.line, wrong.column);
            format!("{file}:{line}: column {column}: {}", wrong.problem)
        })?;
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
            let problem = if cells < columns {
                format!(
                    "column {} is missing: there should be {columns} cells, as in the first line",
                    cells + 1
                )
            } else {
                format!(
                    "column {} is too many: there should be {columns} cells, as in the first line",
                    columns + 1
                )
            };
            return Err(format!("{}:{line}: {problem}", file.display()));
        }
        Ok(Self {
            file: file.to_owned(),
            titles,
            noted,
            rows,
        })
    }

    /// The column of this title; of titles that differ in case alone the one that is written so.
    pub fn column(&self, title: &str) -> Result<usize, String> {
        let titled = |is_so: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let titles = self.titles.iter().enumerate();
            titles
                .filter(|(_, known)| is_so(known))
                .map(|(column, _)| column)
                .collect()
        };
        let lower = title.to_lowercase();
        let mut found = titled(&|known| known == title);
        if found.is_empty() {
            found = titled(&|known| known.to_lowercase() == lower);
        }
        let file = self.file.display();
        match found.as_slice() {
            [column] => Ok(*column),
            [] => Err(format!(
                "{file} has no column `{title}`; it has: {}",
                self.titles.join(", ")
            )),
            [first, second, ..] => Err(format!(
                "{file}: columns {} and {} are both called `{title}`; give each a title of its own",
                first + 1,
                second + 1
            )),
        }
    }

    pub fn numbers(&self, column: usize) -> Result<Vec<Cell>, String> {
        let cell = |row: &Row| {
            let number = self.number(row, column)?;
            let line = row.line;
            Ok(Cell { line, column, number })
        };
        self.rows.iter().map(cell).collect()
    }

    fn number(&self, row: &Row, column: usize) -> Result<Option<f64>, String> {
        let cell = row.cells.get(column).map(|cell| cell.trim()).unwrap_or_default();
        if is_missing(cell) {
            return Ok(None);
        }
        let number: Option<f64> = cell.parse().ok();
        number.filter(|number| number.is_finite()).map(Some).ok_or_else(|| {
            let at = self.at(row.line, column);
            let right = if cell.contains(',') {
                "write numbers with a point, as in 12.5"
            } else {
                "write a number, as 12.5 or -3e-2, or leave the cell empty where there is no value"
            };
            format!("{at}: `{cell}` is not a number; {right}")
        })
    }

    pub fn texts(&self, column: usize) -> Vec<&str> {
        self.rows
            .iter()
            .map(|row| row.cells.get(column).map(|cell| cell.trim()).unwrap_or_default())
            .collect()
    }

    /// The place of a cell: file, line, column.
    pub fn at(&self, line: usize, column: usize) -> String {
        let title = self.titles.get(column).map(String::as_str).unwrap_or_default();
        format!("{}:{line}: column {} `{title}`", self.file.display(), column + 1)
    }
}

/// Takes the title line off, if there is one.
fn titles(file: &Path, rows: &mut Vec<Row>, noted: &mut Vec<String>) -> Vec<String> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let at = format!("{}:{}", file.display(), first.line);
    if first.cells.iter().any(|cell| is_number(cell)) && first.cells.iter().all(|cell| is_number(cell) || is_time(cell))
    {
        noted.push(format!(
            "{at}: numbers, so there is no title line; columns are named 1, 2, …"
        ));
        return (1..=first.cells.len()).map(|column| column.to_string()).collect();
    }
    if let Some(number) = first.cells.iter().find(|cell| is_number(cell) && cell.contains('.')) {
        noted.push(format!(
            "{at}: taken as the title line, though `{number}` is a number; is the title line missing?"
        ));
    }
    let cells = rows.remove(0).cells;
    let mut titles: Vec<String> = cells.iter().map(|title| title.trim().to_owned()).collect();
    if !rows.is_empty() && rows.iter().all(|row| row.cells.len() == titles.len() + 1) {
        titles.insert(0, ROW_TITLE.to_owned());
    }
    titles
}

fn is_number(cell: &str) -> bool {
    cell.trim().parse::<f64>().is_ok()
}

/// A date or a time of day, however it is written: it begins with a digit and has no word in it.
fn is_time(cell: &str) -> bool {
    let cell = cell.trim();
    let is_part = |c: char| c.is_ascii_digit() || "-:./+TZ ".contains(c);
    cell.starts_with(|c: char| c.is_ascii_digit()) && cell.contains(['-', ':', '/']) && cell.chars().all(is_part)
}

fn line_at(bytes: &[u8], place: usize) -> usize {
    bytes.iter().take(place).filter(|byte| **byte == b'\n').count() + 1
}

/// What cannot be read, and where it begins.
struct Wrong {
    line: usize,
    column: usize,
    problem: &'static str,
}

/// Lines and cells.
fn cut(text: &str, delimiter: char) -> Result<Vec<Row>, Wrong> {
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
        return Err(Wrong {
            line,
            column: row.cells.len() + 1,
            problem: "a quoted cell has no end; write a quote behind it, or two for one that is meant",
        });
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

    fn read(table: &Table, column: usize) -> Vec<(usize, Option<f64>)> {
        let cells = table.numbers(column).expect("numbers");
        cells.into_iter().map(|cell| (cell.line, cell.number)).collect()
    }

    #[test]
    fn cells_are_cut_as_spreadsheets_write_them() {
        let table = parsed("\"a;b\";x\r\n\"1\"\"\";2.5\r\n\r\n\"two\nlines\"; \r\nz;-3e2").expect("a table");
        assert_eq!(table.titles, ["a;b", "x"]);
        assert_eq!(table.texts(0), ["1\"", "two\nlines", "z"]);
        assert_eq!(read(&table, 1), [(2, Some(2.5)), (4, None), (6, Some(-300.0))]);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let told = |text: &str| parsed(text).err().unwrap_or_default();
        assert_eq!(
            told("a,b\n1,2\n3\n"),
            "a.csv:3: column 2 is missing: there should be 2 cells, as in the first line"
        );
        assert_eq!(
            told("a,b\n1,\"1\n"),
            "a.csv:2: column 2: a quoted cell has no end; write a quote behind it, or two for one that is meant"
        );
        assert_eq!(
            told("a\n"),
            "a.csv: a title line and at least one line of values are needed"
        );
        assert_eq!(
            told("a,b\n1,2,3\n3,4\n"),
            "a.csv:2: column 3 is too many: there should be 2 cells, as in the first line"
        );
        let table = parsed("a,b\n1,2\n3,4x\n").expect("a table");
        let wrong = table.numbers(1).expect_err("no number");
        assert!(
            wrong.starts_with("a.csv:3: column 2 `b`: `4x` is not a number; write"),
            "{wrong}"
        );
        assert_eq!(
            table.column("c"),
            Err("a.csv has no column `c`; it has: a, b".to_owned())
        );
        let table = parsed("a,A,b,b\n1,2,3,4\n").expect("a table");
        assert_eq!((table.column("A"), table.column("a")), (Ok(1), Ok(0)));
        assert!(table.column("B").is_err_and(|told| told.contains("columns 3 and 4")));
    }

    #[test]
    fn tables_of_other_programs_are_understood() {
        let table = parsed("name , \"Force\"\n a, \"1\" \n").expect("a blank before quotes");
        assert_eq!((table.column("force"), table.column("NAME")), (Ok(1), Ok(0)));
        assert_eq!(read(&table, 1), [(2, Some(1.0))]);
        let table = parsed("a|b\n1,5|2\n").expect("bars");
        assert_eq!((table.texts(0), read(&table, 1)), (vec!["1,5"], vec![(2, Some(2.0))]));
        let table = parsed("\"x\",\"g\"\n\"1\",7,1\n\"2\",8,1\n").expect("row names, as R writes them");
        assert_eq!(table.titles, ["row", "x", "g"]);
        assert_eq!(read(&table, 1), [(2, Some(7.0)), (3, Some(8.0))]);
    }

    #[test]
    fn without_titles_no_row_is_lost_and_an_empty_line_is_a_missing_value() {
        let table = parsed("7,1\n8,2\n").expect("numbers only");
        assert_eq!(table.titles, ["1", "2"]);
        assert_eq!(read(&table, 0), [(1, Some(7.0)), (2, Some(8.0))]);
        assert_eq!(table.noted.len(), 1);
        let table = parsed("2026-11-21T08:00:00Z;7.5\n2026-11-21T08:00:05Z;8\n").expect("times and numbers");
        assert_eq!(read(&table, 1), [(1, Some(7.5)), (2, Some(8.0))]);
        let table = parsed("sample,1,2\na,7,8\n").expect("numbers for titles");
        assert_eq!((table.titles.len(), table.noted.len()), (3, 0));
        let table = parsed("A,7.5\nB,8\n").expect("a table");
        assert!(
            table.noted.first().is_some_and(|noted| noted.contains("`7.5`")),
            "{:?}",
            table.noted
        );
        let table = parsed("x\n7\n\n8\n\n").expect("one column");
        assert_eq!(read(&table, 0), [(2, Some(7.0)), (3, None), (4, Some(8.0))]);
    }
}
