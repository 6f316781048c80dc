//! The points of one equipment as they were last heard, each at a place of its own that never changes.
//!
//! Sources tell the same points in the same order again and again, so the place behind that of the last point is looked at
//! before the name is.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

use super::point::Last;
use crate::record::PointDef;

#[derive(Debug, Default)]
pub struct Known {
    all: Vec<Last>,
    /// The places in the order of the points' names.
    by_name: Vec<u32>,
}

impl Known {
    /// Where a point is, perhaps where it is expected; one that was never heard of is given a place.
    pub fn place(&mut self, def: &Arc<PointDef>, expected: usize) -> usize {
        let is_there = |last: &Last| Arc::ptr_eq(&last.def, def);
        if self.all.get(expected).is_some_and(is_there) {
            return expected;
        }
        let name_at = |place: &u32| &*self.all[*place as usize].def.name;
        match self.by_name.binary_search_by_key(&&*def.name, name_at) {
            Ok(nth) => self.by_name[nth] as usize,
            Err(nth) => {
                let place = u32::try_from(self.all.len()).expect("an equipment has far fewer points");
                self.all.push(Last::unknown(def));
                self.by_name.insert(nth, place);
                place as usize
            }
        }
    }

    /// Before a sample with so many points; most have the same every time.
    pub fn make_room(&mut self, points: usize) {
        let missing = points.saturating_sub(self.all.len());
        self.all.reserve_exact(missing);
        self.by_name.reserve_exact(missing);
    }

    pub fn all(&self) -> &[Last] {
        &self.all
    }

    pub fn all_mut(&mut self) -> &mut [Last] {
        &mut self.all
    }
}

/// Of a place that was given.
impl Index<usize> for Known {
    type Output = Last;

    fn index(&self, place: usize) -> &Last {
        &self.all[place]
    }
}

impl IndexMut<usize> for Known {
    fn index_mut(&mut self, place: usize) -> &mut Last {
        &mut self.all[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn def(name: &str) -> Arc<PointDef> {
        Arc::new(PointDef {
            name: name.into(),
            ..PointDef::default()
        })
    }

    #[test]
    fn a_point_keeps_its_place_wherever_it_is_expected_and_whoever_tells_it() {
        let mut known = Known::default();
        let (a, b) = (def("a"), def("b"));
        assert_eq!([known.place(&a, 0), known.place(&b, 1)], [0, 1]);
        for expected in [0, 1, 2] {
            assert_eq!([known.place(&a, expected), known.place(&b, expected)], [0, 1]);
            assert_eq!(known.place(&def("b"), expected), 1, "another source's");
        }
        assert_eq!(known.all().len(), 2);
    }
}
