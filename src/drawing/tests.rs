use std::collections::BTreeMap;

use super::*;
use crate::judge::spc::monitor::{Baseline, Settings, View};
use crate::judge::spc::{Analysis, Chart, Design, Limits, Monitor, Observation, Options, Spec, analysis};
use crate::language::Language;
use crate::record::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000 + second, 0).expect("a time")
}

const VALUES: [f64; 12] = [10.0, 10.2, 9.9, 10.1, 10.0, 30.0, 10.1, 9.9, 10.0, 10.2, 9.8, 10.0];

/// A chart that learnt from 12 points, one of them excluded afterwards, and then saw two more; as it comes out of the status.
fn shown(chart: Chart) -> View {
    let mut settings = Settings::new("force", chart, 1);
    settings.limits = Baseline::Learn(VALUES.len());
    settings.unit = Some("kN".to_owned());
    settings.spec = Some(Spec {
        lower: Some(9.0),
        upper: Some(11.0),
        target: None,
    });
    let mut monitor = Monitor::new(&settings);
    let seconds = (0..).zip(VALUES.into_iter().chain([10.1, 13.0]));
    for (second, value) in seconds {
        if second == 13 {
            monitor
                .exclude(&settings, 6, "tool <broke>", "anna", at(12))
                .expect("a point of phase I");
        }
        monitor.take(&settings, at(second), Observation::Value(value));
        monitor = Monitor::resume(&monitor.encode(), &settings);
    }
    let json = serde_json::to_value(monitor.view(&settings)).expect("a view");
    serde_json::from_value(json).expect("what was shown")
}

/// The element of a point of the first panel.
fn point(svg: &str, index: usize) -> &str {
    let wanted = format!("data-index=\"{index}\"");
    let lines = svg
        .lines()
        .filter(|line| line.contains("<path") || line.starts_with(" data"));
    lines
        .into_iter()
        .find(|line| line.contains(&wanted))
        .unwrap_or_default()
}

#[test]
fn a_running_chart_is_drawn_with_phases_limits_and_reasons() {
    let view = shown(Chart::IMr);
    assert_eq!(
        view.lines
            .iter()
            .map(|lines| (lines.from, lines.version))
            .collect::<Vec<_>>(),
        [(1, 1), (14, 2)]
    );
    let svg = Picture::of_view(&view, Language::En).svg();
    for part in [
        "phase I<",
        "phase II<",
        "limits v2<",
        "moving ranges (kN)<",
        "×6  excluded: tool &lt;broke&gt; (anna)<",
    ] {
        assert!(svg.contains(part), "no {part} in {svg}");
    }
    assert!(
        point(&svg, 6).contains("class=\"point excluded\""),
        "{}",
        point(&svg, 6)
    );
    let last = point(&svg, 14);
    assert!(
        last.contains("class=\"point out\"") && last.contains("data-signals=\"N1\""),
        "{last}"
    );
    assert!(
        last.contains("data-value=\"13\" data-at=\"2027-01-15T08:00:13.000Z\""),
        "{last}"
    );
    assert_eq!(svg.matches(">N1</text>").count(), 1);
    assert!(!svg.contains("<style") && saved(&svg).contains("<style"));
    let svg = Picture::of_view(&view, Language::Zh).svg();
    assert!(svg.contains("阶段II<") && svg.contains("N1  有点超出控制限<"), "{svg}");
}

#[test]
fn a_part_of_a_chart_keeps_its_numbers() {
    let view = shown(Chart::IMr);
    let drawn = |from, to| Picture::of_view(&view, Language::En).between(from, to).svg();
    let indexes = |svg: &str| svg.matches("data-index").count();
    let svg = drawn(13, 99);
    assert!(point(&svg, 13).contains("data-value=\"10.1\"") && point(&svg, 12).is_empty());
    assert_eq!(indexes(&svg), 4, "two points in two panels");
    assert!(!svg.contains("phase I<") && !svg.contains("excluded:"));
    assert_eq!(indexes(&drawn(0, 1)), 1, "the first one has no moving range");
    assert_eq!(indexes(&drawn(9, 3)), 0);
}

