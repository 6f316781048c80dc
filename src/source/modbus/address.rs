//! How a point names its place and its form: `holding:100`, `u32`, `CDAB`.
//!
//! Addresses are those of the wire: zero-based, one table per function code. The numbered notation of manuals (`40101`)
//! is refused with the wire address it stands for, because it cannot be told from a wire address once it is written down.

use std::fmt;

use serde::Deserialize;

/// One of the four tables of a Modbus device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    Coil,
    Discrete,
    Holding,
    Input,
}

impl Area {
    const ALL: [Self; 4] = [Self::Coil, Self::Discrete, Self::Holding, Self::Input];

    pub fn name(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::Discrete => "discrete",
            Self::Holding => "holding",
            Self::Input => "input",
        }
    }

    /// Coils and discrete inputs hold single bits, the other two hold registers of 16.
    pub fn has_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }

    /// The table that the first digit of the numbered notation stands for.
    fn from_digit(digit: char) -> Option<Self> {
        match digit {
            '0' => Some(Self::Coil),
            '1' => Some(Self::Discrete),
            '3' => Some(Self::Input),
            '4' => Some(Self::Holding),
            _ => None,
        }
    }
}

/// Where a point lies: `holding:100`, `coil:5`, or within a register: one bit, `holding:5.3`, or several that are one
/// number, `holding:5.4..7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct At {
    pub area: Area,
    pub address: u16,
    pub bits: Option<Bits>,
}

/// Bits of one register; bit 0 is the least significant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    first: u8,
    last: u8,
}

impl Bits {
    pub fn is_single(self) -> bool {
        self.first == self.last
    }

    /// What these bits of a register hold.
    pub fn of(self, register: u64) -> u64 {
        register >> self.first & ((1 << (self.last - self.first + 1)) - 1)
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && last < 16).then_some(Self { first, last })
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.is_single() {
            return Ok(());
        }
        write!(f, "..{}", self.last)
    }
}

impl TryFrom<String> for At {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some((area, place)) = text.split_once(':') else {
            return Err(numbered_hint(&text));
        };
        let area = Area::ALL
            .into_iter()
            .find(|a| a.name() == area)
            .ok_or_else(|| format!("`{area}` is not a table of a Modbus device; {FORMS}"))?;
        let (address, bits) = match place.split_once('.') {
            Some((address, bits)) => (address, Some(bits)),
            None => (place, None),
        };
        let address = parse_address(address)
            .ok_or_else(|| format!("`{address}` is not a wire address; it is a number from 0 to 65535"))?;
        let bits = bits
            .map(|bits| {
                Bits::parse(bits).filter(|_| !area.has_bits()).ok_or_else(|| {
                    format!("`.{bits}` is not within a register; write .0 to .15, or .4..7, on holding or input")
                })
            })
            .transpose()?;
        Ok(Self { area, address, bits })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.area.name(), self.address)?;
        self.bits.map_or(Ok(()), |bits| write!(f, ".{bits}"))
    }
}

const FORMS: &str = "write holding:N, input:N, coil:N or discrete:N with the zero-based wire address N";

fn parse_address(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What to write instead of `40101`: the table from the first digit, the rest counted from 0 instead of 1.
fn numbered_hint(text: &str) -> String {
    let meant = || {
        if !(5..=6).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let area = Area::from_digit(text.chars().next()?)?;
        let address = text.get(1..)?.parse::<u32>().ok()?.checked_sub(1)?;
        u16::try_from(address).ok().map(|address| At {
            area,
            address,
            bits: None,
        })
    };
    match meant() {
        Some(at) => format!("`{text}` is a number from a manual that counts from 1; its wire address is \"{at}\""),
        None => format!("`{text}` does not say where the point lies; {FORMS}"),
    }
}

/// What the registers of a point hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Type {
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    Bool,
    Bcd16,
    Bcd32,
    /// So many characters, two in a register.
    Text(u16),
}

