//! How many may look at once, and how many of them one client may have, so that none takes the board away from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::web::access::rate::Client;

const SEATS_MAX: usize = 320;
const SEATS_PER_CLIENT_MAX: usize = SEATS_MAX / 4 * 3;

#[derive(Debug, Clone, Default)]
pub struct Seats(Arc<Mutex<HashMap<Client, usize>>>);

/// Of one viewer; free again when it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    client: Client,
}

impl Seats {
    fn taken(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take(&self, client: &Client) -> Option<Seat> {
        let mut taken = self.taken();
        let own = taken.get(client).copied().unwrap_or_default();
        if own >= SEATS_PER_CLIENT_MAX || taken.values().sum::<usize>() >= SEATS_MAX {
            return None;
        }
        taken.insert(client.clone(), own + 1);
        Some(Seat {
            seats: self.clone(),
            client: client.clone(),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Some(own) = taken.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_leaves_seats_to_others_and_what_is_left_is_free_again() {
        let seats = Seats::default();
        let (greedy, other) = (Client::Named("greedy".to_owned()), Client::Named("other".to_owned()));
        let taken: Vec<Seat> = std::iter::from_fn(|| seats.take(&greedy)).collect();
        assert_eq!(taken.len(), SEATS_PER_CLIENT_MAX);
        let others: Vec<Seat> = std::iter::from_fn(|| seats.take(&other)).collect();
        assert_eq!(others.len(), SEATS_MAX - SEATS_PER_CLIENT_MAX);
        drop(taken);
        assert!(seats.take(&greedy).is_some());
        drop(others);
        assert!(seats.taken().is_empty());
    }
}
