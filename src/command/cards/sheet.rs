//! Sheets of A4 as one HTML file that needs nothing else: printed at 100 %, the cards lie where label sheets are cut. In a
//! browser it is its own preview.

use std::fmt::Write;

use super::deck::{Card, Suit, Words};
use super::symbol;

/// How large a card is: A4 is divided evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Size {
    /// 40 on a sheet, 52.5 × 29.7 mm
    Small,
    /// 24 on a sheet, 70 × 37.1 mm
    Medium,
    /// 8 on a sheet, 105 × 74.3 mm
    Large,
}

impl Size {
    fn columns_and_rows(self) -> (u32, u32) {
        match self {
            Self::Small => (4, 10),
            Self::Medium => (3, 8),
            Self::Large => (2, 4),
        }
    }

    fn cards(self) -> usize {
        let (columns, rows) = self.columns_and_rows();
        usize::try_from(columns * rows).expect("a handful")
    }

    /// Beside a QR code as high as the title leaves it.
    fn bars_width_mm(self, has_qr: bool) -> f64 {
        let (columns, rows) = self.columns_and_rows();
        let (width, height) = (SHEET_MM.0 / f64::from(columns), SHEET_MM.1 / f64::from(rows));
        let qr = if has_qr { (height * 0.62).min(width * 0.4) } else { 0.0 };
        width - 2.0 * PADDING_MM - qr
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    Zh,
    En,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Symbols {
    /// Bars; a QR code for what bars can't carry or have no room for
    Code128,
    Qr,
    Both,
}

const SHEET_MM: (f64, f64) = (210.0, 297.0);
const PADDING_MM: f64 = 2.5;

const STYLE: &str = "\
@page { size: A4; margin: 0 }
* { box-sizing: border-box; margin: 0 }
body { font-family: 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', Arial, sans-serif; color: #000 }
.sheet { width: 210mm; height: 296.9mm; display: grid; overflow: hidden; break-after: page }
.card { padding: 2.5mm; display: flex; flex-direction: column; justify-content: space-between; overflow: hidden; border: .1mm dotted #bbb }
.title { font-weight: 700; line-height: 1.15; max-height: 2.3em; overflow: hidden; overflow-wrap: anywhere }
.small .title { font-size: 9pt } .medium .title { font-size: 11pt } .large .title { font-size: 18pt }
.en { font-weight: 400; font-size: .8em }
.symbols { display: flex; align-items: center; justify-content: space-between; flex: 1 0 50%; min-height: 0; padding: 1mm 0 }
.bars { flex: 1; min-width: 0; height: 100%; max-height: 25mm }
.qr { height: 100%; max-width: 40%; margin-left: auto; margin-right: auto }
.code { font: 7pt/1 monospace; overflow-wrap: anywhere } .large .code { font-size: 10pt }
@media screen { body { background: #777 } h2 { color: #fff; padding: 6mm; text-align: center } .sheet { background: #fff; margin: 0 auto 6mm; box-shadow: 0 1mm 3mm #0008 } }
@media print { h2 { display: none } .sheet:last-child { break-after: auto } }
";

pub fn html(suits: &[Suit], size: Size, language: Language, symbols: Symbols) -> String {
    let (columns, rows) = size.columns_and_rows();
    let name = format!("{size:?}").to_ascii_lowercase();
    let mut body = String::new();
    for suit in suits {
        push(&mut body, format_args!("<h2>{}</h2>\n", words(&suit.title, language)));
        for sheet in suit.cards.chunks(size.cards()) {
            push(
                &mut body,
                format_args!(
                    "<section class=\"sheet {name}\" style=\"grid-template: repeat({rows}, 1fr) / repeat({columns}, 1fr)\">\n"
                ),
            );
            for card in sheet {
                push_card(&mut body, card, size, language, symbols);
            }
            body.push_str("</section>\n");
        }
    }
    let language = if language == Language::En { "en" } else { "zh" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n<title>lineside</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn push(body: &mut String, text: std::fmt::Arguments) {
    body.write_fmt(text).expect("a String takes everything");
}

fn push_card(body: &mut String, card: &Card, size: Size, language: Language, symbols: Symbols) {
    let bars = match symbols {
        Symbols::Qr => None,
        Symbols::Code128 | Symbols::Both => symbol::bars(&card.code, size.bars_width_mm(symbols == Symbols::Both)),
    };
    let qr = match symbols {
        Symbols::Code128 if bars.is_some() => None,
        _ => symbol::qr(&card.code),
    };
    push(
        body,
        format_args!(
            "<div class=\"card\"><div class=\"title\">{} {}</div><div class=\"symbols\">{}{}</div><div class=\"code\">{}</div></div>\n",
            words(&card.title, language),
            escaped(&card.name),
            bars.unwrap_or_default(),
            qr.unwrap_or_default(),
            escaped(&card.code)
        ),
    );
}

fn words(words: &Words, language: Language) -> String {
    match language {
        Language::Zh => escaped(&words.zh),
        Language::En => escaped(&words.en),
        Language::Both if words.en.is_empty() => String::new(),
        Language::Both => format!(
            "{} <span class=\"en\">{}</span>",
            escaped(&words.zh),
            escaped(&words.en)
        ),
    }
}

/// Names come from other systems.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c if c.is_control() => html.push('\u{fffd}'),
            c => html.push(c),
        }
        html
    })
}
