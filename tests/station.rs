//! Each mode of a station, from its scanner to the rows of the central store.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use lineside::buffer::{Buffer, Commit};
use lineside::config;
use lineside::demo::operators::Scanner;
use lineside::status::Status;
use serde_json::{Value, json};

use crate::park::gateway::{Daemon, Site};
use crate::park::{free_port, until};
use crate::store::{Bench, TOKEN};

/// A station of one mode, its gateway, and the store behind it.
pub struct Shop {
    pub store: Bench,
    pub site: Site,
    gateway: Option<Daemon>,
    port: u16,
    scanner: Scanner,
}

fn scanner(port: u16) -> Scanner {
    Scanner::new(([127, 0, 0, 1], port).into())
}

impl Shop {
    pub async fn open(mode: &str, more: &str) -> Self {
        let mut shop = Self::closed(
            mode,
            &format!("{more}\n[reference]\nfrom = \"central\"\nevery = \"1s\"\n"),
        )
        .await;
        shop.start().await;
        let knows_orders = |status: &Value| status["reference"]["orders"].as_u64() > Some(0);
        shop.site.shows("status", "the reference data", knows_orders).await;
        shop
    }

    /// With three orders, three workers, a supervisor and an inspector in the store.
    pub async fn closed(mode: &str, more: &str) -> Self {
        let store = Bench::sqlite().await.with_order().await;
        for order_no in ["WO-2", "WO-3"] {
            let processes = json!([{"process_code": "10", "process_name": "热处理", "sequence": 1}]);
            let order = json!({"order_quantity": "60", "status": 2, "product_code": "P-9", "processes": processes});
            store.put(&format!("/api/v1/orders/{order_no}"), order).await;
        }
        for (worker_no, skill) in [("W2", "press"), ("W3", "press"), ("B1", "班组长"), ("Q1", "质检")] {
            let worker = json!({"name": worker_no, "skills": [skill]});
            store.put(&format!("/api/v1/workers/{worker_no}"), worker).await;
        }
        for (code, kind) in [("D1", "scrap"), ("P1", "pause")] {
            store
                .put(&format!("/api/v1/reasons/{code}"), json!({"name": code, "kind": kind}))
                .await;
        }
        let port = free_port();
        let site = Site::new(&format!(
            "[equipment.PRESS-7]\n[upstream.central]\nurl = \"{}/api/v1/batches\"\ntoken_file = \"store.token\"\n\
             [station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{port}\"\nreply = \"text\"\nmode = \"{mode}\"\n\
             duplicate_window = \"1ms\"\nequipment = \"PRESS-7\"\n{more}\n",
            store.address
        ));
        site.write("store.token", TOKEN);
        Self {
            store,
            site,
            gateway: None,
            port,
            scanner: scanner(port),
        }
    }

    pub async fn start(&mut self) {
        self.gateway = Some(self.site.start().await);
    }

    /// As if the power went.
    pub fn kill(&mut self) {
        self.gateway.take().expect("it runs").kill();
        self.scanner = scanner(self.port);
    }

    /// Scans one code after the other; each has to be answered with this code.
    pub async fn scan(&mut self, script: &[(&str, &str)]) {
        for (code, expected) in script {
            let answer = self.scanner.scan(code).await.expect("an answer");
            assert_eq!(answer.code, *expected, "to {code}");
        }
    }

    async fn view(&self) -> Value {
        self.site.get("stations/ST-01").await
    }

    /// How many rows of reports are like this.
    async fn rows(&self, like: &str) -> u32 {
        let select = format!(
            "SELECT COUNT(*) FROM production_report r JOIN report_details d ON d.report_no = r.report_no WHERE {like}"
        );
        self.store.scalar(&select).await.parse().expect("a number")
    }

    /// In hundredths, so that it can be compared.
    async fn sum(&self, column: &str, like: &str) -> i64 {
        let select = format!(
            "SELECT CAST(ROUND(COALESCE(SUM({column}), 0) * 100) AS INTEGER) FROM production_report WHERE {like}"
        );
        self.store.scalar(&select).await.parse().expect("a number")
    }

    /// Everything that was said at the station is in the store.
    pub async fn delivered(&self) {
        let said = self.site.records("report").await.len().to_string();
        let stored = "SELECT COUNT(*) FROM message_ledger WHERE lane = 'report'";
        until("all reports to be stored", async || {
            (self.store.scalar(stored).await == said).then_some(())
        })
        .await;
        self.site.delivered("central").await;
        let letters = self.site.get("buffer/dead-letters").await;
        assert_eq!(letters["dead_letters"].as_array().map(Vec::len), Some(0), "{letters}");
    }

