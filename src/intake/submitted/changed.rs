//! What people change of control charts, and what they say of points. A change is kept with what the chart is made of: with
//! reports where these feed it, with telemetry where a machine does; who made it is answered when the disk has that. Words
//! are kept beside, for the state of a chart is small.

use serde_json::{Value, json};

use crate::buffer::States;
use crate::intake::{Accepted, Intake, to_state};
use crate::judge::spc::monitor::PhaseError;
use crate::language::Words;
use crate::record::{Annotation, Answered, ChartChange, Objection, Timestamp};

/// Name of the states, and of what is shown.
const ANNOTATIONS: &str = "annotations/";
/// Of one chart; the oldest gives way.
const ANNOTATIONS_MAX: usize = 20;

impl Intake {
    pub(in crate::intake) fn restore_annotations(&mut self, states: &States) {
        let kept = states.iter().filter_map(|(name, value)| {
            let chart = name.strip_prefix(ANNOTATIONS)?.to_owned();
            Some((chart, serde_json::from_slice(value).ok()?))
        });
        self.annotations = kept.collect();
        for (chart, annotations) in &self.annotations {
            self.status.set_judge(&format!("{ANNOTATIONS}{chart}"), annotations);
        }
    }

    pub(super) fn annotated(&mut self, chart: &str, annotation: Annotation, accepted: &mut Accepted) -> Answered {
        let Some(view) = self.status.judge(&format!("spc/{chart}")) else {
            return Answered::NotThere(no_chart(chart));
        };
        let at = annotation.at;
        let is_there =
            |point: &Value| serde_json::from_value(point["at"].clone()).is_ok_and(|known: Timestamp| known == at);
        if !view["points"]
            .as_array()
            .is_some_and(|points| points.iter().any(is_there))
        {
            let words = Words::new("no point of the chart is of this moment", "图上没有这一时刻的点");
            return Answered::Refused(vec![Objection::new("at", "NO_SUCH_POINT", words)]);
        }
        let annotations: &mut Vec<Annotation> = self.annotations.entry(chart.to_owned()).or_default();
        annotations.retain(|known| known.at != at);
        if annotations.len() == ANNOTATIONS_MAX {
            annotations.remove(0);
        }
        annotations.push(annotation);
        let name = format!("{ANNOTATIONS}{chart}");
        accepted.states.insert(name.clone(), to_state(annotations));
        self.status.set_judge(&name, annotations);
        Answered::Taken(json!({"chart": chart, "at": at}))
    }

    pub(super) fn chart_changed(
        &mut self,
        chart: &str,
        change: &ChartChange,
        by: &str,
        at: Timestamp,
        accepted: &mut Accepted,
    ) -> Answered {
        let changed = match self.desk.floor.change_chart(chart, change, by, at, accepted) {
            Some(changed) => changed,
            None => match self.judgement.change(chart, change, by, at) {
                Some(changed) => {
                    // Behind the telemetry that its state goes with.
                    accepted.someone_waits = false;
                    changed.map(|found| accepted.findings.extend(found))
                }
                None => return Answered::NotThere(no_chart(chart)),
            },
        };
        self.tell_found(at, accepted);
        match changed {
            Ok(()) => Answered::Taken(json!({"chart": chart, "changed_by": by})),
            Err(error) => Answered::Refused(vec![objection(&error)]),
        }
    }
}

fn objection(error: &PhaseError) -> Objection {
    let (field, code) = match error {
        PhaseError::NoSuchPoint(_) | PhaseError::NotExcluded(_) => ("point", "NO_SUCH_POINT"),
        PhaseError::Excluded(_) => ("point", "ALREADY_EXCLUDED"),
        PhaseError::NoReason => ("reason", "TEXT_INVALID"),
        PhaseError::TooMany => ("point", "TOO_MANY"),
        PhaseError::Given | PhaseError::Frozen | PhaseError::Estimate(_) => ("action", "NOT_NOW"),
    };
    Objection::new(field, code, error.words())
}

fn no_chart(chart: &str) -> Words {
    Words::new(format!("there is no chart {chart}"), format!("没有控制图 {chart}"))
}
