//! Housekeeping, once a second: what was delivered everywhere goes, telemetry gives way to the bound, a nearly full disk
//! pauses it, and what readers could not read back is announced.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::end::LaneEnd;
use super::log::{self, Log};
use super::writer::Work;
use super::{DEAD_LETTERS, SegmentError, disk, notice};
use crate::record::Lane;
use crate::status::LaneView;

/// Telemetry goes on only when there is this much more room than the limit at which it stopped.
const RESUME_BYTES: u64 = 32 << 20;

impl Work {
    pub fn housekeeping(&mut self) -> Result<(), SegmentError> {
        // Removal needs no room, so it goes on while the disk is full.
        self.sweep()?;
        for lane in Lane::BOTH {
            for loss in self.shared.log(lane).take_losses() {
                self.notices.push(notice::loss(lane, &loss));
            }
        }
        if let Some(gone) = self.shared.dead.take_gave_way() {
            self.telemetry.note_dropped(gone.count);
            self.notices.push(notice::letters_gave_way(&gone));
        }
        if !self.is_broken {
            for lane in Lane::BOTH {
                if self.shared.log(lane).is_newest_damaged() {
                    self.roll(lane)?;
                }
            }
            self.keep_within_bounds()?;
            self.mind_free_space()?;
            self.tell()?;
        }
        self.show()?;
        Ok(())
    }

    /// Has delivered segments removed on a thread of its own: closing and deleting them takes longer than a scan should wait.
    fn sweep(&mut self) -> Result<(), SegmentError> {
        if self.sweeper.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish_sweep()?;
        }
        let is_delivered = |lane| self.shared.delivered_oldest(lane).is_some();
        if self.sweeper.is_none() && Lane::BOTH.into_iter().any(is_delivered) {
            let shared = Arc::clone(&self.shared);
            let sweeper = std::thread::Builder::new().name("buffer-sweeper".to_owned());
            self.sweeper = Some(sweeper.spawn(move || shared.remove_delivered())?);
        }
        Ok(())
    }

    pub fn finish_sweep(&mut self) -> Result<(), SegmentError> {
        match self.sweeper.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(swept)) => Ok(swept?),
            Some(Err(_)) => Err(io::Error::other("removing delivered segments panicked").into()),
        }
    }

    fn used(&self) -> u64 {
        let shared = &self.shared;
        log::measure([&shared.report, &shared.telemetry], &shared.dir.join(DEAD_LETTERS))
    }

    fn keep_within_bounds(&mut self) -> Result<(), SegmentError> {
        let max_bytes = self.settings.max_bytes;
        while self.used() > max_bytes
            && let Some((first, end)) = self.shared.telemetry.oldest()
        {
            // Announced before it goes: a crash between the two announces it twice, under the same id.
            let undelivered = self.shared.delivered_before(Lane::Telemetry).max(first)..end;
            if !undelivered.is_empty() {
                self.notices.push(notice::telemetry_dropped(first, end, max_bytes));
                self.tell()?;
            }
            self.shared.telemetry.remove(first)?;
            self.telemetry
                .note_dropped(undelivered.end.saturating_sub(undelivered.start));
        }
        let is_full = self.used() > max_bytes;
        let was_full = std::mem::replace(&mut self.is_full, is_full);
        if self.is_full && !was_full {
            self.notices.push(notice::buffer_full(max_bytes));
        }
        Ok(())
    }

    fn mind_free_space(&mut self) -> Result<(), SegmentError> {
        let free = disk::free(&self.shared.dir)?;
        let min_free = self.settings.min_free_bytes;
        let wanted = if self.is_paused {
            min_free + RESUME_BYTES
        } else {
            min_free
        };
        let was_paused = std::mem::replace(&mut self.is_paused, free < wanted);
        if self.is_paused && !was_paused {
            self.notices.push(notice::disk_nearly_full(free, min_free));
        }
        if !self.is_paused
            && let Err(error) = self.reserve.set_aside()
        {
            tracing::warn!(%error, "no space could be set aside for a full disk");
        }
        Ok(())
    }

    fn show(&self) -> Result<(), SegmentError> {
        let lane_view = |end: &LaneEnd, log: &Log| LaneView {
            first_sequence: log.first(),
            next_sequence: end.next,
            segments: log.segment_count(),
            dropped: end.dropped,
            last_dropped: end.last_dropped,
        };
        let lanes = [
            (Lane::Report, lane_view(&self.report, &self.shared.report)),
            (Lane::Telemetry, lane_view(&self.telemetry, &self.shared.telemetry)),
        ];
        let (used, free) = (self.used(), disk::free(&self.shared.dir)?);
        self.status.update_buffer(|view| {
            view.writable = !self.is_full && !self.is_broken;
            view.telemetry_paused = self.is_paused || self.is_full;
            if !self.is_broken {
                view.problem = match (self.is_full, self.is_paused) {
                    (true, _) => Some("reports alone fill the buffer: nothing is accepted".to_owned()),
                    (false, true) => Some("the disk is nearly full: telemetry is paused".to_owned()),
                    (false, false) => None,
                };
            }
            view.epoch = self.shared.epoch;
            view.disk_bytes = used;
            view.max_bytes = self.settings.max_bytes;
            view.free_disk_bytes = free;
            view.lanes = lanes.into();
            view.dead_letters = self.shared.dead.count();
        });
        Ok(())
    }
}
