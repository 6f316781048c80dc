//! The constants of control charts for normal values, exact rather than as printed: tables in books have three or four
//! digits, which shifts limits in the fourth.
//!
//! The table has, for n = 2 to 50, the mean d2 and the standard deviation d3 of the range of n standard normal values, as
//! integrals over the density of the range (their total mass came out as 1 within 2e-15).

/// Ranges of larger subgroups waste what is measured: their standard deviation is used instead.
pub const RANGE_SIZE_MAX: usize = 50;

/// The median of the range of two standard normal values.
pub const MEDIAN_RANGE_2: f64 = 0.953_872_552_416_942;

/// The mean range of n values, in standard deviations.
pub fn d2(n: usize) -> Option<f64> {
    Some(RANGES.get(n.checked_sub(2)?)?.0)
}

/// The standard deviation of the range of n values, in standard deviations.
pub fn d3(n: usize) -> Option<f64> {
    Some(RANGES.get(n.checked_sub(2)?)?.1)
}

/// The mean of the standard deviation of n values, in standard deviations; 0 where there is none.
pub fn c4(n: usize) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let size = as_f64(n);
    if n > 1000 {
        // What is left out is below 1e-12.
        return 1.0 - 1.0 / (4.0 * size) - 7.0 / (32.0 * size.powi(2)) - 19.0 / (128.0 * size.powi(3));
    }
    // c4(n) c4(n + 1) = sqrt((n - 1) / n), and c4(2) is known.
    (2..n).fold((2.0 / std::f64::consts::PI).sqrt(), |c4, n| {
        ((as_f64(n) - 1.0) / as_f64(n)).sqrt() / c4
    })
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts are far below 2^52")]
pub fn as_f64(count: usize) -> f64 {
    count as f64
}

/// d2 and d3, from n = 2.
#[rustfmt::skip]
const RANGES: [(f64, f64); RANGE_SIZE_MAX - 1] = [
    (std::f64::consts::FRAC_2_SQRT_PI, 0.852_502_466_427),
    (1.692_568_750_643, 0.888_368_004_045),
    (2.058_750_746_008, 0.879_808_202_825),
    (2.325_928_947_281, 0.864_081_941_100),
    (2.534_412_721_223, 0.848_039_686_117),
    (2.704_356_751_214, 0.833_205_335_622),
    (2.847_200_612_091, 0.819_831_489_792),
    (2.970_026_324_418, 0.807_834_274_553),
    (3.077_505_461_670, 0.797_050_673_519),
    (3.172_872_703_816, 0.787_314_620_550),
    (3.258_455_279_744, 0.778_478_341_203),
    (3.335_980_354_098, 0.770_416_202_064),
    (3.406_763_108_200, 0.763_023_095_625),
    (3.471_826_889_882, 0.756_211_429_728),
    (3.531_982_786_110, 0.749_908_089_410),
    (3.587_883_961_765, 0.744_051_783_961),
    (3.640_063_757_937, 0.738_590_853_378),
    (3.688_963_023_208, 0.733_481_495_519),
    (3.734_950_119_597, 0.728_686_345_707),
    (3.778_335_829_843, 0.724_173_340_718),
    (3.819_384_643_363, 0.719_914_808_434),
    (3.858_323_423_285, 0.715_886_735_492),
    (3.895_348_148_451, 0.712_068_175_148),
    (3.930_629_219_507, 0.708_440_765_889),
    (3.964_315_679_523, 0.704_988_337_803),
    (3.996_538_604_013, 0.701_696_588_864),
    (4.027_413_848_247, 0.698_552_817_169),
    (4.057_044_292_095, 0.695_545_698_256),
    (4.085_521_688_343, 0.692_665_098_883),
    (4.112_928_195_276, 0.689_901_920_521),
    (4.139_337_655_858, 0.687_247_967_148),
    (4.164_816_671_940, 0.684_695_833_053),
    (4.189_425_511_537, 0.682_238_807_187),
    (4.213_218_879_208, 0.679_870_791_263),
    (4.236_246_573_513, 0.677_586_229_348),
    (4.258_554_050_746, 0.675_380_047_090),
    (4.280_182_910_470, 0.673_247_599_066),
    (4.301_171_315_458, 0.671_184_623_005),
    (4.321_554_356_350, 0.669_187_199_845),
    (4.341_364_369_507, 0.667_251_718_777),
    (4.360_631_215_039, 0.665_374_846_547),
    (4.379_382_520_843, 0.663_553_500_422),
    (4.397_643_897_485, 0.661_784_824_313),
    (4.415_439_127_997, 0.660_066_167_635),
    (4.432_790_336_001, 0.658_395_066_524),
    (4.449_718_135_059, 0.656_769_227_127),
    (4.466_241_761_692, 0.655_186_510_684),
    (4.482_379_194_158, 0.653_644_920_190),
    (4.498_147_258_780, 0.652_142_588_430),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_those_of_the_tables_with_more_digits() {
        for (n, d2_, d3_, c4_) in [
            (3, 1.692_569, 0.888_368, 0.886_227),
            (4, 2.058_751, 0.879_808, 0.921_318),
            (25, 3.930_63, 0.708_44, 0.989_640),
        ] {
            assert!((d2(n).expect("in the table") - d2_).abs() < 1e-5, "d2({n})");
            assert!((d3(n).expect("in the table") - d3_).abs() < 1e-5, "d3({n})");
            assert!((c4(n) - c4_).abs() < 1e-6, "c4({n}) = {}", c4(n));
        }
        assert_eq!((d2(1), d2(0), d2(51)), (None, None, None));
    }

    #[test]
    fn the_series_of_large_samples_meets_the_product() {
        let product = (2..1001).fold((2.0 / std::f64::consts::PI).sqrt(), |c4, n: usize| {
            ((as_f64(n) - 1.0) / as_f64(n)).sqrt() / c4
        });
        assert!((c4(1001) - product).abs() < 1e-12, "{} {product}", c4(1001));
    }
}