#[test]
fn sums_have_two_lines_and_weighted_means_the_limits_of_their_age() {
    let view = shown(Chart::Cusum);
    assert!(
        view.points
            .iter()
            .all(|point| point.lower_sum.is_some() && point.spread.is_none())
    );
    assert_eq!(
        Picture::of_view(&view, Language::En)
            .svg()
            .matches("data-index=\"3\"")
            .count(),
        2
    );
    let view = shown(Chart::Ewma);
    let width = |place: usize| {
        let lines = view
            .lines
            .iter()
            .rev()
            .find(|lines| lines.from <= place)
            .expect("limits");
        (lines.lines.ucl - lines.lines.center) / lines.lines.se
    };
    // With lambda 0.2: its first limits are lambda wide, its twelfth nearly what they come to be.
    assert!((width(1) - 2.962 * 0.2).abs() < 1e-6, "{}", width(1));
    assert!((0.97..1.0).contains(&(width(12) / 2.962 * 3.0)), "{}", width(12));
    assert!(Histogram::of_view(&view, Language::En).is_none());
}

#[test]
fn counts_have_limits_of_their_own_sizes_and_no_zone_below_what_can_be() {
    let mut settings = Settings::new("burr", Chart::P, 1);
    settings.limits = Baseline::Given {
        center: 0.02,
        sigma: 0.0,
    };
    let mut monitor = Monitor::new(&settings);
    for (second, size) in (0..).zip([100.0, 400.0, 400.0]) {
        let counted = Observation::Count { defects: 4.0, size };
        monitor.take(&settings, at(second), counted);
    }
    let view = monitor.view(&settings);
    assert_eq!(view.points[1].size, Some(400.0));
    let limits: Vec<(usize, f64)> = view.lines.iter().map(|lines| (lines.from, lines.lines.lcl)).collect();
    assert_eq!(limits, [(1, 0.0), (2, 0.0)]);
    let svg = Picture::of_view(&view, Language::En).svg();
    let lowest = |class: &str| {
        let polygon = svg.lines().find(|line| line.contains(class)).expect("a zone");
        let points = polygon.split('"').nth(3).expect("corners").split(' ');
        points
            .map(|corner| corner.split_once(',').expect("x,y").1.parse::<f64>().expect("y"))
            .fold(0.0, f64::max)
    };
    assert_eq!(
        lowest("zone-a").to_bits(),
        lowest("zone-b").to_bits(),
        "both end where no share can lie"
    );
    assert!(lowest("zone-c") < lowest("zone-b"));
    assert!(svg.contains("limits follow the size of each sample") && svg.contains(">sample</text>"));
}

#[test]
fn a_series_far_within_its_specification_is_not_flattened_by_it() {
    let options = Options {
        design: Design::new(Chart::IMr, 1),
        limits: Limits::Estimate,
        phase1: None,
        excluded: vec![5],
        spec: Some(Spec {
            lower: Some(-500.0),
            upper: Some(10.8),
            target: None,
        }),
    };
    let analysis = Analysis::of(analysis::singles(VALUES.map(Some)), options).expect("limits");
    let svg = Picture::of(&analysis, "force", &BTreeMap::from([(6, String::new())]), Language::En).svg();
    assert!(svg.contains("LSL -500 ↓<") && svg.contains("USL 10.8<"), "{svg}");
    assert!(svg.contains("×6  excluded: no reason given<"));
}

#[test]
fn a_histogram_has_every_value_the_limits_and_the_figures() {
    let view = shown(Chart::IMr);
    let histogram = Histogram::of_view(&view, Language::En).expect("measured");
    let svg = histogram.svg();
    let counts = svg
        .split("data-count=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next()?.parse::<usize>().ok());
    assert_eq!(counts.sum::<usize>(), 14);
    for part in ["LSL 9<", "USL 11<", "bar out", "class=\"curve\"", "viewBox=\"0 0 520 "] {
        assert!(svg.contains(part), "no {part} in {svg}");
    }
    // On a page they stand beside it; in a file that stands alone they are drawn.
    assert!(!svg.contains(">Cpk "));
    let alone = Histogram {
        capability: view.capability,
        ..histogram
    };
    assert!(alone.svg().contains(">Cpk "));
}

#[test]
fn means_are_not_held_against_what_is_specified_of_single_values() {
    let mut view = shown(Chart::IMr);
    (view.chart, view.subgroup) = (Chart::XbarR, 5);
    let svg = Histogram::of_view(&view, Language::Zh).expect("measured").svg();
    assert!(svg.contains("14个子组均值"), "{svg}");
    for part in ["LSL", "USL", "bar out", "class=\"curve\""] {
        assert!(!svg.contains(part), "{part} in {svg}");
    }
}
