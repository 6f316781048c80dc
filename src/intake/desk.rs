//! All stations of the gateway: their dialogues, the tallies and the numbers of their reports. What a dialogue decides
//! becomes records and states here; what screens show of it is put together in [`view`].

mod heard;
mod today;
mod view;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::watch;
use uuid::Uuid;

use super::barcode;
use super::floor::Floor;
use super::station::{self, Bench, Context, Dialogue, ReportNumbers, Signal, Step};
use super::tallies::Tallies;
use super::{Accepted, Settings, to_state};
use crate::buffer::States;
use crate::record::{Feedback, FeedbackKind, Frame, Gap, Kind, PageScan, Record, Timestamp, WorkReport};
use crate::reference::Reference;
use crate::status::{StampedFeedback, Status};
use heard::Heard;
use today::Today;

const NUMBERS: &str = "report_numbers";
/// Refusals by the reference data, which the store may know better by now.
const BY_REFERENCE: [&str; 14] = [
    "UNKNOWN_BADGE",
    "UNKNOWN_ORDER",
    "ORDER_CLOSED",
    "ORDER_NOT_RELEASED",
    "OVER_QUANTITY",
    "TOO_MANY_INSPECTED",
    "WRONG_OPERATION",
    "WRONG_STATION",
    "WRONG_ITEM",
    "REASON_UNKNOWN",
    "NOT_SUPERVISOR",
    "NOT_INSPECTOR",
    "INSPECTOR_NEEDED",
    "INVALID_INSPECTION",
];
/// A page's clock and the way of a scan to here take less.
const WAITED_LONG: TimeDelta = TimeDelta::seconds(3);
/// How often the tallies are held against the same reference data.
const SWEPT_EVERY: TimeDelta = TimeDelta::minutes(10);

#[derive(Debug)]
struct Place {
    bench: Bench,
    dialogue: Dialogue,
    heard: Heard,
}

impl Place {
    /// Whether a scan waited at its page while the station went on without it.
    fn is_overtaken(&self, scan: &Scan, at: Timestamp) -> bool {
        let has_waited = at - scan.read_at >= WAITED_LONG;
        has_waited && scan.page.is_some_and(|page| self.heard.went_on(page, scan.read_at))
    }
}

#[derive(Debug)]
pub struct Desk {
    settings: Settings,
    status: Status,
    reference: watch::Receiver<Arc<Reference>>,
    /// The reference data that the tallies were last held against, when, and whether it was fresh.
    swept: Option<(Arc<Reference>, Timestamp, bool)>,
    places: HashMap<String, Place>,
    tallies: Tallies,
    today: Today,
    numbers: ReportNumbers,
    /// What is made here, judged.
    pub floor: Floor,
}

/// A scan on its way through the dialogue.
struct Scan<'a> {
    frame: &'a Frame,
    /// When it was read, where that was before it came.
    read_at: Timestamp,
    /// Of a page's scan.
    id: Option<Uuid>,
    page: Option<Uuid>,
}

/// What a scan led to, or time alone.
#[derive(Debug, Default)]
pub struct Outcome {
    pub accepted: Accepted,
    /// A call, or a word on a machine, which is for others to keep.
    pub signal: Option<Signal>,
}

impl Desk {
    pub fn new(settings: &Settings, status: Status, reference: watch::Receiver<Arc<Reference>>) -> Self {
        let place = |name: &str, bench: &Bench| Place {
            bench: bench.clone(),
            dialogue: Dialogue::default(),
            heard: Heard::restored(name, &States::default()),
        };
        Self {
            places: settings
                .stations
                .iter()
                .map(|(name, bench)| (name.clone(), place(name, bench)))
                .collect(),
            floor: Floor::new(
                &settings.gateway_id,
                &settings.floor,
                &settings.stations,
                &settings.equipment,
                status.clone(),
            ),
            settings: settings.clone(),
            status,
            reference,
            swept: None,
            tallies: Tallies::default(),
            today: Today::default(),
            numbers: ReportNumbers::default(),
        }
    }

