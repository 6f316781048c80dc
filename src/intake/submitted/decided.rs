//! The register of inspections, and what is decided on pieces that their inspection left open. A decision is a record of its
//! own, beside the inspection that it is about.

use bytes::Bytes;
use serde_json::json;

use super::told_once;
use crate::buffer::States;
use crate::fields::Fields;
use crate::intake::{Accepted, Intake, to_state};
use crate::judge::inspection::{Checked, Decision, Hinted, Register};
use crate::language::Words;
use crate::record::{Answered, DefectKind, Disposition, Inspection, Kind, Objection, Paper, Timestamp};

/// Name of the states, and of what is shown.
const INSPECTION: &str = "inspection/";
const HINTS: &str = "hints/";
const REASON_CHARS_MAX: usize = 500;
const COMMENT_CHARS_MAX: usize = 500;

impl Intake {
    pub(in crate::intake) fn restore_register(&mut self, states: &States) {
        for checked in self.register.iter() {
            self.status.drop_judge(&state_name(&checked.check_no));
        }
        let kept = states.iter().filter(|(name, _)| name.starts_with(INSPECTION));
        let kept = kept.filter_map(|(name, value)| {
            let read = serde_json::from_slice::<Checked>(value);
            read.inspect_err(|error| tracing::warn!(state = name, %error, "an inspection is not listed any more"))
                .ok()
        });
        self.register = Register::restored(kept.collect());
        for checked in self.register.iter() {
            self.status.set_judge(&state_name(&checked.check_no), checked);
        }
        for product in self.inspections.products() {
            self.show_hints(product);
        }
    }

    /// Lists an inspection that was taken.
    pub(super) fn enter(&mut self, inspection: &Inspection, at: Timestamp, states: &mut States) {
        let checked = Checked::of(inspection, at);
        self.list(&checked, states);
        if let Some(gone) = self.register.take(checked) {
            states.insert(state_name(&gone.check_no), Bytes::new());
            self.status.drop_judge(&state_name(&gone.check_no));
        }
        let product = inspection.product_code.as_ref().unwrap_or(&inspection.order_no);
        self.show_hints(product);
    }

    fn show_hints(&self, product: &str) {
        let told = Hinted {
            product: product.to_owned(),
            hints: self.inspections.hints(product),
        };
        self.status.set_judge(&format!("{HINTS}{product}"), &told);
    }

    fn list(&self, checked: &Checked, states: &mut States) {
        let name = state_name(&checked.check_no);
        states.insert(name.clone(), to_state(checked));
        self.status.set_judge(&name, checked);
    }

    pub(super) fn disposition_handed_in(
        &mut self,
        check_no: &str,
        paper: &Paper,
        by: String,
        at: Timestamp,
        accepted: &mut Accepted,
    ) -> Answered {
        let kind = Kind::Disposition;
        // A key is of the inspection that it was shown with.
        let paper = &Paper {
            body: paper.body.clone(),
            key: paper.key.as_ref().map(|key| format!("{check_no} {key}")),
        };
        if let Some(answer) = self.handed_in.answer(kind, "", paper) {
            return answer;
        }
        let (decision, objections) = read(paper, by, at);
        let Some(checked) = self.register.find(check_no) else {
            return Answered::NotThere(Words::new(
                format!("{check_no} is none of the latest inspections of this gateway"),
                format!("{check_no} 不在本网关最近的检验之中"),
            ));
        };
        let Some(decision) = decision.filter(|_| objections.is_empty()) else {
            return Answered::Refused(told_once(objections));
        };
        let pieces = match checked.decide(&decision) {
            Ok(pieces) => pieces,
            Err(objection) => return Answered::Refused(vec![objection]),
        };
        let checked = checked.clone();
        let told = Disposition {
            disposition_no: format!("{check_no}/{}", checked.decisions),
            check_no: check_no.to_owned(),
            order_no: checked.order_no.clone(),
            disposition: decision.disposition,
            pieces,
            decided_by: decision.by,
            decided_at: self.settings.zone.rfc3339(at),
            comment: decision.comment,
        };
        self.list(&checked, &mut accepted.states);
        let id = self.keep(kind, &told.disposition_no, paper, at, &told, accepted);
        Answered::Taken(json!({
            "disposition_no": told.disposition_no, "message_id": id, "pieces": told.pieces,
            "open_quantity": checked.open_quantity(),
        }))
    }
}

fn read(paper: &Paper, by: String, at: Timestamp) -> (Option<Decision>, Vec<Objection>) {
    let mut fields = Fields::new(paper.body.clone(), "");
    let disposition: Option<DefectKind> = fields
        .take("disposition")
        .and_then(|value| serde_json::from_value(value).ok());
    if disposition.is_none() {
        fields.find(
            "disposition",
            "must be \"rework\", \"concession\" or \"scrap\"",
            "应为返工、让步接收或报废",
        );
    }
    let decision = disposition.map(|disposition| Decision {
        disposition,
        reason: fields.text("reason", REASON_CHARS_MAX),
        quantity: fields.amount("quantity"),
        by,
        at,
        comment: fields.text("comment", COMMENT_CHARS_MAX),
    });
    let (findings, _) = fields.finish();
    let objections = findings
        .into_iter()
        .map(|finding| Objection::new(finding.field, "INVALID", finding.words));
    (decision, objections.collect())
}

fn state_name(check_no: &str) -> String {
    format!("{INSPECTION}{check_no}")
}