const NUMBER_TYPES: [(&str, Type); 11] = [
    ("u16", Type::U16),
    ("i16", Type::I16),
    ("u32", Type::U32),
    ("i32", Type::I32),
    ("u64", Type::U64),
    ("i64", Type::I64),
    ("f32", Type::F32),
    ("f64", Type::F64),
    ("bool", Type::Bool),
    ("bcd16", Type::Bcd16),
    ("bcd32", Type::Bcd32),
];

/// As much as one request can carry: a text is never put together from two answers.
const TEXT_CHARS_MAX: u16 = 250;

impl Type {
    pub fn registers(self) -> u16 {
        match self {
            Self::U16 | Self::I16 | Self::Bool | Self::Bcd16 => 1,
            Self::U32 | Self::I32 | Self::F32 | Self::Bcd32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
            Self::Text(chars) => chars.div_ceil(2),
        }
    }

    /// Registers that a value fills, if its characters are spread each to one of its own.
    pub fn registers_in(self, order: Option<Order>) -> u16 {
        match (self, order) {
            (Self::Text(chars), Some(Order::Spread { .. })) => chars,
            _ => self.registers(),
        }
    }

    pub fn is_number(self) -> bool {
        !matches!(self, Self::Bool | Self::Text(_))
    }

    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }
}

impl TryFrom<String> for Type {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(chars) = text.strip_prefix("string:") {
            return chars
                .parse()
                .ok()
                .filter(|chars| (1..=TEXT_CHARS_MAX).contains(chars))
                .map(Self::Text)
                .ok_or_else(|| format!("`{chars}` is not a length in characters from 1 to {TEXT_CHARS_MAX}"));
        }
        NUMBER_TYPES
            .iter()
            .find(|row| row.0 == text)
            .map(|row| row.1)
            .ok_or_else(|| {
                let names = NUMBER_TYPES.map(|row| row.0).join(" ");
                format!("`{text}` is not a type; there are {names} and string:LEN")
            })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, NUMBER_TYPES.iter().find(|row| row.1 == *self)) {
            (_, Some(row)) => f.write_str(row.0),
            (Self::Text(chars), None) => write!(f, "string:{chars}"),
            (_, None) => unreachable!("every other type has its row"),
        }
    }
}

/// How a value lies in its registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Order {
    Bytes {
        /// How many its name tells of.
        count: usize,
        order: ByteOrder,
    },
    /// A text with one character in each register.
    Spread { is_upper: bool },
}

/// A is the most significant byte. Every order in use turns round the bytes of each register, the registers of each
/// pair, the pairs, or several of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteOrder {
    /// The register that belongs at place N is found at place `N ^ turn`.
    pub turn: u8,
    pub swaps_bytes: bool,
}

const BYTE_ORDERS: [(&str, u8, bool); 14] = [
    ("AB", 0, false),
    ("BA", 0, true),
    ("ABCD", 0, false),
    ("CDAB", 3, false),
    ("BADC", 0, true),
    ("DCBA", 3, true),
    ("ABCDEFGH", 0, false),
    ("BADCFEHG", 0, true),
    ("CDABGHEF", 1, false),
    ("DCBAHGFE", 1, true),
    ("EFGHABCD", 2, false),
    ("FEHGBADC", 2, true),
    ("GHEFCDAB", 3, false),
    ("HGFEDCBA", 3, true),
];

impl Order {
    const PLAIN: ByteOrder = ByteOrder {
        turn: 0,
        swaps_bytes: false,
    };

    /// The order of the bytes where a value fills its registers.
    pub fn of_bytes(order: Option<Self>) -> ByteOrder {
        match order {
            Some(Self::Bytes { order, .. }) => order,
            Some(Self::Spread { .. }) | None => Self::PLAIN,
        }
    }

    /// Whether this order can be meant for values of that type, and if not, what can. The four-letter names hold for
    /// 64 bits too, in the same sense.
    pub fn check_fits(self, kind: Type) -> Result<(), String> {
        let (bytes, turn) = match self {
            Self::Bytes { count, order } => (count, order.turn),
            Self::Spread { .. } => (0, 0),
        };
        let (fits, right) = match (kind, kind.registers()) {
            (Type::Text(_), _) => (bytes <= 4 && turn == 0, "AB, BA, upper or lower"),
            (_, 1) => (bytes == 2, "AB or BA"),
            (_, 2) => (bytes == 4, "ABCD, CDAB, BADC or DCBA"),
            _ => (
                bytes >= 4,
                "ABCDEFGH, GHEFCDAB, BADCFEHG, HGFEDCBA, CDABGHEF, DCBAHGFE, EFGHABCD or FEHGBADC",
            ),
        };
        if fits {
            Ok(())
        } else {
            Err(format!("this is not an order of a {kind}; write {right}"))
        }
    }
}

