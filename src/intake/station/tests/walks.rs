//! Random scans at random times, in every mode: whatever people do, pieces and hours stay true.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::intake::validate;

const CODES: [&str; 46] = [
    "EMP-7",
    "EMP-8",
    "EMP-9",
    "EMP-50",
    "EMP-60",
    "WO-1",
    "WO-2",
    "WO-3",
    "WO-9",
    "WO-404",
    "TRV-1.10",
    "TRV-1.20",
    "TRV-2.10",
    "TRV-3.10",
    "TRV-404.10",
    "OP-0010",
    "OP-0020",
    "LSN-START",
    "LSN-START-SETUP",
    "LSN-PAUSE",
    "LSN-RESUME",
    "LSN-DONE",
    "LSN-GOOD",
    "LSN-SCRAP",
    "LSN-REWORK",
    "LSN-INSPECT",
    "LSN-CHECK",
    "LSN-UNDO",
    "LSN-CANCEL",
    "LSN-OK",
    "LSN-OK",
    "LSN-LOGOUT",
    "LSN-STATUS",
    "LSN-DOWN-P01",
    "LSN-UP",
    "LSN-CALL-QA",
    "QTY-5",
    "QTY-7.5",
    "QTY-90",
    "QTY-ADD-2",
    "QTY-CLR",
    "RSN-D03",
    "RSN-P01",
    "SN1",
    "SN2",
    "6901234567892",
];

const MODES: [Mode; 6] = [
    Mode::StartStop,
    Mode::ReportOnly,
    Mode::Piece,
    Mode::PieceCount,
    Mode::Crew,
    Mode::BatchTraveler,
];

/// What all reports of a walk come to.
#[derive(Default)]
struct Sums {
    qualified: BTreeMap<(String, String), Decimal>,
    hours: Decimal,
}

impl Sums {
    fn add(&mut self, report: &WorkReport, bed: &Bed) {
        assert_eq!(validate::work_report(report, &bed.reference, bed.now), [], "{report:?}");
        assert!(!report.order_no.is_empty() && !report.worker_no.is_empty());
        let job = (report.order_no.clone(), report.process_code.clone());
        *self.qualified.entry(job).or_default() += report.qualified_quantity;
        self.hours += report.work_hours;
    }
}

fn walk(mode: Mode, steps: &[(usize, u32)]) {
    let mut bed = Bed::of(mode);
    bed.bench.unknown_order = UnknownOrder::Accept;
    bed.bench.pause_reason = steps.len().is_multiple_of(2);
    let began = bed.now;
    // A walk that had to find its way in would rarely get far.
    bed.all(&["EMP-7", "TRV-1.20", "LSN-START"]);
    let mut sums = Sums::default();
    for (nth, after_s) in steps {
        // Time itself, each second that matters.
        if *after_s > 60 {
            bed.wait(TimeDelta::seconds(i64::from(*after_s)));
        } else {
            bed.after(i64::from(*after_s) * 1000, CODES[*nth]);
        }
        for report in bed.last.take().map(|step| step.reports).unwrap_or_default() {
            sums.add(&report, &bed);
        }
        let kept = serde_json::to_vec(&bed.dialogue).expect("encodes");
        let restored: Dialogue = serde_json::from_slice(&kept).expect("decodes");
        assert_eq!(restored.crew(), bed.dialogue.crew());
        assert_eq!(restored.job(), bed.dialogue.job());
        assert!(mode == Mode::Crew || bed.dialogue.crew().len() <= 1);
        assert!(mode == Mode::BatchTraveler || bed.dialogue.jobs().count() <= 1);
    }
    for ((order_no, process_code), sum) in &sums.qualified {
        assert!(
            !sum.is_sign_negative(),
            "more was taken back of {order_no} than was reported"
        );
        assert_eq!(bed.tallies.good(order_no, process_code), *sum);
    }
    // Three workers at most, and half a step of rounding at each end.
    let worked = Decimal::from((bed.now - began).num_seconds()) / Decimal::from(3600);
    let rounding = Decimal::new(1, 2) * Decimal::from(steps.len());
    assert!(
        sums.hours <= worked * Decimal::from(3) + rounding,
        "{} h in {worked} h",
        sums.hours
    );
    assert!(sums.hours >= Decimal::ZERO);
}

proptest! {
    #[test]
    fn whatever_is_scanned_pieces_and_hours_stay_true(
        mode in 0..MODES.len(),
        steps in prop::collection::vec((0..CODES.len(), prop_oneof![8 => 2_u32..20, 1 => 61_u32..40_000]), 1..120),
    ) {
        walk(MODES[mode], &steps);
    }
}
