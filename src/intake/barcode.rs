//! What a scan means: the code grammar of the station dialogue, and the labels that a plant already has.
//!
//! ```text
//! scan      = command / quantity / badge / order / traveler / operation / equipment / reason / piece
//! command   = "LSN-" verb [ "-" argument ]    quantity  = "QTY-" 1*7DIGIT [ "." 1*3DIGIT ]
//! keyed     = "QTY-ADD-" number / "QTY-CLR"   (cards of a number pad; they add up until OK)
//! badge     = "EMP-" id    order  = "WO-" id  operation = "OP-" process_code
//! traveler  = "TRV-" order_no "." process sequence          equipment = "EQ-" id    reason = "RSN-" code
//! ```
//! Prefixes are read in either case. Characters are letters, digits, `-`, `.` and what UTF-8 gives for site labels;
//! control characters are never part of a code. Labels by the rules of GS1 are seen by the site's expressions as they are
//! printed, whole and by element: `(01)…(10)LOT7` and `(10)LOT7`; a count in them (30, 37) is a quantity, a serial number
//! (21) or a product (01) is a piece.

use regex::Regex;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::charset;
use super::gs1::{self, symbology};
use crate::units;

/// A code longer than this is not one of ours.
const CODE_CHARS_MAX: usize = 128;
const GTIN_DIGITS: usize = 14;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    Badge(String),
    Order(String),
    /// The order's id as it stands behind the prefix, and the sequence of the process.
    Traveler {
        order: String,
        sequence: u32,
    },
    Operation(String),
    Equipment(String),
    Reason(String),
    Quantity {
        count: Decimal,
        /// Of which item, where a logistic label says so.
        item: Option<String>,
    },
    /// A card of a number pad: to be added.
    Keyed(Decimal),
    KeyedClear,
    /// A piece by its serial, or by the product that it is.
    Piece {
        serial: Option<String>,
        item: Option<String>,
    },
    /// Someone is called; whom, where the card says it.
    Call(Option<String>),
    /// The machine is down; why, where the card says it.
    Down(Option<String>),
    Command(Verb),
}

impl Meaning {
    /// Whether such a code is scanned several times in a row on purpose.
    pub fn is_keyed(&self) -> bool {
        matches!(self, Self::Keyed(_) | Self::KeyedClear)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    Start,
    Pause,
    Resume,
    Done,
    Good,
    Scrap,
    Rework,
    Concession,
    /// Reports pieces that wait for an inspection.
    Inspect,
    /// Inspects here and now.
    Check,
    Undo,
    Cancel,
    Ok,
    Logout,
    Status,
    Setup,
    Up,
}

pub const VERBS: [(&str, Verb); 18] = [
    ("START", Verb::Start),
    ("PAUSE", Verb::Pause),
    ("RESUME", Verb::Resume),
    ("DONE", Verb::Done),
    ("GOOD", Verb::Good),
    ("SCRAP", Verb::Scrap),
    ("REWORK", Verb::Rework),
    ("CONCESSION", Verb::Concession),
    ("INSPECT", Verb::Inspect),
    ("CHECK", Verb::Check),
    ("UNDO", Verb::Undo),
    ("CANCEL", Verb::Cancel),
    ("OK", Verb::Ok),
    ("LOGOUT", Verb::Logout),
    ("STATUS", Verb::Status),
    ("SETUP", Verb::Setup),
    ("START-SETUP", Verb::Setup),
    ("UP", Verb::Up),
];

/// What a site's own label stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelKind {
    Badge,
    Order,
    Traveler,
    Operation,
    Equipment,
    Reason,
    Quantity,
    Serial,
    Product,
}

/// A site's label: an anchored expression with the group `id` (a traveler: also `sequence`, a serial: perhaps `item`).
#[derive(Debug, Clone)]
pub struct Label {
    pub kind: LabelKind,
    pub pattern: Regex,
}

