//! The few distributions that intervals need: the normal one and chi-square, both from the incomplete gamma function.

/// Quantiles of the normal distribution at 95 % and 97.5 %.
pub const Z_95: f64 = 1.644_853_626_951_472_2;
pub const Z_975: f64 = 1.959_963_984_540_054;

/// Far more than are needed for samples that fit into memory.
const TERMS_MAX: usize = 20_000;

/// The share of a normal distribution below `z` standard deviations.
pub fn normal_below(z: f64) -> f64 {
    let tail = 0.5 * gamma_upper(0.5, z * z / 2.0);
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// Where the lower and the upper 2.5 % of chi-square begin; `df` need not be whole.
pub fn chi_square_95(df: f64) -> (f64, f64) {
    (chi_square(df, 0.025, -Z_975), chi_square(df, 0.975, Z_975))
}

/// Newton's steps from the approximation of Wilson and Hilferty, kept within what is already known to enclose the answer.
fn chi_square(df: f64, share: f64, z: f64) -> f64 {
    const STEPS_MAX: usize = 100;
    let a = df / 2.0;
    let spread = 2.0 / (9.0 * df);
    let mut x = (a * (1.0 - spread + z * spread.sqrt()).powi(3)).max(1e-6);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    for _ in 0..STEPS_MAX {
        let beyond = 1.0 - gamma_upper(a, x) - share;
        if beyond > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let density = ((a - 1.0) * x.ln() - x - ln_gamma(a)).exp();
        let mut next = x - beyond / density;
        if !(next > low && next < high) {
            next = if high.is_finite() {
                f64::midpoint(low, high)
            } else {
                x * 2.0
            };
        }
        let is_near = (next - x).abs() <= 1e-14 * x;
        x = next;
        if is_near {
            break;
        }
    }
    2.0 * x
}

/// The regularized upper incomplete gamma function, by its series or its continued fraction, whichever converges.
pub fn gamma_upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..TERMS_MAX {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return 1.0 - scale * sum;
    }
    scale * upper_fraction(a, x)
}

/// Lentz's way through the continued fraction.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let (mut ratio, mut inverse) = (f64::MAX, 1.0 / b);
    let mut fraction = inverse;
    let mut step = 0.0;
    for _ in 0..TERMS_MAX {
        step += 1.0;
        let numerator = -step * (step - a);
        b += 2.0;
        inverse = 1.0 / (numerator * inverse + b);
        ratio = b + numerator / ratio;
        fraction *= inverse * ratio;
        if (inverse * ratio - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

/// The logarithm of the gamma function for positive numbers, after Lanczos.
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let (mut sum, mut n) = (0.999_999_999_999_809_9, 0.0);
    for term in TERMS {
        n += 1.0;
        sum += term / (x + n);
    }
    let t = x + G + 0.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_shares_are_those_of_the_tables() {
        for (df, low, high) in [
            (1.0, 0.000_982_069_117, 5.023_886_187),
            (10.0, 3.246_972_780, 20.483_177_351),
            (124.0, 95.070_097_6, 156.712_784_0),
        ] {
            let (l, h) = chi_square_95(df);
            assert!(
                (l / low - 1.0).abs() < 1e-4 && (h / high - 1.0).abs() < 1e-4,
                "{df}: {l} {h}"
            );
            assert!((1.0 - gamma_upper(df / 2.0, l / 2.0) - 0.025).abs() < 1e-13);
            assert!((gamma_upper(df / 2.0, h / 2.0) - 0.025).abs() < 1e-13);
        }
        assert!((normal_below(-3.0) - 0.001_349_898_031_630_095).abs() < 1e-15);
        assert!((normal_below(Z_975) - 0.975).abs() < 1e-15);
        assert!((normal_below(0.0) - 0.5).abs() < 1e-15);
    }
}
