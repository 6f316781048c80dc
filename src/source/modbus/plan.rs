//! Which blocks a device is asked for, so that few requests bring all its points.
//!
//! * A point lies wholly in one block: a value is never put together from two answers.
//! * A block never exceeds what the device gives in one request, and starts and ends where the device wants it to.
//! * Points that lie apart are joined over a gap of unread registers if the gap is small enough.
//! * The same points always give the same plan, whatever order they come in.

use std::fmt;

use super::address::Area;

/// A run of registers or bits in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub area: Area,
    pub start: u16,
    pub count: u16,
}

impl Span {
    /// One past the last address; 65536 for a span that reaches the end of the table.
    fn end(self) -> u32 {
        u32::from(self.start) + u32::from(self.count)
    }
}

/// First and last wire address, as in `holding:100..109`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.area.name(), self.start)?;
        if self.count > 1 {
            write!(f, "..{}", self.end() - 1)?;
        }
        Ok(())
    }
}

/// What one device can be asked for at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub max_registers: u16,
    pub max_bits: u16,
    /// Unread registers or bits that are rather read along than asked around.
    pub max_gap: u16,
    /// Registers per step of start and count; bits are never aligned.
    pub align: u16,
}

impl Limits {
    pub fn max_count(self, area: Area) -> u16 {
        if area.has_bits() {
            self.max_bits
        } else {
            self.max_registers
        }
    }

    /// The span as it must be asked for.
    pub fn aligned(self, span: Span) -> Span {
        if span.area.has_bits() {
            return span;
        }
        let start = span.start - span.start % self.align;
        let end = span.end().next_multiple_of(u32::from(self.align));
        spanning(span.area, start, end)
    }

    /// One span over both, if it may be asked for. `next` does not start before `open`.
    fn join(self, open: Span, next: Span) -> Option<Span> {
        let gap = u32::from(next.start).saturating_sub(open.end());
        if open.area != next.area || gap > u32::from(self.max_gap) {
            return None;
        }
        let joined = spanning(open.area, open.start, open.end().max(next.end()));
        (self.aligned(joined).count <= self.max_count(open.area)).then_some(joined)
    }
}

fn spanning(area: Area, start: u16, end: u32) -> Span {
    // Only a span over a whole table of 65536 would not fit; it is cut, and so found to be longer than any limit.
    let count = u16::try_from(end - u32::from(start)).unwrap_or(u16::MAX);
    Span { area, start, count }
}

/// Where a point's value is found among the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub block: usize,
    pub offset: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One request each.
    pub blocks: Vec<Span>,
    /// One for each point, in the order of the points.
    pub places: Vec<Place>,
}