    /// Takes the state back to what is on disk.
    pub fn restore(&mut self, states: &States, now: Timestamp) {
        self.tallies = Tallies::restored(states);
        self.today = Today::restored(states);
        self.numbers = read(states, NUMBERS).unwrap_or_default();
        self.floor.restore(states);
        self.swept = None;
        for (name, place) in &mut self.places {
            place.heard = Heard::restored(name, states);
        }
        let names: Vec<String> = self.places.keys().cloned().collect();
        for name in names {
            let kept: Dialogue = read(states, &state_name(&name)).unwrap_or_default();
            let told = self.at(&name, now, |dialogue, context| {
                let (restored, told) = kept.restored(context);
                *dialogue = restored;
                told
            });
            if let Some(view) = self.view(&name, told.flatten(), now) {
                self.status.set_station(&name, view);
            }
        }
    }

    /// Lets one station's dialogue act; nothing when there is no such station.
    fn at<T>(&mut self, station: &str, now: Timestamp, act: impl FnOnce(&mut Dialogue, &Context) -> T) -> Option<T> {
        let reference = self.reference();
        let mut dialogue = std::mem::take(&mut self.places.get_mut(station)?.dialogue);
        let bench = &self.places.get(station)?.bench;
        let acted = act(&mut dialogue, &self.context(bench, &reference, now));
        self.places.get_mut(station)?.dialogue = dialogue;
        Some(acted)
    }

