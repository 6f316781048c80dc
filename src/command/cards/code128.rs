//! Code 128: widths of bars and spaces in turn. Sets B and C are enough for the codes of stations: all printable ASCII, and
//! digits in pairs where that is shorter.

/// Widths of each character: three bars and three spaces, eleven modules; the last row is the end, with a bar more.
const PATTERNS: &str = "\
    212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 \
    123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 \
    131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 \
    213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 \
    141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 \
    124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 \
    411131 211412 211214 211232 2331112";
const TO_C: u8 = 99;
const TO_B: u8 = 100;
const START_B: u8 = 104;
const START_C: u8 = 105;
const STOP: u8 = 106;
/// Changing sets costs a character each way: fewer digits than this are not worth it.
const DIGITS_WORTH_PAIRING: usize = 6;

/// The widths of the symbol, a bar first; nothing for what is not printable ASCII.
pub fn widths(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return None;
    }
    let mut values = values(text.as_bytes());
    let check = values
        .iter()
        .enumerate()
        .map(|(place, value)| place.max(1) * usize::from(*value))
        .sum::<usize>()
        % 103;
    values.extend([u8::try_from(check).expect("less than 103"), STOP]);
    let patterns: Vec<&str> = PATTERNS.split_ascii_whitespace().collect();
    let widths = values.iter().flat_map(|value| patterns[usize::from(*value)].bytes());
    Some(widths.map(|digit| digit - b'0').collect())
}

fn values(text: &[u8]) -> Vec<u8> {
    let is_pairs = |rest: &[u8]| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        digits >= DIGITS_WORTH_PAIRING || digits == rest.len() && digits >= 4
    };
    let mut in_pairs = is_pairs(text);
    let mut values = vec![if in_pairs { START_C } else { START_B }];
    let mut rest = text;
    while let [first, more @ ..] = rest {
        match rest {
            [tens, ones, behind @ ..] if in_pairs && tens.is_ascii_digit() && ones.is_ascii_digit() => {
                values.push((tens - b'0') * 10 + (ones - b'0'));
                rest = behind;
            }
            _ if in_pairs => {
                values.push(TO_B);
                in_pairs = false;
            }
            // An odd digit goes before the pairs.
            _ if is_pairs(rest) && rest.iter().take_while(|b| b.is_ascii_digit()).count() % 2 == 0 => {
                values.push(TO_C);
                in_pairs = true;
            }
            _ => {
                values.push(first - b' ');
                rest = more;
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_a_pattern_of_its_own() {
        let patterns: Vec<&str> = PATTERNS.split_ascii_whitespace().collect();
        assert_eq!(patterns.len(), 107);
        let modules = |pattern: &str| pattern.bytes().map(|digit| u32::from(digit - b'0')).sum::<u32>();
        assert!(patterns[..106].iter().all(|pattern| modules(pattern) == 11));
        assert_eq!(modules(patterns[106]), 13);
        let different: std::collections::HashSet<&str> = patterns.iter().copied().collect();
        assert_eq!(different.len(), 107);
    }

    #[test]
    fn digits_are_paired_where_that_is_shorter() {
        assert_eq!(values(b"QTY-12"), [104, 49, 52, 57, 13, 17, 18]);
        assert_eq!(values(b"202601"), [105, 20, 26, 1]);
        assert_eq!(values(b"W1234567"), [104, 55, 17, 99, 23, 45, 67]);
        assert_eq!(values(b"12345678A"), [105, 12, 34, 56, 78, 100, 33]);
        assert_eq!(widths("工单"), None);
        assert_eq!(widths(""), None);
    }
}
