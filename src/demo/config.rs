//! The configuration that the demo writes for its gateway: a real one, with a sentence for everything that it says.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use super::office::{WORKSHOP_ID, WORKSHOP_NAME};

pub const GATEWAY_ID: &str = "demo-shop-1";
pub const ACCOUNTS_FILE: &str = "accounts.toml";
pub const TIME_ZONE: &str = "Asia/Shanghai";

/// What the demo's gateway looks after. The machines' force varies by 0.1 kN about 12 kN.
const JUDGEMENT: &str = r#"
# ── What is judged on the spot ───────────────────────────────────────────────────────────────────────────────

[spc.bend-1-force]               # a control chart: averages of five strokes, limits learnt from the first 40
from = "BEND-1.force"
chart = "xbar-r"
subgroup = 5
sample = "part"                  # one value for each part that is counted
limits = { estimate = 40 }       # 25 are the least; from more, false alarms are as rare as they should be
rules = ["N1", "N2"]             # with the ranges a false alarm in 109 points
spec = { lower = 11.4, upper = 12.6, target = 12.0 }

[spc.bend-2-force]               # slow drifts show earlier on a chart that remembers; its limits are given
from = "BEND-2.force"
chart = "ewma"
sample = "part"
limits = { center = 12.0, sigma = 0.1 }     # a false alarm in 494 points
rules = "none"                   # beside its own

[spc.hole-diameter]              # of what inspections measure: each value, and how far it is from the one before
from = "inspection:hole"
chart = "i-mr"
unit = "mm"
limits = { estimate = 40 }
rules = ["N1", "N2"]             # a false alarm in 217 points
spec = { lower = 11.94, upper = 12.06, target = 12.0 }

[watch.press-2-temperature]
from = "PRESS-2.temperature"
checks = ["stuck", "rate", "range"]
stuck_after = "10s"              # what is exactly the same for so long is no measurement any more
max_rate = { per_second = 6.0 }
range = { low = 5.0, high = 90.0 }

[watch.wash-1-temperature]
from = "WASH-1.temperature"
checks = ["outlier", "heartbeat"]
heartbeat = { mode = "periodic", every = "200ms", grace = "5s" }

[alerts]
defect_rate = { warn = 0.05, high = 0.10, window = 200 }
labor_time = { factor = 3.0 }    # hours per piece against what is usual
repeat_after = "5m"
"#;

/// Where the plant's peers are.
pub struct Peers<'a> {
    pub web: SocketAddr,
    pub broker: SocketAddr,
    /// Equipment code and address of each machine that speaks Modbus.
    pub modbus: &'a [(&'a str, SocketAddr)],
    /// Station, the address its scanner connects to, the equipment it stands at.
    pub stations: &'a [(&'a str, SocketAddr, &'a str)],
    pub store: SocketAddr,
    /// Equipment code and name.
    pub equipment: &'a [(&'a str, &'a str)],
    /// Of every machine, for one piece.
    pub ideal_cycle: Duration,
}

pub fn text(peers: &Peers) -> String {
    let Peers { web, broker, store, .. } = peers;
    let mut text = format!(
        r#"# The gateway of `lineside demo`. Written anew at each start of the demo, with the ports that were free then.
# Copy it to start a configuration of your own; `lineside check --config FILE` proves what you change.

[gateway]
id = "{GATEWAY_ID}"              # unique in the plant; stands in every batch that goes north
workshop_id = {WORKSHOP_ID}
workshop_name = "{WORKSHOP_NAME}"
timezone = "{TIME_ZONE}"      # shifts and production days follow it
data_dir = "gateway"             # relative to this file: the buffer, and what stations know of orders and people
shift_starts = ["08:00", "20:00"]

[buffer]                         # everything that is heard lies here first, synced to disk, until it is delivered
max_size = "512 MiB"             # telemetry gives way at this bound, oldest first; reports never do
min_free_disk = "64 MiB"

[web]
listen = "{web}"     # the pages, the API, /metrics, /healthz, /readyz
accounts_file = "{ACCOUNTS_FILE}"  # people and screens; `lineside account` changes it
reads = "open"                   # on this machine everyone may look; changes need someone who is signed in

# ── Machines that publish to a broker ────────────────────────────────────────────────────────────────────────

[mqtt.plant]
url = "mqtt://{broker}"

[[mqtt.plant.topic]]
filter = "plant/+/status"        # each machine has its own topic …
equipment = "{{1}}"                # … and its second level (counted from 0) names the machine
time = "/ts"                     # where in the JSON the machine's own time stands
[mqtt.plant.topic.points]        # a point is a value with a name; `at` is its place in the JSON
state = {{ at = "/state", role = "state", map = {{ RUN = "running", STOP = "stopped", ALM = "fault" }} }}
good_count = {{ at = "/good", role = "good_count" }}
scrap_count = {{ at = "/scrap", role = "scrap_count" }}
temperature = {{ at = "/temp", unit = "°C", deadband = 0.5 }}     # changes up to the deadband are not recorded

# ── Machines that are asked over Modbus TCP ──────────────────────────────────────────────────────────────────
"#
    );
    // Writing to a string does not fail.
    for (equipment, address) in peers.modbus {
        let name = equipment.to_ascii_lowercase();
        let _ = write!(
            text,
            r#"
[modbus.{name}]
url = "tcp://{address}"

[modbus.{name}.device.main]
unit = 1
equipment = "{equipment}"
poll = "500ms"
[modbus.{name}.device.main.points]   # addresses as on the wire, counted from 0
state = {{ at = "holding:0", type = "u16", role = "state", map = {{ 0 = "stopped", 1 = "running", 2 = "fault" }} }}
good_count = {{ at = "holding:2", type = "u32", order = "CDAB", role = "good_count" }}
scrap_count = {{ at = "holding:4", type = "u32", order = "CDAB", role = "scrap_count" }}
force = {{ at = "input:10", type = "f32", unit = "kN", deadband = 0.1 }}
temperature = {{ at = "input:12", type = "i16", unit = "°C", scale = 0.01, deadband = 0.5 }}
"#
        );
    }
    text.push_str("\n# ── Stations where people report by scanning ──────────────────────────────────────────────────────────────────\n");
    for (station, address, equipment) in peers.stations {
        let _ = write!(
            text,
            r#"
[station.{station}]
scanner = "tcp-listen://{address}"   # the scanner connects to us
equipment = "{equipment}"
reply = "text"                   # each scan is answered by a line, after the disk has it
duplicate_window = "800ms"       # the same code again within this time is the scanner reading twice
"#
        );
    }
    text.push_str("\n# ── What machines are called ──────────────────────────────────────────────────────────────────────────────────\n");
    let cycle_ms = peers.ideal_cycle.as_millis();
    for (code, name) in peers.equipment {
        let _ = write!(
            text,
            r#"
[equipment.{code}]
name = "{name}"
ideal_cycle = "{cycle_ms}ms"            # for one piece, at best
offline_after = "10s"            # silent for longer, it is shown as offline and its values as stale
"#
        );
    }
    text.push_str(JUDGEMENT);
    let _ = write!(
        text,
        r#"
# ── Where it all goes ────────────────────────────────────────────────────────────────────────────────────────

[upstream.central]
url = "http://{store}/api/v1/batches"
token_file = "store.token"       # secrets stand in files of their own
send = ["work_report", "inspection", "progress", "alert", "equipment", "audit"]   # audit: who changed what on this gateway
compress = "zstd"

[reference]                      # orders, workers, reasons: pulled from there, kept on disk, used when it is away
from = "central"
every = "1s"
"#
    );
    text
}
