//! Rules of GS1 by example, and the vectors of the reference implementation where they are at hand.

use proptest::prelude::*;

use super::*;

type Pairs = Vec<(String, String)>;

fn scan(raw: &str) -> Result<Pairs, (String, Option<String>)> {
    let (aim, data) = symbology::split(raw.as_bytes()).expect("an AIM identifier");
    let content = read(aim, data).map_err(|problem| (problem.code.to_owned(), problem.ai))?;
    Ok(content
        .elements()
        .iter()
        .map(|element| (element.ai.clone(), element.value.clone()))
        .collect())
}

fn code(raw: &str) -> String {
    scan(raw).expect_err("a scan that is wrong").0
}

fn pairs(wanted: &[(&str, &str)]) -> Pairs {
    wanted
        .iter()
        .map(|(ai, value)| ((*ai).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn element_strings_are_cut_at_fixed_lengths_and_separators() {
    let wanted = pairs(&[("01", "12312312312333"), ("10", "ABC123"), ("99", "TESTING")]);
    for aim in ["]C1", "]e0", "]d2", "]Q3", "]J1"] {
        assert_eq!(
            scan(&format!("{aim}011231231231233310ABC123\u{1d}99TESTING")).as_ref(),
            Ok(&wanted)
        );
    }
    // A separator that is not needed, and one at the end, do no harm.
    assert_eq!(
        scan("]C10112312312312333\u{1d}10ABC123\u{1d}99TESTING\u{1d}").as_ref(),
        Ok(&wanted)
    );
}

#[test]
fn what_breaks_a_rule_is_named_with_its_identifier() {
    for (raw, code, ai) in [
        ("]C1", "AI_DATA_EMPTY", None),
        ("]C1891234", "NO_AI_FOR_PREFIX", None),
        ("]C110", "AI_VALUE_EMPTY", Some("10")),
        ("]C10112345678901234", "INCORRECT_CHECK_DIGIT", Some("01")),
        ("]C1011234567890123", "AI_VALUE_LENGTH", Some("01")),
        ("]C12421234567", "AI_VALUE_TOO_LONG", Some("242")),
        ("]C199~", "INVALID_CSET82_CHARACTER", Some("99")),
        ("]C199工", "INVALID_CSET82_CHARACTER", Some("99")),
        ("]C18010123456_", "INVALID_CSET39_CHARACTER", Some("8010")),
        ("]C18030ABC:123", "INVALID_CSET64_CHARACTER", Some("8030")),
        ("]C18030123=", "INVALID_CSET64_PADDING", Some("8030")),
        ("]C170401AB=", "INVALID_IMPORT_IDX_CHARACTER", Some("7040")),
        ("]C1800112341234512321", "INVALID_WINDING_DIRECTION", Some("8001")),
        ("]C14307AA", "NOT_ISO3166_ALPHA2", Some("4307")),
        ("]C139109870", "NOT_ISO4217", Some("3910")),
        ("]C18007FR1234", "IBAN_TOO_SHORT", Some("8007")),
        ("]C18007FR12_45678901234", "INVALID_IBAN_CHARACTER", Some("8007")),
        ("]C18007AB12345678901234", "ILLEGAL_IBAN_COUNTRY_CODE", Some("8007")),
        ("]C18007FR12345678901234", "INCORRECT_IBAN_CHECKSUM", Some("8007")),
        ("]C143242012252360", "ILLEGAL_MINUTE", Some("4324")),
        ("]C18026123456789012310100", "ZERO_TOTAL_PIECES", Some("8026")),
        ("]C18026123456789012310302", "PIECE_NUMBER_EXCEEDS_TOTAL", Some("8026")),
        ("]C14300ABC%0g", "INVALID_PERCENT_SEQUENCE", Some("4300")),
        ("]C1430918000000010000000000", "INVALID_LATITUDE", Some("4309")),
        ("]C1430900000000003600000001", "INVALID_LONGITUDE", Some("4309")),
        ("]C172525", "INVALID_BIOLOGICAL_SEX_CODE", Some("7252")),
        ("]C17258111", "POSITION_IN_SEQUENCE_MALFORMED", Some("7258")),
        ("]C172580/3", "ILLEGAL_ZERO_PREFIX", Some("7258")),
        ("]C172582/1", "POSITION_EXCEEDS_END", Some("7258")),
        ("]C1725019000229", "ILLEGAL_DAY", Some("7250")),
        ("]C1724111", "INVALID_MEDIA_TYPE", Some("7241")),
        ("]C17041ZZZ", "INVALID_PACKAGE_TYPE", Some("7041")),
        ("]C180141234567890123456NT", "INCORRECT_CHECK_PAIR", Some("8014")),
    ] {
        assert_eq!(scan(raw), Err((code.to_owned(), ai.map(str::to_owned))), "{raw}");
    }
    for right in [
        "]C18013".to_owned() + "1987654Ad4X4bL5ttr2310c2K",
        "]C18007GB98MIDL07009312345678".to_owned(),
        "]C1725020000229".to_owned(),
        "]C172583/3".to_owned(),
        "]C17041PX".to_owned(),
    ] {
        assert!(scan(&right).is_ok(), "{right}: {:?}", scan(&right));
    }
}

#[test]
fn coupons_say_where_they_end_too_early() {
    for (data, wanted) in [
        ("811071234567890123", "COUPON_INVALID_GCP_LENGTH"),
        ("81100123456123456", "COUPON_MISSING_SAVE_VALUE_VLI"),
        ("811001234561234561111", "COUPON_MISSING_1ST_PURCHASE_REQUIREMENT_CODE"),
        (
            "811001234561234561111012314",
            "COUPON_INVALID_ADDITIONAL_PURCHASE_RULES_CODE",
        ),
        (
            "81100123456123456111101231011012371234567890123",
            "COUPON_INVALID_2ND_PURCHASE_GCP_LENGTH",
        ),
        ("811001234561234561111012321101230", "COUPON_TRUNCATED_3RD_PURCHASE_GCP"),
        ("81100123456123456111101233200010", "COUPON_INVALID_EXIPIRATION_DATE"),
        (
            "811001234561234561111012335006064500607",
            "COUPON_EXPIRATION_BEFORE_START",
        ),
        ("811001234561234561111012361", "COUPON_TRUNCATED_RETAILER_GCP_OR_GLN"),
        ("811001234561234561111012390002", "COUPON_INVALID_DONT_MULTIPLY_FLAG"),
        ("8110012345612345611110123900000", "COUPON_EXCESS_DATA"),
        ("8112201234561234560123456", "COUPON_INVALID_FORMAT_CODE"),
        ("811201123456", "COUPON_TRUNCATED_FUNDER"),
        ("8112001234561234560", "COUPON_TRUNCATED_SERIAL_NUMBER"),
    ] {
        assert_eq!(code(&format!("]e0{data}")), wanted, "{data}");
    }
    assert!(scan("]e08110012345612345611110123").is_ok());
    assert!(scan("]e08112001234561234560123456").is_ok());
}

#[test]
fn numbers_of_ean_and_upc_are_proved_and_compared_as_gtins() {
    assert_eq!(
        read("]E0", b"6901234567892"),
        Ok(Content::Primary {
            number: "6901234567892".into(),
            elements: vec![]
        })
    );
    assert_eq!(gtin14("6901234567892"), "06901234567892");
    assert_eq!(code("]E0690123456789"), "PRIMARY_TOO_SHORT");
    assert_eq!(code("]E06901234567893"), "PRIMARY_CHECK_DIGIT");
    assert_eq!(scan("]E402345673|]e099COMPOSITE"), Ok(pairs(&[("99", "COMPOSITE")])));
}

#[test]
fn a_digital_link_gives_the_elements_of_its_path_and_query() {
    let link = |address: &str| scan(&format!("]Q1{address}"));
    assert_eq!(
        link("https://id.example.org/shop/01/09520123456788/10/AB%2D1/21/12345?17=180426&utm=x#part"),
        Ok(pairs(&[
            ("01", "09520123456788"),
            ("10", "AB-1"),
            ("21", "12345"),
            ("17", "180426")
        ]))
    );
    // What stands before the last key is the site's own.
    assert_eq!(
        link("https://a/00/faux/00/006141411234567890"),
        Ok(pairs(&[("00", "006141411234567890")]))
    );
    assert_eq!(
        link("http://a/253/1231231231232TEST"),
        Ok(pairs(&[("253", "1231231231232TEST")]))
    );
    assert_eq!(link("plain text"), Ok(vec![]));
    assert_eq!(link("HtTps://a/01/12312312312333"), Ok(vec![]));
    for (wrong, code) in [
        ("https://a/NOPRIMARYAI", "NO_DIGITAL_LINK_KEY"),
        ("https://a", "NO_DIGITAL_LINK_KEY"),
        ("https:///01/12312312312333", "NO_DIGITAL_LINK_KEY"),
        ("https://a/01/12312312312334", "INCORRECT_CHECK_DIGIT"),
        ("https://a/01/2112345678900", "AI_VALUE_LENGTH"),
        (
            "https://a/01/12312312312333/21/A/10/B",
            "INVALID_KEY_QUALIFIER_SEQUENCE",
        ),
        (
            "https://a/01/12312312312333/22/A/235/B",
            "INVALID_KEY_QUALIFIER_SEQUENCE",
        ),
        ("https://a/01/12312312312333?21=A", "AI_BELONGS_IN_PATH"),
        ("https://a/01/12312312312333?10=A", "AI_BELONGS_IN_PATH"),
        ("https://a/01/12312312312333?999=A", "UNKNOWN_AI_IN_QUERY"),
        ("https://a/01/12312312312333?99=A&99=A", "DUPLICATE_AI"),
        ("https://a/01/12312312312333/", "NO_DIGITAL_LINK_KEY"),
        ("https://a/01/123 12312312333", "URI_ILLEGAL_CHARACTER"),
        ("https://$a/01/12312312312333", "URI_ILLEGAL_CHARACTER"),
    ] {
        assert_eq!(link(wrong).map_err(|(code, _)| code), Err(code.to_owned()), "{wrong}");
    }
}

#[test]
fn company_that_is_missing_or_wrong_is_a_warning() {
    let warned = |raw: &str| {
        let (aim, data) = symbology::split(raw.as_bytes()).expect("an AIM identifier");
        let content = read(aim, data).expect("a scan that is right");
        let found = warnings(content.elements());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(warned("]C10112345678901231"), [""; 0]);
    assert_eq!(warned("]C110ABC"), ["REQUIRED_AI_MISSING (10)"]);
    assert_eq!(
        warned("]C101123456789012310212345678901231"),
        ["INVALID_AI_PAIR (02)", "REQUIRED_AI_MISSING (02)"]
    );
    assert_eq!(warned("]C101123456789012313101000001"), [""; 0]);
    assert_eq!(
        warned("]C1011234567890123131010000013102000010"),
        ["INVALID_AI_PAIR (3101)", "INVALID_AI_PAIR (3102)"]
    );
    assert_eq!(warned("]C1400ABC\u{1d}400AB"), ["REPEATED_AI_DIFFERS (400)"]);
    assert_eq!(
        warned("]C18030DIGSIG\u{1d}2531234567890128"),
        ["SERIAL_COMPONENT_MISSING (253)"]
    );
    assert_eq!(warned("]C18030DIGSIG\u{1d}2531234567890128X"), [""; 0]);
}

#[test]
fn unknown_identifiers_pass_their_data_on() {
    for aim in ["]C0", "]A0", "]X0", "]L2", "]Y7"] {
        assert_eq!(read(aim, b"WO-1"), Ok(Content::Plain { link: vec![] }));
    }
    assert_eq!(symbology::split(b"]"), None);
    assert_eq!(symbology::split(b"]1C data"), None);
    assert_eq!(symbology::name("]Q3"), Some("GS1-QR"));
}

proptest! {
    #[test]
    fn arbitrary_data_never_panics(
        aim in prop::sample::select(vec!["]C1", "]E0", "]E4", "]Q1", "]C0"]),
        data in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        if let Ok(content) = read(aim, &data) {
            let _ = warnings(content.elements());
        }
    }

    /// Characters that reach deep into the rules, rather than failing at the first one.
    #[test]
    fn likely_data_never_panics(data in "(0[0-3]|10|21|253|3[1-9][0-9]{2}|4[0-3][0-9]{1,2}|7[0-2][0-9]{2}|8[0-2][0-9]{2}|9[0-9])[0-9A-Z%/=-]{0,40}(\u{1d}[0-9A-Za-z]{0,40}){0,4}") {
        for aim in ["]C1", "]Q1"] {
            if let Ok(content) = read(aim, data.as_bytes()) {
                prop_assert!(content.elements().len() <= 64);
                let _ = warnings(content.elements());
            }
        }
    }

    #[test]
    fn likely_links_never_panic(path in "(/[0-9]{2,4}/[0-9A-Z%]{1,20}){1,3}(\\?[0-9]{2}=[0-9A-Z+%&=]{0,20})?") {
        let _ = read("]Q1", format!("https://a{path}").as_bytes());
    }
}

/// Vectors of the reference implementation, kept outside of this project.
#[test]
fn vectors_of_the_reference_implementation() {
    let file = std::env::var("LINESIDE_REFERENCE_DATA").map_or_else(
        |_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/gs1-vectors.json").to_owned(),
        |folder| format!("{folder}/gs1-vectors.json"),
    );
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: there is no {file}; LINESIDE_REFERENCE_DATA names another folder");
        return;
    };
    let vectors: serde_json::Value = serde_json::from_str(&text).expect("vectors are JSON");
    let list = |name: &str| vectors[name].as_array().cloned().unwrap_or_default();
    let mut wrong = Vec::new();
    for vector in list("vectors").iter().chain(&list("digital_link_vectors")) {
        let expect = &vector["expect"];
        let raw = vector["raw"].as_str().expect("a vector has its raw text");
        let outcome = symbology::split(raw.as_bytes())
            .ok_or_else(|| Problem::new("MISSING_SYMBOLOGY_IDENTIFIER"))
            .and_then(|(aim, data)| Ok((symbology::name(aim), read(aim, data)?)));
        let told = match &outcome {
            Ok((_, content)) => {
                let elements: Vec<_> = content.elements().iter().map(|e| [&e.ai, &e.value]).collect();
                let warning = warnings(content.elements()).into_iter().next();
                let association = warning.map_or("ok".into(), |w| serde_json::json!({"error": w.code, "ai": w.ai}));
                serde_json::json!({"ais": elements, "association": association})
            }
            Err(problem) => serde_json::json!({"error": problem.code, "ai": problem.ai}),
        };
        let same = |key: &str, wanted: &str| expect[wanted].is_null() || expect[wanted] == told[key];
        let is_right = same("error", "error")
            && same("ai", "ai")
            && (expect["parse"] == "error") == outcome.is_err()
            && same("ais", "ais")
            && same("ais", "digital_link_ais")
            && same("association", "association")
            && (expect["symbology"].is_null()
                || outcome.is_ok_and(|(name, _)| expect["symbology"] == name.unwrap_or("")));
        if !is_right {
            wrong.push(format!("{} {raw:?}: {told}, not {expect}", vector["id"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
