//! Who is connected. When there is no room for one more, the connection that has waited longest for nothing gives way: of
//! its own address when that has too many, or else of the address that has most. One that is being answered never does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub struct Crowd {
    max: usize,
    per_address_max: usize,
    guests: Mutex<Guests>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Guests {
    next_id: u64,
    by_id: HashMap<u64, Guest>,
}

#[derive(Debug)]
struct Guest {
    address: IpAddr,
    /// Since when nothing is being answered.
    idle_since: Option<Instant>,
    leave: CancellationToken,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// Everyone is being answered.
    Full,
    /// All that this address may have are being answered.
    Crowded,
}

impl Crowd {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            per_address_max: (max - max / 4).max(1),
            guests: Mutex::default(),
            left: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, NoRoom> {
        let mut guests = self.lock();
        let mut by_address: HashMap<IpAddr, usize> = HashMap::new();
        for guest in guests.by_id.values() {
            *by_address.entry(guest.address).or_default() += 1;
        }
        if by_address
            .get(&address)
            .is_some_and(|&count| count >= self.per_address_max)
        {
            guests
                .send_away(|guest| guest.address == address)
                .ok_or(self.without_room_of_its_own())?;
        } else if guests.by_id.len() >= self.max {
            let has_idle = |address: &IpAddr| {
                guests
                    .by_id
                    .values()
                    .any(|g| g.address == *address && g.idle_since.is_some())
            };
            let candidates = by_address.into_iter().filter(|(address, _)| has_idle(address));
            let (largest, _) = candidates.max_by_key(|(_, count)| *count).ok_or(NoRoom::Full)?;
            guests.send_away(|guest| guest.address == largest).ok_or(NoRoom::Full)?;
        }
        let id = guests.next_id;
        guests.next_id += 1;
        let leave = CancellationToken::new();
        let guest = Guest {
            address,
            idle_since: Some(Instant::now()),
            leave: leave.clone(),
        };
        guests.by_id.insert(id, guest);
        let crowd = Arc::clone(self);
        Ok(Place { crowd, id, leave })
    }

    /// Where there is room for a few only, all of it is for whoever comes.
    fn without_room_of_its_own(&self) -> NoRoom {
        if self.per_address_max < self.max {
            NoRoom::Crowded
        } else {
            NoRoom::Full
        }
    }

    /// Someone has gone, or has been answered.
    pub async fn changed(&self) {
        self.left.notified().await;
    }
}

impl Guests {
    fn send_away(&mut self, is_meant: impl Fn(&Guest) -> bool) -> Option<()> {
        let idle = self.by_id.iter().filter(|(_, guest)| is_meant(guest));
        let idle = idle.filter_map(|(id, guest)| Some((*id, guest.idle_since?)));
        let (id, _) = idle.min_by_key(|(_, since)| *since)?;
        self.by_id.remove(&id)?.leave.cancel();
        Some(())
    }
}

/// The place of one connection, given back when dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    id: u64,
    leave: CancellationToken,
}

impl Place {
    /// Resolves when the connection has to give way.
    pub fn must_leave(&self) -> CancellationToken {
        self.leave.clone()
    }

    /// While this is held, a request is being answered.
    pub fn answering(self: &Arc<Self>) -> Answering {
        self.set_idle(None);
        Answering(Arc::clone(self))
    }

    fn set_idle(&self, since: Option<Instant>) {
        if let Some(guest) = self.crowd.lock().by_id.get_mut(&self.id) {
            guest.idle_since = since;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.lock().by_id.remove(&self.id);
        self.crowd.left.notify_one();
    }
}

#[derive(Debug)]
pub struct Answering(Arc<Place>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.set_idle(Some(Instant::now()));
        self.0.crowd.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_longest_idle_of_the_largest_address_gives_way() {
        let crowd = Crowd::new(4);
        let many: Vec<_> = (0..3).map(|_| crowd.admit(address(1)).expect("room")).collect();
        let one = crowd.admit(address(2)).expect("room");
        let another = crowd.admit(address(3)).expect("room is made");
        let left: Vec<bool> = many.iter().map(|place| place.must_leave().is_cancelled()).collect();
        assert_eq!(left, [true, false, false]);
        assert!(!one.must_leave().is_cancelled() && !another.must_leave().is_cancelled());
    }

    #[test]
    fn an_address_with_too_many_pushes_out_its_own_only() {
        let crowd = Crowd::new(4);
        let one = crowd.admit(address(2)).expect("room");
        let many: Vec<_> = (0..10)
            .map(|_| crowd.admit(address(1)).expect("room is made"))
            .collect();
        assert!(!one.must_leave().is_cancelled());
        assert_eq!(
            many.iter().filter(|place| !place.must_leave().is_cancelled()).count(),
            3
        );
    }

    #[test]
    fn who_is_being_answered_stays() {
        let crowd = Crowd::new(2);
        let busy = Arc::new(crowd.admit(address(1)).expect("room"));
        let answering = busy.answering();
        let also_busy = Arc::new(crowd.admit(address(2)).expect("room"));
        let also_answering = also_busy.answering();
        assert_eq!(crowd.admit(address(3)).map(|_| ()), Err(NoRoom::Full));
        drop(answering);
        assert!(crowd.admit(address(3)).is_ok());
        assert!(busy.must_leave().is_cancelled());
        drop(also_answering);
    }
}
