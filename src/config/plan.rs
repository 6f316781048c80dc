//! From sections to the settings of each stage, and what is only wrong when sections are seen together: references that
//! dangle, addresses used twice, secrets that can't be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::document::Tree;
use super::explain::{Finding, Findings};
use super::sections::{
    Config, LabelName, Mqtt, MqttProtocol, MqttScheme, Reference, SendTopic, Station, Topic, TopicFormat, Upstream,
};
use crate::buffer::{self, BatchLimit};
use crate::clock::Zone;
use crate::forward;
use crate::intake;
use crate::intake::barcode::{Label, LabelKind};
use crate::intake::decode::{EquipmentAt, Format, Part, TopicRule};
use crate::intake::equipment::EquipmentSettings;
use crate::intake::station::Bench;
use crate::record::{Kind, PointDef, Role};
use crate::reference;
use crate::secret::Secret;
use crate::source::{modbus, mqtt, scanner};
use crate::tls;
use crate::web;

/// What `gateway::run` carries out.
#[derive(Debug, Clone)]
pub struct Plan {
    pub gateway_id: String,
    pub data_dir: PathBuf,
    pub buffer: buffer::Settings,
    pub intake: intake::Settings,
    pub mqtt: Vec<(String, mqtt::Settings)>,
    pub modbus: Vec<(String, modbus::Settings)>,
    pub stations: Vec<scanner::Settings>,
    pub upstreams: Vec<forward::Settings>,
    pub reference: Option<reference::Settings>,
    pub reference_fresh_for: Duration,
    pub web: web::Settings,
}

/// Below this a buffer could not even hold its segments apart.
const BUFFER_BYTES_MIN: u64 = 64 << 20;
/// A batch is held in memory, once as it is and once compressed.
const BATCH_BYTES_MAX: u64 = 64 << 20;
const BATCH_RECORDS_MAX: usize = 10_000;

/// Where findings are added, and how places and files are found.
struct Check<'a, 't> {
    tree: &'a Tree<'t>,
    findings: &'a mut Findings,
    /// The folder of the configuration: relative paths start there.
    folder: PathBuf,
}

impl Check<'_, '_> {
    fn find(&mut self, path: &[&str], message: impl Display) {
        self.findings
            .add(Finding::at(self.tree.span_of(path), &message.to_string()));
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        if path.is_absolute() {
            path.to_owned()
        } else {
            self.folder.join(path)
        }
    }

    /// A secret from its file or from `${NAME}`; a literal one is refused.
    fn secret(
        &mut self,
        section: &[&str],
        name: &str,
        literal: Option<&String>,
        file: Option<&PathBuf>,
    ) -> Option<Secret> {
        let path = [section, &[name]].concat();
        if let Some(value) = literal {
            let is_reference = self
                .tree
                .written(&path)
                .is_some_and(|w| w.starts_with("${") && w.ends_with('}'));
            if !is_reference {
                self.find(
                    &path,
                    format!("secrets never stand in this file; use {name}_file = \"FILE\" or {name} = \"${{NAME}}\""),
                );
                return None;
            }
            return Some(Secret::new(value.clone()));
        }
        let file = self.resolve(file?);
        match Secret::from_file(&file) {
            Ok(secret) => Some(secret),
            Err(error) => {
                let key = format!("{name}_file");
                let problem = format!("no secret in {}: {error}", file.display());
                self.find(&[section, &[key.as_str()]].concat(), problem);
                None
            }
        }
    }
}

