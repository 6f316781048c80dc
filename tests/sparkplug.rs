//! Sparkplug B with an edge node that others wrote (pysparkplug): births, aliases, gaps, deaths, restarts.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::park::gateway::Site;
use crate::park::mosquitto::Mosquitto;
use crate::park::upstream::{Reaction, Request, Upstream};

/// An edge node `N` with the device `P7`. It does what it is told, line by line: `tell NAME VALUE`, `once NAME VALUE` for a
/// value of an hour ago, `skip` to lose a message. Data go by alias alone.
const EDGE_NODE: &str = r#"
import itertools, json, sys
import pysparkplug as spb

TYPES = {"Force": (1, spb.DataType.INT32), "Running": (2, spb.DataType.BOOLEAN), "Temp": (3, spb.DataType.FLOAT)}
values = {"Force": -5, "Running": True, "Temp": 21.5}
now = spb.get_current_timestamp

def metrics(at):
    return tuple(spb.Metric(timestamp=at, name=name, alias=alias, datatype=kind, value=values[name])
                 for name, (alias, kind) in TYPES.items())

def node_metrics():
    return (spb.Metric(timestamp=now(), name="Node Control/Rebirth", datatype=spb.DataType.BOOLEAN, value=False),)

def publish(kind, payload, device=None):
    topic = spb.Topic(message_type=kind, group_id="G", edge_node_id="N", device_id=device)
    node._client.publish(spb.Message(topic=topic, payload=payload, qos=spb.QoS.AT_MOST_ONCE, retain=False))

def commanded(node, message):
    names = [metric.name for metric in message.payload.metrics if metric.value is True]
    if names != ["Node Control/Rebirth"]:
        return
    node._EdgeNode__seq_cycler = itertools.cycle(range(256))
    bd_seq = spb.Metric(timestamp=now(), name="bdSeq", datatype=spb.DataType.INT64, value=0)
    publish(spb.MessageType.NBIRTH, spb.NBirth(timestamp=now(), seq=node._seq, metrics=node_metrics() + (bd_seq,)))
    publish(spb.MessageType.DBIRTH, spb.DBirth(timestamp=now(), seq=node._seq, metrics=metrics(now())), "P7")
    print("reborn", flush=True)

node = spb.EdgeNode("G", "N", node_metrics(), cmd_callback=commanded)
node.register(spb.Device("P7", metrics(now())))
node.connect("127.0.0.1", port=int(sys.argv[1]))
for line in sys.stdin:
    verb, *rest = line.split()
    if verb == "skip":
        node._seq
        continue
    name, value = rest
    alias, kind = TYPES[name]
    value, is_past = json.loads(value), verb == "once"
    if not is_past:
        values[name] = value
    at = now() - 3_600_000 if is_past else now()
    metric = spb.Metric(timestamp=at, name=None, alias=alias, datatype=kind, value=value, is_historical=is_past)
    publish(spb.MessageType.DDATA, spb.DData(timestamp=now(), seq=node._seq, metrics=(metric,)), "P7")
"#;

struct EdgeNode {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl EdgeNode {
    fn start(port: u16) -> Self {
        let mut process = Command::new("python3")
            .args(["-c", EDGE_NODE, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 with pysparkplug is installed");
        let input = process.stdin.take().expect("is piped");
        let output = BufReader::new(process.stdout.take().expect("is piped"));
        Self { process, input, output }
    }

    fn told(&mut self, lines: &[&str]) {
        let text = lines.join("\n") + "\n";
        self.input.write_all(text.as_bytes()).expect("it reads");
    }

    /// Waits until it was asked for a birth, and gave it.
    fn is_reborn(&mut self) {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it writes");
        assert_eq!(line.trim(), "reborn");
    }
}

impl Drop for EdgeNode {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn sections(south: u16, north: &str, protocol: u8) -> String {
    format!(
        r#"[mqtt.plant]
url = "mqtt://127.0.0.1:{south}"
protocol = {protocol}
sparkplug_host = "shop-1"
[[mqtt.plant.topic]]
filter = "spBv1.0/G/#"
format = "sparkplug-b"
equipment = "{{4}}"
[mqtt.plant.topic.points]
force = {{ at = "Force", unit = "kN" }}
state = {{ at = "Running", role = "state", map = {{ true = "running", false = "stopped" }} }}
Temp = {{}}
[upstream.central]
url = "{north}"
"#
    )
}

/// The recorded payloads that have this point, in order of arrival.
fn payloads(requests: &[Request], point: &str) -> Vec<Value> {
    let messages = requests.iter().flat_map(|request| request.messages().to_vec());
    messages
        .map(|message| message["payload"].clone())
        .filter(|payload| payload["points"].get(point).is_some())
        .collect()
}

fn values(requests: &[Request], point: &str) -> Vec<Value> {
    let payloads = payloads(requests, point).into_iter();
    payloads
        .map(|payload| payload["points"][point]["value"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_node_is_followed_from_birth_to_death() {
    for protocol in [4, 5] {
        let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
        let site = Site::new(&sections(south.port, &north.url(), protocol));
        let _gateway = site.start().await;
        site.connected("mqtt/plant").await;
        let mut node = EdgeNode::start(south.port);
        let heard = async |values_expected: Value| {
            let is_it = |requests: &[Request]| json!(values(requests, "force")) == values_expected;
            north.heard("the values", is_it).await
        };
        let requests = heard(json!([-5])).await;
        assert_eq!(values(&requests, "Temp"), [json!(21.5)]);
        node.told(&["tell Force -7", "once Force 3", "tell Running false"]);
        let requests = heard(json!([-5, -7, 3])).await;
        north
            .heard("the state", |requests| values(requests, "state").len() == 2)
            .await;
        let past = payloads(&requests, "force").remove(2);
        assert_eq!(
            past["points"]["force"],
            json!({"value": 3, "quality": "good", "unit": "kN"})
        );
        let view = site.get("equipment").await["P7"].clone();
        assert_eq!(
            (&view["points"]["force"]["value"], &view["state"]),
            (&json!(-7), &json!("stopped"))
        );

        // A message is lost: the aliases after it may mean something else, so everything is told anew.
        node.told(&["skip", "tell Force 8"]);
        node.is_reborn();
        heard(json!([-5, -7, 3, 8])).await;

        drop(node);
        let is_offline =
            |all: &Value| all["P7"]["state"] == "offline" && all["P7"]["points"]["force"]["quality"] == "stale";
        site.shows("equipment", "the death", is_offline).await;
        let requests = heard(json!([-5, -7, 3, 8, 8])).await;
        let last = payloads(&requests, "force").remove(4);
        assert_eq!(
            (&last["state"], &last["points"]["force"]["quality"]),
            (&json!("offline"), &json!("stale"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_a_node_is_asked_who_it_is() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let site = Site::new(&sections(south.port, &north.url(), 5));
    let state = |online: bool| {
        let told: Value = serde_json::from_str(&south.kept("spBv1.0/STATE/shop-1")).expect("JSON");
        assert_eq!(told["online"], online);
        assert!(told["timestamp"].is_u64());
    };
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    let mut node = EdgeNode::start(south.port);
    north
        .heard("the birth", |requests| json!(values(requests, "force")) == json!([-5]))
        .await;
    state(true);
    assert!(gateway.stop().success());
    state(false);
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    node.told(&["tell Force 6"]);
    node.is_reborn();
    north
        .heard("the values of now", |requests| {
            values(requests, "force").last() == Some(&json!(6))
        })
        .await;
    assert_eq!(site.get("status").await["sources"]["mqtt/plant"]["rejected"], 1);
    gateway.kill();
    state(false);
}
