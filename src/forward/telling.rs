//! What an upstream's task tells of itself: how much waits and what was answered, in the status; that a setting is wrong, by
//! an alert.

use tokio::time::Instant;
use uuid::Uuid;

use super::Forwarder;
use super::http::Failure;
use crate::buffer::{Commit, SegmentError};
use crate::record::{Alert, Kind, Lane, Record, Severity};

impl Forwarder {
    /// Looks at what waits, for the status and for how long telemetry has been waiting for company.
    pub(super) fn note_waiting(&mut self) {
        let tails = *self.buffer.tails().borrow();
        let now = Instant::now();
        let mut waiting = [0; 2];
        for (work, count) in self.lanes.iter_mut().zip(&mut waiting) {
            *count = tails.lane(work.lane).saturating_sub(self.places.lane(work.lane).next);
            work.waiting_since = if *count == 0 {
                None
            } else {
                work.waiting_since.or(Some(now))
            };
        }
        self.status.update_upstream(&self.settings.name, |view| {
            for (lane, count) in Lane::BOTH.into_iter().zip(waiting) {
                view.waiting.insert(lane, count);
            }
            if waiting == [0; 2] {
                view.oldest_waiting = None;
            }
        });
    }

    pub(super) fn note_answer(&self, sent: &Result<crate::wire::Answer, Failure>) {
        let is_reached = !matches!(sent, Err(Failure::Later { .. } | Failure::Settings { .. }));
        let answer = match sent {
            Ok(_) => "stored".to_owned(),
            Err(failure) => failure.to_string(),
        };
        let now = chrono::Utc::now();
        let was_reached = self.status.is_reachable(&self.settings.name);
        if was_reached && !is_reached {
            tracing::warn!(
                upstream = self.settings.name,
                answer,
                "the upstream does not take batches; they wait"
            );
        } else if !was_reached && is_reached {
            tracing::info!(upstream = self.settings.name, "the upstream takes batches");
        }
        self.status.update_upstream(&self.settings.name, |view| {
            if view.reachable != is_reached || view.since.is_none() {
                view.since = Some(now);
            }
            view.reachable = is_reached;
            view.last_answer = Some(answer);
            view.failures += u64::from(!is_reached);
        });
    }

    /// The buffer cannot be read or written for now.
    pub(super) fn note_trouble(&self, trouble: &SegmentError) {
        tracing::warn!(upstream = self.settings.name, %trouble, "what is to be sent waits for the buffer");
        self.status.update_upstream(&self.settings.name, |view| {
            view.last_answer = Some(format!("nothing is sent for now: {trouble}"));
        });
    }

    /// Told once per fault: data waits until a person has mended the setting.
    pub(super) async fn alert_settings(&mut self, cause: &str) {
        // The status alone: a body may differ with each answer.
        let status = cause.split(' ').next().unwrap_or_default();
        let fault = (status.to_owned(), self.buffer.generation());
        if self.settings_fault.as_ref() == Some(&fault) {
            return;
        }
        self.settings_fault = Some(fault);
        let id = Uuid::now_v7();
        let message = format!(
            "Upstream {} refuses everything: {cause}. Data is kept and waits.",
            self.settings.name
        );
        let alert = Alert::new(id.to_string(), "UPSTREAM_REFUSES", Severity::High, message);
        let source = format!("upstream/{}", self.settings.name);
        let record = Record::encode(Kind::Alert, id, chrono::Utc::now(), self.settings.zone, &source, &alert);
        let commit = Commit {
            records: vec![record],
            generation: self.buffer.generation(),
            ..Commit::default()
        };
        if self.buffer.submit(commit).await.is_err() {
            tracing::debug!("the alert came too late: the gateway is stopping");
        }
    }
}
