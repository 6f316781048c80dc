//! The points that are shown, in their small saved form: the time in milliseconds, which has room in six bytes until the year
//! 10889, the value and what stands beside it, what it completed, and which limits judged it.

use super::packed::Packed;
use crate::judge::spc::design::{Chart, Design};
use crate::judge::spc::process::Sample;
use crate::judge::spc::rules::Hits;
use crate::judge::spc::walk::Plotted;
use crate::record::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recent {
    at_ms: i64,
    pub value: f32,
    pub hits: Hits,
    /// Of counts how many were looked at, of a CUSUM the lower sum, else the range or standard deviation.
    pub beside: Option<f32>,
    /// Of the limits that judged it; 0 for none.
    pub version: u16,
}

impl Recent {
    /// A point that there are no limits for yet.
    pub fn learnt(design: &Design, at: Timestamp, sample: &Sample) -> Self {
        Self {
            at_ms: at.timestamp_millis(),
            value: for_the_eye(sample.value),
            hits: Hits::default(),
            beside: beside(design, sample, None),
            version: 0,
        }
    }

    pub fn judged(design: &Design, at: Timestamp, sample: &Sample, plotted: &Plotted, version: u16) -> Self {
        let mut recent = Self::learnt(design, at, sample);
        recent.judge(design, sample, plotted, version);
        recent
    }

    /// What it turned out to be once there were limits.
    pub fn judge(&mut self, design: &Design, sample: &Sample, plotted: &Plotted, version: u16) {
        self.value = for_the_eye(plotted.value);
        self.hits = plotted.hits;
        self.beside = beside(design, sample, plotted.lower_sum);
        self.version = version;
    }

    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::from_timestamp_millis(self.at_ms)
    }
}

fn beside(design: &Design, sample: &Sample, lower_sum: Option<f64>) -> Option<f32> {
    let beside = match design.chart {
        chart if chart.needs_sizes() => Some(sample.size),
        Chart::Cusum => lower_sum,
        _ => design.spread.and_then(|spread| sample.spread(spread)),
    };
    beside.map(for_the_eye)
}

#[expect(clippy::cast_possible_truncation, reason = "what is shown needs no more digits")]
fn for_the_eye(value: f64) -> f32 {
    value as f32
}

#[expect(clippy::many_single_char_names, reason = "bytes in their order")]
impl Packed<18> for Recent {
    fn pack(&self) -> [u8; 18] {
        let [a, b, c, d, e, f, ..] = self.at_ms.to_le_bytes();
        let [g, h, i, j] = self.value.to_le_bytes();
        let [k, l, m, n] = self.beside.unwrap_or(f32::NAN).to_le_bytes();
        let [o, p] = self.hits.bits().to_le_bytes();
        let [q, r] = self.version.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r]
    }

    fn unpack([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r]: [u8; 18]) -> Self {
        Self {
            at_ms: i64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
            value: f32::from_le_bytes([g, h, i, j]),
            beside: Some(f32::from_le_bytes([k, l, m, n])).filter(|beside| !beside.is_nan()),
            hits: Hits::of_bits(u16::from_le_bytes([o, p])),
            version: u16::from_le_bytes([q, r]),
        }
    }
}
