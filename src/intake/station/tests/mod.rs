//! Each row of the station table, as an operator would meet it: `row_NN_…` is the test of row NN. What rows do not say
//! stands in `beyond`.

mod beyond;
mod checking;
mod ends;
mod jobs;
mod people;
mod pieces;
mod screen;
mod walks;

use std::time::Duration;

use chrono::TimeDelta;

use super::*;
use crate::buffer::States;
use crate::intake::barcode::{self, Label, LabelKind};
use crate::reference::{Order, OrderStatus, Process, Reason, Snapshot, Worker};

struct Bed {
    dialogue: Dialogue,
    bench: Bench,
    reference: Reference,
    now: Timestamp,
    tallies: Tallies,
    status: Status,
    last: Option<Step>,
}

fn order(order_no: &str, status: OrderStatus, processes: &[(&str, u32)]) -> Order {
    Order {
        order_no: order_no.to_owned(),
        status,
        order_quantity: Decimal::from(100),
        completed_quantity: Decimal::ZERO,
        product_code: "06901234567892".to_owned(),
        product_name: String::new(),
        delivery_date: None,
        priority: 0,
        processes: processes
            .iter()
            .map(|(code, sequence)| Process {
                process_code: (*code).to_owned(),
                process_name: String::new(),
                sequence: *sequence,
                process_id: None,
                standard_hours: None,
            })
            .collect(),
    }
}

fn worker(worker_no: &str, active: bool, skills: &[&str]) -> Worker {
    Worker {
        worker_no: worker_no.to_owned(),
        name: format!("李{worker_no}"),
        skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
        active,
        worker_id: Some(1),
    }
}

fn reason(code: &str, kind: &str) -> Reason {
    Reason {
        code: code.to_owned(),
        name: String::new(),
        kind: kind.to_owned(),
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        version: "1".to_owned(),
        orders: vec![
            order("WO-1", OrderStatus::Released, &[("0010", 10), ("0020", 20)]),
            order("WO-2", OrderStatus::InProduction, &[("0010", 10)]),
            order("WO-3", OrderStatus::InProduction, &[("0010", 10)]),
            order("WO-8", OrderStatus::Approved, &[("0010", 10)]),
            order("WO-9", OrderStatus::Closed, &[("0010", 10)]),
        ],
        workers: vec![
            worker("7", true, &[]),
            worker("8", true, &[]),
            worker("9", false, &[]),
            worker("50", true, &["press", "Supervisor"]),
            worker("60", true, &["Inspector"]),
        ],
        equipment: Vec::new(),
        reasons: vec![
            reason("D03", "scrap"),
            reason("R01", "rework"),
            reason("C01", "concession"),
            reason("P01", "pause"),
        ],
    }
}

fn label(kind: LabelKind, pattern: &str) -> Label {
    Label {
        kind,
        pattern: regex::Regex::new(pattern).expect("a test pattern"),
    }
}

/// Ten in the morning in Shanghai.
const MORNING: &str = "2026-11-21T02:00:00Z";

impl Bed {
    fn new() -> Self {
        let now: Timestamp = MORNING.parse().expect("an instant");
        let bench = Bench {
            labels: vec![
                label(LabelKind::Serial, r"^SN(?<id>\d+)(@(?<item>\d+))?$"),
                label(LabelKind::Product, r"^(?<id>\d{13})$"),
            ],
            ..Bench::plain("ST-01")
        };
        let reference = Reference::new(snapshot(), now, Duration::from_hours(1));
        Self {
            dialogue: Dialogue::default(),
            bench,
            reference,
            now,
            tallies: Tallies::default(),
            status: Status::default(),
            last: None,
        }
    }

    fn of(mode: Mode) -> Self {
        let mut bed = Self::new();
        bed.bench.mode = mode;
        bed
    }

    /// With a job that runs.
    fn running() -> Self {
        Self::running_as(Mode::StartStop)
    }

