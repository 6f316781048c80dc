//! The demo's quality person: takes a lot off the line every now and then, measures five pieces, looks for faults, and hands
//! the inspection in over HTTP. Pieces from one of the two tools are worse, so that there is something to find out.

use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::office::{Office, OrderState};
use crate::secret::Secret;

const LOT: u32 = 20;
const PIECES_MEASURED: u32 = 5;
const HOLE_MM: f64 = 12.0;
/// What a hole may be off.
const TOLERANCE_MM: f64 = 0.06;
const VARIATION_MM: f64 = 0.01;
const GOOD_TOOL: &str = "T-1";
const WORN_TOOL: &str = "T-2";
const FAULTY_OF_GOOD_TOOL: f64 = 0.01;
const FAULTY_OF_WORN_TOOL: f64 = 0.12;
/// Reasons as often as they are found, by what is done with the pieces; nothing is done yet with some.
const FOUND: [(&str, Option<&str>); 6] = [
    ("D01", Some("rework")),
    ("D01", Some("rework")),
    ("D01", None),
    ("D03", Some("concession")),
    ("D02", Some("scrap")),
    ("D04", None),
];
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

pub struct Inspector {
    pub web: SocketAddr,
    /// Lets the gateway know that it may take inspections.
    pub token: Secret,
    pub client: reqwest::Client,
    pub office: Office,
    /// Between two inspections, on average.
    pub pace: Duration,
    pub rng: Rng,
    pub stop: CancellationToken,
}

impl Inspector {
    /// Inspects one order after the other until told to stop.
    pub async fn work(mut self) {
        let mut nth = 0;
        while !self.stop.is_cancelled() {
            let pause = self.pace.mul_f64(0.5 + self.rng.f64());
            self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            let orders = self.office.orders().await.unwrap_or_default();
            let Some(order) = orders.get(nth % orders.len().max(1)) else {
                continue;
            };
            nth += 1;
            let inspection = self.inspect(order);
            if let Err(error) = self.hand_in(&inspection).await {
                tracing::debug!(%error, "an inspection of the demo was not taken");
            }
        }
    }

    fn inspect(&mut self, order: &OrderState) -> Value {
        let is_worn = self.rng.bool();
        let (share, shift) = if is_worn {
            (FAULTY_OF_WORN_TOOL, VARIATION_MM / 2.0)
        } else {
            (FAULTY_OF_GOOD_TOOL, 0.0)
        };
        let faulty = (0..LOT).filter(|_| self.rng.f64() < share).count();
        let found = (0..faulty).filter_map(|_| self.rng.choice(FOUND));
        let defects: Vec<Value> = found
            .map(|(reason, kind)| json!({"reason": reason, "quantity": 1, "kind": kind}))
            .collect();
        let holes: Vec<f64> = (0..PIECES_MEASURED).map(|_| self.hole(shift)).collect();
        json!({
            "order_no": order.order_no,
            "process_code": order.processes.last().map(|process| &process.process_code),
            "equipment": "PRESS-1",
            "tool": if is_worn { WORN_TOOL } else { GOOD_TOOL },
            "checker_no": "1005",
            "checker_name": "陈静",
            "check_quantity": LOT,
            "qualified_quantity": LOT - u32::try_from(faulty).unwrap_or(LOT),
            "defects": defects,
            "measurements": [{
                "characteristic": "hole", "values": holes, "unit": "mm",
                "lower": HOLE_MM - TOLERANCE_MM, "upper": HOLE_MM + TOLERANCE_MM,
            }],
        })
    }

    /// A sum of twelve is as good as normal.
    fn hole(&mut self, shift: f64) -> f64 {
        let normal: f64 = (0..12).map(|_| self.rng.f64()).sum::<f64>() - 6.0;
        ((HOLE_MM + shift + VARIATION_MM * normal) * 1000.0).round() / 1000.0
    }

    async fn hand_in(&self, inspection: &Value) -> anyhow::Result<()> {
        let request = self
            .client
            .post(format!("http://{}/api/v1/inspections", self.web))
            .bearer_auth(self.token.reveal())
            .timeout(ANSWER_WITHIN)
            .body(inspection.to_string());
        let answer = request.send().await?;
        if answer.status() != StatusCode::CREATED {
            anyhow::bail!("{}: {}", answer.status(), answer.text().await?);
        }
        Ok(())
    }
}
