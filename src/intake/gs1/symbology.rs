//! AIM identifiers (ISO/IEC 15424): `]`, a letter for the symbology, a modifier for what was done with it.

/// What the data behind an identifier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Element strings of GS1.
    Elements,
    /// An EAN or UPC number.
    Number { digits: usize },
    /// Anything.
    Text,
}

/// Letter and modifier (a space stands for any other one), what it carries, and its name.
const SYMBOLOGIES: [(&[u8; 2], Carries, &str); 29] = [
    (b"C1", Carries::Elements, "GS1-128"),
    (b"e0", Carries::Elements, "GS1-DataBar/Composite"),
    (b"d2", Carries::Elements, "GS1-DataMatrix"),
    (b"Q3", Carries::Elements, "GS1-QR"),
    (b"J1", Carries::Elements, "GS1-DotCode"),
    (b"E0", Carries::Number { digits: 13 }, "EAN-13/UPC"),
    (b"E4", Carries::Number { digits: 8 }, "EAN-8"),
    (b"E ", Carries::Text, "EAN/UPC add-on"),
    (b"A ", Carries::Text, "Code 39"),
    (b"B ", Carries::Text, "Telepen"),
    (b"C ", Carries::Text, "Code 128"),
    (b"D ", Carries::Text, "Code One"),
    (b"F ", Carries::Text, "Codabar"),
    (b"G ", Carries::Text, "Code 93"),
    (b"H ", Carries::Text, "Code 11"),
    (b"I ", Carries::Text, "ITF"),
    (b"J ", Carries::Text, "DotCode"),
    (b"K ", Carries::Text, "Code 16K"),
    (b"L ", Carries::Text, "PDF417"),
    (b"M ", Carries::Text, "MSI"),
    (b"O ", Carries::Text, "Codablock"),
    (b"Q ", Carries::Text, "QR"),
    (b"S ", Carries::Text, "Code 2 of 5"),
    (b"U ", Carries::Text, "MaxiCode"),
    (b"X ", Carries::Text, "other"),
    (b"d ", Carries::Text, "DataMatrix"),
    (b"e ", Carries::Text, "GS1-DataBar/Composite, escaped"),
    (b"h ", Carries::Text, "Han Xin"),
    (b"z ", Carries::Text, "Aztec"),
];

/// Sets the identifier apart from the data: `]`, a letter and a hexadecimal modifier.
pub fn split(scan: &[u8]) -> Option<(&str, &[u8])> {
    let (aim, data) = scan.split_at_checked(3)?;
    match aim {
        [b']', letter, modifier] if letter.is_ascii_alphabetic() && modifier.is_ascii_hexdigit() => {
            Some((std::str::from_utf8(aim).ok()?, data))
        }
        _ => None,
    }
}

fn row(aim: &str) -> Option<&'static (&'static [u8; 2], Carries, &'static str)> {
    let [_, letter, modifier] = aim.as_bytes() else {
        return None;
    };
    SYMBOLOGIES
        .iter()
        .find(|row| row.0[0] == *letter && (row.0[1] == *modifier || row.0[1] == b' '))
}

/// An unknown identifier passes its data on as text: new symbologies must not stop a station.
pub fn carries(aim: &str) -> Carries {
    row(aim).map_or(Carries::Text, |row| row.1)
}

pub fn name(aim: &str) -> Option<&'static str> {
    row(aim).map(|row| row.2)
}
