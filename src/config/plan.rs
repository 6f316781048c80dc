//! From sections to the settings of each stage, and what is only wrong when sections are seen together: references that
//! dangle, addresses used twice, secrets that can't be read.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::addresses::check_addresses;
use super::alerts::{lower_alerts, lower_notify};
use super::document::{Document, Tree};
use super::explain::{Finding, Findings};
use super::floor::lower_floor;
use super::modbus::lower_modbus;
use super::mqtt::{lower_brokers, lower_topics};
use super::origin::configuration;
use super::points::Points;
use super::sections::{Config, Equipment};
use super::spc::lower_spc;
use super::states::check_states;
use super::station::lower_stations;
use super::upstream::{lower_reference, lower_upstreams};
use super::watch::lower_watches;
use super::web::lower_web;
use crate::buffer;
use crate::clock::Zone;
use crate::forward;
use crate::intake;
use crate::intake::equipment::EquipmentSettings;
use crate::intake::judgement::{self, Judge};
use crate::judge::spc::monitor::Characteristic;
use crate::reference;
use crate::secret::Secret;
use crate::source::{modbus, mqtt, scanner};
use crate::topic::{EquipmentAt, Part};
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

/// Where findings are added, and how places and files are found.
pub(super) struct Check<'a, 't> {
    pub tree: &'a Tree<'t>,
    findings: &'a mut Findings,
    /// The folder of the configuration: relative paths start there.
    folder: PathBuf,
    pub is_proof: bool,
}

impl Check<'_, '_> {
    pub fn find(&mut self, path: &[&str], message: impl Display) {
        self.findings
            .add(Finding::at(self.tree.span_of(path), &message.to_string()));
    }

    pub fn resolve(&self, path: &Path) -> PathBuf {
        if path.is_absolute() {
            path.to_owned()
        } else {
            self.folder.join(path)
        }
    }

    /// A secret from its file or from `${NAME}`; a literal one is refused.
    pub fn secret(
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

pub fn lower(mut config: Config, document: &Document, is_proof: bool, tree: &Tree, findings: &mut Findings) -> Plan {
    let file = document.file.as_path();
    let folder = file
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned();
    let mut check = Check {
        tree,
        findings,
        folder,
        is_proof,
    };
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
    let (tls, access) = lower_web(&config.web, file, &mut check);
    check_addresses(&config, &mut check);
    let topics: HashMap<_, _> = config
        .mqtt
        .iter()
        .map(|(name, broker)| (format!("mqtt/{name}"), lower_topics(name, broker, &mut check)))
        .collect();
    let mqtt = lower_brokers(&config.mqtt, &gateway_id, &mut check);
    check_equipment(&config, &mut check);
    let (stations, benches) = lower_stations(&config, &mut check);
    let mut floor = lower_floor(&config, &mut check);
    // A plant has many points: they are moved, never copied. What looks for machines in the configuration stands before this.
    let modbus = lower_modbus(std::mem::take(&mut config.modbus), &mut check);
    check_states(&config, &modbus, &mut check);
    let points = Points::told(&config, &modbus);
    let charts = lower_spc(&config, &points, &mut check);
    let mut judges = lower_watches(&config, &points, &mut check);
    for watched in charts {
        match watched.from {
            Characteristic::Point { equipment, point } => judges.push(Judge::Chart {
                equipment,
                point,
                settings: Box::new(watched.settings),
            }),
            Characteristic::Inspection { .. } | Characteristic::Reports { .. } => floor.charts.push(watched),
        }
    }
    let mut upstreams = lower_upstreams(&config.upstream, &gateway_id, zone, &mut check);
    let alerts = lower_alerts(&config.alerts, config.gateway.language, &mut check);
    let every = config
        .reference
        .as_ref()
        .map_or(Duration::from_secs(30), |reference| reference.every.0);
    let reference = config.reference.as_ref().and_then(|reference| {
        lower_reference(reference, &upstreams, config.gateway.workshop_id, &data_dir, &mut check)
    });
    upstreams.extend(lower_notify(&config.alerts, &gateway_id, zone, &mut check));
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
            alerts,
            judgement: judgement::Settings {
                judges,
                file: data_dir.join("judgement.state"),
            },
            floor,
        },
        web: web::Settings {
            listen: config.web.listen,
            tls,
            access,
            zone,
            identity: web::Identity {
                gateway_id: gateway_id.clone(),
                tenant_id: config.gateway.tenant_id,
                workshop_id: config.gateway.workshop_id,
                workshop_name: config.gateway.workshop_name.clone(),
            },
            configuration: configuration(document),
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

fn equipment_settings(equipment: &Equipment) -> EquipmentSettings {
    EquipmentSettings {
        name: equipment.name.clone(),
        equipment_id: equipment.equipment_id,
        ideal_cycle: equipment.ideal_cycle.map(|cycle| cycle.0),
        offline_after: equipment.offline_after.map(|after| after.0),
    }
}

/// What sections and sources name, and whether names come from topics as well, so that any could be right.
fn known_equipment(config: &Config) -> (BTreeSet<&str>, bool) {
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
    (known, is_open)
}

/// A name that no source will ever speak of is a slip of the pen.
fn check_equipment(config: &Config, check: &mut Check) {
    let (known, is_open) = known_equipment(config);
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
