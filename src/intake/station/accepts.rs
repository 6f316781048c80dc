//! What a station's screen offers: the scans that would be answered OK or with a question now, what is asked, and the
//! reasons that would do as an answer.
//!
//! Nothing here knows the rules a second time: each scan is tried on a copy of the dialogue, by the table itself.

use chrono::TimeDelta;
use rust_decimal::Decimal;

use super::checking::fault_reason;
use super::counting::defect_reason;
use super::job::stop_reason;
use super::sheet::Sheet;
use super::{
    Context, Dialogue, Held, PENDING_FOR, Pending, QuantityKind, Question, State, Unexplained, supervisor, table,
};
use crate::intake::barcode::{Meaning, VERBS};
use crate::record::{DefectKind, FeedbackKind};
use crate::reference::Reason;
use crate::status::{Accepts, AskedView, ReasonView};

/// A screen has no room for more.
const REASONS_MAX: usize = 60;
/// Another name of a verb that is offered already.
const SECOND_NAME: &str = "START-SETUP";

impl Dialogue {
    pub fn accepts(&self, context: &Context) -> Vec<Accepts> {
        let commands = VERBS
            .iter()
            .filter(|(name, _)| *name != SECOND_NAME)
            .map(|(name, verb)| (name.to_lowercase(), format!("LSN-{name}"), Meaning::Command(*verb)));
        let named = [
            ("call", "LSN-CALL", Meaning::Call(None)),
            ("down", "LSN-DOWN", Meaning::Down(None)),
            (
                "quantity",
                "QTY-",
                Meaning::Quantity {
                    count: Decimal::ONE,
                    item: None,
                },
            ),
            ("keyed", "QTY-ADD-", Meaning::Keyed(Decimal::ONE)),
            ("piece", "", piece(Some("?"))),
            ("piece", "", piece(None)),
            ("reason", "RSN-", Meaning::Reason(self.any_reason(context))),
        ];
        let named = named.map(|(scan, code, meaning)| (scan.to_owned(), code.to_owned(), meaning));
        let machine = context.bench.equipment.as_ref().map(|own| {
            let label = Meaning::Equipment(own.clone());
            ("machine".to_owned(), format!("EQ-{own}"), label)
        });
        let tried = commands
            .chain(named)
            .chain(machine)
            .filter_map(|(scan, code, meaning)| {
                let kind = self.would_answer(&meaning, context)?;
                Some(Accepts { scan, code, kind })
            });
        let mut accepted: Vec<Accepts> = self.by_name_alone(context).chain(tried).collect();
        accepted.dedup_by(|a, b| a.scan == b.scan);
        accepted
    }

    /// How a scan would be answered, where it would not be refused.
    fn would_answer(&self, meaning: &Meaning, context: &Context) -> Option<FeedbackKind> {
        if table::is_out_of_place(self.state(), meaning) {
            return None;
        }
        let kind = table::act(&mut self.clone(), meaning, context).feedback.kind;
        matches!(kind, FeedbackKind::Ok | FeedbackKind::Ask).then_some(kind)
    }

    /// Badges, orders and operations: which of them are right, their labels alone know.
    fn by_name_alone(&self, context: &Context) -> impl Iterator<Item = Accepts> {
        let is_asked = self.asked.is_some() || self.is_inspecting();
        let waits_for_inspector = self.asked.is_none() && matches!(self.sheet, Some(Sheet { checker: None, .. }));
        let is_signed_on = !self.crew.is_empty();
        let waits_for_operation = matches!(self.held, Some((Held::Order(_), _)));
        let is_running = self.job.as_ref().is_some_and(|job| job.state() == State::Running);
        let answered = |asks| if asks { FeedbackKind::Ask } else { FeedbackKind::Ok };
        [
            (
                "badge",
                "EMP-",
                answered(is_asked),
                !is_asked || waits_for_inspector || self.awaits_approval(context),
            ),
            ("order", "WO-", answered(is_running), !is_asked && is_signed_on),
            ("operation", "OP-", FeedbackKind::Ok, !is_asked && waits_for_operation),
        ]
        .into_iter()
        .filter(|(.., is_accepted)| *is_accepted)
        .map(|(scan, code, kind, _)| Accepts {
            scan: scan.to_owned(),
            code: code.to_owned(),
            kind,
        })
    }

    /// Whether what is asked only counts with a supervisor's badge, which has not been scanned yet.
    fn awaits_approval(&self, context: &Context) -> bool {
        self.asked.as_ref().is_some_and(|asked| {
            let needed = supervisor::approval_of(&asked.what);
            asked.approved_by.is_none() && needed.is_some_and(|needed| context.bench.needs_approval(needed))
        })
    }

