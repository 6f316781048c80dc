//! `value × scale + offset`, as the decimals that stand in the configuration.
//!
//! 0.1 has no exact binary form, so `3 × 0.1` in floats is 0.30000000000000004. Both factors are therefore kept as whole
//! numbers over one power of ten: products and sums of whole numbers are exact in a float up to 2^53, and the only
//! rounding left is that of the final division, which gives the float nearest to the decimal result.

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    scale: f64,
    offset: f64,
    divisor: f64,
}

/// Whole numbers above this are not all exact in a float.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The last power of ten that is exact in a float.
const EXACT_PLACES_MAX: i32 = 22;

impl Scaling {
    pub const IDENTITY: Self = Self {
        scale: 1.0,
        offset: 0.0,
        divisor: 1.0,
    };

    /// Nothing if it would change nothing: integers then stay integers.
    pub fn new(scale: f64, offset: f64) -> Option<Self> {
        #[expect(clippy::float_cmp, reason = "only the exact identity leaves a value as it is")]
        if scale == 1.0 && offset == 0.0 {
            return None;
        }
        let places = decimal_places(scale).max(decimal_places(offset));
        let divisor = 10_f64.powi(places.min(EXACT_PLACES_MAX));
        let whole = Self {
            scale: (scale * divisor).round(),
            offset: (offset * divisor).round(),
            divisor,
        };
        let is_exact = places <= EXACT_PLACES_MAX && whole.scale.abs() <= EXACT_MAX && whole.offset.abs() <= EXACT_MAX;
        Some(if is_exact {
            whole
        } else {
            Self {
                scale,
                offset,
                divisor: 1.0,
            }
        })
    }

    pub fn apply(&self, value: f64) -> f64 {
        (value * self.scale + self.offset) / self.divisor
    }

    /// The value that is told as this one.
    pub fn undo(&self, told: f64) -> f64 {
        (told * self.divisor - self.offset) / self.scale
    }

    /// The same, and then `× factor`.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            scale: self.scale * factor,
            offset: self.offset * factor,
            ..self
        }
    }

    /// The same, and then `× 10^exponent`; nothing if no value could be meant by it.
    pub fn shifted(self, exponent: i32) -> Option<Self> {
        if exponent.abs() > EXACT_PLACES_MAX {
            return None;
        }
        let power = 10_f64.powi(exponent.abs());
        Some(if exponent < 0 {
            Self {
                divisor: self.divisor * power,
                ..self
            }
        } else {
            self.times(power)
        })
    }
}

/// Digits behind the point in the shortest decimal form: 3 for 0.125, none for 1e6.
fn decimal_places(number: f64) -> i32 {
    let text = number.to_string();
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    i32::try_from(places).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_adds_to_the_scale_is_as_exact_as_the_scale() {
        for (raw, exponent, expected) in [
            (2301.0, -1, 230.1),
            (3.0, -1, 0.3),
            (29.0, -2, 0.29),
            (7.0, 3, 7000.0),
            (7.0, 0, 7.0),
        ] {
            let scaling = Scaling::IDENTITY.shifted(exponent).expect("an exponent that is meant");
            assert_eq!(
                scaling.apply(raw).to_bits(),
                f64::to_bits(expected),
                "{raw} × 10^{exponent}"
            );
        }
        let tenths = Scaling::new(0.1, 0.0).expect("a scale");
        assert_eq!(tenths.shifted(-1).map(|s| s.apply(29.0)), Some(0.29));
        assert_eq!(tenths.times(40.0).apply(3.0).to_string(), "12");
        assert_eq!(Scaling::IDENTITY.shifted(-32768), None);
    }
}
