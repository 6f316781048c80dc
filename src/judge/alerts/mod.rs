//! Who is told of what judges find, how often, and until when. Pure: the caller says what time it is, keeps the
//! episodes as states, and encodes what is to be told.
//!
//! * One trouble, told by its key, is one alert from its begin to its end. What is found again while it lasts is counted.
//! * A trouble has ended when it stayed away for `clear_after`; one that comes back before that has never ended.
//! * A moment (`Change::Once`) is told and over. The same moment again within `repeat_after` is only counted.
//! * What nobody acknowledges is told again, and with time more severely. What grows more severe after it was
//!   acknowledged wants to be acknowledged again.
//! * Ids follow from the key, the begin and how often it was told, so that whatever a crash made us judge twice is
//!   recognised as one.

mod book;
mod episode;
#[cfg(test)]
mod tests;

use chrono::TimeDelta;

pub use book::{AcknowledgeError, Book, News, Telling};
pub use episode::{Acknowledgement, Episode};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What is not acknowledged is told again after this time; the same moment again is not news before it.
    pub repeat_after: TimeDelta,
    /// What is not acknowledged for this long is one step more severe.
    pub escalate_after: Option<TimeDelta>,
    /// A trouble has ended when it stayed away for this long.
    pub clear_after: TimeDelta,
    /// What nobody says anything of for this long is taken for over.
    pub expire_after: TimeDelta,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            repeat_after: TimeDelta::minutes(15),
            escalate_after: None,
            clear_after: TimeDelta::seconds(10),
            expire_after: TimeDelta::hours(24),
        }
    }
}
