//! The one task of the intake: readings and the passing of time in, commits out. What someone waits for goes ahead of
//! telemetry, and telemetry that the disk has no room for is refused rather than waited for.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::passing::{self, Passing};
use super::repeats::Repeats;
use super::{Accepted, Intake, Reading, Verdict};
use crate::buffer::{Buffer, Closed, Commit};
use crate::record::{Lane, Receipt, Record};

/// Readings judged into one commit at most.
const READINGS_PER_COMMIT_MAX: usize = 256;
/// How often time itself is looked at: time-outs of dialogues, silence of equipment.
const TICK: Duration = Duration::from_secs(1);
/// How long telemetry may keep the intake from the next scan when the disk is slow.
const TELEMETRY_WAIT: Duration = Duration::from_secs(1);

impl Intake {
    /// Judges what comes until every source has ended.
    pub async fn run(mut self, mut readings: mpsc::Receiver<Reading>, buffer: Buffer) -> Result<(), Closed> {
        let mut generation = buffer.generation();
        if self.looks_for_repeats() {
            self.repeats = Repeats::load(&buffer).await;
        }
        let mut passing = Passing::default();
        let mut waiting = Vec::with_capacity(READINGS_PER_COMMIT_MAX);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_tick = tokio::select! {
                _ = ticks.tick() => true,
                heard = readings.recv_many(&mut waiting, READINGS_PER_COMMIT_MAX) => {
                    if heard == 0 {
                        return self.stop(generation, &buffer).await;
                    }
                    false
                }
            };
            let now_generation = buffer.generation();
            if now_generation != generation {
                generation = now_generation;
                self.restore(&buffer.states());
                self.tracker.tell_anew();
                if self.looks_for_repeats() {
                    self.repeats = Repeats::load(&buffer).await;
                }
            }
            let mut urgent = Commit {
                generation,
                ..Commit::default()
            };
            let mut patient = Commit {
                generation,
                is_patient: true,
                ..Commit::default()
            };
            // Before anything is judged by it.
            let now = chrono::Utc::now();
            let set_by = passing.look(Instant::now(), now);
            if let Some(by) = set_by {
                self.clock_was_set(by, now, &mut urgent);
            }
            if is_tick {
                self.tick(now, &mut urgent, &mut patient);
            }
            for mut reading in waiting.drain(..) {
                reading.at = passing::now_shown_as(reading.at, set_by, now);
                let (verdict, receipt) = self.judge(reading);
                self.sort(verdict, receipt, &mut urgent, &mut patient);
            }
            self.judgement.commit(&mut patient, now);
            if !urgent.is_empty() {
                buffer.submit(urgent).await?;
            }
            if !patient.is_empty() {
                self.submit_patient(patient, &buffer).await?;
            }
        }
    }

    /// Nothing comes any more: what judges know is written, so that the next start has nothing to tell them again.
    async fn stop(mut self, generation: u64, buffer: &Buffer) -> Result<(), Closed> {
        let mut last = Commit {
            generation,
            is_patient: true,
            ..Commit::default()
        };
        self.judgement.stop(&mut last);
        if !last.is_empty() {
            self.submit_patient(last, buffer).await?;
        }
        Ok(())
    }

    /// Telemetry must not hold up scans: while the disk has no room for it, it is refused, and its senders repeat.
    async fn submit_patient(&mut self, patient: Commit, buffer: &Buffer) -> Result<(), Closed> {
        let view = self.status.buffer();
        let wait = if view.telemetry_paused {
            Duration::ZERO
        } else {
            TELEMETRY_WAIT
        };
        let Some(refused) = buffer.submit_within(patient, wait).await? else {
            return Ok(());
        };
        for record in &refused.records {
            if let Some(Ok(id)) = Record::message_id(&record.json).map(str::parse) {
                self.repeats.forget(&id);
            }
        }
        self.tracker.tell_anew();
        self.judgement.take_back(refused.telemetry_states);
        for (receipt, _) in refused.receipts {
            receipt.refuse();
        }
        Ok(())
    }

    /// Reports, alerts and their states go ahead of telemetry, whatever they follow from: while there is no room for
    /// telemetry, nobody is to miss an alert; and a refusal of telemetry must not undo a report. Where someone waits, all
    /// records are what is waited for.
    pub(super) fn place(&self, accepted: Accepted, urgent: &mut Commit, patient: &mut Commit) {
        for record in accepted.records {
            let is_urgent = accepted.someone_waits || record.kind.lane() == Lane::Report;
            let commit = if is_urgent { &mut *urgent } else { &mut *patient };
            commit.records.push(record);
        }
        urgent.states.extend(accepted.states);
        patient.telemetry_states.extend(accepted.telemetry_states);
        if let Some(views) = accepted.alerts {
            let status = self.status.clone();
            urgent.afterwards.push(Box::new(move || status.set_alerts(views)));
        }
        if let Some((name, view)) = accepted.station {
            let status = self.status.clone();
            urgent
                .afterwards
                .push(Box::new(move || status.set_station(&name, view)));
        }
    }

    /// Puts what was judged where it belongs: someone stands in front of a scan, nobody in front of telemetry.
    pub(super) fn sort(&self, verdict: Verdict, receipt: Receipt, urgent: &mut Commit, patient: &mut Commit) {
        match verdict {
            // An answer that changes nothing waits too: it may speak of what is still on its way to the disk.
            Verdict::Accepted(mut accepted) => {
                let feedback = accepted.feedback.take();
                let someone_waits = accepted.someone_waits;
                self.place(*accepted, urgent, patient);
                let commit = if someone_waits { urgent } else { patient };
                commit.receipts.push((receipt, feedback));
            }
            // In line behind what it may be a repeat of.
            Verdict::Nothing => patient.receipts.push((receipt, None)),
            Verdict::Rejected(_) => receipt.keep(None),
        }
    }
}