pub fn lower(config: &Config, file: &Path, tree: &Tree, findings: &mut Findings) -> Plan {
    let folder = file
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned();
    let mut check = Check { tree, findings, folder };
    let gateway_id = config.gateway.id.0.clone();
    let zone = Zone(config.gateway.timezone.0);
    let data_dir = check.resolve(&config.gateway.data_dir);
    if config.gateway.shift_starts.is_empty() {
        check.find(
            &["gateway", "shift_starts"],
            "a day has at least one shift; write one start such as \"08:00\"",
        );
    }
    if config.buffer.max_size.0 < BUFFER_BYTES_MIN {
        check.find(
            &["buffer", "max_size"],
            format!("{} is too small; write at least \"64 MiB\"", config.buffer.max_size),
        );
    }
    if !config.web.listen.ip().is_loopback() {
        check.find(
            &["web", "listen"],
            format!(
                "{} can be reached from outside, which needs accounts; write \"127.0.0.1:{}\"",
                config.web.listen,
                config.web.listen.port()
            ),
        );
    }
    check_addresses(config, &mut check);
    let modbus = lower_modbus(config, &mut check);
    let topics: HashMap<_, _> = config
        .mqtt
        .iter()
        .map(|(name, broker)| (format!("mqtt/{name}"), lower_topics(name, broker, &mut check)))
        .collect();
    let mqtt = lower_brokers(&config.mqtt, &gateway_id, &mut check);
    check_equipment(config, &mut check);
    let (stations, benches) = lower_stations(config, &mut check);
    let upstreams = lower_upstreams(config, &gateway_id, zone, &mut check);
    let every = config
        .reference
        .as_ref()
        .map_or(Duration::from_secs(30), |reference| reference.every.0);
    let reference = config.reference.as_ref().and_then(|reference| {
        lower_reference(reference, &upstreams, config.gateway.workshop_id, &data_dir, &mut check)
    });
    Plan {
        buffer: buffer::Settings {
            dir: data_dir.join("buffer"),
            max_bytes: config.buffer.max_size.0,
            min_free_bytes: config.buffer.min_free_disk.0,
            commit_wait: Duration::from_millis(config.buffer.commit_wait.0),
            gateway_id: gateway_id.clone(),
            zone,
            upstreams: upstreams.iter().map(|upstream| upstream.name.clone()).collect(),
        },
        intake: intake::Settings {
            gateway_id: gateway_id.clone(),
            zone,
            shift_starts: config.gateway.shift_starts.iter().map(|start| start.0).collect(),
            topics,
            equipment: config
                .equipment
                .iter()
                .map(|(code, e)| (code.clone(), equipment_settings(e)))
                .collect(),
            stations: benches,
        },
        web: web::Settings {
            listen: config.web.listen,
            zone,
            identity: web::Identity {
                gateway_id: gateway_id.clone(),
                tenant_id: config.gateway.tenant_id,
                workshop_id: config.gateway.workshop_id,
                workshop_name: config.gateway.workshop_name.clone(),
            },
        },
        gateway_id,
        data_dir,
        mqtt,
        modbus,
        stations,
        upstreams,
        reference,
        reference_fresh_for: reference::fresh_for(every),
    }
}

fn equipment_settings(equipment: &super::sections::Equipment) -> EquipmentSettings {
    EquipmentSettings {
        name: equipment.name.clone(),
        equipment_id: equipment.equipment_id,
        ideal_cycle: equipment.ideal_cycle.map(|cycle| cycle.0),
        offline_after: equipment.offline_after.map(|after| after.0),
    }
}

/// Two listeners cannot share an address.
fn check_addresses(config: &Config, check: &mut Check) {
    let mut taken: BTreeMap<SocketAddr, String> = BTreeMap::from([(config.web.listen, "[web]".to_owned())]);
    for (name, station) in &config.station {
        if let scanner::Port::Listen(address) = station.scanner.0
            && address.port() != 0
            && let Some(other) = taken.insert(address, format!("[station.{name}]"))
        {
            check.find(
                &["station", name, "scanner"],
                format!("{address} is taken by {other}; give each its own port"),
            );
        }
    }
}

fn lower_modbus(config: &Config, check: &mut Check) -> Vec<(String, modbus::Settings)> {
    let mut readers: BTreeMap<(String, String), String> = BTreeMap::new();
    for (name, connection) in &config.modbus {
        for (path, problem) in connection.check() {
            let path: Vec<&str> = ["modbus", name]
                .into_iter()
                .chain(path.iter().map(String::as_str))
                .collect();
            check.find(&path, problem);
        }
        for (device_name, device) in &connection.device {
            for point in device.points.keys() {
                let reader = format!("modbus.{name}.device.{device_name}");
                if let Some(other) = readers.insert((device.equipment.clone(), point.clone()), reader) {
                    let path = ["modbus", name, "device", device_name, "points", point];
                    check.find(
                        &path,
                        format!(
                            "{}.{point} is read by {other} too; give one of them another name",
                            device.equipment
                        ),
                    );
                }
            }
        }
    }
    config
        .modbus
        .iter()
        .map(|(name, connection)| (name.clone(), connection.clone()))
        .collect()
}

