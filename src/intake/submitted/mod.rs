//! What is handed in over HTTP becomes records here, by the same rules as what stations say. Who hands in the same again,
//! under the same number or key, is told what became of it, and nothing is done twice.

mod changed;
mod decided;
mod known;
mod paper;

use serde_json::json;
use uuid::Uuid;

pub(super) use known::Known;
use paper::Read;

use super::inspections::{UNVERIFIED, examine, too_long, unknown_order};
use super::validate::{self, Layer};
use super::{Accepted, Intake, Verdict, to_state};
use crate::judge::alerts::{AcknowledgeError, Acknowledgement};
use crate::judge::inspection;
use crate::language::Words;
use crate::record::{
    Answered, Circumstances, Inspection, Kind, Objection, PageScan, Paper, Record, Slip, Submitted, Timestamp,
    WorkReport,
};

/// Name of the state that holds the latest inspections.
pub(super) const INSPECTIONS: &str = "inspections";
/// Who speaks, in the records of what was handed in.
const SOURCE: &str = "http";

impl Intake {
    pub(super) fn submission(&mut self, what: Submitted, slip: &Slip, at: Timestamp) -> Verdict {
        let mut accepted = Accepted {
            someone_waits: true,
            ..Accepted::default()
        };
        let answer = match what {
            Submitted::Scan(scan) => return self.page_scan(&scan, slip, at),
            Submitted::WorkReport(paper) => self.report_handed_in(&paper, at, &mut accepted),
            Submitted::Inspection(paper) => self.inspection_handed_in(&paper, at, &mut accepted),
            Submitted::Acknowledgement { alert_id, by, comment } => {
                let acknowledgement = Acknowledgement { by, at, comment };
                match self.alerts.acknowledge(alert_id, acknowledgement, &mut accepted) {
                    Ok(()) => Answered::Taken(json!({"acknowledged": alert_id})),
                    Err(AcknowledgeError::Already) => Answered::Known(json!({"acknowledged": alert_id})),
                    Err(AcknowledgeError::Unknown) => Answered::NotThere(Words::new(
                        format!("there is no alert {alert_id}"),
                        format!("没有报警 {alert_id}"),
                    )),
                }
            }
            Submitted::Disposition { check_no, paper, by } => {
                self.disposition_handed_in(&check_no, &paper, by, at, &mut accepted)
            }
            Submitted::Annotation { chart, annotation } => self.annotated(&chart, annotation, &mut accepted),
            Submitted::ChartChange { chart, change, by } => self.chart_changed(&chart, &change, &by, at, &mut accepted),
        };
        slip.write(answer);
        // An answer that changes nothing waits in line too: it may speak of what is still on its way to the disk.
        Verdict::Accepted(Box::new(accepted))
    }

    /// The scan of a page goes the way of a scanner's. One that came before gets the answer that it got then.
    fn page_scan(&mut self, scan: &PageScan, slip: &Slip, at: Timestamp) -> Verdict {
        let waits = || {
            Verdict::Accepted(Box::new(Accepted {
                someone_waits: true,
                ..Accepted::default()
            }))
        };
        if let Some(answer) = self.desk.answered(scan) {
            slip.write(Answered::Known(json!(answer)));
            return waits();
        }
        let Some((outcome, answer)) = self.desk.scan_of_page(scan, at) else {
            let station = &scan.station;
            slip.write(Answered::NotThere(Words::new(
                format!("there is no station {station}"),
                format!("没有工位 {station}"),
            )));
            return waits();
        };
        slip.write(Answered::Taken(json!(answer)));
        self.scanned(&format!("station/{}", scan.station).into(), outcome, at)
    }

