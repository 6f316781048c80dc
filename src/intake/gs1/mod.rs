//! GS1: what stands behind an AIM identifier. Element strings (`]C1`, `]d2`, `]Q3`, `]e0`, `]J1`), the numbers of EAN and
//! UPC, and Digital Link addresses in plain codes, by the rules of the GS1 General Specifications.
//!
//! ```text
//! 01 12312312312333 10 ABC123 GS 99 TESTING      identifier, value, and a separator (GS) where the length is not fixed
//! ```
//! A value that breaks a rule makes the whole scan wrong: half a label is worse than none. What only concerns the company
//! of identifiers (`association`) is a warning, for the missing one may stand on another symbol of the same label.

mod association;
mod checks;
mod codes;
mod coupon;
mod dictionary;
mod elements;
mod label;
mod link;
pub mod symbology;

pub use association::warnings;
pub use label::{Label, label};
pub use link::is_of_its_site as is_address_of_its_site;

/// FNC1 as scanners send it.
pub const SEPARATOR: u8 = 0x1D;

/// One application identifier and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub ai: String,
    pub value: String,
}

/// What is wrong with a scan: a stable name, and the identifier whose value it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}", of_identifier(.ai.as_deref()))]
pub struct Problem {
    pub code: &'static str,
    pub ai: Option<String>,
}

fn of_identifier(ai: Option<&str>) -> String {
    ai.map(|ai| format!(" ({ai})")).unwrap_or_default()
}

impl Problem {
    fn new(code: &'static str) -> Self {
        Self { code, ai: None }
    }

    /// Of a scan that does not begin with an AIM identifier.
    pub fn no_aim(scan: &[u8]) -> Self {
        Self::new(match scan {
            [b']', _, _, ..] => "UNSUPPORTED_SYMBOLOGY_IDENTIFIER",
            _ => "MISSING_SYMBOLOGY_IDENTIFIER",
        })
    }

    fn of(ai: &str, code: &'static str) -> Self {
        Self {
            code,
            ai: Some(ai.to_owned()),
        }
    }
}

/// What a code holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Data of another kind; of a Digital Link, the elements in its address.
    Plain {
        link: Vec<Element>,
    },
    /// The number of an EAN or UPC code, and the elements of a composite one.
    Primary {
        number: String,
        elements: Vec<Element>,
    },
    Elements(Vec<Element>),
}

impl Content {
    pub fn elements(&self) -> &[Element] {
        match self {
            Self::Plain { link: elements } | Self::Primary { elements, .. } | Self::Elements(elements) => elements,
        }
    }
}

/// Reads the data behind an AIM identifier.
pub fn read(aim: &str, data: &[u8]) -> Result<Content, Problem> {
    match symbology::carries(aim) {
        symbology::Carries::Elements => elements::read(data).map(Content::Elements),
        symbology::Carries::Number { digits } => primary(data, digits),
        symbology::Carries::Text => link::read(data).map(|link| Content::Plain { link }),
    }
}

/// The linear part of an EAN or UPC code, and what a scanner sends of the two-dimensional part above it.
fn primary(data: &[u8], digits: usize) -> Result<Content, Problem> {
    const COMPOSITE: &[u8] = b"|]e0";
    let (number, rest) = data
        .split_at_checked(digits)
        .ok_or_else(|| Problem::new("PRIMARY_TOO_SHORT"))?;
    let composite = rest.strip_prefix(COMPOSITE);
    if composite.is_none() && !rest.is_empty() {
        return Err(Problem::new("PRIMARY_TOO_LONG"));
    }
    if !number.iter().all(u8::is_ascii_digit) {
        return Err(Problem::new("PRIMARY_NON_DIGIT"));
    }
    checks::check_digit(number).map_err(|_| Problem::new("PRIMARY_CHECK_DIGIT"))?;
    Ok(Content::Primary {
        number: text(number),
        elements: composite.map(elements::read).transpose()?.unwrap_or_default(),
    })
}

/// Of bytes whose characters were checked.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// An EAN or UPC number as a GTIN of 14 digits, the form in which all of them compare.
pub fn gtin14(number: &str) -> String {
    format!("{number:0>14}")
}

#[cfg(test)]
mod tests;
