//! Element strings: identifier, value, and a separator behind each value whose length is not fixed.

use super::dictionary::{self, Entry};
use super::{Element, Problem, SEPARATOR, text};

/// No symbol holds more that anyone printed.
const ELEMENTS_MAX: usize = 64;

pub fn read(data: &[u8]) -> Result<Vec<Element>, Problem> {
    // Elsewhere a caret stands for the separator; where one is sent, the scanner was told to translate.
    if data.contains(&b'^') {
        return Err(Problem::new("ILLEGAL_CARET"));
    }
    if data.is_empty() {
        return Err(Problem::new("AI_DATA_EMPTY"));
    }
    let mut elements = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (entry, ai) = dictionary::begin(rest).ok_or_else(|| Problem::new("NO_AI_FOR_PREFIX"))?;
        let ai_text = text(ai);
        let open = &rest[ai.len()..];
        let until_separator = open.iter().position(|byte| *byte == SEPARATOR).unwrap_or(open.len());
        let (value, more) = open.split_at(measure(entry, &ai_text, &open[..until_separator])?);
        if elements.len() == ELEMENTS_MAX {
            return Err(Problem::new("TOO_MANY_AIS"));
        }
        rest = match more {
            // Behind a fixed length it is not needed, and does no harm.
            [SEPARATOR, next @ ..] => next,
            [_, ..] if !entry.is_fixed => return Err(Problem::of(&ai_text, "AI_VALUE_TOO_LONG")),
            _ => more,
        };
        elements.push(Element {
            ai: ai_text,
            value: text(value),
        });
    }
    Ok(elements)
}

/// Checks the value that the data begins with, part by part; returns its length.
pub fn measure(entry: &Entry, ai: &str, data: &[u8]) -> Result<usize, Problem> {
    if data.is_empty() {
        return Err(Problem::of(ai, "AI_VALUE_EMPTY"));
    }
    let mut rest = data;
    for part in &entry.parts {
        let (piece, more) = rest.split_at(part.length_max.min(rest.len()));
        if piece.is_empty() && part.is_optional {
            continue;
        }
        if piece.len() < part.length_min {
            return Err(Problem::of(ai, "AI_VALUE_LENGTH"));
        }
        for check in &part.checks {
            check(piece).map_err(|code| Problem::of(ai, code))?;
        }
        rest = more;
    }
    Ok(data.len() - rest.len())
}
