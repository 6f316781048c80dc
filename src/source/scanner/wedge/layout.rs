//! Which character a key gives on the keyboard that a scanner plays. It is a setting of the scanner, and of nothing else on
//! this machine.

use serde::Deserialize;

/// Scan codes of the keys that give characters, row by row, as all layouts below list them.
const KEYS: [std::ops::RangeInclusive<u16>; 6] = [2..=13, 16..=27, 30..=41, 43..=43, 44..=53, 86..=86];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    #[default]
    Us,
    Gb,
    De,
    Fr,
    Es,
    It,
}

/// What the keys give alone, with Shift and with `AltGr` (a space: nothing), and which of these are dead: a space that
/// follows them belongs to them.
struct Rows {
    plain: &'static str,
    shift: &'static str,
    alt_gr: &'static str,
    dead: &'static str,
}

const US: Rows = Rows {
    plain: r"1234567890-=qwertyuiop[]asdfghjkl;'`\zxcvbnm,./<",
    shift: r#"!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>?>"#,
    alt_gr: "",
    dead: "",
};
const GB: Rows = Rows {
    plain: r"1234567890-=qwertyuiop[]asdfghjkl;'`#zxcvbnm,./\",
    shift: r#"!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@¬~ZXCVBNM<>?|"#,
    alt_gr: "   €",
    dead: "",
};
const DE: Rows = Rows {
    plain: "1234567890ß´qwertzuiopü+asdfghjklöä^#yxcvbnm,.-<",
    shift: "!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ°'YXCVBNM;:_>",
    alt_gr: r" ²³   {[]}\ @ €        ~                   µ   |",
    dead: "^´`",
};
const FR: Rows = Rows {
    plain: "&é\"'(-è_çà)=azertyuiop^$qsdfghjklmù²*wxcvbn,;:!<",
    shift: "1234567890°+AZERTYUIOP¨£QSDFGHJKLM% µWXCVBN?./§>",
    alt_gr: r" ~#{[|`\^@]}  €        ¤",
    dead: "^¨~`",
};
const ES: Rows = Rows {
    plain: "1234567890'¡qwertyuiop`+asdfghjklñ´ºçzxcvbnm,.-<",
    shift: "!\"·$%&/()=?¿QWERTYUIOP^*ASDFGHJKLÑ¨ªÇZXCVBNM;:_>",
    alt_gr: r"|@#~€¬        €       []          {\}",
    dead: "`^´¨~",
};
const IT: Rows = Rows {
    plain: r"1234567890'ìqwertyuiopè+asdfghjklòà\ùzxcvbnm,.-<",
    shift: "!\"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°|§ZXCVBNM;:_>",
    alt_gr: "              €       []         @#",
    dead: "",
};

/// What a key gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter {
    pub character: char,
    pub is_dead: bool,
}

impl Layout {
    fn rows(self) -> &'static Rows {
        match self {
            Self::Us => &US,
            Self::Gb => &GB,
            Self::De => &DE,
            Self::Fr => &FR,
            Self::Es => &ES,
            Self::It => &IT,
        }
    }

    pub fn letter(self, key: u16, is_shifted: bool, is_alt_gr: bool) -> Option<Letter> {
        let rows = self.rows();
        let row = match (is_alt_gr, is_shifted) {
            // What these give together no two systems agree on.
            (true, true) => return None,
            (true, false) => rows.alt_gr,
            (false, true) => rows.shift,
            (false, false) => rows.plain,
        };
        let place = KEYS.iter().cloned().flatten().position(|known| known == key)?;
        let character = row.chars().nth(place).filter(|character| *character != ' ')?;
        Some(Letter {
            character,
            is_dead: rows.dead.contains(character),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_place_for_every_key() {
        let keys = KEYS.iter().cloned().flatten().count();
        for layout in [Layout::Us, Layout::Gb, Layout::De, Layout::Fr, Layout::Es, Layout::It] {
            let rows = layout.rows();
            assert_eq!(rows.plain.chars().count(), keys, "{layout:?}");
            assert_eq!(rows.shift.chars().count(), keys, "{layout:?}");
            assert!(rows.alt_gr.chars().count() <= keys, "{layout:?}");
            for wanted in 'A'..='Z' {
                assert!(rows.shift.contains(wanted), "{layout:?} {wanted}");
            }
            for wanted in "0123456789-.]".chars() {
                let is_there = [rows.plain, rows.shift, rows.alt_gr]
                    .iter()
                    .any(|row| row.contains(wanted));
                assert!(is_there, "{layout:?} {wanted}");
            }
        }
    }

    #[test]
    fn layouts_differ_where_they_do() {
        let character = |layout: Layout, key, shift, alt_gr| layout.letter(key, shift, alt_gr).map(|l| l.character);
        assert_eq!(character(Layout::Us, 27, false, false), Some(']'));
        assert_eq!(character(Layout::De, 10, false, true), Some(']'));
        assert_eq!(character(Layout::De, 21, false, false), Some('z'));
        assert_eq!(character(Layout::De, 53, false, false), Some('-'));
        assert_eq!(character(Layout::De, 27, false, true), Some('~'));
        assert_eq!(character(Layout::De, 86, false, true), Some('|'));
        assert_eq!(character(Layout::Fr, 2, true, false), Some('1'));
        assert_eq!(character(Layout::Fr, 12, false, true), Some(']'));
        assert_eq!(character(Layout::Es, 27, false, true), Some(']'));
        assert_eq!(character(Layout::It, 26, false, true), Some('['));
        assert_eq!(character(Layout::Us, 16, false, true), None);
    }
}
