//! How surprising a deviation is: the normal tail beyond it, as a negative decimal logarithm. 3 is one in a thousand.

use std::f64::consts::{LN_10, PI};

/// Of a deviation in standard deviations, to whichever side. Within 6 % of the exact tail, for every argument.
pub fn surprise(deviation_sd: f64) -> f64 {
    let z = deviation_sd.abs();
    let density = z * z / 2.0 / LN_10 + (2.0 * PI).sqrt().log10();
    density + f64::midpoint(z, (z * z + 8.0 / PI).sqrt()).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_the_normal_distribution() {
        for (z, tail) in [(0.0, 0.5), (1.0, 0.158_655), (3.0, 1.349_898e-3), (6.0, 9.865_876e-10)] {
            let off = surprise(z) + f64::log10(tail);
            assert!(off.abs() < 0.03, "at {z} off by {off}");
        }
    }
}