fn lower_topics(broker: &str, section: &Mqtt, check: &mut Check) -> Vec<TopicRule> {
    let mut rules = Vec::new();
    if section.topic.is_empty() {
        check.find(&["mqtt", broker], "hears nothing; add a [[mqtt.….topic]]");
    }
    for (nth, topic) in section.topic.iter().enumerate() {
        let nth = nth.to_string();
        let path = ["mqtt", broker, "topic", &nth];
        check_topic(&path, topic, check);
        let points = topic.points.iter().map(|(name, point)| {
            let def = PointDef {
                name: name.clone(),
                unit: point.unit.clone(),
                role: point.role,
                map: point.map.clone().into_iter().collect(),
                deadband: point.deadband,
            };
            (
                point.at.as_ref().map(|at| at.0.clone()).unwrap_or_default(),
                Arc::new(def),
            )
        });
        rules.push(TopicRule {
            filter: topic.filter.0.clone(),
            format: match topic.format {
                TopicFormat::Json => Format::Json,
                TopicFormat::Value => Format::Value,
            },
            equipment: topic.equipment.0.clone(),
            time: topic.time.as_ref().map(|pointer| pointer.0.clone()),
            id: topic.id.as_ref().map(|pointer| pointer.0.clone()),
            points: points.collect(),
            payload_bytes_max: usize::try_from(topic.max_payload.0).unwrap_or(usize::MAX),
        });
    }
    rules
}

fn check_topic(path: &[&str], topic: &Topic, check: &mut Check) {
    let deeper = |name| [path, &[name]].concat();
    if topic.points.is_empty() {
        check.find(path, "says nothing; add points");
    }
    if topic.max_payload.0 > buffer::RECORD_BYTES_MAX as u64 {
        check.find(
            &deeper("max_payload"),
            "a record holds at most 96 KiB; write no more than that",
        );
    }
    let is_value = topic.format == TopicFormat::Value;
    if is_value && topic.points.len() != 1 {
        check.find(
            &deeper("points"),
            "a bare value is one point; write exactly one, or format = \"json\"",
        );
    }
    match &topic.equipment.0 {
        EquipmentAt::Pointer(_) if is_value => {
            check.find(
                &deeper("equipment"),
                "a bare value has no JSON to point into; take a topic level such as \"{1}\"",
            );
        }
        EquipmentAt::Topic(parts) => {
            let levels = topic.filter.0.split('/').count();
            let is_open = topic.filter.0.ends_with('#');
            let beyond = parts.iter().find_map(|part| match part {
                Part::Level(level) if *level >= levels && !is_open => Some(*level),
                _ => None,
            });
            if let Some(level) = beyond {
                check.find(
                    &deeper("equipment"),
                    format!("the filter has {levels} levels, counted from 0: there is no level {level}"),
                );
            }
        }
        EquipmentAt::Pointer(_) => {}
    }
    if is_value && (topic.time.is_some() || topic.id.is_some()) {
        let name = if topic.time.is_some() { "time" } else { "id" };
        check.find(&deeper(name), "a bare value has no JSON to point into; leave it out");
    }
    for (name, point) in &topic.points {
        let point_path = [path, &["points", name]].concat();
        if point.at.is_none() && !is_value {
            check.find(&point_path, format!("`{name}` has no place; add at = \"/{name}\""));
        }
        check_point(&point_path, point.role, !point.map.is_empty(), point.deadband, check);
    }
}

fn check_point(path: &[&str], role: Option<Role>, has_map: bool, deadband: Option<f64>, check: &mut Check) {
    if has_map && role != Some(Role::State) {
        check.find(
            &[path, &["map"]].concat(),
            "a map gives names to states; add role = \"state\"",
        );
    }
    if deadband.is_some_and(|band| !band.is_finite() || band < 0.0) {
        check.find(&[path, &["deadband"]].concat(), "a deadband is 0 or more");
    }
}

fn lower_brokers(
    brokers: &BTreeMap<String, Mqtt>,
    gateway_id: &str,
    check: &mut Check,
) -> Vec<(String, mqtt::Settings)> {
    let mut lowered = Vec::new();
    for (name, broker) in brokers {
        let section = ["mqtt", name.as_str()];
        let password = check.secret(
            &section,
            "password",
            broker.password.as_ref(),
            broker.password_file.as_ref(),
        );
        if broker.username.is_none() && (broker.password.is_some() || broker.password_file.is_some()) {
            check.find(&section, "a password without a username; add username");
        }
        let credentials = broker
            .username
            .clone()
            .map(|user| (user, password.unwrap_or_else(|| Secret::new(String::new()))));
        let Some(transport) = lower_transport(&section, broker, check) else {
            continue;
        };
        let qos = |topic: &Topic| {
            if topic.qos.0 == 0 {
                mqtt::Qos::AtMostOnce
            } else {
                mqtt::Qos::AtLeastOnce
            }
        };
        let settings = mqtt::Settings {
            protocol: match broker.protocol {
                MqttProtocol::V311 => mqtt::Protocol::V311,
                MqttProtocol::V5 => mqtt::Protocol::V5,
            },
            transport,
            host: broker.url.host.clone(),
            port: broker.url.port,
            url: broker.url.text.clone(),
            client_id: broker.client_id.clone().unwrap_or_else(|| gateway_id.to_owned()),
            credentials,
            filters: broker
                .topic
                .iter()
                .map(|topic| (topic.filter.0.clone(), qos(topic)))
                .collect(),
        };
        lowered.push((name.clone(), settings));
    }
    lowered
}