    fn running_as(mode: Mode) -> Self {
        let mut bed = Self::of(mode);
        bed.all(&["EMP-7", "TRV-1.20", "LSN-START"]);
        assert_eq!(bed.state(), State::Running);
        bed
    }

    fn offline(mut self) -> Self {
        self.reference.confirmed_at = Some(self.now - TimeDelta::days(2));
        self
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Dialogue, &Context) -> T) -> T {
        let starts = ["08:00", "20:00"].map(|s| s.parse().expect("a time"));
        let context = Context {
            now: self.now,
            zone: Zone(chrono_tz::Tz::Asia__Shanghai),
            shift_starts: &starts,
            reference: &self.reference,
            bench: &self.bench,
            clock_synced: true,
            tallies: &self.tallies,
            status: &self.status,
        };
        act(&mut self.dialogue, &context)
    }

    /// Scans two seconds later than before; gives the code of the answer.
    fn scan(&mut self, code: &str) -> String {
        self.after(2_000, code)
    }

    fn after(&mut self, ms: i64, code: &str) -> String {
        self.now += TimeDelta::milliseconds(ms);
        let scanned = barcode::read(code.as_bytes(), &self.bench.labels);
        let step = self.with(|dialogue, context| dialogue.scan(&scanned, context.now, context));
        self.keep(step)
    }

    /// Lets time pass, then looks what it leads to.
    fn wait(&mut self, time: TimeDelta) -> Option<String> {
        self.now += time;
        // Somewhere else the reference data goes on being confirmed.
        self.reference.confirmed_at = Some(self.now);
        let step = self.with(Dialogue::tick)?;
        Some(self.keep(step))
    }

    fn keep(&mut self, mut step: Step) -> String {
        for (nth, report) in step.reports.iter_mut().enumerate() {
            report.report_no = format!("R{}-{nth}", self.now.timestamp_millis());
            self.dialogue.number(report);
            self.tallies.book(report, &mut States::default());
        }
        let code = step.feedback.code.clone();
        assert_ne!(step.feedback.message, code, "{code} has no sentence");
        self.last = Some(step);
        code
    }

    fn all(&mut self, codes: &[&str]) -> &mut Self {
        for code in codes {
            self.scan(code);
        }
        self
    }

    /// Good pieces that were reported before, here or at another station of the gateway.
    fn made(&mut self, order_no: &str, process_code: &str, quantity: i64) {
        let report = WorkReport {
            order_no: order_no.to_owned(),
            process_code: process_code.to_owned(),
            qualified_quantity: Decimal::from(quantity),
            ..serde_json::from_str(
                r#"{"report_no":"","order_no":"","process_code":"","station":"","work_date":"2026-11-21","work_hours":"0",
                    "output_quantity":"0","qualified_quantity":"0","unqualified_quantity":"0","worker_no":""}"#,
            )
            .expect("a report")
        };
        self.tallies.book(&report, &mut States::default());
    }

    fn step(&self) -> &Step {
        self.last.as_ref().expect("something was scanned")
    }

    fn machine(&self) -> &MachineWord {
        match self.step().signal.as_deref() {
            Some(Signal::Machine(word)) => word,
            other => panic!("a word on the machine, not {other:?}"),
        }
    }

    fn kind(&self) -> FeedbackKind {
        self.step().feedback.kind
    }

    fn reports(&self) -> &[WorkReport] {
        &self.step().reports
    }

    fn report(&self) -> &WorkReport {
        let reports = self.reports();
        assert_eq!(reports.len(), 1, "one report, not {reports:?}");
        &reports[0]
    }

    fn state(&self) -> State {
        self.dialogue.state()
    }
}

/// Hours, from hundredths.
fn hours(hundredths: i64) -> Decimal {
    Decimal::new(hundredths, 2)
}

fn has_flag(report: &WorkReport, flag: &str) -> bool {
    report.flags.iter().any(|known| known == flag)
}