    fn context<'a>(&'a self, bench: &'a Bench, reference: &'a Reference, now: Timestamp) -> Context<'a> {
        Context {
            now,
            zone: self.settings.zone,
            shift_starts: &self.settings.shift_starts,
            reference,
            bench,
            clock_synced: self.status.is_clock_synced(),
            tallies: &self.tallies,
            status: &self.status,
        }
    }

    /// Takes what a scanner sent; nothing when there is no such station.
    pub fn scan(&mut self, station: &str, frame: &Frame, at: Timestamp) -> Option<Outcome> {
        let scan = Scan {
            frame,
            read_at: at,
            id: None,
            page: None,
        };
        self.take(station, &scan, at)
    }

    /// What a page was answered to this scan when it came before.
    pub fn answered(&self, scan: &PageScan) -> Option<StampedFeedback> {
        let entry = self.places.get(&scan.station)?.heard.known(scan.id)?;
        Some(entry.answer(self.settings.zone))
    }

    /// Takes the scan of a page, which has not come before.
    pub fn scan_of_page(&mut self, scan: &PageScan, at: Timestamp) -> Option<(Outcome, StampedFeedback)> {
        let waited = chrono::Duration::from_std(scan.waited).unwrap_or_default();
        let scan_taken = Scan {
            frame: &Frame::Whole(scan.code.clone().into_bytes()),
            read_at: at.checked_sub_signed(waited).unwrap_or(at),
            id: Some(scan.id),
            page: scan.page,
        };
        let outcome = self.take(&scan.station, &scan_taken, at)?;
        let answer = self.answered(scan)?;
        Some((outcome, answer))
    }

    fn take(&mut self, station: &str, scan: &Scan, at: Timestamp) -> Option<Outcome> {
        let place = self.places.get(station)?;
        let refused = |code| station::feedback(FeedbackKind::Err, code, &[], place.bench.language);
        let (mut outcome, text, is_change) = match scan.frame {
            // Made for how the station was then, and it is another now.
            Frame::Whole(bytes) if place.is_overtaken(scan, at) => {
                let scanned = barcode::read(bytes, &place.bench.labels);
                (
                    told(refused("STATION_WENT_ON")),
                    station::printable(&scanned.text),
                    false,
                )
            }
            Frame::Whole(bytes) => {
                let scanned = barcode::read(bytes, &place.bench.labels);
                let step = self.at(station, at, |dialogue, context| {
                    dialogue.scan(&scanned, scan.read_at, context)
                })?;
                let is_change = step.is_change;
                (
                    self.keep(station, step, at),
                    station::printable(&scanned.text),
                    is_change,
                )
            }
            Frame::Partial(Gap::Events, _) => (told(refused("EVENTS_DROPPED")), String::new(), false),
            Frame::Partial(Gap::Key, _) => (told(refused("UNMAPPED_KEY")), String::new(), false),
            Frame::Partial(Gap::End, _) | Frame::TooLong(_) => (told(refused("PARTIAL_READ")), String::new(), false),
            Frame::NoRead => (told(refused("NO_READ")), String::new(), false),
        };
        let accepted = &mut outcome.accepted;
        let feedback = accepted.feedback.clone()?;
        self.ask_anew(&feedback.code, at);
        let heard = &mut self.places.get_mut(station)?.heard;
        // A page asks again under the same id; a scanner does not.
        let states = (is_change || scan.id.is_some()).then_some(&mut accepted.states);
        heard.note((scan.id, scan.page), text, (&feedback, at), states);
        self.show(station, &mut outcome.accepted, at);
        Some(outcome)
    }

    /// Asks the store anew for what this answer may rest on.
    pub fn ask_anew(&self, code: &str, at: Timestamp) {
        let reference = self.reference.borrow();
        if BY_REFERENCE.contains(&code) || !reference.is_fresh(at) {
            reference.ask_anew();
        }
    }

    /// What the station's screen shows once the disk has this.
    fn show(&self, station: &str, accepted: &mut Accepted, at: Timestamp) {
        let view = self.view(station, accepted.feedback.clone(), at);
        accepted.station = view.map(|view| (station.to_owned(), view));
    }

    /// Lets time pass at all stations; gives what has to be on disk.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Accepted> {
        let mut all = Vec::new();
        let names: Vec<String> = self.places.keys().cloned().collect();
        for name in names {
            let step = self.at(&name, now, Dialogue::tick).flatten();
            if let Some(step) = step {
                let mut accepted = self.keep(&name, step, now).accepted;
                self.show(&name, &mut accepted, now);
                all.push(accepted);
            }
        }
        all.extend(self.pass(now));
        all
    }

    /// The clock was set: whoever stands at a station has been there for as long as before.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp, states: &mut States) {
        self.floor.clock_was_set(by, now);
        for (name, place) in &mut self.places {
            place.dialogue.clock_was_set(by);
            states.insert(state_name(name), to_state(&place.dialogue));
        }
    }

    /// Lets time pass for orders. New reference data knows orders that were not known, and orders that are closed.
    fn pass(&mut self, now: Timestamp) -> Option<Accepted> {
        let reference = Arc::clone(&self.reference.borrow());
        let mut accepted = Accepted::default();
        let is_fresh = reference.is_fresh(now);
        let is_swept = |(swept, at, was_fresh): &(Arc<Reference>, Timestamp, bool)| {
            reference.says_the_same(swept) && (now - *at).abs() < SWEPT_EVERY && *was_fresh == is_fresh
        };
        if !self.swept.as_ref().is_some_and(is_swept) {
            self.tallies.verify(&reference, &mut accepted.states);
            self.tallies.forget_closed(&reference, now, &mut accepted.states);
            self.floor.learn(&reference, now, &mut accepted);
            self.swept = Some((Arc::clone(&reference), now, is_fresh));
        }
        self.floor.tick(&reference, now, &mut accepted);
        let is_nothing = accepted.states.is_empty() && accepted.records.is_empty() && accepted.findings.is_empty();
        (!is_nothing).then_some(accepted)
    }

    /// Turns what a dialogue decided into records and states.
    fn keep(&mut self, station: &str, step: Step, at: Timestamp) -> Outcome {
        let Step {
            feedback,
            reports,
            signal,
            is_change,
        } = step;
        let Outcome { mut accepted, .. } = told(*feedback);
        let has_reports = !reports.is_empty();
        let reference = Arc::clone(&self.reference.borrow());
        for mut report in reports {
            self.number(station, &mut report, at);
            self.floor.report(&mut report, &reference, at, &mut accepted);
            self.tallies.book(&report, &mut accepted.states);
            self.today.book(&report, &mut accepted.states);
            let record = self.record(Kind::WorkReport, station, Uuid::now_v7(), at, &report);
            accepted.records.push(record);
        }
        if has_reports {
            accepted.states.insert(NUMBERS.to_owned(), to_state(&self.numbers));
        }
        if let Some(place) = self.places.get(station)
            && let Some(job) = place.dialogue.job()
        {
            let job = format!("{}/{}", job.order_no, job.process_code);
            let equipment = place.bench.equipment.as_deref();
            self.floor.at_hand(station, equipment, &job, &mut accepted.states);
        }
        if is_change && let Some(place) = self.places.get(station) {
            accepted.states.insert(state_name(station), to_state(&place.dialogue));
        }
        let signal = signal.map(|signal| *signal);
        Outcome { accepted, signal }
    }

    /// What is made at each machine that a station stands beside; none where no job is at hand, or its order is not known.
    pub fn products(&self) -> BTreeMap<String, Option<String>> {
        let reference = self.reference.borrow();
        let mut products: BTreeMap<String, Option<String>> = BTreeMap::new();
        for place in self.places.values() {
            let Some(equipment) = &place.bench.equipment else {
                continue;
            };
            let order = place.dialogue.job().and_then(|job| reference.order(&job.order_no));
            let product = order.map(|order| order.product_code.clone());
            let known = products.entry(equipment.clone()).or_default();
            *known = known.take().or(product);
        }
        products
    }

    fn record(&self, kind: Kind, station: &str, id: Uuid, at: Timestamp, payload: &impl serde::Serialize) -> Record {
        Record::encode(kind, id, at, self.settings.zone, &format!("station/{station}"), payload)
    }

    pub fn reference(&self) -> Arc<Reference> {
        Arc::clone(&self.reference.borrow())
    }

    /// A number that no report has yet.
    pub fn next_number(&mut self, at: Timestamp, states: &mut States) -> String {
        let number = self.numbers.next(&self.settings.gateway_id, at, self.settings.zone);
        states.insert(NUMBERS.to_owned(), to_state(&self.numbers));
        number
    }

    /// A report that did not come from a station of ours counts like one that did. Whom a station would ask whether there can
    /// be so many cannot be asked here: the report says so.
    pub fn take_handed_in(&mut self, report: &mut WorkReport, at: Timestamp, accepted: &mut Accepted) {
        if report.report_no.is_empty() {
            report.report_no = self.next_number(at, &mut accepted.states);
        }
        if self.is_too_much(report) {
            report.flags.push(station::OVER_QUANTITY.to_owned());
        }
        self.floor.report(report, &self.reference(), at, accepted);
        self.tallies.book(report, &mut accepted.states);
        self.today.book(report, &mut accepted.states);
    }

    fn is_too_much(&self, report: &WorkReport) -> bool {
        let reference = self.reference();
        let Some(order) = reference.order(&report.order_no).filter(|_| report.voids.is_none()) else {
            return false;
        };
        let place = self.places.get(&report.station);
        let over_report = place.map_or(station::OVER_REPORT, |place| place.bench.over_report);
        station::excess_of(report, order, over_report, &self.tallies).is_some()
    }

    fn number(&mut self, station: &str, report: &mut WorkReport, at: Timestamp) {
        report.report_no = self.numbers.next(&self.settings.gateway_id, at, self.settings.zone);
        if let Some(place) = self.places.get_mut(station) {
            place.dialogue.number(report);
        }
    }
}

