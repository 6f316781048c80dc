//! The table of application identifiers, from `dictionary.txt`, which says how it is written. Identifiers that begin with
//! the same two digits have the same length, so the first row that fits is the only one.

use std::sync::LazyLock;

use super::checks::{self, Check};

#[derive(Debug)]
pub struct Entry {
    pattern: &'static str,
    /// What follows needs no separator.
    pub is_fixed: bool,
    pub parts: Vec<Part>,
    /// Of each set, one identifier or group must stand beside this one.
    pub needs: Vec<&'static str>,
    /// None of these may.
    pub excludes: Vec<&'static str>,
    /// Neither may one that differs in the last digit only.
    pub is_alone: bool,
    /// Alternatives of what may follow in the path of a Digital Link that begins with this one.
    pub qualifiers: Option<&'static str>,
    pub is_only_in_path: bool,
}

/// A stretch of a value with one kind of characters.
#[derive(Debug)]
pub struct Part {
    pub length_min: usize,
    pub length_max: usize,
    pub is_optional: bool,
    /// Its characters first, then what else holds for it.
    pub checks: Vec<Check>,
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    include_str!("dictionary.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| entry(line).expect("a test reads every line of the table"))
        .collect()
});

/// The row of the identifier that the data begins with, and the identifier.
pub fn begin(data: &[u8]) -> Option<(&'static Entry, &[u8])> {
    TABLE
        .iter()
        .find_map(|entry| Some((entry, data.get(..fit(entry.pattern, data)?)?)))
}

/// The row of this identifier.
pub fn find(ai: &str) -> Option<&'static Entry> {
    begin(ai.as_bytes())
        .filter(|(_, found)| found.len() == ai.len())
        .map(|(entry, _)| entry)
}

/// How many digits of the data the pattern takes.
fn fit(pattern: &str, data: &[u8]) -> Option<usize> {
    let mut rest = pattern.as_bytes();
    let mut length = 0;
    while let [first, ..] = rest {
        let digit = data.get(length)?;
        let (fits, more) = match rest {
            [b'[', low, b'-', high, b']', more @ ..] => ((low..=high).contains(&digit), more),
            [_, more @ ..] => (first == digit, more),
            [] => break,
        };
        if !fits {
            return None;
        }
        rest = more;
        length += 1;
    }
    Some(length)
}

fn entry(line: &'static str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace();
    let identifier = words.next()?;
    let pattern = identifier.trim_end_matches('*');
    let mut entry = Entry {
        pattern,
        is_fixed: pattern != identifier,
        parts: words.next()?.split('+').map(part).collect::<Option<_>>()?,
        needs: Vec::new(),
        excludes: Vec::new(),
        is_alone: false,
        qualifiers: None,
        is_only_in_path: false,
    };
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("needs", set) => entry.needs.push(set),
            ("not", set) => entry.excludes.extend(set.split(',')),
            ("alone", "") => entry.is_alone = true,
            ("key", alternatives) => entry.qualifiers = Some(alternatives),
            ("path", "") => entry.is_only_in_path = true,
            _ => return None,
        }
    }
    Some(entry)
}

/// `n14:csum`, `x-20`, `n6?:yymmdd`.
fn part(text: &str) -> Option<Part> {
    let mut words = text.split(':');
    let shape = words.next()?;
    let (set, length) = shape.split_at_checked(1)?;
    let is_optional = length.ends_with('?');
    let length = length.trim_end_matches('?');
    let upto = length.strip_prefix('-');
    let length_max = upto.unwrap_or(length).parse().ok()?;
    let mut checks = vec![checks::of_set(set)?];
    for name in words {
        checks.push(checks::named(name)?);
    }
    Some(Part {
        length_min: if upto.is_some() { 1 } else { length_max },
        length_max,
        is_optional,
        checks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        assert_eq!(TABLE.len(), 141);
        for entry in TABLE.iter() {
            assert!(
                entry
                    .parts
                    .iter()
                    .rev()
                    .skip(1)
                    .all(|part| part.length_min == part.length_max)
            );
        }
    }

    #[test]
    fn an_identifier_is_found_by_how_the_data_begins() {
        let found = |data: &'static str| begin(data.as_bytes()).map(|(_, ai)| ai);
        assert_eq!(found("0112345"), Some(&b"01"[..]));
        assert_eq!(found("3105000123"), Some(&b"3105"[..]));
        assert_eq!(found("3106000123"), None);
        assert_eq!(found("235X"), Some(&b"235"[..]));
        assert_eq!(found("2"), None);
        assert!(find("235").is_some());
        assert!(find("2351").is_none());
        assert!(find("23").is_none());
    }
}