/// A scan, understood: its text, its AIM identifier if the scanner sends one, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    pub text: String,
    pub aim: Option<String>,
    /// What GS1 finds in it: lot (10), serial number (21), product (01) and the like.
    pub elements: Vec<gs1::Element>,
    pub meaning: Result<Meaning, Unreadable>,
}

/// Why a scan has no meaning; the names are the rejection codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    UnknownCode,
    AmbiguousCode,
    QuantityInvalid,
    InvalidCharset,
    /// The rule of GS1 that it breaks.
    Gs1(&'static str),
}

impl Unreadable {
    pub fn code(self) -> String {
        let code = match self {
            Self::UnknownCode => "UNKNOWN_CODE",
            Self::AmbiguousCode => "AMBIGUOUS_CODE",
            Self::QuantityInvalid => "QTY_INVALID",
            Self::InvalidCharset => "INVALID_CHARSET",
            Self::Gs1(rule) => return format!("GS1_{rule}"),
        };
        code.to_owned()
    }
}

/// Whether this is the code of something [`Unreadable`].
pub fn is_unreadable(code: &str) -> bool {
    matches!(
        code,
        "UNKNOWN_CODE" | "AMBIGUOUS_CODE" | "QTY_INVALID" | "INVALID_CHARSET"
    ) || code.starts_with("GS1_")
}

/// Reads one frame. Labels of the site come first: they are what the plant printed.
pub fn read(frame: &[u8], labels: &[Label]) -> Scanned {
    let scanned = |text: &str, aim: Option<&str>, meaning| Scanned {
        text: text.to_owned(),
        aim: aim.map(str::to_owned),
        elements: Vec::new(),
        meaning,
    };
    let Some(text) = charset::decode(frame) else {
        return scanned(&units::hex(frame), None, Err(Unreadable::InvalidCharset));
    };
    let text = text.trim();
    let (aim, code) = match symbology::split(text.as_bytes()) {
        Some((aim, _)) => (Some(aim), &text[aim.len()..]),
        None => (None, text),
    };
    let label = match gs1::label(aim, code) {
        Ok(label) => label,
        Err(problem) => return scanned(code, aim, Err(Unreadable::Gs1(problem.code))),
    };
    let meaning = if label.text.chars().any(char::is_control) {
        Err(Unreadable::InvalidCharset)
    } else if label.text.is_empty() || code.chars().count() > CODE_CHARS_MAX {
        Err(Unreadable::UnknownCode)
    } else {
        meaning_of(&label, labels)
    };
    Scanned {
        elements: label.elements,
        ..scanned(&label.text, aim, meaning)
    }
}

fn meaning_of(label: &gs1::Label, labels: &[Label]) -> Result<Meaning, Unreadable> {
    let whole = (label.elements.len() != 1).then(|| label.text.clone());
    let codes = whole
        .into_iter()
        .chain(label.elements.iter().map(gs1::Element::bracketed));
    let mut known = codes.filter_map(|code| site_label(&code, labels));
    match (known.next(), known.next()) {
        (Some(meaning), None) => meaning,
        (Some(_), Some(_)) => Err(Unreadable::AmbiguousCode),
        (None, _) => match label.value(&["30", "37"]) {
            Some(text) => pieces_in(text.trim_start_matches('0')).map(|count| Meaning::Quantity {
                count,
                item: item_of(label),
            }),
            None => piece(label).unwrap_or_else(|| own_code(&label.text)),
        },
    }
}