impl Plan {
    /// Joins points from the lowest address up: taking in as many as a block holds needs the fewest blocks.
    pub fn new(points: &[Span], limits: Limits) -> Self {
        let mut upward: Vec<(usize, Span)> = points.iter().copied().enumerate().collect();
        upward.sort_by_key(|&(index, span)| (span, index));

        let mut blocks: Vec<Span> = Vec::new();
        let mut block_of = vec![0; points.len()];
        for (index, span) in upward {
            match blocks
                .last_mut()
                .and_then(|open| limits.join(*open, span).map(|joined| (open, joined)))
            {
                Some((open, joined)) => *open = joined,
                None => blocks.push(span),
            }
            block_of[index] = blocks.len() - 1;
        }

        for block in &mut blocks {
            *block = limits.aligned(*block);
        }
        let places = points
            .iter()
            .zip(block_of)
            .map(|(span, block)| Place {
                block,
                offset: span.start - blocks[block].start,
            })
            .collect();
        Self { blocks, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        max_registers: 125,
        max_bits: 2000,
        max_gap: 8,
        align: 1,
    };

    fn holding(start: u16, count: u16) -> Span {
        Span {
            area: Area::Holding,
            start,
            count,
        }
    }

    fn blocks(points: &[Span], limits: Limits) -> Vec<String> {
        Plan::new(points, limits)
            .blocks
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn neighbours_share_a_request_over_small_gaps_only() {
        assert_eq!(
            blocks(&[holding(10, 2), holding(0, 1), holding(20, 1)], LIMITS),
            ["holding:0", "holding:10..20"]
        );
        assert_eq!(blocks(&[holding(0, 1), holding(9, 1)], LIMITS), ["holding:0..9"]);
        let no_gaps = Limits { max_gap: 0, ..LIMITS };
        assert_eq!(
            blocks(&[holding(0, 1), holding(1, 1), holding(3, 1)], no_gaps),
            ["holding:0..1", "holding:3"]
        );
    }

    #[test]
    fn tables_are_asked_apart() {
        let input = Span {
            area: Area::Input,
            ..holding(0, 1)
        };
        let coil = Span {
            area: Area::Coil,
            ..holding(0, 1)
        };
        assert_eq!(
            blocks(&[input, holding(0, 1), coil], LIMITS),
            ["coil:0", "holding:0", "input:0"]
        );
    }

    #[test]
    fn a_value_is_not_split_at_the_limit_of_a_request() {
        let limits = Limits {
            max_registers: 5,
            ..LIMITS
        };
        let points: Vec<Span> = (0..4).map(|i| holding(i * 2, 2)).collect();
        assert_eq!(blocks(&points, limits), ["holding:0..3", "holding:4..7"]);
    }

    #[test]
    fn aligned_blocks_are_even_up_to_the_last_register() {
        let limits = Limits { align: 2, ..LIMITS };
        assert_eq!(
            blocks(&[holding(65535, 1), holding(3, 2)], limits),
            ["holding:2..5", "holding:65534..65535"]
        );
        assert_eq!(
            Plan::new(&[holding(3, 2)], limits).places,
            [Place { block: 0, offset: 1 }]
        );
    }

    #[test]
    fn values_that_overlap_are_read_once() {
        assert_eq!(
            blocks(&[holding(0, 4), holding(1, 1), holding(2, 4)], LIMITS),
            ["holding:0..5"]
        );
    }

    fn any_span() -> impl Strategy<Value = Span> {
        (0..4_usize, any::<u16>(), 1..5_u16, any::<bool>()).prop_map(|(area, start, width, is_near)| {
            let area = [Area::Coil, Area::Discrete, Area::Holding, Area::Input][area];
            let count = if area.has_bits() { 1 } else { width };
            // Half of the points lie close together, as real ones do.
            let start = if is_near { start % 300 } else { start }.min(u16::MAX - count + 1);
            Span { area, start, count }
        })
    }

    fn any_limits() -> impl Strategy<Value = Limits> {
        (6..=125_u16, 1..=2000_u16, 0..40_u16, 1..=2_u16).prop_map(|(max_registers, max_bits, max_gap, align)| Limits {
            max_registers,
            max_bits,
            max_gap,
            align,
        })
    }

    proptest! {
        #[test]
        fn every_point_lies_in_a_block_that_may_be_asked_for(
            points in prop::collection::vec(any_span(), 0..80),
            limits in any_limits(),
        ) {
            let plan = Plan::new(&points, limits);
            prop_assert_eq!(plan.places.len(), points.len());
            for (point, place) in points.iter().zip(&plan.places) {
                let block = plan.blocks[place.block];
                prop_assert_eq!(block.area, point.area);
                prop_assert_eq!(block.start + place.offset, point.start);
                prop_assert!(place.offset + point.count <= block.count);
            }
            for block in &plan.blocks {
                prop_assert!(block.end() <= 65536);
                prop_assert!((1..=limits.max_count(block.area)).contains(&block.count), "{}", block);
                if !block.area.has_bits() {
                    prop_assert_eq!((block.start % limits.align, block.count % limits.align), (0, 0));
                }
            }
        }

        #[test]
        fn no_gap_in_a_block_is_wider_than_allowed(
            points in prop::collection::vec(any_span(), 1..80),
            limits in any_limits(),
        ) {
            let plan = Plan::new(&points, limits);
            for (index, block) in plan.blocks.iter().enumerate() {
                let mut within: Vec<Span> =
                    points.iter().zip(&plan.places).filter(|(_, place)| place.block == index).map(|(p, _)| *p).collect();
                within.sort();
                let slack = u32::from(limits.align) - 1;
                let mut read_to = u32::from(block.start) + slack;
                for (nth, point) in within.iter().enumerate() {
                    let allowed = if nth == 0 { 0 } else { u32::from(limits.max_gap) };
                    prop_assert!(u32::from(point.start) <= read_to + allowed);
                    read_to = if nth == 0 { point.end() } else { read_to.max(point.end()) };
                }
                prop_assert!(block.end() <= read_to + slack);
            }
        }

        #[test]
        fn the_order_of_the_points_changes_nothing(
            points in prop::collection::vec(any_span(), 1..40),
            limits in any_limits(),
        ) {
            let mut turned = points.clone();
            turned.reverse();
            let (plan, other) = (Plan::new(&points, limits), Plan::new(&turned, limits));
            prop_assert_eq!(&plan.blocks, &other.blocks);
        }
    }
}
