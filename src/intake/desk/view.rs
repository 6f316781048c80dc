//! What a station's screen shows, put together from its dialogue, the reference data and what was heard lately.

use super::{Desk, Place};
use crate::intake::station::Sheet;
use crate::record::{Feedback, FoundDefect, Timestamp};
use crate::status::{InspectionView, NotedFault, StampedFeedback, StationView};

impl Desk {
    /// Nothing when there is no such station. Without an answer of now the last one stays.
    pub(super) fn view(&self, station: &str, feedback: Option<Feedback>, now: Timestamp) -> Option<StationView> {
        let Place { bench, dialogue, heard } = self.places.get(station)?;
        let zone = self.settings.zone;
        let last_feedback = feedback
            .map(|feedback| StampedFeedback {
                feedback,
                at: zone.rfc3339(now),
            })
            .or_else(|| self.status.station(station).and_then(|view| view.last_feedback));
        let reference = self.reference();
        let context = self.context(bench, &reference, now);
        let crew = dialogue.crew();
        let operator = crew.first();
        let job = dialogue.job();
        let order = job.and_then(|job| reference.order(&job.order_no));
        let accepts = dialogue.accepts(&context);
        let takes_reason = accepts.iter().any(|accepted| accepted.scan == "reason");
        let first_shift = self.settings.shift_starts.first().copied().unwrap_or_default();
        let day = zone.production_day(now, first_shift);
        let named = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Some(StationView {
            state: dialogue.state().name(),
            equipment: bench.equipment.clone(),
            worker_no: operator.map(|o| o.worker_no.clone()),
            worker_name: operator.and_then(|o| o.name.clone()),
            crew: crew.iter().map(|o| o.worker_no.clone()).collect(),
            today: operator.map(|o| self.today.of(&o.worker_no, day)),
            order_no: job.map(|j| j.order_no.clone()),
            orders: dialogue.jobs().map(|j| j.order_no.clone()).collect(),
            product_code: order.and_then(|o| named(&o.product_code)),
            product_name: order.and_then(|o| named(&o.product_name)),
            process_code: job.map(|j| j.process_code.clone()),
            process_name: job.and_then(|j| j.process_name.clone()),
            order_quantity: order.map(|o| o.order_quantity),
            completed_quantity: order.map(|o| o.completed_quantity),
            process_quantity: dialogue.done_and_plan(&context).map(|(done, _)| done),
            qualified_quantity: job.map(|j| j.qualified).unwrap_or_default(),
            unqualified_quantity: job.map(|j| j.unqualified).unwrap_or_default(),
            last_feedback,
            expects: dialogue.expects(bench),
            inspection: dialogue.sheet().map(inspection),
            asked: dialogue.asked(&context),
            reasons: if takes_reason {
                dialogue.reasons(&context)
            } else {
                Vec::new()
            },
            accepts,
            scans: heard.shown(zone),
            language: bench.language,
            unverified: job.is_some_and(|j| j.unverified) || crew.iter().any(|o| o.unverified),
        })
    }
}

fn inspection(sheet: &Sheet) -> InspectionView {
    let checker = sheet.checker.as_ref();
    let fault = |fault: &FoundDefect| NotedFault {
        reason: fault.reason.clone(),
        quantity: fault.quantity,
        kind: fault.kind,
    };
    InspectionView {
        checker_no: checker.map(|checker| checker.worker_no.clone()),
        checker_name: checker.and_then(|checker| checker.name.clone()),
        check_quantity: sheet.quantity,
        unqualified_quantity: sheet.faulty(),
        faults: sheet.faults.iter().map(fault).collect(),
    }
}