    fn report_handed_in(&mut self, paper: &Paper, at: Timestamp, accepted: &mut Accepted) -> Answered {
        let (kind, day) = (Kind::WorkReport, self.production_day(at));
        let Read {
            value: mut report,
            mut objections,
            ignored,
        } = paper::work_report(paper.body.clone(), day);
        if let Some(answer) = self.handed_in.answer(kind, &report.report_no, paper) {
            return answer;
        }
        self.complete_report(&mut report, at, &mut objections);
        let findings = validate::work_report(&report, &self.desk.reference(), at);
        objections.extend(findings.into_iter().map(objection));
        objections.extend(too_long(&report));
        if !objections.is_empty() {
            return self.refused(objections, at);
        }
        self.desk.take_handed_in(&mut report, at, accepted);
        self.tell_found(at, accepted);
        let id = self.keep(kind, &report.report_no, paper, at, &report, accepted);
        Answered::Taken(json!({
            "report_no": report.report_no, "message_id": id, "flags": report.flags, "ignored": ignored,
        }))
    }

    fn refused(&self, objections: Vec<Objection>, at: Timestamp) -> Answered {
        for objection in &objections {
            self.desk.ask_anew(objection.code, at);
        }
        Answered::Refused(told_once(objections))
    }

    /// What the sender need not know.
    fn complete_report(&self, report: &mut WorkReport, at: Timestamp, objections: &mut Vec<Objection>) {
        let reference = self.desk.reference();
        report.clock_synced = self.status.is_clock_synced();
        if let Some(order) = reference.order(&report.order_no) {
            report.order_no.clone_from(&order.order_no);
            let process = order.processes.iter().find(|p| p.process_code == report.process_code);
            if let Some(process) = process {
                report.process_id = report.process_id.or(process.process_id);
                report.process_name.get_or_insert_with(|| process.process_name.clone());
            }
        } else if reference.is_fresh(at) && !report.order_no.is_empty() {
            objections.push(unknown_order(&report.order_no));
        }
        if let Some(worker) = reference.worker(&report.worker_no) {
            report.worker_no.clone_from(&worker.worker_no);
            report.worker_id = report.worker_id.or(worker.worker_id);
            report.worker_name.get_or_insert_with(|| worker.name.clone());
        }
        if let Some(known) = report.equipment.as_deref().and_then(|code| reference.equipment(code)) {
            report.equipment_id = report.equipment_id.or(known.equipment_id);
        }
        let knows = |worker_no: &str| reference.worker(worker_no).is_some();
        let knows_people = || knows(&report.worker_no) && report.crew.iter().all(|member| knows(&member.worker_no));
        let mut reasons = report.defects.iter().map(|defect| reference.reason(&defect.reason));
        let mut is_known =
            || reference.order(&report.order_no).is_some() && knows_people() && reasons.all(|r| r.is_some());
        if !reference.is_fresh(at) {
            // What was handed in while the store was away ends that as soon as it is back.
            reference.ask_anew();
            if !is_known() {
                report.flags.push(UNVERIFIED.to_owned());
            }
        }
    }

    fn inspection_handed_in(&mut self, paper: &Paper, at: Timestamp, accepted: &mut Accepted) -> Answered {
        let (kind, day) = (Kind::Inspection, self.production_day(at));
        let Read {
            value: mut inspection,
            mut objections,
            ignored,
        } = paper::inspection(paper.body.clone(), day);
        if let Some(answer) = self.handed_in.answer(kind, &inspection.check_no, paper) {
            return answer;
        }
        self.add_circumstances(&mut inspection.circumstances, at);
        let reference = self.desk.reference();
        if !reference.is_fresh(at) {
            reference.ask_anew();
        }
        objections.extend(examine(&mut inspection, &reference, at));
        objections.extend(
            validate::inspection(&inspection, &reference, at)
                .into_iter()
                .map(objection),
        );
        if !objections.is_empty() {
            return self.refused(objections, at);
        }
        if inspection.check_no.is_empty() {
            inspection.check_no = self.desk.next_number(at, &mut accepted.states);
        }
        let id = self.keep(kind, &inspection.check_no, paper, at, &inspection, accepted);
        let analysis = self.inspected(&inspection, at, accepted);
        Answered::Taken(json!({
            "check_no": inspection.check_no, "message_id": id, "check_result": inspection.check_result,
            "flags": inspection.flags, "analysis": analysis, "ignored": ignored,
        }))
    }

