//! Pieces that are reported by their serial: each once per process of an order, whichever station and gateway it came
//! through. A void sets its report's pieces free again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Rejection;
use crate::record::WorkReport;
use crate::store::order::Order;
use crate::store::statement::{DbError, Transaction, args};

/// As reports tell them, by order and process.
pub type ToldSerials<'a> = BTreeMap<(Cow<'a, str>, &'a str), BTreeSet<&'a str>>;

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
    /// By the whole key of the table: whoever else reports pieces is not locked out.
    pub async fn load(
        tx: &mut Transaction,
        orders: &HashMap<String, Order>,
        told: &ToldSerials<'_>,
    ) -> Result<Self, DbError> {
        let select = "SELECT serial, report_no FROM report_serials WHERE order_id = ? AND process_code = ? AND serial";
        let mut known = HashMap::new();
        for ((order_no, process_code), serials) in told {
            let Some(order) = orders.get(order_no.as_ref()) else {
                continue;
            };
            let process_code = order.meant_process(process_code);
            let serials = serials.iter().copied();
            let rows = tx
                .rows_in_after(select, args![order.id, process_code], serials, tx.for_update())
                .await?;
            for row in rows {
                let piece = (order.id, process_code.to_owned(), row.get("serial")?);
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