/// An answer alone.
fn told(feedback: Feedback) -> Outcome {
    let accepted = Accepted {
        feedback: Some(feedback),
        someone_waits: true,
        ..Accepted::default()
    };
    Outcome { accepted, signal: None }
}

fn state_name(station: &str) -> String {
    format!("station/{station}")
}

fn read<T: serde::de::DeserializeOwned>(states: &States, name: &str) -> Option<T> {
    let read = serde_json::from_slice(states.get(name)?);
    read.inspect_err(|error| tracing::error!(state = name, %error, "what was kept cannot be read: it begins anew"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Zone;
    use crate::judge::progress::calendar::Calendar;

    struct Shop {
        desk: Desk,
        status: Status,
        disk: States,
        second: i64,
    }

    impl Shop {
        fn new() -> Self {
            let settings = Settings {
                gateway_id: "shop-1".to_owned(),
                zone: Zone::UTC,
                shift_starts: vec![chrono::NaiveTime::MIN],
                topics: HashMap::new(),
                equipment: HashMap::new(),
                stations: HashMap::from([("S".to_owned(), Bench::plain("S"))]),
                judgement: crate::intake::judgement::Settings::default(),
                alerts: crate::intake::alerts::Settings::default(),
                floor: crate::intake::floor::Settings::new(Calendar::new(Zone::UTC, &[])),
            };
            let status = Status::default();
            let (_, reference) = watch::channel(Arc::default());
            Self {
                desk: Desk::new(&settings, status.clone(), reference),
                status,
                disk: States::default(),
                second: 0,
            }
        }

        fn scan(&mut self, code: &str) -> Accepted {
            self.second += 2;
            let at = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(self.second);
            let frame = Frame::Whole(code.as_bytes().to_vec());
            self.desk.scan("S", &frame, at).expect("a station").accepted
        }

        /// Scans, and the disk takes it.
        fn keep(&mut self, code: &str) -> Accepted {
            let accepted = self.scan(code);
            self.disk.extend(accepted.states.clone());
            accepted
        }

        fn qualified(&self) -> String {
            self.desk
                .view("S", None, Timestamp::UNIX_EPOCH)
                .expect("a view")
                .qualified_quantity
                .to_string()
        }
    }

    fn report(accepted: &Accepted) -> serde_json::Value {
        let json = String::from_utf8(accepted.records[0].json.to_vec()).expect("text");
        serde_json::from_str::<serde_json::Value>(&format!("{{{json}")).expect("JSON")["payload"].take()
    }

    #[test]
    fn row_47_what_the_disk_refuses_did_not_happen() {
        let mut shop = Shop::new();
        for code in ["EMP-7", "TRV-1.10", "LSN-START", "QTY-5"] {
            shop.keep(code);
        }
        let refused = report(&shop.scan("QTY-7"));
        shop.scan("LSN-LOGOUT");
        shop.desk.restore(&shop.disk.clone(), Timestamp::UNIX_EPOCH);
        assert_eq!(shop.qualified(), "5");
        assert_eq!(shop.status.station("S").expect("a view").state, "running");
        let again = report(&shop.keep("QTY-7"));
        assert_eq!(again["qualified_quantity"], refused["qualified_quantity"]);
        assert_eq!(shop.qualified(), "12");
    }

    #[test]
    fn row_42_a_code_that_is_not_whole_is_told_by_what_it_lacks() {
        let mut shop = Shop::new();
        for (gap, code) in [
            (Gap::End, "PARTIAL_READ"),
            (Gap::Events, "EVENTS_DROPPED"),
            (Gap::Key, "UNMAPPED_KEY"),
        ] {
            let frame = Frame::Partial(gap, b"EMP-".to_vec());
            let outcome = shop.desk.scan("S", &frame, Timestamp::UNIX_EPOCH).expect("a station");
            assert_eq!(outcome.accepted.feedback.expect("an answer").code, code);
        }
    }

    #[test]
    fn reports_are_numbered_once_over_a_restart() {
        let mut shop = Shop::new();
        for code in ["EMP-7", "TRV-1.10", "LSN-START"] {
            shop.keep(code);
        }
        let first = report(&shop.keep("QTY-5"));
        shop.desk.restore(&shop.disk.clone(), Timestamp::UNIX_EPOCH);
        shop.keep("LSN-UNDO");
        let void = report(&shop.keep("LSN-OK"));
        assert_eq!(void["voids"], first["report_no"]);
        assert_ne!(void["report_no"], first["report_no"]);
    }
}
