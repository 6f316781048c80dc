//! What a device answers instead of values, and what is done about it.

use std::fmt;
use std::time::Duration;

/// The code of an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception(pub u8);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The device has no time: ask again in a moment.
    Wait,
    /// Something in the block is not there, or the block is too long: find out what.
    Bisect,
    /// The device will never give this table.
    GiveUp,
    /// It may work at the next poll.
    NextPoll,
    /// A gateway speaks in place of a device that it does not reach.
    Unreached(&'static str),
}

impl Exception {
    pub const ILLEGAL_ADDRESS: Self = Self(2);
    pub const ILLEGAL_VALUE: Self = Self(3);

    /// Whether the unit itself spoke, and not a gateway in its place.
    pub fn is_from_device(self) -> bool {
        !matches!(self.remedy(), Remedy::Unreached(_))
    }

    /// Whether what it answers may be carried out all the same.
    pub fn may_be_done(self) -> bool {
        matches!(self.0, 5 | 0x0B)
    }

    /// Whether it may be the gateway in front of the devices that has trouble; then all of them are asked more slowly.
    pub fn is_of_gateway(self) -> bool {
        matches!(self.0, 8 | 0x0A)
    }

    pub fn remedy(self) -> Remedy {
        match self.0 {
            1 => Remedy::GiveUp,
            2 | 3 => Remedy::Bisect,
            6 => Remedy::Wait,
            0x0A => Remedy::Unreached("gateway path unavailable (0A)"),
            0x0B => Remedy::Unreached("no answer behind the gateway (0B)"),
            _ => Remedy::NextPoll,
        }
    }
}

/// How long a busy device is given before it is asked the same again, having been waited for so often; in the end no more.
pub fn busy_wait(waits_before: u32) -> Option<Duration> {
    const FIRST: Duration = Duration::from_millis(100);
    const WAITS_MAX: u32 = 3;
    (waits_before < WAITS_MAX).then(|| FIRST * (1 << waits_before))
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.0 {
            1 => "illegal function",
            2 => "illegal data address",
            3 => "illegal data value",
            4 => "device failure",
            5 => "accepted, no answer yet",
            6 => "device busy",
            8 => "memory parity error",
            0x0A => "gateway path unavailable",
            0x0B => "no answer behind the gateway",
            _ => "exception",
        };
        write!(f, "{meaning} ({:02X})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_say_what_to_do_next() {
        for (code, remedy, text) in [
            (1, Remedy::GiveUp, "illegal function (01)"),
            (2, Remedy::Bisect, "illegal data address (02)"),
            (4, Remedy::NextPoll, "device failure (04)"),
            (6, Remedy::Wait, "device busy (06)"),
            (0x41, Remedy::NextPoll, "exception (41)"),
        ] {
            assert_eq!(
                (Exception(code).remedy(), Exception(code).to_string().as_str()),
                (remedy, text)
            );
        }
        assert!(matches!(Exception(0x0B).remedy(), Remedy::Unreached(_)));
        assert!(Exception(0x0B).may_be_done() && !Exception(2).may_be_done());
    }
}
