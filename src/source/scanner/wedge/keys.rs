//! From key presses to bytes. What counts is the press, in the order of the presses; repeats by holding a key do not.
//!
//! * Modifiers are followed here: Shift and Caps Lock, `AltGr`, Ctrl for control characters (Ctrl+] is the separator GS).
//! * Alt with keypad digits is one byte (or two, above 255), complete when Alt is let go. The digits may still be down
//!   then, and some scanners send all of it in one report.
//! * A key that gives nothing inside a code spoils the code: half a code is never taken for a whole one.

use std::collections::HashMap;

use super::layout::Layout;

const TAB: u16 = 15;
const ENTER: u16 = 28;
const SPACE: u16 = 57;
const KEYPAD_ENTER: u16 = 96;
const CAPS_LOCK: u16 = 58;
const LOCKS: [u16; 2] = [69, 70];
const SHIFTS: [u16; 2] = [42, 54];
const CTRLS: [u16; 2] = [29, 97];
const ALT: u16 = 56;
const ALT_GR: u16 = 100;
/// Keys of the keypad with what they give.
const KEYPAD: [(u16, u8); 15] = [
    (82, b'0'),
    (79, b'1'),
    (80, b'2'),
    (81, b'3'),
    (75, b'4'),
    (76, b'5'),
    (77, b'6'),
    (71, b'7'),
    (72, b'8'),
    (73, b'9'),
    (83, b'.'),
    (74, b'-'),
    (78, b'+'),
    (55, b'*'),
    (98, b'/'),
];

/// What one event of the keyboard means.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    Nothing,
    Bytes(Vec<u8>),
    /// Something that can't be read: the open code is not whole any more.
    Unreadable,
}

#[derive(Debug, Default)]
pub struct Keys {
    layout: Layout,
    /// What keys mean that scanners use for control characters.
    own: HashMap<u16, String>,
    shifts: u32,
    ctrls: u32,
    is_alt_gr: bool,
    has_caps_lock: bool,
    /// Digits typed while Alt is held.
    alt_code: Option<Vec<u8>>,
    after_dead: bool,
}

impl Keys {
    pub fn new(layout: Layout, own: &[(u16, String)]) -> Self {
        Self {
            layout,
            own: own.iter().cloned().collect(),
            ..Self::default()
        }
    }

    /// The kernel lost events: what is held is not known any more. Scanners that make use of Caps Lock switch it on for a code
    /// and off again, so between codes it is off.
    pub fn forget_modifiers(&mut self) {
        self.has_caps_lock = false;
        self.shifts = 0;
        self.ctrls = 0;
        self.is_alt_gr = false;
        self.alt_code = None;
        self.after_dead = false;
    }

    /// Takes a key event: 1 is a press, 0 a release, 2 a repeat.
    pub fn take(&mut self, key: u16, value: i32) -> Typed {
        match value {
            1 => self.press(key),
            0 => self.release(key),
            _ => Typed::Nothing,
        }
    }

    fn press(&mut self, key: u16) -> Typed {
        let after_dead = std::mem::take(&mut self.after_dead);
        if let Some(text) = self.own.get(&key) {
            return Typed::Bytes(text.clone().into_bytes());
        }
        let keypad = KEYPAD.iter().find(|row| row.0 == key).map(|row| row.1);
        match key {
            ALT => self.alt_code = Some(Vec::new()),
            ALT_GR => self.is_alt_gr = true,
            CAPS_LOCK => self.has_caps_lock = !self.has_caps_lock,
            _ if SHIFTS.contains(&key) => self.shifts += 1,
            _ if CTRLS.contains(&key) => self.ctrls += 1,
            _ if LOCKS.contains(&key) => {}
            _ => {
                return match (&mut self.alt_code, keypad) {
                    (Some(code), Some(digit @ b'0'..=b'9')) => {
                        code.push(digit);
                        Typed::Nothing
                    }
                    (Some(_), _) => Typed::Unreadable,
                    (None, Some(byte)) => Typed::Bytes(vec![byte]),
                    (None, None) if key == SPACE && after_dead => Typed::Nothing,
                    (None, None) => self.character(key, after_dead),
                };
            }
        }
        Typed::Nothing
    }

    fn release(&mut self, key: u16) -> Typed {
        match key {
            ALT => return self.alt_code.take().map_or(Typed::Nothing, |digits| alt_code(&digits)),
            ALT_GR => self.is_alt_gr = false,
            _ if SHIFTS.contains(&key) => self.shifts = self.shifts.saturating_sub(1),
            _ if CTRLS.contains(&key) => self.ctrls = self.ctrls.saturating_sub(1),
            _ => {}
        }
        Typed::Nothing
    }

    fn character(&mut self, key: u16, after_dead: bool) -> Typed {
        match key {
            ENTER | KEYPAD_ENTER => return Typed::Bytes(b"\r".to_vec()),
            TAB => return Typed::Bytes(b"\t".to_vec()),
            SPACE => return Typed::Bytes(b" ".to_vec()),
            _ => {}
        }
        let is_shifted = self.shifts > 0;
        let Some(letter) = self.layout.letter(key, is_shifted, self.is_alt_gr) else {
            return Typed::Unreadable;
        };
        let mut character = letter.character;
        if self.has_caps_lock && character.is_alphabetic() {
            character = match self.layout.letter(key, !is_shifted, false) {
                Some(other) if other.character.is_alphabetic() && !self.is_alt_gr => other.character,
                _ => character,
            };
        }
        // The accent is out already, and belongs to this letter.
        if after_dead && character.is_alphabetic() {
            return Typed::Unreadable;
        }
        if self.ctrls > 0 {
            return match u8::try_from(character.to_ascii_uppercase()) {
                Ok(byte @ b'@'..=b'_') => Typed::Bytes(vec![byte & 0x1F]),
                _ => Typed::Unreadable,
            };
        }
        self.after_dead = letter.is_dead;
        Typed::Bytes(character.to_string().into_bytes())
    }
}

/// Up to 255 it is a byte, as scanners send texts that are no UTF-8; above, the two bytes of a Chinese character.
fn alt_code(digits: &[u8]) -> Typed {
    let number: Option<u16> = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    match number.map(u16::to_be_bytes) {
        None if digits.is_empty() => Typed::Nothing,
        Some([0, byte]) => Typed::Bytes(vec![byte]),
        Some(bytes) => Typed::Bytes(bytes.to_vec()),
        None => Typed::Unreadable,
    }
}