    /// What was inspected at a station has been examined there.
    pub(super) fn inspection_scanned(
        &mut self,
        source: &str,
        mut inspection: Inspection,
        at: Timestamp,
        accepted: &mut Accepted,
    ) {
        self.add_circumstances(&mut inspection.circumstances, at);
        inspection.check_no = self.desk.next_number(at, &mut accepted.states);
        let id = self.message_id(Kind::Inspection, &inspection.check_no);
        let record = Record::encode(Kind::Inspection, id, at, self.settings.zone, source, &inspection);
        accepted.records.push(record);
        self.inspected(&inspection, at, accepted);
    }

    /// What the inspector need not know: how the machine was, and in which shift.
    fn add_circumstances(&self, circumstances: &mut Circumstances, at: Timestamp) {
        if let Some(equipment) = circumstances.equipment.as_deref() {
            let state = self.tracker.state(equipment).map(|(state, _)| state.to_owned());
            circumstances.equipment_state = circumstances.equipment_state.take().or(state);
        }
        let shift = self.settings.zone.shift_start(at, &self.settings.shift_starts);
        let shift = shift.with_timezone(&self.settings.zone.0).format("%H:%M").to_string();
        circumstances.shift.get_or_insert(shift);
    }

    /// What follows from an inspection that was taken: alerts, and what the latest ones say together.
    fn inspected(
        &mut self,
        inspection: &Inspection,
        at: Timestamp,
        accepted: &mut Accepted,
    ) -> Option<inspection::Analysis> {
        accepted
            .findings
            .extend(inspection::out_of_specification(inspection, at));
        self.desk.floor.inspected(inspection, at, accepted);
        self.tell_found(at, accepted);
        self.inspections.take(inspection);
        accepted
            .states
            .insert(INSPECTIONS.to_owned(), to_state(&self.inspections));
        self.enter(inspection, at, &mut accepted.states);
        self.inspections.analyse(inspection)
    }

    /// Encodes what was taken and remembers that it was.
    fn keep(
        &mut self,
        kind: Kind,
        number: &str,
        paper: &Paper,
        at: Timestamp,
        payload: &impl serde::Serialize,
        accepted: &mut Accepted,
    ) -> Uuid {
        let id = self.message_id(kind, number);
        let record = Record::encode(kind, id, at, self.settings.zone, SOURCE, payload);
        accepted.records.push(record);
        self.handed_in
            .remember(kind, number, id, paper, at, &mut accepted.states);
        id
    }

    /// The id of a message follows from its number, so that the store knows it again even when we do not any more.
    fn message_id(&self, kind: Kind, number: &str) -> Uuid {
        let what = if kind == Kind::Disposition {
            "disposition"
        } else {
            kind.topic()
        };
        let cause = format!("{}/{what}/{number}", self.settings.gateway_id);
        Uuid::new_v5(&Uuid::NAMESPACE_URL, cause.as_bytes())
    }

    fn production_day(&self, at: Timestamp) -> chrono::NaiveDate {
        let first_shift = self.settings.shift_starts.first().copied().unwrap_or_default();
        self.settings.zone.production_day(at, first_shift)
    }
}

/// Stations put some findings into sentences of their own, and are told no more than a name.
fn objection(finding: validate::Finding) -> Objection {
    let named = finding.words;
    let name = &named.en;
    let words = match (finding.layer, finding.code) {
        (Layer::State, "ORDER_CLOSED") => Words::new(
            format!("{name} takes no reports; write an order that is released"),
            format!("工单 {name} 不能报工；请填已下达的工单"),
        ),
        (Layer::State, "UNKNOWN_BADGE") => Words::new(
            format!("no worker {name} is active; write the number of one who is"),
            format!("没有在岗员工 {name}；请填在岗员工的工号"),
        ),
        (Layer::State, "REASON_UNKNOWN") => Words::new(
            format!("{name} is no reason for such a defect; write the code of one"),
            format!("{name} 不是此类不良的原因；请填原因代码"),
        ),
        _ => named,
    };
    Objection::new(finding.field, finding.code, words)
}

/// What could not be read was put to nothing, and nothing is not to be objected to again.
fn told_once(mut objections: Vec<Objection>) -> Vec<Objection> {
    let mut told = std::collections::BTreeSet::new();
    objections.retain(|objection| told.insert(objection.field.clone()));
    objections
}
