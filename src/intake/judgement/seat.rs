//! One judge with what it knows: a chart or a watch behind one face.

use chrono::TimeDelta;

use super::journal::{Observation, What};
use crate::judge::Finding;
use crate::judge::anomaly::together::{self, Together};
use crate::judge::anomaly::watch::{self, Context, Restored, Ticked, Watch};
use crate::judge::spc::monitor::{self, Monitor, PhaseError};
use crate::record::Timestamp;
use crate::status::Status;

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

    /// Whether what is usual for it depends on the product.
    pub fn is_of_products(&self) -> bool {
        match self {
            Self::Chart { settings, .. } => settings.design.chart.is_short_run(),
            Self::Watch(settings) => settings.checks.iter().any(|check| check.how.is_of_products()),
            Self::Together(_) => false,
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

/// What a restart makes of a judge.
#[derive(Debug, Default)]
pub struct Restarted {
    pub found: Vec<Finding>,
    /// What it was told before says nothing to it, for it judges by other settings now.
    pub is_anew: bool,
}

impl Restarted {
    fn take<W>(&mut self, restored: Restored<W>) -> W {
        *self = Self {
            found: restored.ended,
            is_anew: restored.is_anew,
        };
        restored.watch
    }
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

    /// Goes on from what was kept; without it, it is new. What is given is to be told.
    pub fn restore(&mut self, kept: Option<&[u8]>, now: Timestamp) -> Restarted {
        self.has_news = true;
        let mut restarted = Restarted::default();
        match (&mut self.mind, kept) {
            (Mind::Chart(settings, monitor), Some(kept)) => **monitor = Monitor::resume(kept, settings),
            (Mind::Chart(settings, monitor), None) => **monitor = Monitor::new(settings),
            (Mind::Watch(settings, watch), Some(kept)) => {
                **watch = restarted.take(Watch::restore(settings, kept, now));
            }
            (Mind::Watch(settings, watch), None) => **watch = Watch::new(settings),
            (Mind::Together(settings, together), Some(kept)) => {
                **together = restarted.take(Together::restore(settings, kept, now));
            }
            (Mind::Together(settings, together), None) => **together = Together::new(settings),
        }
        restarted
    }

    /// It was told everything again that was kept, and listens from now on.
    pub fn resume(&mut self, now: Timestamp) {
        if let Mind::Watch(_, watch) = &mut self.mind {
            watch.resume(now);
        }
    }

    /// Keys of what it holds to be wrong.
    pub fn open_keys(&self) -> Vec<String> {
        match &self.mind {
            Mind::Chart(settings, monitor) => monitor.open_keys(settings),
            Mind::Watch(settings, watch) => watch.open_keys(settings),
            Mind::Together(settings, together) => together.open_key(settings).into_iter().collect(),
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Timestamp) -> Ticked {
        let Mind::Watch(settings, watch) = &mut self.mind else {
            return Ticked::default();
        };
        let ticked = watch.tick(settings, now);
        self.has_news |= ticked.has_turned;
        ticked
    }

    /// The gateway's clock was set, and shows `now`. Whether that matters to it.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) -> bool {
        match &mut self.mind {
            Mind::Watch(_, watch) => watch.clock_was_set(by, now),
            Mind::Chart(_, monitor) => monitor.clock_was_set(now),
            Mind::Together(_, together) => together.clock_was_set(now),
        }
    }

    /// Tells it of what it hears on this channel.
    pub fn tell(&mut self, observation: &Observation, channel: u8) -> Vec<Finding> {
        let at = observation.at();
        match (&mut self.mind, &observation.what) {
            (Mind::Chart(settings, monitor), What::Value(seen)) => {
                // A chart is of what is made: a machine that stands makes nothing.
                if seen.is_running == Some(false) && !seen.is_part {
                    return Vec::new();
                }
                self.has_news = true;
                let product = seen.part.as_deref().filter(|_| settings.design.chart.is_short_run());
                let value = match (seen.value, product) {
                    (None, _) => monitor::Observation::Bad,
                    (Some(value), Some(product)) => monitor::Observation::Of { product, value },
                    (Some(value), None) => monitor::Observation::Value(value),
                };
                let mut found = monitor.take(settings, at, value);
                if seen.is_part {
                    found.extend(monitor.part_counted(settings, at));
                }
                found
            }
            (Mind::Together(settings, together), What::Value(seen)) => {
                self.has_news = true;
                together.take(settings, at, channel.into(), seen.value)
            }
            (_, What::Changed { .. }) => self.change(observation).unwrap_or_default(),
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
            (_, What::Tick) => self.tick(at).found,
            (_, What::ClockSet { by_ms }) => {
                self.clock_was_set(TimeDelta::milliseconds(*by_ms), at);
                Vec::new()
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

    /// Whether what is shown of it has changed, and was not shown a moment ago. It is to be shown then.
    pub fn has_news(&mut self, now: Timestamp) -> bool {
        let was_shown = self.shown_at.is_some_and(|at| (now - at).abs() < SHOWN_EVERY);
        let has_news = !was_shown && std::mem::take(&mut self.has_news);
        if has_news {
            self.shown_at = Some(now);
        }
        has_news
    }

    pub fn show(&self, name: &str, status: &Status) {
        match &self.mind {
            Mind::Chart(settings, monitor) => status.set_judge(name, &monitor.view(settings)),
            Mind::Watch(settings, watch) => status.set_judge(name, &watch.view(settings)),
            Mind::Together(settings, together) => status.set_judge(name, &together.view(settings)),
        }
    }
}