fn site_label(code: &str, labels: &[Label]) -> Option<Result<Meaning, Unreadable>> {
    let mut found = labels
        .iter()
        .filter_map(|label| Some((label.kind, label.pattern.captures(code)?)));
    let (kind, groups) = found.next()?;
    if found.next().is_some() {
        return Some(Err(Unreadable::AmbiguousCode));
    }
    let id = groups.name("id").map_or(code, |group| group.as_str()).to_owned();
    Some(match kind {
        LabelKind::Badge => Ok(Meaning::Badge(id)),
        LabelKind::Order => Ok(Meaning::Order(id)),
        LabelKind::Operation => Ok(Meaning::Operation(id)),
        LabelKind::Equipment => Ok(Meaning::Equipment(id)),
        LabelKind::Reason => Ok(Meaning::Reason(id)),
        LabelKind::Quantity => quantity(&id),
        LabelKind::Serial => Ok(Meaning::Piece {
            serial: Some(id),
            item: groups.name("item").map(|item| item.as_str().to_owned()),
        }),
        LabelKind::Product => Ok(Meaning::Piece {
            serial: None,
            item: Some(id),
        }),
        LabelKind::Traveler => {
            let sequence = groups.name("sequence").and_then(|group| group.as_str().parse().ok());
            sequence
                .map(|sequence| Meaning::Traveler { order: id, sequence })
                .ok_or(Unreadable::UnknownCode)
        }
    })
}

fn own_code(code: &str) -> Result<Meaning, Unreadable> {
    let (prefix, rest) = code.split_once('-').ok_or(Unreadable::UnknownCode)?;
    if rest.is_empty() {
        return Err(Unreadable::UnknownCode);
    }
    let id = || rest.to_owned();
    match prefix.to_ascii_uppercase().as_str() {
        "EMP" => Ok(Meaning::Badge(id())),
        "WO" => Ok(Meaning::Order(id())),
        "OP" => Ok(Meaning::Operation(id())),
        "EQ" => Ok(Meaning::Equipment(id())),
        "RSN" => Ok(Meaning::Reason(id())),
        "QTY" => keyed(rest).unwrap_or_else(|| quantity(rest)),
        "TRV" => {
            // Order numbers may hold dots; the sequence is behind the last one.
            let (order, sequence) = rest.rsplit_once('.').ok_or(Unreadable::UnknownCode)?;
            let sequence = sequence.parse().map_err(|_| Unreadable::UnknownCode)?;
            if order.is_empty() {
                Err(Unreadable::UnknownCode)
            } else {
                Ok(Meaning::Traveler {
                    order: order.to_owned(),
                    sequence,
                })
            }
        }
        "LSN" => command(rest),
        _ => Err(Unreadable::UnknownCode),
    }
}

fn command(text: &str) -> Result<Meaning, Unreadable> {
    if let Some((_, verb)) = VERBS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
        return Ok(Meaning::Command(*verb));
    }
    let (verb, argument) = match text.split_once('-') {
        Some((_, "")) => return Err(Unreadable::UnknownCode),
        Some((verb, argument)) => (verb, Some(argument.to_owned())),
        None => (text, None),
    };
    match verb.to_ascii_uppercase().as_str() {
        "CALL" => Ok(Meaning::Call(argument)),
        "DOWN" => Ok(Meaning::Down(argument)),
        _ => Err(Unreadable::UnknownCode),
    }
}

/// A piece by its serial number (21, 8011) or by its product (01) alone, where GS1 finds them.
fn piece(label: &gs1::Label) -> Option<Result<Meaning, Unreadable>> {
    let serial = label.value(&["21", "8011"]).map(str::to_owned);
    let item = item_of(label);
    (serial.is_some() || item.is_some()).then_some(Ok(Meaning::Piece { serial, item }))
}

/// The product that a label names, of a trade item or of what a logistic unit holds.
fn item_of(label: &gs1::Label) -> Option<String> {
    // A component is named by the product, and behind it the piece and how many there are.
    let of_component = |value: &'_ str| value.get(..GTIN_DIGITS).unwrap_or(value).to_owned();
    label.value(&["01", "02", "8006"]).map(of_component)
}

/// A card of a number pad, if it is one.
fn keyed(text: &str) -> Option<Result<Meaning, Unreadable>> {
    let text = text.to_ascii_uppercase();
    if text == "CLR" {
        return Some(Ok(Meaning::KeyedClear));
    }
    Some(pieces_in(text.strip_prefix("ADD-")?).map(Meaning::Keyed))
}

fn quantity(text: &str) -> Result<Meaning, Unreadable> {
    pieces_in(text).map(|count| Meaning::Quantity { count, item: None })
}

