//! Pieces that are reported by their serial: each once per process of an order, whichever station and gateway it came
//! through. A void sets its report's pieces free again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Rejection;
use crate::record::WorkReport;
use crate::store::order::Order;
use crate::store::statement::{DbError, Transaction, args};

/// Order, process, serial.
type Piece = (i64, String, String);

#[derive(Default)]
pub struct Serials {
    /// The report of each piece that these messages are about.
    known: HashMap<Piece, String>,
    new: BTreeMap<Piece, String>,
    voided: BTreeSet<String>,
}

impl Serials {
    pub async fn load(tx: &mut Transaction, tenant_id: i64, serials: &BTreeSet<&str>) -> Result<Self, DbError> {
        let mut known = HashMap::new();
        if !serials.is_empty() {
            let select = format!(
                "SELECT order_id, process_code, serial, report_no FROM report_serials \
                 WHERE tenant_id = {tenant_id} AND serial"
            );
            for row in tx.rows_in(&select, serials.iter().copied(), tx.for_update()).await? {
                let piece = (row.get("order_id")?, row.get("process_code")?, row.get("serial")?);
                known.insert(piece, row.get("report_no")?);
            }
        }
        Ok(Self {
            known,
            ..Self::default()
        })
    }

    pub fn check(&self, order: &Order, report: &WorkReport) -> Result<(), Rejection> {
        if report.voids.is_some() {
            return Ok(());
        }
        for piece in pieces(order, report) {
            if let Some(by) = self.known.get(&piece) {
                let detail = format!("`{}` was reported by `{by}`", piece.2);
                return Err(Rejection::new("duplicate_serial", detail));
            }
        }
        Ok(())
    }

    pub fn take(&mut self, order: &Order, report: &WorkReport) {
        if let Some(voided) = &report.voids {
            self.known.retain(|_, report_no| report_no != voided);
            self.new.retain(|_, report_no| report_no != voided);
            self.voided.insert(voided.clone());
            return;
        }
        for piece in pieces(order, report) {
            self.known.insert(piece.clone(), report.report_no.clone());
            self.new.insert(piece, report.report_no.clone());
        }
    }

    pub async fn write(self, tx: &mut Transaction, tenant_id: i64) -> Result<(), DbError> {
        for report_no in self.voided {
            let delete = "DELETE FROM report_serials WHERE report_no = ? AND tenant_id = ?";
            tx.execute(delete, args![report_no, tenant_id]).await?;
        }
        let rows = self
            .new
            .into_iter()
            .map(|((order_id, process_code, serial), report_no)| {
                args![order_id, process_code, serial, report_no, tenant_id]
            });
        let columns = "order_id, process_code, serial, report_no, tenant_id";
        tx.insert("report_serials", columns, rows.collect()).await
    }
}

fn pieces<'r>(order: &Order, report: &'r WorkReport) -> impl Iterator<Item = Piece> + use<'r> {
    let order_id = order.id;
    let of = move |serial: &String| (order_id, report.process_code.clone(), serial.clone());
    report.serials.iter().map(of)
}
