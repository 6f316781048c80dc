//! Alerts: one row each, whatever is told of it later; how it stands by the latest word is in `alert_lives`. Words may
//! arrive late, after a dead letter was resubmitted: the latest counts, whichever came first.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;

use super::Book;
use crate::record::Alert;
use crate::store::payload::{Event, Failure, Rejection, instant};
use crate::store::statement::{Arg, DbError, Transaction, args};

const ACTIVE: &str = "active";
const ACKNOWLEDGED: &str = "acknowledged";
const ENDED: &str = "ended";

#[derive(Default)]
pub struct Alerts {
    lives: HashMap<String, Life>,
    touched: BTreeSet<String>,
    new_rows: Vec<Vec<Arg>>,
    /// Severity, message, payload of an alert that is there, with its time and id.
    updates: Vec<Vec<Arg>>,
}

#[derive(Debug, Clone)]
struct Life {
    state: String,
    triggered: NaiveDateTime,
    ended: Option<NaiveDateTime>,
    acknowledged_by: Option<String>,
    acknowledged: Option<NaiveDateTime>,
    comment: Option<String>,
    tellings: i64,
    told: NaiveDateTime,
}

impl Life {
    fn new(at: NaiveDateTime) -> Self {
        Self {
            state: ACTIVE.to_owned(),
            triggered: at,
            ended: None,
            acknowledged_by: None,
            acknowledged: None,
            comment: None,
            tellings: 0,
            told: at,
        }
    }

    /// Takes over how things stand.
    fn stands(&mut self, alert: &Alert) -> Result<(), Rejection> {
        let time = |name, told: &Option<String>| told.as_deref().map(|told| instant(name, told)).transpose();
        self.ended = time("ended_at", &alert.ended_at)?;
        self.acknowledged = time("acknowledged_at", &alert.acknowledged_at)?;
        self.acknowledged_by.clone_from(&alert.acknowledged_by);
        self.comment.clone_from(&alert.comment);
        let state = match (self.ended, self.acknowledged) {
            (Some(_), _) => ENDED,
            (None, Some(_)) => ACKNOWLEDGED,
            (None, None) => ACTIVE,
        };
        state.clone_into(&mut self.state);
        Ok(())
    }
}

impl Alerts {
    pub async fn load(tx: &mut Transaction, keys: &BTreeSet<&str>) -> Result<Self, DbError> {
        let mut alerts = Self::default();
        if keys.is_empty() {
            return Ok(alerts);
        }
        let select = "SELECT alert_id, state, triggered_time, ended_time, acknowledged_by, acknowledged_time, comment, \
                      tellings, told_time FROM alert_lives WHERE alert_id";
        for row in tx.rows_in(select, keys.iter().copied(), tx.for_update()).await? {
            let life = Life {
                state: row.get("state")?,
                triggered: row.get("triggered_time")?,
                ended: row.get("ended_time")?,
                acknowledged_by: row.get("acknowledged_by")?,
                acknowledged: row.get("acknowledged_time")?,
                comment: row.get("comment")?,
                tellings: row.get("tellings")?,
                told: row.get("told_time")?,
            };
            alerts.lives.insert(row.get("alert_id")?, life);
        }
        Ok(alerts)
    }

    pub fn told(&mut self, event: &Event<'_>, alert: &Alert, gateway_id: &str) -> Result<(), Rejection> {
        let id = &alert.alert_id;
        let known = self.lives.get(id);
        // What was told later stands, whichever came first; and the end is the last of it, whatever the clock said then.
        let told = (alert.ended_at.is_some(), event.at);
        let is_late = known.is_some_and(|life| (life.ended.is_some(), life.told) > told);
        let mut life = known.cloned().unwrap_or_else(|| Life::new(event.at));
        if !is_late {
            life.stands(alert)?;
        }
        if known.is_none() {
            self.new_rows.push(args![
                id,
                &alert.alert_type,
                alert.severity.name(),
                &alert.message,
                alert.order_no.as_ref(),
                alert.equipment.as_ref(),
                alert.point.as_ref(),
                event.message.payload.get(),
                event.at,
                event.message.message_id.to_string(),
                gateway_id,
            ]);
        } else if !is_late {
            self.updates.push(args![
                alert.severity.name(),
                &alert.message,
                event.message.payload.get(),
                life.triggered,
                id,
            ]);
        }
        self.touch(id, life, event.at);
        Ok(())
    }

    fn touch(&mut self, id: &str, mut life: Life, at: NaiveDateTime) {
        life.tellings += 1;
        life.told = life.told.max(at);
        self.lives.insert(id.to_owned(), life);
        self.touched.insert(id.to_owned());
    }

    /// A failure is an alert that has just begun. One that arrives after the rest of its story only counts as told.
    fn failed(&mut self, event: &Event<'_>, failure: &Failure, gateway_id: &str) {
        let message_id = event.message.message_id.to_string();
        let id = failure.alert_id.as_ref().unwrap_or(&message_id);
        let known = self.lives.get(id).cloned();
        if known.is_none() {
            self.new_rows.push(args![
                id,
                event.message.message_type.as_str(),
                failure.severity.map_or("HIGH", |severity| severity.name()),
                &failure.detail,
                None::<String>,
                &failure.equipment,
                None::<String>,
                event.message.payload.get(),
                event.at,
                &message_id,
                gateway_id,
            ]);
        }
        self.touch(id, known.unwrap_or_else(|| Life::new(event.at)), event.at);
    }

    pub async fn write(self, tx: &mut Transaction) -> Result<(), DbError> {
        let columns = "alert_id, alert_type, severity, message, order_no, equipment_code, point, payload, triggered_time,  \
message_id, gateway_id";
        tx.insert("alerts", columns, self.new_rows).await?;
        for update in self.updates {
            // By its time too, which has an index.
            let sql =
                "UPDATE alerts SET severity = ?, message = ?, payload = ? WHERE triggered_time = ? AND alert_id = ?";
            tx.execute(sql, update).await?;
        }
        let row = |id: &String| {
            let life = self.lives.get(id)?;
            Some(args![
                id,
                &life.state,
                life.triggered,
                life.ended,
                life.acknowledged_by.as_ref(),
                life.acknowledged,
                life.comment.as_ref(),
                life.tellings,
                life.told,
            ])
        };
        let rows = self.touched.iter().filter_map(row).collect();
        let columns = "alert_id, state, triggered_time, ended_time, acknowledged_by, acknowledged_time, comment, tellings, \
                       told_time";
        tx.upsert("alert_lives", "alert_id", columns, rows).await
    }
}

impl Book<'_> {
    /// A failure changes the state of the machine, and is an alert of its own.
    pub(super) fn failure(&mut self, event: &Event<'_>, failure: &Failure) -> Result<(), Rejection> {
        let since = failure
            .since
            .as_deref()
            .map_or(Ok(event.at), |since| instant("since", since))?;
        self.hear(&failure.equipment, failure.state.as_deref(), since);
        self.alerts.failed(event, failure, self.gateway_id);
        Ok(())
    }
}