fn lower_transport(section: &[&str], broker: &Mqtt, check: &mut Check) -> Option<mqtt::Transport> {
    let files = [
        ("ca_file", &broker.ca_file),
        ("client_cert_file", &broker.client_cert_file),
        ("client_key_file", &broker.client_key_file),
    ];
    let is_tls = matches!(broker.url.scheme, MqttScheme::Mqtts | MqttScheme::Wss);
    if !is_tls {
        for (key, _) in files.iter().filter(|(_, file)| file.is_some()) {
            check.find(
                &[section, &[*key]].concat(),
                "the connection is not encrypted; write mqtts:// or wss:// in url",
            );
        }
        let plain = if broker.url.scheme == MqttScheme::Ws {
            mqtt::Transport::Ws
        } else {
            mqtt::Transport::Tcp
        };
        return Some(plain);
    }
    if broker.client_cert_file.is_some() != broker.client_key_file.is_some() {
        check.find(
            section,
            "a client certificate needs its key: set both client_cert_file and client_key_file",
        );
    }
    let [ca, client_cert, client_key] = files.map(|(_, file)| file.as_ref().map(|path| check.resolve(path)));
    let files = tls::Files {
        ca: ca.as_deref(),
        client_cert: client_cert.as_deref(),
        client_key: client_key.as_deref(),
    };
    match tls::client_config(&files) {
        Ok(config) if broker.url.scheme == MqttScheme::Wss => Some(mqtt::Transport::Wss(config)),
        Ok(config) => Some(mqtt::Transport::Tls(config)),
        Err(problem) => {
            check.find(section, problem);
            None
        }
    }
}

/// A name that no source will ever speak of is a slip of the pen.
fn check_equipment(config: &Config, check: &mut Check) {
    let mut known: BTreeSet<&str> = config.equipment.keys().map(String::as_str).collect();
    known.extend(
        config
            .modbus
            .values()
            .flat_map(|c| c.device.values())
            .map(|device| device.equipment.as_str()),
    );
    let mut is_open = false;
    for topic in config.mqtt.values().flat_map(|broker| &broker.topic) {
        match &topic.equipment.0 {
            EquipmentAt::Topic(parts) => match parts.as_slice() {
                [Part::Text(name)] => {
                    known.insert(name);
                }
                _ => is_open = true,
            },
            EquipmentAt::Pointer(_) => is_open = true,
        }
    }
    for (name, station) in &config.station {
        let Some(equipment) = station.equipment.as_deref() else {
            continue;
        };
        let was_wrong = check.tree.removed.contains(equipment);
        // With names that come from topics any could be right, but then it can be declared as well.
        let is_declared = known.contains(equipment);
        if !is_declared && !was_wrong {
            let hint = if is_open {
                ", so that a slip of the pen is not taken for a machine"
            } else {
                ""
            };
            check.find(
                &["station", name, "equipment"],
                format!("no source and no section speaks of `{equipment}`; add [equipment.{equipment}]{hint}"),
            );
        }
    }
}

fn lower_stations(config: &Config, check: &mut Check) -> (Vec<scanner::Settings>, HashMap<String, Bench>) {
    let mut scanners = Vec::new();
    let mut benches = HashMap::new();
    for (name, station) in &config.station {
        if name.chars().count() > 50 {
            check.find(&["station", name], "a station's name has at most 50 characters");
        }
        if station.terminator.is_empty() {
            check.find(
                &["station", name, "terminator"],
                "without a terminator no scan ever ends; write \"\\r\" or \"\\r\\n\"",
            );
        }
        scanners.push(scanner::Settings {
            station: name.as_str().into(),
            port: station.scanner.0.clone(),
            terminator: station.terminator.clone().into_bytes(),
            reply: station.reply,
        });
        let bench = Bench {
            station: name.clone(),
            equipment: station.equipment.clone(),
            equipment_id: station
                .equipment
                .as_ref()
                .and_then(|code| config.equipment.get(code))
                .and_then(|equipment| equipment.equipment_id),
            process: station.process.clone(),
            mode: station.mode.0,
            duplicate_window: station.duplicate_window.0,
            unknown_order: station.unknown_order,
            over_report: station.over_report.0,
            labels: labels(station),
            language: config.gateway.language,
        };
        benches.insert(name.clone(), bench);
    }
    (scanners, benches)
}

