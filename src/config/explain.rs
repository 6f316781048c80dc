//! Findings in a configuration, shown as people need them: file, line, column, the line itself with a caret, and what
//! would be right. All at once, in the order of the file.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

use unicode_width::UnicodeWidthStr;

use crate::web::Found;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub span: Range<usize>,
    pub message: String,
}

impl Finding {
    pub fn at(span: Range<usize>, message: &str) -> Self {
        Self {
            span,
            message: suggest(message),
        }
    }
}

/// Everything that was found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn add(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All findings by their places, for who shows the file in another way.
    pub fn places(mut self, text: &str) -> Vec<Found> {
        self.0.sort_by_key(|finding| finding.span.start);
        let found = self.0.into_iter().map(|finding| {
            let place = Place::of(&finding, text);
            Found {
                line: place.line_no,
                column: place.column,
                message: finding.message,
            }
        });
        found.collect()
    }

    /// All findings as text.
    pub fn explain(mut self, file: &Path, text: &str) -> String {
        self.0.sort_by_key(|finding| finding.span.start);
        let mut told = String::new();
        for finding in &self.0 {
            explain_one(finding, file, text, &mut told);
        }
        told
    }
}

/// Where a finding begins.
struct Place {
    start: usize,
    line_start: usize,
    line_no: usize,
    column: usize,
}

impl Place {
    fn of(finding: &Finding, text: &str) -> Self {
        let start = floor_boundary(text, finding.span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        Self {
            start,
            line_start,
            line_no: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
        }
    }
}

fn explain_one(finding: &Finding, file: &Path, text: &str, told: &mut String) {
    let Place {
        start,
        line_start,
        line_no,
        column,
    } = Place::of(finding, text);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line = text[line_start..line_end].trim_end_matches('\r');
    let marked_end = floor_boundary(text, finding.span.end).clamp(start, line_end);
    // Chinese names are two columns wide; tabs are shown as one.
    let indent = text[line_start..start].width();
    let carets = text[start..marked_end].trim_end().width().max(1);
    let gutter = line_no.to_string();
    let pad = " ".repeat(gutter.len());
    let line = line.replace('\t', " ");
    // Writing to a string does not fail.
    let _ = writeln!(told, "{}:{line_no}:{column}: {}", file.display(), finding.message);
    let _ = writeln!(
        told,
        "{pad} |\n{gutter} | {line}\n{pad} | {}{}\n",
        " ".repeat(indent),
        "^".repeat(carets)
    );
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// "unknown field" names all that would be allowed; the nearest of them is most likely what was meant.
fn suggest(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return message.to_owned();
    };
    let Some((unknown, expected)) = rest.split_once('`') else {
        return message.to_owned();
    };
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let nearest = known.iter().map(|name| (distance(unknown, name), *name)).min();
    let list = known.join(", ");
    match nearest {
        Some((far, name)) if far <= unknown.len() / 2 => {
            format!("`{unknown}` is not a setting here; did you mean `{name}`? (known: {list})")
        }
        _ => format!("`{unknown}` is not a setting here (known: {list})"),
    }
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_its_line_with_a_caret_below() {
        let text = "[gateway]\nname = \"冲压\"  # x\nurll = \"x\"\n";
        let at = text.find("urll").expect("is there");
        let mut findings = Findings::default();
        findings.add(Finding::at(
            at..at + 4,
            "unknown field `urll`, expected one of `url`, `id`",
        ));
        let told = findings.explain(Path::new("a.toml"), text);
        let shown: Vec<_> = told.lines().collect();
        assert_eq!(
            shown[0],
            "a.toml:3:1: `urll` is not a setting here; did you mean `url`? (known: url, id)"
        );
        assert_eq!(shown[2], "3 | urll = \"x\"");
        assert_eq!(shown[3], "  | ^^^^");
    }

    #[test]
    fn carets_stand_below_wide_characters_too() {
        let text = "x = \"冲压\" y";
        let at = text.find('y').expect("is there");
        let mut findings = Findings::default();
        findings.add(Finding::at(at..at + 1, "wrong"));
        let told = findings.explain(Path::new("a.toml"), text);
        assert!(told.contains("\n  |            ^\n"), "{told}");
    }

    #[test]
    fn places_out_of_the_text_do_not_panic() {
        for span in [0..0, 500..600, 5..6, 6..7] {
            let mut findings = Findings::default();
            findings.add(Finding::at(span, "wrong"));
            assert!(
                findings
                    .explain(Path::new("a.toml"), "x = \"冲\"")
                    .starts_with("a.toml:1:")
            );
        }
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
