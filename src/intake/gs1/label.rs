//! A scan at a station, as far as GS1 explains it: which text people and patterns see, and the elements in it.

use super::symbology::{Carries, carries};
use super::{Content, Element, Problem, SEPARATOR, elements, gtin14, read};

/// A code and what GS1 finds in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Element strings with their identifiers in brackets, as printed below a symbol; any other code as it is.
    pub text: String,
    pub elements: Vec<Element>,
}

/// Reads a code with its AIM identifier, if the scanner sends one. Without one, a separator at the front marks element
/// strings; they are never guessed from digits. A web address that is no Digital Link is a code like any other.
pub fn label(aim: Option<&str>, code: &str) -> Result<Label, Problem> {
    let separator = char::from(SEPARATOR);
    let plain = |elements| Label {
        text: code.to_owned(),
        elements,
    };
    let found = match (aim, code.strip_prefix(separator)) {
        (None, None) => return Ok(plain(Vec::new())),
        (None, Some(data)) => elements::read(data.as_bytes())?,
        (Some(aim), stripped) => {
            let begun = if carries(aim) == Carries::Elements {
                stripped
            } else {
                None
            };
            // Some scanners send the first FNC1 although the AIM identifier stands for it.
            match read(aim, begun.unwrap_or(code).as_bytes()) {
                Ok(Content::Elements(elements)) => elements,
                Ok(Content::Primary { number, elements }) => {
                    let gtin = Element {
                        ai: "01".to_owned(),
                        value: gtin14(&number),
                    };
                    return Ok(Label {
                        text: number,
                        elements: std::iter::once(gtin).chain(elements).collect(),
                    });
                }
                Ok(Content::Plain { link }) => return Ok(plain(link)),
                Err(_) if carries(aim) == Carries::Text => return Ok(plain(Vec::new())),
                Err(problem) => return Err(problem),
            }
        }
    };
    Ok(Label {
        text: found.iter().map(Element::bracketed).collect(),
        elements: found,
    })
}

impl Element {
    /// `(10)ABC123`.
    pub fn bracketed(&self) -> String {
        format!("({}){}", self.ai, self.value)
    }
}

impl Label {
    pub fn value(&self, ais: &[&str]) -> Option<&str> {
        let element = self
            .elements
            .iter()
            .find(|element| ais.contains(&element.ai.as_str()))?;
        Some(&element.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(aim: Option<&str>, code: &str) -> String {
        label(aim, code).map_or_else(|problem| problem.to_string(), |label| label.text)
    }

    #[test]
    fn element_strings_are_shown_as_they_are_printed() {
        let code = "011231231231233310ABC123\u{1d}99TESTING";
        let shown = "(01)12312312312333(10)ABC123(99)TESTING";
        assert_eq!(text(Some("]C1"), code), shown);
        // The first FNC1 is sent along, or it alone says that these are element strings.
        assert_eq!(text(Some("]C1"), &format!("\u{1d}{code}")), shown);
        assert_eq!(text(None, &format!("\u{1d}{code}")), shown);
        assert_eq!(text(None, code), code);
        assert_eq!(text(Some("]C1"), "\u{1d}\u{1d}99X"), "NO_AI_FOR_PREFIX");
    }

    #[test]
    fn other_codes_stay_as_they_are() {
        assert_eq!(text(Some("]C0"), "WO-1"), "WO-1");
        assert_eq!(
            text(Some("]Q1"), "https://example.org/manual"),
            "https://example.org/manual"
        );
        let link = label(Some("]Q1"), "https://example.org/01/12312312312333/21/7").expect("a link");
        assert_eq!(link.value(&["21"]), Some("7"));
        let product = label(Some("]E0"), "6901234567892").expect("a number");
        assert_eq!(
            (product.text.as_str(), product.value(&["01"])),
            ("6901234567892", Some("06901234567892"))
        );
        assert_eq!(text(Some("]E0"), "6901234567893"), "PRIMARY_CHECK_DIGIT");
    }
}
