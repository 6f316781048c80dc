//! Printed cards are read back by a decoder that others wrote, and mean what they say.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lineside::intake::barcode;
use serde_json::json;

use super::park::gateway::Site;

/// A symbol of the page: its drawing and the code that it is said to carry.
struct Symbol {
    svg: String,
    code: String,
}

fn symbols(page: &str) -> Vec<Symbol> {
    page.split("<svg ")
        .skip(1)
        .map(|rest| {
            let (svg, _) = rest.split_once("</svg>").expect("an end");
            let (_, code) = svg.split_once("data-code=\"").expect("its code");
            let (code, _) = code.split_once('"').expect("the end of its code");
            // As wide as it is printed on a card of middle size, at 300 dots an inch or so.
            let size = if svg.contains("class=\"bars\"") {
                "width=\"600\" height=\"120\""
            } else {
                "width=\"240\" height=\"240\""
            };
            Symbol {
                svg: format!("<svg {size} {svg}</svg>"),
                code: code.replace("&amp;", "&").replace("&lt;", "<"),
            }
        })
        .collect()
}

/// Draws the symbols and reads them back.
fn read_back(site: &Site, symbols: &[Symbol]) -> Vec<String> {
    let mut pictures: Vec<PathBuf> = Vec::new();
    for (nth, symbol) in symbols.iter().enumerate() {
        let drawing = site.path(&format!("{nth}.svg"));
        let picture = site.path(&format!("{nth}.png"));
        fs::write(&drawing, &symbol.svg).unwrap();
        let drawn = Command::new("rsvg-convert")
            .arg(&drawing)
            .arg("-o")
            .arg(&picture)
            .status();
        assert!(drawn.expect("rsvg-convert, which tests/run installs").success());
        pictures.push(picture);
    }
    let read = |pictures: &[PathBuf], settings: &[&str]| {
        let read = Command::new("zbarimg")
            .args(["--quiet", "--raw", "-Sdisable", "-Scode128.enable", "-Sqrcode.enable"])
            .args(settings)
            .args(pictures)
            .output();
        String::from_utf8_lossy(&read.expect("zbarimg, which tests/run installs").stdout).into_owned()
    };
    // The decoder guesses at charsets, unless it is asked for bytes; these come without an end of line.
    let is_ascii = |place: &usize| symbols[*place].code.is_ascii();
    let (ascii, other): (Vec<usize>, Vec<usize>) = (0..symbols.len()).partition(is_ascii);
    let pictures_of = |places: &[usize]| places.iter().map(|place| pictures[*place].clone()).collect::<Vec<_>>();
    let mut codes = vec![String::new(); symbols.len()];
    for (place, code) in ascii.iter().zip(read(&pictures_of(&ascii), &[]).lines()) {
        code.clone_into(&mut codes[*place]);
    }
    for place in other {
        codes[place] = read(&pictures_of(&[place]), &["--oneshot", "-Sbinary"]);
    }
    codes
}

fn know_everything(site: &Site) {
    let snapshot = json!({
        "version": "1",
        "orders": [
            {"order_no": "WO-2026-0017", "status": 2, "order_quantity": "100", "product_name": "支架 <A&B>",
             "processes": [{"process_code": "10", "process_name": "冲压", "sequence": 10}]},
            {"order_no": "MO20260000000000000000000000000000000099", "status": 3, "order_quantity": "5", "processes": []},
            {"order_no": "CLOSED-1", "status": 5, "order_quantity": "5", "processes": []}
        ],
        "workers": [{"worker_no": "10031926", "name": "王师傅"}, {"worker_no": "GONE", "active": false}],
        "reasons": [{"code": "D03", "name": "毛刺", "kind": "scrap"}, {"code": "划伤", "name": "划伤"}]
    });
    let kept = json!({"confirmed_at": chrono::Utc::now(), "snapshot": snapshot});
    fs::write(site.data().join("reference.json"), kept.to_string()).unwrap();
}

#[test]
fn every_card_is_read_back_as_the_code_that_it_says() {
    let site = Site::new("");
    know_everything(&site);
    let out = site.path("cards.html");
    let (out_arg, config) = (out.to_str().unwrap(), site.config());
    let said = site.prints(&["cards", "--out", out_arg, "--config", config.to_str().unwrap()]);
    assert!(said.contains("print it at 100 %"), "{said}");
    let page = fs::read_to_string(&out).unwrap();
    let symbols = symbols(&page);
    let codes: Vec<&str> = symbols.iter().map(|symbol| symbol.code.as_str()).collect();
    for wanted in [
        "LSN-START",
        "QTY-12",
        "RSN-D03",
        "RSN-划伤",
        "EMP-10031926",
        "WO-WO-2026-0017",
        "TRV-WO-2026-0017.10",
    ] {
        assert!(codes.contains(&wanted), "{wanted} is missing");
    }
    assert!(!page.contains("CLOSED-1") && !page.contains("GONE"));
    assert!(page.contains("支架 &lt;A&amp;B&gt;") && page.contains("开工") && page.contains("Start"));
    // What bars can't carry, or have no room for, is in a QR code alone.
    let count = |code: &str| codes.iter().filter(|other| **other == code).count();
    assert_eq!(count("RSN-划伤"), 1);
    assert_eq!(count("WO-MO20260000000000000000000000000000000099"), 1);
    assert_eq!(count("QTY-12"), 2);
    assert_eq!(read_back(&site, &symbols), codes);
    for code in codes {
        assert!(barcode::read(code.as_bytes(), &[]).meaning.is_ok(), "{code}");
    }
}

#[test]
fn what_only_a_gateway_knows_is_not_printed_without_one() {
    let site = Site::new("");
    let out = site.path("cards.html");
    let output = Command::new(env!("CARGO_BIN_EXE_lineside"))
        .args(["cards", "--only", "orders", "--out", out.to_str().unwrap()])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("orders") && said.contains("--config FILE"), "{said}");
    assert!(!out.exists());
}

#[test]
fn without_a_gateway_there_are_commands_and_quantities() {
    let site = Site::new("");
    let out = site.path("cards.html");
    for (size, sheets) in [("small", 2), ("large", 7)] {
        site.prints(&[
            "cards",
            "--out",
            out.to_str().unwrap(),
            "--size",
            size,
            "--symbols",
            "qr",
            "--language",
            "en",
        ]);
        let page = fs::read_to_string(&out).unwrap();
        assert_eq!(page.matches("<section class=\"sheet").count(), sheets, "{size}");
        assert!(page.contains("Sign off") && !page.contains("开工"));
    }
}
