//! Which blocks a device is asked for, so that few requests bring all its points.
//!
//! * A point lies wholly in one block: a value is never put together from two answers.
//! * A block never exceeds what the device gives in one request, and starts and ends where the device wants it to.
//! * Points that lie apart are joined over a gap of unread registers if the gap is small enough, and nothing is known
//!   against it.
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
    pub fn end(self) -> u32 {
        u32::from(self.start) + u32::from(self.count)
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.area == other.area && u32::from(self.start) < other.end() && u32::from(other.start) < self.end()
    }

    /// Whether all of the other lies within.
    pub fn holds(self, other: Self) -> bool {
        self.area == other.area && self.start <= other.start && other.end() <= self.end()
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

/// One request, and the points that its answer brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub span: Span,
    /// By their places in the list of spans that was planned for, from the lowest address up.
    pub points: Vec<usize>,
}

impl Block {
    fn over(points: &[usize], spans: &[Span], limits: Limits) -> Option<Self> {
        let reach = points.iter().filter_map(|&p| spans.get(p).copied());
        let span = reach.reduce(|a, b| spanning(a.area, a.start.min(b.start), a.end().max(b.end())))?;
        Some(Self {
            span: limits.aligned(span),
            points: points.to_vec(),
        })
    }

    /// Its points in two requests, if it has more than one.
    pub fn halves(&self, spans: &[Span], limits: Limits) -> Option<[Self; 2]> {
        let (low, high) = self.points.split_at(self.points.len() / 2);
        Some([Self::over(low, spans, limits)?, Self::over(high, spans, limits)?])
    }
}

/// The fewest requests that bring these points, each told by its index in `spans`. Points are joined from the lowest
/// address up, for taking in as many as a block holds needs the fewest blocks.
pub fn blocks(
    points: impl Iterator<Item = usize>,
    spans: &[Span],
    limits: Limits,
    may_join: impl Fn(Span) -> bool,
) -> Vec<Block> {
    let mut upward: Vec<(Span, usize)> = points.filter_map(|p| Some((*spans.get(p)?, p))).collect();
    upward.sort_unstable();

    let mut blocks: Vec<Block> = Vec::new();
    for (span, point) in upward {
        if let Some(open) = blocks.last_mut()
            && let Some(joined) = limits.join(open.span, span)
            && may_join(joined)
        {
            open.span = joined;
            open.points.push(point);
        } else {
            let points = vec![point];
            blocks.push(Block { span, points });
        }
    }
    for block in &mut blocks {
        block.span = limits.aligned(block.span);
    }
    blocks
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

    fn plan(points: &[Span], limits: Limits) -> Vec<Block> {
        super::blocks(0..points.len(), points, limits, |_| true)
    }

    fn blocks(points: &[Span], limits: Limits) -> Vec<String> {
        plan(points, limits)
            .iter()
            .map(|block| block.span.to_string())
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
    }

    #[test]
    fn values_that_overlap_are_read_once() {
        assert_eq!(
            blocks(&[holding(0, 4), holding(1, 1), holding(2, 4)], LIMITS),
            ["holding:0..5"]
        );
    }

    #[test]
    fn nothing_is_read_over_a_hole() {
        let points = [holding(0, 1), holding(1, 1), holding(3, 1), holding(4, 1)];
        let spared = super::blocks([0, 1, 3].into_iter(), &points, LIMITS, |joined| {
            !joined.overlaps(points[2])
        });
        let spared: Vec<String> = spared.iter().map(|block| block.span.to_string()).collect();
        assert_eq!(spared, ["holding:0..1", "holding:4"]);
    }

    #[test]
    fn a_block_is_halved_between_its_points() {
        let points = [holding(0, 2), holding(2, 2), holding(9, 1)];
        let [low, high] = plan(&points, LIMITS)[0].halves(&points, LIMITS).expect("two halves");
        assert_eq!((low.span, low.points.as_slice()), (holding(0, 2), [0].as_slice()));
        assert_eq!((high.span, high.points.as_slice()), (holding(2, 8), [1, 2].as_slice()));
        assert_eq!(low.halves(&points, LIMITS), None);
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
            let plan = plan(&points, limits);
            let mut planned: Vec<usize> = plan.iter().flat_map(|block| block.points.clone()).collect();
            planned.sort_unstable();
            prop_assert!(planned.into_iter().eq(0..points.len()), "each point once");
            for block in &plan {
                for &point in &block.points {
                    prop_assert!(block.span.holds(points[point]));
                }
                prop_assert!(block.span.end() <= 65536);
                prop_assert!((1..=limits.max_count(block.span.area)).contains(&block.span.count), "{}", block.span);
                if !block.span.area.has_bits() {
                    prop_assert_eq!((block.span.start % limits.align, block.span.count % limits.align), (0, 0));
                }
            }
        }

        #[test]
        fn halves_bring_what_the_whole_does(
            points in prop::collection::vec(any_span(), 2..80),
            limits in any_limits(),
        ) {
            for block in plan(&points, limits) {
                let Some([low, high]) = block.halves(&points, limits) else {
                    prop_assert_eq!(block.points.len(), 1);
                    continue;
                };
                for half in [&low, &high] {
                    prop_assert!(block.span.holds(half.span));
                    prop_assert!(half.points.iter().all(|&point| half.span.holds(points[point])));
                }
                prop_assert_eq!([low.points, high.points].concat(), block.points);
            }
        }

        #[test]
        fn no_gap_in_a_block_is_wider_than_allowed(
            points in prop::collection::vec(any_span(), 1..80),
            limits in any_limits(),
        ) {
            for block in plan(&points, limits) {
                let slack = u32::from(limits.align) - 1;
                let mut read_to = u32::from(block.span.start) + slack;
                for (nth, &point) in block.points.iter().enumerate() {
                    let (point, allowed) = (points[point], if nth == 0 { 0 } else { u32::from(limits.max_gap) });
                    prop_assert!(u32::from(point.start) <= read_to + allowed);
                    read_to = if nth == 0 { point.end() } else { read_to.max(point.end()) };
                }
                prop_assert!(block.span.end() <= read_to + slack);
            }
        }

        #[test]
        fn the_order_of_the_points_changes_nothing(
            points in prop::collection::vec(any_span(), 1..40),
            limits in any_limits(),
        ) {
            let mut turned = points.clone();
            turned.reverse();
            prop_assert_eq!(blocks(&points, limits), blocks(&turned, limits));
        }
    }
}