    pub fn asked(&self, context: &Context) -> Option<AskedView> {
        let lasts = if self.keeps_asking() {
            TimeDelta::from_std(context.inspecting_for()).unwrap_or(PENDING_FOR)
        } else {
            PENDING_FOR
        };
        let until = |since| context.zone.rfc3339(since + lasts);
        let Some(asked) = &self.asked else {
            let Some((Held::Order(order_no), since)) = &self.held else {
                return None;
            };
            return Some(AskedView {
                what: "operation",
                about: None,
                quantity: None,
                order_no: Some(order_no.clone()),
                needs_approval: false,
                until: until(*since),
            });
        };
        let (what, about, quantity, order_no) = match &asked.what {
            Pending::Quantity { kind, keyed } => (
                "quantity",
                kind_name(*kind),
                Some(*keyed).filter(|keyed| !keyed.is_zero()),
                None,
            ),
            Pending::Reason(Unexplained::Defect { kind, quantity, .. }) => {
                ("reason", kind_name(QuantityKind::Defect(*kind)), Some(*quantity), None)
            }
            Pending::Reason(Unexplained::Fault { kind, quantity }) => {
                ("reason", kind_name(QuantityKind::Fault(*kind)), Some(*quantity), None)
            }
            Pending::Reason(Unexplained::Stop(_)) => ("reason", "stop", None, None),
            Pending::Confirm(Question::Switch(job)) => ("confirm", "switch", None, Some(job.order_no.clone())),
            Pending::Confirm(Question::SwitchOrder(order_no)) => ("confirm", "switch", None, Some(order_no.clone())),
            Pending::Confirm(Question::Over(pieces)) => ("confirm", "over", Some(pieces.quantity), None),
            Pending::Confirm(Question::Short) => ("confirm", "short", None, None),
            Pending::Confirm(Question::Undo) => ("confirm", "undo", None, None),
            Pending::Confirm(Question::CompleteToo) => ("confirm", "complete", None, None),
            Pending::Confirm(Question::DropInspection) => ("confirm", "discard", None, None),
        };
        Some(AskedView {
            what,
            about: Some(about),
            quantity,
            order_no,
            needs_approval: self.awaits_approval(context),
            until: until(asked.since),
        })
    }

    /// The reasons that would do now, where one has its place.
    pub fn reasons(&self, context: &Context) -> Vec<ReasonView> {
        let mut fitting: Vec<&Reason> = context
            .reference
            .reasons()
            .map(AsRef::as_ref)
            .filter(|reason| self.would_explain(reason, context))
            .collect();
        fitting.sort_by(|a, b| a.code.cmp(&b.code));
        let shown = fitting.into_iter().take(REASONS_MAX).map(|reason| ReasonView {
            code: reason.code.clone(),
            name: reason.name.clone(),
            kind: reason.kind.clone(),
        });
        shown.collect()
    }

    fn would_explain(&self, reason: &Reason, context: &Context) -> bool {
        match self.asked.as_ref().map(|asked| &asked.what) {
            Some(Pending::Reason(Unexplained::Defect { kind, .. })) => {
                defect_reason(&reason.code, *kind, context).is_ok()
            }
            Some(Pending::Reason(Unexplained::Fault { kind, .. })) => {
                fault_reason(&reason.code, *kind, context).is_ok()
            }
            Some(Pending::Reason(Unexplained::Stop(_))) | None => stop_reason(&reason.code, context).is_ok(),
            Some(_) => false,
        }
    }

    /// One that would do, if any is known that does.
    fn any_reason(&self, context: &Context) -> String {
        let mut known = context.reference.reasons();
        let fitting = known.find(|reason| self.would_explain(reason, context));
        fitting.map_or_else(|| "?".to_owned(), |reason| reason.code.clone())
    }
}

/// A piece by a serial that no piece has, or by its product.
fn piece(serial: Option<&str>) -> Meaning {
    Meaning::Piece {
        serial: serial.map(str::to_owned),
        item: None,
    }
}

fn kind_name(kind: QuantityKind) -> &'static str {
    match kind {
        QuantityKind::Good => "good",
        QuantityKind::ToInspect => "to_inspect",
        QuantityKind::Inspected => "inspected",
        QuantityKind::Fault(None) => "faulty",
        QuantityKind::Defect(DefectKind::Scrap) | QuantityKind::Fault(Some(DefectKind::Scrap)) => "scrap",
        QuantityKind::Defect(DefectKind::Rework) | QuantityKind::Fault(Some(DefectKind::Rework)) => "rework",
        QuantityKind::Defect(DefectKind::Concession) | QuantityKind::Fault(Some(DefectKind::Concession)) => {
            "concession"
        }
    }
}
