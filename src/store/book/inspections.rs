//! Inspections: a row of `production_quality` each, what it carries beside, and what is done with unqualified pieces. Of the
//! order nothing changes: what it has completed is told by reports, and a lot that is reworked is reported again. The
//! receipt that was inspected takes over the result.

use chrono::NaiveDateTime;
use rust_decimal::Decimal;

use super::{Book, unknown_order};
use crate::record::{DefectKind, Disposition};
use crate::store::order::status;
use crate::store::payload::{Event, Inspection, Rejection};
use crate::store::statement::{Arg, DbError, Transaction, args};

/// Rows to be written.
#[derive(Default)]
pub struct Rows {
    quality: Vec<Vec<Arg>>,
    details: Vec<Vec<Arg>>,
    dispositions: Vec<Vec<Arg>>,
    decided: Vec<Decided>,
    /// Result, receipt, order.
    receipts: Vec<(i64, i64, i64)>,
}

/// Open pieces of one fault that are open no more.
struct Decided {
    check_no: String,
    reason: String,
    quantity: Decimal,
}

impl Book<'_> {
    /// A decision is a row of its own; so many pieces are no longer among the open ones.
    pub(super) fn disposition(&mut self, event: &Event<'_>, decided: &Disposition) -> Result<(), Rejection> {
        if !self.checks.contains(&decided.check_no) {
            let detail = format!("the store knows no inspection `{}`", decided.check_no);
            return Err(Rejection::new("check_not_found", detail));
        }
        let order = self
            .orders
            .get(&decided.order_no)
            .ok_or_else(|| unknown_order(&decided.order_no))?;
        for part in &decided.pieces {
            self.inspections.dispositions.push(args![
                &decided.check_no,
                self.tenant_id,
                order.id,
                &part.reason,
                Arg::quantity(part.quantity),
                Some(decided.disposition.name()),
                Some(&decided.decided_by),
                Some(event.at),
            ]);
            self.inspections.decided.push(Decided {
                check_no: decided.check_no.clone(),
                reason: part.reason.clone(),
                quantity: part.quantity,
            });
        }
        Ok(())
    }

    pub(super) fn inspection(&mut self, event: &Event<'_>, found: &Inspection<'_>) -> Result<(), Rejection> {
        if self.checks.contains(&found.check_no) {
            let detail = format!("another message inspected as `{}`", found.check_no);
            return Err(Rejection::new("check_no_conflict", detail));
        }
        let (tenant_id, gateway_id) = (self.tenant_id, self.gateway_id);
        let order = self
            .orders
            .get(&found.order_no)
            .ok_or_else(|| unknown_order(&found.order_no))?;
        if order.status < status::RELEASED {
            let detail = format!(
                "order {} is not released: nothing of it can have been made",
                order.number
            );
            return Err(Rejection::new("order_not_inspectable", detail));
        }
        if found.check_quantity > order.quantity {
            let detail = format!(
                "{} were inspected of an order over {}",
                found.check_quantity, order.quantity
            );
            return Err(Rejection::new("quantity_mismatch", detail));
        }
        let checker = found.checker_no.as_ref().and_then(|no| self.workers.get(no));
        let checker_id = found.checker_id.or_else(|| checker.and_then(|checker| checker.id));
        let told_name = found.checker_name.as_ref().or(found.checker_no.as_ref());
        let checker_name = checker.map(|checker| &checker.name).or(told_name);
        let rows = &mut self.inspections;
        rows.quality.push(args![
            &found.check_no,
            found.receipt_id,
            order.id,
            &order.number,
            order.product_id,
            &order.product_code,
            &order.product_name,
            found.check_date.unwrap_or(event.at.date()),
            Arg::quantity(found.check_quantity),
            Arg::quantity(found.qualified_quantity),
            Arg::quantity(found.unqualified_quantity),
            found.check_result,
            found.defect_description.as_ref(),
            checker_id,
            checker_name,
            found.remark.as_ref(),
            tenant_id,
            gateway_id,
        ]);
        rows.details.push(args![
            &found.check_no,
            tenant_id,
            event.message.message_id.to_string(),
            gateway_id,
            found.disposition.map(DefectKind::name),
            found.measurements.map_or("[]", |json| json.get()),
            super::write::json(&found.defects),
        ]);
        rows.dispose(found, tenant_id, order.id, checker_name, event.at);
        let receipt = found.receipt_id.filter(|_| found.check_result > 0);
        rows.receipts
            .extend(receipt.map(|receipt_id| (found.check_result, receipt_id, order.id)));
        self.checks.insert(found.check_no.clone());
        Ok(())
    }
}

impl Rows {
    /// A row for each fault; one for all where no fault is named.
    fn dispose(
        &mut self,
        found: &Inspection<'_>,
        tenant_id: i64,
        order_id: i64,
        checker_name: Option<&String>,
        at: NaiveDateTime,
    ) {
        let mut row = |reason: &str, quantity, kind: Option<DefectKind>| {
            let kind = kind.or(found.disposition);
            self.dispositions.push(args![
                &found.check_no,
                tenant_id,
                order_id,
                reason,
                Arg::quantity(quantity),
                kind.map(DefectKind::name),
                kind.and(checker_name),
                kind.map(|_| at),
            ]);
        };
        for defect in &found.defects {
            row(&defect.reason, defect.quantity, defect.kind);
        }
        if found.defects.is_empty() && !found.unqualified_quantity.is_zero() {
            let reason = found.defect_description.as_deref().unwrap_or_default();
            row(reason, found.unqualified_quantity, None);
        }
    }

    pub async fn write(self, tx: &mut Transaction, tenant_id: i64) -> Result<(), DbError> {
        let columns = "check_no, receipt_id, order_id, order_no, product_id, product_code, product_name, check_date,  \
check_quantity, qualified_quantity, unqualified_quantity, check_result, defect_description,  \
checker_id, checker_name, remark, tenant_id, create_by";
        tx.insert("production_quality", columns, self.quality).await?;
        let columns = "check_no, tenant_id, message_id, gateway_id, disposition, measurements, defects";
        tx.insert("quality_details", columns, self.details).await?;
        let columns = "check_no, tenant_id, order_id, reason, quantity, disposition, decided_by, decided_time";
        tx.insert("quality_dispositions", columns, self.dispositions).await?;
        for Decided {
            check_no,
            reason,
            quantity,
        } in self.decided
        {
            let open = "check_no = ? AND tenant_id = ? AND reason = ? AND disposition IS NULL";
            let update = format!("UPDATE quality_dispositions SET quantity = ROUND(quantity - ?, 4) WHERE {open}");
            tx.execute(&update, args![Arg::quantity(quantity), &check_no, tenant_id, &reason])
                .await?;
            let delete = format!("DELETE FROM quality_dispositions WHERE {open} AND quantity + 0 <= 0");
            tx.execute(&delete, args![&check_no, tenant_id, &reason]).await?;
        }
        for (result, receipt_id, order_id) in self.receipts {
            let update =
                "UPDATE production_receipt SET quality_status = ? WHERE id = ? AND order_id = ? AND tenant_id = ?";
            tx.execute(update, args![result, receipt_id, order_id, tenant_id])
                .await?;
        }
        Ok(())
    }
}