impl TryFrom<String> for Order {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "upper" => return Ok(Self::Spread { is_upper: true }),
            "lower" => return Ok(Self::Spread { is_upper: false }),
            _ => {}
        }
        let row = BYTE_ORDERS.iter().find(|row| row.0 == text);
        row.map(|&(name, turn, swaps_bytes)| Self::Bytes {
            count: name.len(),
            order: ByteOrder { turn, swaps_bytes },
        })
        .ok_or_else(|| {
            let names = BYTE_ORDERS.map(|row| row.0).join(" ");
            format!("`{text}` is not a byte order; there are {names}, and for texts upper and lower")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<At, String> {
        At::try_from(text.to_owned())
    }

    #[test]
    fn wire_addresses_are_read_and_shown() {
        for text in [
            "holding:0",
            "input:65535",
            "coil:5",
            "discrete:7",
            "holding:5.15",
            "input:5.4..7",
        ] {
            assert_eq!(at(text).map(|a| a.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(at("holding:0x0A00").map(|a| a.address), Ok(2560));
        for text in [
            "holding:65536",
            "holding:-1",
            "holding:",
            "register:5",
            "coil:5.1",
            "holding:5.16",
            "holding:5.x",
            "holding:5.7..4",
            "holding:5.8..16",
            "coil:5.0..3",
        ] {
            assert!(at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_from_manuals_are_refused_with_the_wire_address() {
        for (text, right) in [
            ("40101", "\"holding:100\""),
            ("400101", "\"holding:100\""),
            ("465536", "\"holding:65535\""),
            ("30001", "\"input:0\""),
            ("10008", "\"discrete:7\""),
            ("00006", "\"coil:5\""),
        ] {
            let error = at(text).expect_err("refused");
            assert!(error.contains(right), "{text}: {error}");
        }
        for text in ["100", "20001", "40000", "465537", "4010a", ""] {
            let error = at(text).expect_err("refused");
            assert!(error.contains("holding:N"), "{text}: {error}");
        }
    }

    #[test]
    fn types_are_read_and_shown() {
        for (text, registers) in [
            ("u16", 1),
            ("f32", 2),
            ("i64", 4),
            ("bcd32", 2),
            ("string:9", 5),
            ("string:250", 125),
        ] {
            let kind = Type::try_from(text.to_owned()).expect("a type");
            assert_eq!((kind.registers(), kind.to_string().as_str()), (registers, text));
        }
        for text in ["u8", "string", "string:0", "string:251", "F32"] {
            assert!(Type::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn orders_fit_only_the_widths_they_name() {
        let fits = |order: &str, kind| Order::try_from(order.to_owned()).expect("an order").check_fits(kind);
        for (order, kind) in [
            ("BA", Type::U16),
            ("CDAB", Type::F32),
            ("CDAB", Type::F64),
            ("GHEFCDAB", Type::U64),
            ("BA", Type::Text(8)),
            ("BADC", Type::Text(8)),
            ("upper", Type::Text(8)),
            ("EFGHABCD", Type::I64),
        ] {
            assert_eq!(fits(order, kind), Ok(()), "{order} {kind}");
        }
        for (order, kind) in [
            ("CDAB", Type::U16),
            ("BA", Type::U32),
            ("GHEFCDAB", Type::U32),
            ("BA", Type::U64),
            ("CDAB", Type::Text(8)),
            ("upper", Type::U16),
            ("lower", Type::F64),
        ] {
            assert!(fits(order, kind).is_err(), "{order} {kind}");
        }
        assert!(Order::try_from("ACBD".to_owned()).is_err());
    }
}
