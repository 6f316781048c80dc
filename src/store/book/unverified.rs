//! Reports of stations that could not look anything up: their gateway has never reached us, or not since the order was
//! made. Such a report carries what stood on the labels, so a number may lack its prefix, and a traveler's process is
//! known by its sequence alone. Only what is flagged so is looked up in these ways.

use std::borrow::Cow;

use super::Book;
use crate::record::WorkReport;

const FLAG: &str = "unverified";
const ORDER_PREFIX: &str = "WO-";
const WORKER_PREFIX: &str = "EMP-";

/// The numbers under which the order of a report may be known, the likeliest first.
pub fn order_spellings(report: &WorkReport) -> impl Iterator<Item = Cow<'_, str>> {
    spellings(report, &report.order_no, ORDER_PREFIX)
}

pub fn worker_spellings(report: &WorkReport) -> impl Iterator<Item = Cow<'_, str>> {
    spellings(report, &report.worker_no, WORKER_PREFIX)
}

fn spellings<'r>(report: &WorkReport, written: &'r str, prefix: &str) -> impl Iterator<Item = Cow<'r, str>> + use<'r> {
    let is_open = report.flags.iter().any(|flag| flag == FLAG);
    let other = match written.strip_prefix(prefix) {
        Some(bare) => Cow::Borrowed(bare),
        None => Cow::Owned(format!("{prefix}{written}")),
    };
    [Cow::Borrowed(written)]
        .into_iter()
        .chain(Some(other).filter(|_| is_open))
}

impl Book<'_> {
    /// The report with the order, process and worker that it means.
    pub(super) fn verified<'r>(&self, report: &'r WorkReport) -> Cow<'r, WorkReport> {
        if !report.flags.iter().any(|flag| flag == FLAG) {
            return Cow::Borrowed(report);
        }
        let mut verified = report.clone();
        if let Some(worker_no) = worker_spellings(report).find(|no| self.workers.contains_key(no.as_ref())) {
            verified.worker_no = worker_no.into_owned();
        }
        if let Some(order) = order_spellings(report).find_map(|no| self.orders.get(no.as_ref())) {
            verified.order_no.clone_from(&order.number);
            order
                .meant_process(&report.process_code)
                .clone_into(&mut verified.process_code);
        }
        Cow::Owned(verified)
    }
}