/// One to seven digits, and up to three behind a point; nothing is rounded, and nothing is not a quantity.
fn pieces_in(text: &str) -> Result<Decimal, Unreadable> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let has_point = text.contains('.');
    let is_well_formed = (1..=7).contains(&whole.len())
        && are_digits(whole)
        && are_digits(fraction)
        && fraction.len() <= 3
        && has_point != fraction.is_empty();
    match text.parse::<Decimal>() {
        Ok(count) if is_well_formed && !count.is_zero() => Ok(count.normalize()),
        _ => Err(Unreadable::QuantityInvalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meaning(text: &str) -> Result<Meaning, Unreadable> {
        read(text.as_bytes(), &[]).meaning
    }

    fn pieces(count: Decimal) -> Meaning {
        Meaning::Quantity { count, item: None }
    }

    #[test]
    fn the_grammar_is_read() {
        assert_eq!(meaning("EMP-10031926"), Ok(Meaning::Badge("10031926".into())));
        assert_eq!(meaning("wo-WO-2024.17"), Ok(Meaning::Order("WO-2024.17".into())));
        assert_eq!(
            meaning("TRV-MO.1.20"),
            Ok(Meaning::Traveler {
                order: "MO.1".into(),
                sequence: 20
            })
        );
        assert_eq!(meaning("OP-0030"), Ok(Meaning::Operation("0030".into())));
        assert_eq!(meaning("RSN-D03"), Ok(Meaning::Reason("D03".into())));
        assert_eq!(meaning("EQ-PRESS-7"), Ok(Meaning::Equipment("PRESS-7".into())));
        assert_eq!(meaning(" LSN-start\r\n"), Ok(Meaning::Command(Verb::Start)));
        assert_eq!(meaning("LSN-CALL-QA"), Ok(Meaning::Call(Some("QA".into()))));
        assert_eq!(meaning("LSN-DOWN-D-01"), Ok(Meaning::Down(Some("D-01".into()))));
        assert_eq!(meaning("LSN-down"), Ok(Meaning::Down(None)));
        assert_eq!(meaning("QTY-ADD-5"), Ok(Meaning::Keyed(Decimal::from(5))));
        assert_eq!(meaning("qty-clr"), Ok(Meaning::KeyedClear));
        for (name, verb) in VERBS {
            assert_eq!(meaning(&format!("LSN-{name}")), Ok(Meaning::Command(verb)));
        }
    }

    #[test]
    fn quantities_are_exact_or_refused() {
        assert_eq!(meaning("QTY-12"), Ok(pieces(Decimal::from(12))));
        assert_eq!(meaning("QTY-0.125"), Ok(pieces(Decimal::new(125, 3))));
        for wrong in [
            "QTY-0",
            "QTY-0.000",
            "QTY-12345678",
            "QTY-1.2345",
            "QTY-1.",
            "QTY-.5",
            "QTY--5",
            "QTY-5e3",
            "QTY-+5",
            "QTY-５",
        ] {
            assert_eq!(meaning(wrong), Err(Unreadable::QuantityInvalid), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_a_code_is_named() {
        for unknown in [
            "",
            "hello",
            "EMP-",
            "LSN-DANCE",
            "TRV-MO1",
            "TRV-.10",
            "TRV-MO1.x",
            "LSN-START-NOW",
            "LSN-CALL-",
            "6901234567892",
        ] {
            assert_eq!(meaning(unknown), Err(Unreadable::UnknownCode), "{unknown}");
        }
        assert_eq!(read(b"EMP-\xff\xfe", &[]).meaning, Err(Unreadable::InvalidCharset));
        assert_eq!(meaning("EMP-1\u{1d}2"), Err(Unreadable::InvalidCharset));
        assert_eq!(
            meaning(&format!("EMP-{}", "9".repeat(200))),
            Err(Unreadable::UnknownCode)
        );
    }

    #[test]
    fn the_aim_identifier_is_set_apart() {
        let scanned = read(b"]C0EMP-1", &[]);
        assert_eq!((scanned.aim.as_deref(), scanned.text.as_str()), (Some("]C0"), "EMP-1"));
    }

    #[test]
    fn labels_of_the_site_come_first_and_must_not_overlap() {
        let label = |kind, pattern| Label {
            kind,
            pattern: Regex::new(pattern).expect("a test pattern"),
        };
        let labels = [
            label(LabelKind::Order, r"^MO(?<id>\d{8})$"),
            label(LabelKind::Traveler, r"^T(?<id>MO\d+)/(?<sequence>\d+)$"),
            label(LabelKind::Badge, r"^MO(?<id>1\d*)$"),
            label(LabelKind::Serial, r"^S(?<item>P\d)-(?<id>\d+)$"),
        ];
        let piece = Meaning::Piece {
            serial: Some("77".into()),
            item: Some("P9".into()),
        };
        assert_eq!(read(b"SP9-77", &labels).meaning, Ok(piece));
        assert_eq!(
            read(b"MO20260001", &labels).meaning,
            Ok(Meaning::Order("20260001".into()))
        );
        assert_eq!(
            read(b"TMO5/10", &labels).meaning,
            Ok(Meaning::Traveler {
                order: "MO5".into(),
                sequence: 10
            })
        );
        assert_eq!(read(b"MO10260001", &labels).meaning, Err(Unreadable::AmbiguousCode));
        assert_eq!(read(b"EMP-7", &labels).meaning, Ok(Meaning::Badge("7".into())));
    }

    #[test]
    fn gs1_labels_are_read_by_element() {
        let label = |kind, pattern| Label {
            kind,
            pattern: Regex::new(pattern).expect("a test pattern"),
        };
        let labels = [label(LabelKind::Order, r"^\(10\)(?<id>MO\d+)$")];
        let scanned = read(b"]C1011231231231233310MO17\x1d2142", &labels);
        assert_eq!(scanned.meaning, Ok(Meaning::Order("MO17".into())));
        assert_eq!(scanned.text, "(01)12312312312333(10)MO17(21)42");
        assert_eq!(scanned.elements.len(), 3);
        // One element is not two labels.
        assert_eq!(read(b"]C110MO17", &labels).meaning, Ok(Meaning::Order("MO17".into())));
        let counted = read(b"\x1d02123456789012313700000120", &[]);
        let (count, item) = (Decimal::from(120), Some("12345678901231".to_owned()));
        assert_eq!(counted.meaning, Ok(Meaning::Quantity { count, item }));
        assert_eq!(read(b"]C13000000120", &[]).meaning, Ok(pieces(Decimal::from(120))));
        let piece = Meaning::Piece {
            serial: Some("42".into()),
            item: Some("12312312312333".into()),
        };
        assert_eq!(read(b"]C1011231231231233310MO17\x1d2142", &[]).meaning, Ok(piece));
        assert_eq!(read(b"]d230000", &[]).meaning, Err(Unreadable::QuantityInvalid));
        let misprinted = read(b"]C10112345678901234", &[]).meaning;
        assert_eq!(misprinted, Err(Unreadable::Gs1("INCORRECT_CHECK_DIGIT")));
        assert_eq!(
            misprinted.map_err(Unreadable::code),
            Err("GS1_INCORRECT_CHECK_DIGIT".to_owned())
        );
        let component = read(b"]C18006069012345678920102", &[]).meaning;
        let item = Some("06901234567892".to_owned());
        assert_eq!(
            component,
            Ok(Meaning::Piece { serial: None, item }),
            "one of two in a set"
        );
        assert_eq!(read(b"]C110LOT7", &[]).meaning, Err(Unreadable::UnknownCode));
        let traveler = label(LabelKind::Traveler, r"^\(10\)(?<id>MO\d+)\(21\)(?<sequence>\d+)$");
        assert_eq!(
            read(b"]C110MO17\x1d2120", &[traveler]).meaning,
            Ok(Meaning::Traveler {
                order: "MO17".into(),
                sequence: 20
            })
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, &[]);
        }
    }
}
