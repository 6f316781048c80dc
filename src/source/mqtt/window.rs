//! Messages under way on one connection: handed on, and not acknowledged yet. Acknowledgements leave in the order in which
//! the messages came, as the protocol demands, however the disk answers.

use std::collections::VecDeque;

#[derive(Debug, Default)]
pub struct Window {
    /// The token of the first slot; tokens count the messages of the connection.
    first: u64,
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    /// Nothing for a message that the broker wants no answer to.
    packet_id: Option<u16>,
    is_settled: bool,
}

impl Window {
    /// The token that the next message will have.
    pub fn next_token(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    pub fn push(&mut self, packet_id: Option<u16>) {
        self.slots.push_back(Slot {
            packet_id,
            is_settled: false,
        });
    }

    /// The message needs nothing more than its acknowledgement.
    pub fn settle(&mut self, token: u64) {
        let nth = token.checked_sub(self.first).and_then(|nth| usize::try_from(nth).ok());
        if let Some(slot) = nth.and_then(|nth| self.slots.get_mut(nth)) {
            slot.is_settled = true;
        }
    }

    /// Takes out what is to be acknowledged now.
    pub fn take_due(&mut self, due: &mut Vec<u16>) {
        while let Some(slot) = self.slots.pop_front_if(|slot| slot.is_settled) {
            self.first += 1;
            due.extend(slot.packet_id);
        }
    }

    /// Whether the broker waits for no answer of ours.
    pub fn is_answered(&self) -> bool {
        self.slots.iter().all(|slot| slot.packet_id.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_leave_in_the_order_of_the_messages() {
        let mut window = Window::default();
        let mut push = |packet_id| {
            let token = window.next_token();
            window.push(packet_id);
            token
        };
        let [a, b, c] = [push(Some(7)), push(None), push(Some(9))];
        assert!(!window.is_answered());
        let mut settle = |token| {
            let mut due = Vec::new();
            window.settle(token);
            window.take_due(&mut due);
            due
        };
        assert_eq!(settle(c), [0_u16; 0]);
        assert_eq!(settle(a), [7]);
        assert_eq!(settle(a), [0_u16; 0], "of what is gone nothing is left");
        assert_eq!(settle(b), [9]);
        assert!(window.is_answered());
        assert_eq!(window.next_token(), 3);
    }
}
