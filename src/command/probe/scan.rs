//! `lineside probe scan`: one scan, as it comes from a scanner that sends AIM identifiers, explained as one JSON object.
//!
//! `aim` `symbology` what the symbol is · `mode` `gs1` or `plain` · `ais` application identifiers with their values, of a
//! Digital Link too · `text` the data · `gtin` of an EAN or UPC code · `error` what is wrong, `error_ai` with which
//! identifier · `warnings` what misses its company on the label

use std::process::ExitCode;

use serde::Serialize;

use crate::command::EXIT_USAGE;
use crate::intake::charset;
use crate::intake::gs1::{self, Content, Problem, symbology};
use crate::units;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bytes are written as hexadecimal digits
    #[arg(long)]
    pub hex: bool,
    /// The scanner sends no AIM identifiers; a separator (GS) at the front marks GS1
    #[arg(long)]
    pub no_aim: bool,
    /// What the scanner sent, without its terminator
    #[arg(allow_hyphen_values = true)]
    pub raw: String,
}

/// Of an address on the web that is no Digital Link.
const NO_KEY: &str = "NO_DIGITAL_LINK_KEY";

#[derive(Debug, Serialize)]
struct Meaning<'s> {
    aim: Option<&'s str>,
    symbology: Option<&'s str>,
    mode: &'static str,
    ais: Vec<[String; 2]>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gtin: Option<String>,
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_ai: Option<String>,
    warnings: Vec<String>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let scan = if args.hex {
        let Some(bytes) = unhex(&args.raw) else {
            eprintln!("`{}` is not hexadecimal; write two digits for each byte", args.raw);
            return Ok(ExitCode::from(EXIT_USAGE));
        };
        bytes
    } else {
        args.raw.clone().into_bytes()
    };
    println!("{}", serde_json::to_string(&explain(&scan, args.no_aim))?);
    Ok(ExitCode::SUCCESS)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| {
        pairs
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect()
    })
}

fn explain(scan: &[u8], is_without_aim: bool) -> Meaning<'_> {
    let (aim, data, content) = if is_without_aim {
        match scan.strip_prefix(&[gs1::SEPARATOR]) {
            Some(data) => (None, data, gs1::read("]C1", data)),
            None => (None, scan, Ok(Content::Plain { link: Vec::new() })),
        }
    } else {
        match symbology::split(scan) {
            Some((aim, data)) => (Some(aim), data, gs1::read(aim, data)),
            None => (None, scan, Err(Problem::no_aim(scan))),
        }
    };
    let is_elements = is_without_aim && data.len() < scan.len() || aim.is_some_and(is_of_elements);
    let (text, is_text) = match charset::decode(data) {
        Some(text) => (text.into_owned(), true),
        None => (units::hex(data), false),
    };
    let mut meaning = Meaning {
        aim,
        symbology: aim.and_then(symbology::name),
        mode: if is_elements { "gs1" } else { "plain" },
        ais: Vec::new(),
        text,
        gtin: None,
        error: (!is_text).then_some("INVALID_CHARSET"),
        error_ai: None,
        warnings: Vec::new(),
    };
    match content {
        Ok(content) => {
            let elements = content.elements();
            meaning.ais = elements.iter().map(|e| [e.ai.clone(), e.value.clone()]).collect();
            meaning.warnings = gs1::warnings(elements).iter().map(ToString::to_string).collect();
            if let Content::Primary { number, elements } = &content {
                meaning.gtin = Some(gs1::gtin14(number));
                meaning.text.clone_from(number);
                meaning.mode = if elements.is_empty() { "plain" } else { "gs1" };
            }
        }
        // A plant's own address, which a station reads by its pattern.
        Err(problem) if problem.code == NO_KEY && gs1::is_address_of_its_site(data) => {
            meaning.warnings.push(NO_KEY.to_owned());
        }
        Err(problem) => {
            meaning.error = Some(problem.code);
            meaning.error_ai = problem.ai;
        }
    }
    meaning
}

fn is_of_elements(aim: &str) -> bool {
    symbology::carries(aim) == symbology::Carries::Elements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(scan: &[u8], no_aim: bool) -> serde_json::Value {
        serde_json::to_value(explain(scan, no_aim)).expect("JSON")
    }

    #[test]
    fn a_scan_is_explained() {
        let label = told(b"]C10112345678901231211ABC", false);
        assert_eq!(label["aim"], "]C1");
        assert_eq!(label["mode"], "gs1");
        assert_eq!(
            label["ais"],
            serde_json::json!([["01", "12345678901231"], ["21", "1ABC"]])
        );
        assert_eq!(label["error"], serde_json::Value::Null);
        assert_eq!(label["warnings"], serde_json::json!([]));
        let wrong = told(b"]C110ABC~", false);
        assert_eq!(
            (&wrong["error"], &wrong["error_ai"]),
            (&"INVALID_CSET82_CHARACTER".into(), &"10".into())
        );
        assert_eq!(
            told(b"]C110ABC", false)["warnings"],
            serde_json::json!(["REQUIRED_AI_MISSING (10)"])
        );
        assert_eq!(told(b"]Q1\xb9\xa4\xb5\xa5", false)["text"], "工单");
        assert_eq!(told(b"]Q1\xff", false)["error"], "INVALID_CHARSET");
        assert_eq!(told(b"]E06901234567892", false)["gtin"], "06901234567892");
        assert_eq!(told(b"]e0\xff", false)["error"], "NO_AI_FOR_PREFIX");
    }

    #[test]
    fn an_address_of_the_plant_is_no_digital_link_gone_wrong() {
        for address in ["https://mes.plant/wo?id=3", "http://mes.plant:8080/wo/WO-3"] {
            let plain = told(format!("]Q1{address}").as_bytes(), false);
            assert_eq!((&plain["mode"], &plain["text"]), (&"plain".into(), &address.into()));
            assert_eq!(plain["error"], serde_json::Value::Null);
            assert_eq!(plain["warnings"], serde_json::json!(["NO_DIGITAL_LINK_KEY"]));
        }
        for link in [
            "https://a/NOPRIMARYAI",
            "https://a/10/LOT7",
            "https://a/wo?10=LOT7",
            "https://a",
        ] {
            let lost = told(format!("]Q1{link}").as_bytes(), false);
            assert_eq!(lost["error"], "NO_DIGITAL_LINK_KEY", "{link}");
        }
    }

    #[test]
    fn without_aim_identifiers_a_separator_marks_gs1() {
        assert_eq!(told(b"WO-1", false)["error"], "MISSING_SYMBOLOGY_IDENTIFIER");
        assert_eq!(told(b"]XX", false)["error"], "UNSUPPORTED_SYMBOLOGY_IDENTIFIER");
        assert_eq!(told(b"]X0abc", false)["error"], serde_json::Value::Null);
        let plain = told(b"0112345678901231", true);
        assert_eq!(
            (&plain["mode"], &plain["error"]),
            (&"plain".into(), &serde_json::Value::Null)
        );
        assert_eq!(told(b"\x1d0112345678901231", true)["mode"], "gs1");
    }

    #[test]
    fn bytes_are_read_from_hexadecimal() {
        assert_eq!(unhex("5d 4331"), Some(b"]C1".to_vec()));
        assert_eq!(unhex("5d4"), None);
        assert_eq!(unhex("5g"), None);
    }
}
