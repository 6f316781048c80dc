//! Whether two expressions fit one code: their automata are walked side by side, the shortest codes first.
//!
//! Within bounds: of expressions that need more than these, nothing is said.

use std::collections::{HashSet, VecDeque};

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::{Anchored, Input, MatchKind};

const AUTOMATON_BYTES_MAX: usize = 4 << 20;
/// Pairs of states that are looked at.
const PAIRS_MAX: usize = 20_000;

/// The codes that an expression fits as a whole.
pub struct Codes(dense::DFA<Vec<u32>>);

impl Codes {
    /// Nothing where the expression needs too large an automaton.
    pub fn of(expression: &str) -> Option<Self> {
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .dfa_size_limit(Some(AUTOMATON_BYTES_MAX))
            .determinize_size_limit(Some(AUTOMATON_BYTES_MAX));
        dense::Builder::new().configure(config).build(expression).ok().map(Self)
    }

    fn start(&self) -> Option<StateID> {
        let nothing_read = Input::new("").anchored(Anchored::Yes);
        self.0.start_state_forward(&nothing_read).ok()
    }

    fn next(&self, state: StateID, byte: u8) -> Option<StateID> {
        let next = self.0.next_state(state, byte);
        (!self.0.is_dead_state(next) && !self.0.is_quit_state(next)).then_some(next)
    }

    fn ends_in(&self, state: StateID) -> bool {
        self.0.is_match_state(self.0.next_eoi_state(state))
    }

    /// A shortest code that both fit, if there is one.
    pub fn shortest_common(&self, other: &Self) -> Option<String> {
        let begin = (self.start()?, other.start()?);
        let mut seen = HashSet::from([begin]);
        let mut open = VecDeque::from([(begin, Vec::new())]);
        while let Some(((a, b), code)) = open.pop_front() {
            if !code.is_empty() && self.ends_in(a) && other.ends_in(b) {
                return String::from_utf8(code).ok();
            }
            for byte in bytes() {
                let (Some(a), Some(b)) = (self.next(a, byte), other.next(b, byte)) else {
                    continue;
                };
                if seen.insert((a, b)) {
                    open.push_back(((a, b), [code.as_slice(), &[byte]].concat()));
                }
            }
            if seen.len() > PAIRS_MAX {
                return None;
            }
        }
        None
    }
}

/// What codes are made of, the usual first; never control characters.
fn bytes() -> impl Iterator<Item = u8> {
    let usual = (b'0'..=b'9').chain(b'A'..=b'Z');
    usual
        .chain(b' '..=b'/')
        .chain(b':'..=b'@')
        .chain(b'['..=b'~')
        .chain(0x80..=0xF4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(one: &str, other: &str) -> Option<String> {
        let codes = |expression: &str| Codes::of(&format!("^(?:{expression})$")).expect("a small expression");
        let found = codes(one).shortest_common(&codes(other));
        for expression in [one, other] {
            let whole = regex::Regex::new(&format!("^(?:{expression})$")).expect("an expression");
            assert!(found.as_ref().is_none_or(|code| whole.is_match(code)), "{found:?}");
        }
        found
    }

    #[test]
    fn a_code_that_both_fit_is_shown() {
        for (one, other, code) in [
            (r"^M(?<id>\d+)$", r"^(?<id>M\d{8})$", "M00000000"),
            (r"^(?<id>\d{14})$", r"^(?<id>\d+)$", "00000000000000"),
            (r"^(?<id>A|B)$", r"^(?<id>B|C)$", "B"),
            (r"^(?<id>工单.*)$", r"^(?<id>工.+)$", "工单"),
            (r"^(?<id>.*)$", r"^(?<id>.*)$", "0"),
        ] {
            assert_eq!(common(one, other).as_deref(), Some(code), "{one} {other}");
        }
    }

    #[test]
    fn codes_that_differ_somewhere_are_no_overlap() {
        for (one, other) in [
            (r"^M(?<id>\d+)$", r"^N(?<id>\d+)$"),
            (r"^(?<id>\d{14})$", r"^(?<id>\d{13})$"),
            (r"^(?<id>MO\d{8})$", r"^(?<id>MO\d{8})-(?<sequence>\d+)$"),
        ] {
            assert_eq!(common(one, other), None, "{one} {other}");
        }
    }

    #[test]
    fn an_expression_that_is_too_large_is_passed_over() {
        assert!(Codes::of(r"^(?:(?:\w{100}){100})$").is_none());
    }
}
