//! Modbus devices through the whole gateway: what outlives its restarts.

use std::net::SocketAddr;

use serde_json::Value;
use tokio_modbus::Slave;
use tokio_modbus::client::{Context, Writer, tcp};

use crate::modbus::Foreign;
use crate::park::gateway::Site;
use crate::park::until;

/// Someone at the machine, who changes what its registers hold.
async fn hands_on(device: &Foreign) -> Context {
    let address = SocketAddr::from(([127, 0, 0, 1], device.port));
    tcp::connect_slave(address, Slave(1)).await.expect("a connection")
}

/// The newest durable record of the machine, once its point has this value.
async fn told(site: &Site, point: &str, value: u64) -> Value {
    let is_told = |record: &Value| record["payload"]["points"][point]["value"] == value;
    until(&format!("{point} = {value}"), async || {
        site.records("telemetry").await.pop().filter(is_told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_goes_on_after_kill_9_though_the_counter_rolled_over_meanwhile() {
    let device = Foreign::start();
    let mut machine = hands_on(&device).await;
    let site = Site::new(&format!(
        r#"
[modbus.line]
url = "tcp://127.0.0.1:{}"
[modbus.line.device.press]
unit = 1
equipment = "PRESS-7"
poll = "20ms"
[modbus.line.device.press.points]
good_count = {{ at = "holding:300", type = "u16", role = "good_count", deadband = 0, counter = {{ max_rate = {{ per_second = 50 }} }} }}
"#,
        device.port
    ));
    machine.write_single_register(300, 65_530).await.unwrap().unwrap();
    let gateway = site.start().await;
    let first = told(&site, "good_count", 65_530).await;
    assert_eq!(first["payload"]["points"]["good_count"]["raw"], 65_530);
    machine.write_single_register(300, 65_534).await.unwrap().unwrap();
    told(&site, "good_count", 65_534).await;
    gateway.kill();

    machine.write_single_register(300, 3).await.unwrap().unwrap();
    let gateway = site.start().await;
    let rolled = told(&site, "good_count", 65_539).await;
    assert_eq!(rolled["payload"]["points"]["good_count"]["raw"], 3);
    assert_eq!(rolled["payload"]["points"]["good_count"].get("reason"), None);

    machine.write_single_register(300, 0).await.unwrap().unwrap();
    let reset = until("the reset", async || {
        let newest = site.records("telemetry").await.pop()?["payload"]["points"]["good_count"].clone();
        (newest["raw"] == 0).then_some(newest)
    })
    .await;
    assert_eq!(
        (&reset["value"], &reset["reason"]),
        (&65_539.into(), &"the counter was reset".into())
    );
    assert!(gateway.stop().success());
}