fn labels(station: &Station) -> Vec<Label> {
    let kind = |name: &LabelName| match name {
        LabelName::Badge => LabelKind::Badge,
        LabelName::Order => LabelKind::Order,
        LabelName::Traveler => LabelKind::Traveler,
        LabelName::Operation => LabelKind::Operation,
        LabelName::Equipment => LabelKind::Equipment,
        LabelName::Reason => LabelKind::Reason,
        LabelName::Quantity => LabelKind::Quantity,
    };
    let patterns = station.patterns.iter().flatten();
    patterns
        .map(|(name, pattern)| Label {
            kind: kind(name),
            pattern: pattern.0.clone(),
        })
        .collect()
}

fn lower_upstreams(config: &Config, gateway_id: &str, zone: Zone, check: &mut Check) -> Vec<forward::Settings> {
    let client = match forward::http::client() {
        Ok(client) => client,
        Err(error) => {
            check.find(
                &["upstream"],
                format!("no HTTP client: {}", crate::files::causes(&error)),
            );
            return Vec::new();
        }
    };
    let mut lowered = Vec::new();
    for (name, upstream) in &config.upstream {
        let section = ["upstream", name.as_str()];
        let is_file_name = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_file_name || name.len() > 64 {
            check.find(&section, "an upstream's name is 1 to 64 of letters, digits, - and _");
        }
        check_limits(&section, upstream, check);
        let token = check.secret(&section, "token", upstream.token.as_ref(), upstream.token_file.as_ref());
        let is_wanted = |kind: &Kind| {
            upstream
                .send
                .iter()
                .map(|topic: &SendTopic| topic.name())
                .any(|t| t == kind.topic())
        };
        lowered.push(forward::Settings {
            name: name.clone(),
            gateway_id: gateway_id.to_owned(),
            zone,
            http: forward::http::Settings {
                url: upstream.url.0.clone(),
                token,
                timeout: upstream.timeout.0,
                compression: upstream.compress,
                client: client.clone(),
            },
            kinds: Kind::all().filter(is_wanted).collect(),
            limit: BatchLimit {
                records: upstream.max_records,
                bytes: usize::try_from(upstream.max_bytes.0).unwrap_or(usize::MAX),
            },
            max_wait: upstream.max_wait.0,
        });
    }
    lowered
}

fn check_limits(section: &[&str], upstream: &Upstream, check: &mut Check) {
    if upstream.send.is_empty() {
        check.find(
            &[section, &["send"]].concat(),
            "sends nothing; leave it out to send all",
        );
    }
    if !(1..=BATCH_RECORDS_MAX).contains(&upstream.max_records) {
        check.find(
            &[section, &["max_records"]].concat(),
            format!("write 1 to {BATCH_RECORDS_MAX}"),
        );
    }
    if !(1024..=BATCH_BYTES_MAX).contains(&upstream.max_bytes.0) {
        check.find(&[section, &["max_bytes"]].concat(), "write \"1 KiB\" to \"64 MiB\"");
    }
    if upstream.timeout.0 < Duration::from_millis(100) {
        check.find(&[section, &["timeout"]].concat(), "write at least \"100ms\"");
    }
}

fn lower_reference(
    section: &Reference,
    upstreams: &[forward::Settings],
    workshop_id: Option<i64>,
    data_dir: &Path,
    check: &mut Check,
) -> Option<reference::Settings> {
    if section.every.0 < Duration::from_secs(1) {
        check.find(&["reference", "every"], "write at least \"1s\"");
    }
    let Some(upstream) = upstreams.iter().find(|upstream| upstream.name == section.from) else {
        if !check.tree.removed.contains(&section.from) {
            let known: Vec<&str> = upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
            check.find(
                &["reference", "from"],
                format!("there is no [upstream.{}] (known: {})", section.from, known.join(", ")),
            );
        }
        return None;
    };
    let url = match &section.url {
        Some(url) => url.0.clone(),
        None => {
            if let Some((folder, "batches")) = upstream.http.url.rsplit_once('/') {
                format!("{folder}/reference")
            } else {
                check.find(
                    &["reference", "from"],
                    "the upstream's URL does not end with /batches; say where the reference call is with url",
                );
                return None;
            }
        }
    };
    Some(reference::Settings {
        url,
        token: upstream.http.token.clone(),
        workshop_id,
        every: section.every.0,
        timeout: upstream.http.timeout,
        file: data_dir.join("reference.json"),
        client: upstream.http.client.clone(),
    })
}
