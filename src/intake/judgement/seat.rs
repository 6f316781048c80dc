//! One judge with what it knows: a chart or a watch behind one face.

use chrono::TimeDelta;
use serde_json::{Value as Json, json};

use super::journal::{Observation, What};
use crate::judge::Finding;
use crate::judge::anomaly::together::{self, Together};
use crate::judge::anomaly::watch::{self, Context, Watch};
use crate::judge::spc::monitor::{self, Monitor, PhaseError};
use crate::record::Timestamp;

/// What is shown changes at most this often: it is for people.
const SHOWN_EVERY: TimeDelta = TimeDelta::seconds(5);

/// What is configured of a judge of machines.
#[derive(Debug, Clone)]
pub enum Judge {
    Chart {
        equipment: String,
        point: String,
        settings: Box<monitor::Settings>,
    },
    Watch(Box<watch::Settings>),
    /// Several points watched together.
    Together(together::Settings),
}

impl Judge {
    /// `spc/press-force`, `watch/press-temperature`.
    pub fn name(&self) -> String {
        match self {
            Self::Chart { settings, .. } => format!("spc/{}", settings.name),
            Self::Watch(settings) => format!("watch/{}", settings.name),
            Self::Together(settings) => format!("watch/{}", settings.name),
        }
    }

    /// Equipment and point, in the order of its channels.
    pub fn listens_to(&self) -> Vec<(String, String)> {
        match self {
            Self::Chart { equipment, point, .. } => vec![(equipment.clone(), point.clone())],
            Self::Watch(settings) => vec![(settings.equipment.clone(), settings.point.clone())],
            Self::Together(settings) => settings.points.clone(),
        }
    }
}

#[derive(Debug)]
pub struct Seat {
    mind: Mind,
    has_news: bool,
    shown_at: Option<Timestamp>,
}

#[derive(Debug)]
enum Mind {
    Chart(Box<monitor::Settings>, Box<Monitor>),
    Watch(Box<watch::Settings>, Box<Watch>),
    Together(together::Settings, Box<Together>),
}

impl Seat {
    pub fn new(judge: Judge) -> Self {
        let mind = match judge {
            Judge::Chart { settings, .. } => {
                let monitor = Box::new(Monitor::new(&settings));
                Mind::Chart(settings, monitor)
            }
            Judge::Watch(settings) => {
                let watch = Box::new(Watch::new(&settings));
                Mind::Watch(settings, watch)
            }
            Judge::Together(settings) => {
                let together = Box::new(Together::new(&settings));
                Mind::Together(settings, together)
            }
        };
        Self {
            mind,
            has_news: true,
            shown_at: None,
        }
    }

    /// Goes on from what was kept; without it, it begins anew. Gives what has to be told of that.
    pub fn restore(&mut self, kept: Option<&[u8]>, now: Timestamp) -> Vec<Finding> {
        self.has_news = true;
        match &mut self.mind {
            Mind::Chart(settings, monitor) => {
                **monitor = kept.map_or_else(|| Monitor::new(settings), |kept| Monitor::resume(kept, settings));
                Vec::new()
            }
            Mind::Watch(settings, watch) => {
                let (restored, found) = match kept {
                    Some(kept) => Watch::restore(settings, kept, now),
                    None => (Watch::new(settings), Vec::new()),
                };
                **watch = restored;
                found
            }
            Mind::Together(settings, together) => {
                let (restored, found) = match kept {
                    Some(kept) => Together::restore(settings, kept, now),
                    None => (Together::new(settings), Vec::new()),
                };
                **together = restored;
                found
            }
        }
    }

    pub fn tell(&mut self, observation: &Observation) -> Vec<Finding> {
        let at = observation.at();
        match (&mut self.mind, &observation.what) {
            (Mind::Chart(settings, monitor), What::Value(seen)) => {
                // A chart is of what is made: a machine that stands makes nothing.
                if seen.is_running == Some(false) && !seen.is_part {
                    return Vec::new();
                }
                self.has_news = true;
                let value = seen
                    .value
                    .map_or(monitor::Observation::Bad, monitor::Observation::Value);
                let mut found = monitor.take(settings, at, value);
                if seen.is_part {
                    found.extend(monitor.part_counted(settings, at));
                }
                found
            }
            (Mind::Together(settings, together), What::Value(seen)) => {
                self.has_news = true;
                together.take(settings, at, seen.channel.into(), seen.value)
            }
            (_, What::Changed { .. }) => self.change(observation).unwrap_or_default(),
            (Mind::Chart(..) | Mind::Together(..), What::Tick) => Vec::new(),
            (Mind::Watch(settings, watch), What::Value(seen)) => {
                self.has_news = true;
                let context = Context {
                    heard_at: observation.heard_at(),
                    is_running: seen.is_running,
                    part: seen.part.as_deref(),
                    program: seen.program.as_deref(),
                };
                watch.take(settings, at, seen.value, &context)
            }
            (Mind::Watch(settings, watch), What::Tick) => {
                let found = watch.tick(settings, at);
                self.has_news |= !found.is_empty();
                found
            }
        }
    }

    /// A person changes a chart, which is shown at once.
    pub fn change(&mut self, observation: &Observation) -> Result<Vec<Finding>, PhaseError> {
        let (Mind::Chart(settings, monitor), What::Changed { change, by }) = (&mut self.mind, &observation.what) else {
            return Ok(Vec::new());
        };
        (self.has_news, self.shown_at) = (true, None);
        monitor.change(settings, change, by, observation.at())
    }

    pub fn encode(&self) -> Vec<u8> {
        match &self.mind {
            Mind::Chart(_, monitor) => monitor.encode(),
            Mind::Watch(_, watch) => watch.encode(),
            Mind::Together(_, together) => together.encode(),
        }
    }

    /// What is to be shown of it, if that has changed and was not shown a moment ago.
    pub fn news(&mut self, now: Timestamp) -> Option<Json> {
        let was_shown = self.shown_at.is_some_and(|at| now - at < SHOWN_EVERY);
        if was_shown || !std::mem::take(&mut self.has_news) {
            return None;
        }
        self.shown_at = Some(now);
        Some(match &self.mind {
            Mind::Chart(settings, monitor) => json!(monitor.view(settings)),
            Mind::Watch(settings, watch) => json!(watch.view(settings)),
            Mind::Together(settings, together) => json!(together.view(settings)),
        })
    }
}
