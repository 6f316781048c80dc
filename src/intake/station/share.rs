//! Dividing a quantity over the orders of one run.

use rust_decimal::Decimal;

/// The smallest part of a quantity that is not counted in whole pieces; what quantity codes can say.
const FINEST_SCALE: u32 = 3;

/// Divides in proportion to the weights, in whole pieces where the quantity is one, so that the parts sum up exactly: what
/// rounding leaves over goes to the largest remainders, the first ones among equals. Without any weight all are alike.
pub fn divide(quantity: Decimal, weights: &[Decimal]) -> Vec<Decimal> {
    let scale = if quantity.fract().is_zero() { 0 } else { FINEST_SCALE };
    let unit = Decimal::new(1, scale);
    let total: Decimal = weights.iter().sum();
    let alike = Decimal::from(weights.len().max(1));
    let exact = weights.iter().map(|weight| {
        if total.is_zero() {
            quantity / alike
        } else {
            quantity * (*weight / total)
        }
    });
    let exact: Vec<Decimal> = exact.collect();
    let mut parts: Vec<Decimal> = exact.iter().map(|part| part.trunc_with_scale(scale)).collect();
    let mut by_remainder: Vec<usize> = (0..parts.len()).collect();
    by_remainder.sort_by_key(|at| std::cmp::Reverse(exact[*at] - parts[*at]));
    let mut rest = quantity - parts.iter().sum::<Decimal>();
    for at in by_remainder.into_iter().cycle() {
        if rest <= Decimal::ZERO {
            break;
        }
        let more = unit.min(rest);
        parts[at] += more;
        rest -= more;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimals(numbers: &[i64]) -> Vec<Decimal> {
        numbers.iter().copied().map(Decimal::from).collect()
    }

    #[test]
    fn whole_pieces_stay_whole() {
        assert_eq!(divide(Decimal::from(10), &decimals(&[1, 1, 1])), decimals(&[4, 3, 3]));
        assert_eq!(
            divide(Decimal::from(90), &decimals(&[60, 40, 0])),
            decimals(&[54, 36, 0])
        );
        assert_eq!(divide(Decimal::from(3), &decimals(&[0, 0])), decimals(&[2, 1]));
        assert_eq!(
            divide(Decimal::new(15, 1), &decimals(&[1, 1])),
            [Decimal::new(75, 2), Decimal::new(75, 2)]
        );
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole(thousandths in 1..10_000_000_i64, weights in prop::collection::vec(0..100_000_i64, 1..50)) {
            let quantity = Decimal::new(thousandths, 3);
            let parts = divide(quantity, &decimals(&weights));
            prop_assert_eq!(parts.len(), weights.len());
            prop_assert_eq!(parts.iter().sum::<Decimal>(), quantity);
            prop_assert!(parts.iter().all(|part| !part.is_sign_negative() || part.is_zero()));
        }
    }
}
