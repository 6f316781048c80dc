//! Messages whose sender gives them an id are kept once: a broker that delivers again after a reconnect, or after our own
//! restart, is recognised by what the latest records on disk say.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

use crate::buffer::{BatchLimit, Buffer};
use crate::record::{Lane, Record, Seq};

/// Ids remembered: far more than any broker has in flight.
const REMEMBERED_MAX: usize = 16_384;

#[derive(Debug, Default)]
pub struct Repeats {
    known: HashSet<Uuid>,
    order: VecDeque<Uuid>,
}

impl Repeats {
    /// Whether this id is new; it is remembered from now on.
    pub fn is_first(&mut self, id: Uuid) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// What was refused may come again.
    pub fn forget(&mut self, id: &Uuid) {
        // It is among the latest.
        if self.known.remove(id)
            && let Some(place) = self.order.iter().rposition(|one| one == id)
        {
            self.order.remove(place);
        }
    }

    /// The ids of the latest telemetry on disk.
    pub async fn load(buffer: &Buffer) -> Self {
        let buffer = buffer.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut repeats = Self::default();
            let end = buffer.tails().borrow().telemetry;
            let mut from = end
                .saturating_sub(REMEMBERED_MAX as Seq)
                .max(buffer.first(Lane::Telemetry));
            let limit = BatchLimit {
                records: 1000,
                bytes: 1 << 20,
            };
            while from < end {
                match buffer.read(Lane::Telemetry, from, end, limit, |_| true) {
                    Ok(batch) => {
                        let ids = batch
                            .entries
                            .iter()
                            .filter_map(|entry| Record::message_id(&entry.json)?.parse().ok());
                        ids.for_each(|id| {
                            repeats.is_first(id);
                        });
                        from = batch.next.max(from + 1);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "earlier messages could not be read back; repeats among them may be kept twice");
                        break;
                    }
                }
            }
            repeats
        });
        read.await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_first_once_and_the_oldest_are_forgotten() {
        let mut repeats = Repeats::default();
        let oldest = Uuid::from_u128(0);
        assert!(repeats.is_first(oldest));
        assert!(!repeats.is_first(oldest));
        for id in 1..=REMEMBERED_MAX as u128 {
            assert!(repeats.is_first(Uuid::from_u128(id)));
        }
        assert!(repeats.is_first(oldest), "forgotten after so many others");
        assert_eq!(repeats.known.len(), repeats.order.len());
        repeats.forget(&oldest);
        assert!(repeats.is_first(oldest), "what was refused is new again");
        assert_eq!(repeats.known.len(), repeats.order.len());
    }
}
