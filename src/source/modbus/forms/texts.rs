//! Texts among registers: runs of printable characters, two in a register or one.

use super::super::decode::Answer;

/// Shorter runs come about by chance.
const CHARS_MIN: usize = 4;

/// The characters that a register holds, first to last; nothing where it holds other than such.
type Unpack = fn(u16) -> Vec<u8>;

const ORDERS: [(&str, Unpack); 4] = [
    ("AB", |register| register.to_be_bytes().to_vec()),
    ("BA", |register| register.to_le_bytes().to_vec()),
    ("upper", |register| match register.to_be_bytes() {
        [character, 0] => vec![character],
        _ => vec![0],
    }),
    ("lower", |register| match register.to_be_bytes() {
        [0, character] => vec![character],
        _ => vec![0],
    }),
];

/// The texts that begin at an offset, by how many characters they have and in which order. What goes on with a text from
/// before begins none.
pub fn beginning_at(answer: &Answer, offset: u16) -> impl Iterator<Item = (usize, &'static str)> {
    let registers: &[u16] = match answer {
        Answer::Registers(registers) => registers,
        Answer::Bits(_) => &[],
    };
    let (before, from) = registers.split_at(usize::from(offset).min(registers.len()));
    ORDERS.iter().filter_map(move |(order, unpack)| {
        let is_printed = |byte: &u8| matches!(byte, b' '..=b'~');
        let goes_on = before.last().is_some_and(|last| unpack(*last).iter().all(is_printed));
        let characters = from.iter().flat_map(|register| unpack(*register));
        let chars = characters.take_while(is_printed).count();
        (!goes_on && chars >= CHARS_MIN).then_some((chars, *order))
    })
}

/// Names, types and serial numbers have letters and digits, and not much else.
pub fn is_plausible(text: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || " -_./:+#()".contains(c);
    let telling = text.chars().filter(char::is_ascii_alphanumeric).count();
    text.chars().all(is_usual) && telling >= CHARS_MIN.min(text.len()) && telling * 2 > text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(registers: &[u16], offset: u16) -> Vec<(usize, &'static str)> {
        beginning_at(&Answer::Registers(registers.to_vec()), offset).collect()
    }

    #[test]
    fn runs_of_characters_are_found_in_every_order() {
        let name = [0x5344, 0x4D36, 0x3330, 0x4100, 0];
        assert_eq!(texts(&name, 0), [(7, "AB"), (6, "BA")]);
        assert_eq!(texts(&name, 1), [], "within the text");
        assert_eq!(
            texts(&[0x4100, 0x4200, 0x4300, 0x4400], 0),
            [(4, "upper")],
            "one in each register"
        );
        assert_eq!(texts(&[0x41, 0x42, 0x43, 0x44, 7], 0), [(4, "lower")]);
        assert_eq!(texts(&[0x4142, 0x4300], 0), [], "too short");
        assert!(is_plausible("SDM630 V1.8") && !is_plausible("`~|C") && !is_plausible("----A1"));
    }
}