    /// As if everyone at the station had begun this much earlier; the gateway must not run.
    pub async fn began_earlier(&self, by: TimeDelta) {
        let settings = config::load(&self.site.config())
            .unwrap_or_else(|e| panic!("{e}"))
            .buffer;
        let (buffer, writer) = tokio::task::spawn_blocking(move || Buffer::open(settings, Status::default()))
            .await
            .expect("no panic")
            .expect("the buffer opens");
        let states = buffer.states();
        let name = "station/ST-01".to_owned();
        let mut dialogue: Value = serde_json::from_slice(&states[&name]).expect("a dialogue");
        let labors = dialogue["job"]["labor"].as_array_mut().expect("labor");
        for interval in labors
            .iter_mut()
            .flat_map(|labor| labor["intervals"].as_array_mut().expect("intervals"))
        {
            let from: DateTime<Utc> = interval["from"].as_str().expect("a time").parse().expect("a time");
            interval["from"] = json!(from - by);
        }
        let commit = Commit {
            states: [(name, dialogue.to_string().into())].into_iter().collect(),
            generation: buffer.generation(),
            ..Commit::default()
        };
        buffer.submit(commit).await.expect("the buffer takes it");
        drop(buffer);
        tokio::task::spawn_blocking(move || writer.finish())
            .await
            .expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn start_stop_reports_pieces_defects_and_what_is_taken_back() {
    let mut shop = Shop::open("start_stop", "approval = [\"short_close\"]").await;
    let script = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-1.2", "JOB_LOADED"),
        ("LSN-START-SETUP", "SETUP_STARTED"),
        ("LSN-START", "STARTED"),
        ("QTY-30", "REPORTED"),
        ("QTY-ADD-5", "KEYED"),
        ("QTY-ADD-2", "KEYED"),
        ("LSN-OK", "REPORTED"),
        ("LSN-SCRAP", "HOW_MANY"),
        ("QTY-2", "WHICH_REASON"),
        ("RSN-D1", "REPORTED_DEFECT"),
        ("LSN-UNDO", "UNDO_WHAT"),
        ("LSN-OK", "UNDONE"),
        ("LSN-PAUSE", "PAUSED"),
        ("RSN-P1", "STOP_EXPLAINED"),
        ("LSN-RESUME", "RESUMED"),
        ("LSN-CALL-QA", "CALLED"),
        ("LSN-DOWN-P1", "MACHINE_DOWN"),
        ("LSN-UP", "MACHINE_UP"),
        ("LSN-DONE", "SHORT_QUANTITY"),
        ("LSN-OK", "APPROVAL_NEEDED"),
        ("EMP-B1", "APPROVED"),
        ("LSN-OK", "COMPLETED"),
    ];
    shop.scan(&script).await;
    shop.delivered().await;
    assert_eq!(
        shop.sum("qualified_quantity", "order_no = 'WO-1' AND worker_name = '王师傅'")
            .await,
        3700
    );
    assert_eq!(shop.sum("unqualified_quantity", "order_no = 'WO-1'").await, 0);
    assert_eq!(
        shop.rows("d.voids IS NOT NULL AND r.unqualified_quantity + 0 = -2")
            .await,
        1
    );
    assert_eq!(
        shop.rows("d.is_final = 1 AND d.flags LIKE '%approved_by:B1%' AND d.crew LIKE '%P1%'")
            .await,
        1
    );
    assert_eq!(
        shop.store.order_state("WO-1").await,
        ("37.0000".to_owned(), 4),
        "finished, though short"
    );
    let andon = "SELECT COUNT(*) FROM alerts WHERE alert_type = 'ANDON' AND order_no = 'WO-1'";
    assert_eq!(shop.store.scalar(andon).await, "1");
    let state = "SELECT state FROM equipment WHERE equipment_code = 'PRESS-7'";
    assert_eq!(shop.store.scalar(state).await, "running", "down, and up again");
}

#[tokio::test(flavor = "multi_thread")]
async fn report_only_reports_pieces_without_hours() {
    let mut shop = Shop::open("report_only", "").await;
    let script = [
        ("EMP-W1", "SIGNED_ON"),
        ("WO-2", "JOB_LOADED"),
        ("LSN-START", "NO_TIME_TRACKING"),
        ("QTY-12", "REPORTED"),
        ("LSN-INSPECT", "HOW_MANY"),
        ("QTY-3", "REPORTED_TO_INSPECT"),
    ];
    shop.scan(&script).await;
    shop.delivered().await;
    assert_eq!(
        shop.rows("r.output_quantity + 0 = 12 AND r.work_hours + 0 = 0 AND r.process_name = '热处理'")
            .await,
        1
    );
    assert_eq!(shop.rows("r.output_quantity + 0 = 0 AND d.to_inspect + 0 = 3").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn piece_reports_each_serial_once() {
    let serials = "patterns = [ { serial = '^SN(?<id>\\d+)$' } ]";
    let mut shop = Shop::open("piece", serials).await;
    let script = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-1.2", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
        ("SN1001", "REPORTED"),
        ("SN1002", "REPORTED"),
        ("SN1001", "DUPLICATE_SERIAL"),
        ("LSN-SCRAP", "HOW_MANY"),
        ("SN1003", "WHICH_REASON"),
        ("RSN-D1", "REPORTED_DEFECT"),
        ("QTY-1", "SERIAL_NEEDED"),
    ];
    shop.scan(&script).await;
    shop.kill();
    shop.start().await;
    shop.scan(&[("SN1002", "DUPLICATE_SERIAL"), ("SN1004", "REPORTED")])
        .await;
    shop.delivered().await;
    assert_eq!(shop.rows("r.output_quantity + 0 = 1").await, 4);
    assert_eq!(shop.sum("qualified_quantity", "order_no = 'WO-1'").await, 300);
    let serials = "SELECT GROUP_CONCAT(serial) FROM (SELECT serial FROM report_serials ORDER BY serial)";
    assert_eq!(shop.store.scalar(serials).await, "1001,1002,1003,1004");
}

#[tokio::test(flavor = "multi_thread")]
async fn piece_count_reports_one_for_each_scan_of_the_card() {
    let card = "patterns = [ { product = '^(?<id>P-\\d)$' } ]";
    let mut shop = Shop::open("piece_count", card).await;
    let script = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-1.2", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
        ("P-9", "REPORTED"),
        ("P-8", "WRONG_ITEM"),
        ("LSN-GOOD", "REPORTED"),
        ("P-9", "REPORTED"),
    ];
    shop.scan(&script).await;
    shop.delivered().await;
    assert_eq!(shop.rows("r.qualified_quantity + 0 = 1").await, 3);
    assert_eq!(shop.rows("1 = 1").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crew_has_hours_for_each_and_kill_9_takes_none_of_them() {
    let mut shop = Shop::open("crew", "").await;
    let script = [
        ("EMP-W1", "SIGNED_ON"),
        ("EMP-W2", "CREW_JOINED"),
        ("TRV-WO-1.2", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
        ("QTY-10", "REPORTED"),
        ("LSN-SCRAP", "HOW_MANY"),
    ];
    shop.scan(&script).await;
    shop.kill();
    shop.began_earlier(TimeDelta::hours(2)).await;
    shop.start().await;
    let view = shop.view().await;
    assert_eq!(
        (&view["state"], &view["crew"]),
        (&json!("running"), &json!(["W1", "W2"]))
    );
    assert_eq!(
        view["last_feedback"]["code"], "RESTARTED",
        "scrap was begun and is not pending any more"
    );
    shop.scan(&[("EMP-W3", "CREW_JOINED"), ("QTY-20", "REPORTED")]).await;
    shop.kill();
    shop.began_earlier(TimeDelta::hours(1)).await;
    shop.start().await;
    shop.scan(&[
        ("EMP-W2", "CREW_LEFT"),
        ("LSN-DONE", "SHORT_QUANTITY"),
        ("LSN-OK", "COMPLETED"),
    ])
    .await;
    shop.delivered().await;
    // Between the scans lie seconds: hundredths of an hour at most, which are more than none.
    let mut hours = BTreeMap::new();
    for worker in ["王师傅", "W2", "W3"] {
        let sum = shop.sum("work_hours", &format!("worker_name = '{worker}'")).await;
        hours.insert(worker, sum / 100);
    }
    assert_eq!(hours, BTreeMap::from([("W2", 3), ("W3", 1), ("王师傅", 3)]));
    assert_eq!(
        shop.sum("output_quantity", "worker_name = '王师傅'").await,
        3000,
        "the first reports for all"
    );
    assert_eq!(shop.sum("output_quantity", "worker_name <> '王师傅'").await, 0);
    let totals = "SELECT COUNT(*) FROM workers w WHERE total_work_hours + 0 > 0.9 AND ABS(total_work_hours - \
                  (SELECT SUM(r.work_hours) FROM production_report r WHERE r.worker_id = w.id)) < 0.001";
    assert_eq!(shop.store.scalar(totals).await, "3");
    assert_eq!(shop.rows("d.is_final = 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_of_several_travelers_is_divided_over_their_orders() {
    let mut shop = Shop::open("batch_traveler", "").await;
    let script = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-2.1", "JOB_LOADED"),
        ("TRV-WO-3.1", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
        ("QTY-80", "REPORTED"),
        ("TRV-WO-2.1", "ORDER_AT_HAND"),
        ("LSN-SCRAP", "HOW_MANY"),
        ("QTY-4", "WHICH_REASON"),
        ("RSN-D1", "REPORTED_DEFECT"),
    ];
    shop.scan(&script).await;
    shop.kill();
    shop.start().await;
    assert_eq!(shop.view().await["orders"].as_array().map(Vec::len), Some(2));
    shop.scan(&[("QTY-40", "REPORTED"), ("LSN-DONE", "COMPLETED")]).await;
    shop.delivered().await;
    for order_no in ["WO-2", "WO-3"] {
        assert_eq!(shop.store.order_state(order_no).await, ("60.0000".to_owned(), 4));
    }
    assert_eq!(shop.sum("unqualified_quantity", "order_no = 'WO-2'").await, 400);
    assert_eq!(shop.sum("unqualified_quantity", "order_no = 'WO-3'").await, 0);
}

/// Over the scanner's socket, with a kill in the middle of it and another right behind the green light.
#[tokio::test(flavor = "multi_thread")]
async fn an_inspection_by_scans_outlives_kill_9_and_is_one_row_of_the_store() {
    let mut shop = Shop::open("start_stop", "").await;
    let script = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-1.2", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
        ("QTY-30", "REPORTED"),
        ("LSN-CHECK", "WHO_INSPECTS"),
        ("EMP-W2", "NOT_INSPECTOR"),
        ("EMP-Q1", "HOW_MANY_INSPECTED"),
        ("QTY-500", "TOO_MANY_INSPECTED"),
        ("QTY-20", "INSPECTED"),
        ("LSN-SCRAP", "HOW_MANY"),
        ("QTY-2", "WHICH_REASON"),
        ("RSN-D1", "FAULT_NOTED"),
        ("QTY-1", "WHICH_REASON"),
    ];
    shop.scan(&script).await;
    shop.kill();
    shop.start().await;
    let view = shop.view().await;
    assert_eq!(
        (&view["state"], &view["worker_no"]),
        (&json!("reason_pending"), &json!("W1")),
        "the one without a reason is still asked about"
    );
    let noted = json!({
        "checker_no": "Q1", "checker_name": "Q1", "check_quantity": "20", "unqualified_quantity": "2",
        "faults": [{"reason": "D1", "quantity": "2", "kind": "scrap"}]
    });
    assert_eq!(view["inspection"], noted, "and not noted yet");
    shop.scan(&[
        ("LSN-DONE", "FINISH_INPUT_FIRST"),
        ("RSN-D1", "FAULT_NOTED"),
        ("LSN-DONE", "INSPECTION_RECORDED"),
    ])
    .await;
    shop.kill();
    shop.start().await;
    let view = shop.view().await;
    assert_eq!((&view["state"], &view["inspection"]), (&json!("running"), &Value::Null));
    shop.scan(&[("QTY-5", "REPORTED")]).await;
    shop.delivered().await;
    let row = "SELECT CONCAT_WS('|', order_no, product_code, check_quantity, qualified_quantity, unqualified_quantity, \
               check_result, checker_name) FROM production_quality";
    assert_eq!(shop.store.scalar(row).await, "WO-1|P-9|20.0000|17.0000|3.0000|2|Q1");
    assert_eq!(shop.store.scalar("SELECT COUNT(*) FROM production_quality").await, "1");
    let decided = "SELECT GROUP_CONCAT(d) FROM (SELECT CONCAT_WS('|', reason, quantity, COALESCE(disposition, 'open')) AS d \
                   FROM quality_dispositions ORDER BY quantity)";
    assert_eq!(shop.store.scalar(decided).await, "D1|1.0000|open,D1|2.0000|scrap");
    assert_eq!(
        shop.sum("output_quantity", "worker_name = '王师傅'").await,
        3500,
        "reports tell what is made, not inspections"
    );
    let listed = shop.site.get("inspections").await;
    assert_eq!(listed["inspections"][0]["order_no"], "WO-1", "{listed}");
}

/// A gateway that has never reached the store knows nobody and no order; the store does.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_could_not_check_becomes_rows_all_the_same() {
    let mut shop = Shop::closed("start_stop", "").await;
    shop.start().await;
    let script = [
        ("EMP-W1", "SIGNED_ON_UNVERIFIED"),
        ("TRV-1.2", "JOB_LOADED_UNVERIFIED"),
        ("LSN-START", "STARTED"),
        ("QTY-7", "REPORTED"),
        ("QTY-1", "REPORTED"),
        ("LSN-UNDO", "UNDO_WHAT"),
        ("LSN-OK", "UNDONE"),
    ];
    shop.scan(&script).await;
    shop.delivered().await;
    let row =
        "r.order_no = 'WO-1' AND r.process_name = '装配' AND r.worker_name = '王师傅' AND d.flags LIKE '%unverified%'";
    assert_eq!(shop.rows(row).await, 3);
    assert_eq!(shop.store.order_state("WO-1").await, ("7.0000".to_owned(), 3));
}
