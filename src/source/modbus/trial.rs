//! `check --connect`: one poll of each device, with every request and what came of it.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::device::Device;
use super::exception::Remedy;
use super::link::{Link, ReadError};
use super::poll::{Poll, Step};
use super::settings::Settings;
use crate::source::serial::on_own_thread;
use crate::status::SourceStatus;

/// One block of one device, read once.
#[derive(Debug)]
pub struct Trial {
    pub device: String,
    /// Wire addresses, as in `unit 1 holding:0..9`.
    pub block: String,
    pub outcome: Result<Duration, String>,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.device, self.block)?;
        match &self.outcome {
            Ok(took) => write!(f, "answered in {:.1} ms", took.as_secs_f64() * 1000.0),
            Err(why) => f.write_str(why),
        }
    }
}

/// What came of all devices.
#[derive(Debug, Default)]
pub struct Trials {
    pub trials: Vec<Trial>,
    /// What has to be asked for otherwise than planned, by device.
    pub refused: Vec<(String, String)>,
}

/// Connects and polls every device once; an error if there is no connection at all. `settings` have passed their `check`.
pub async fn try_connect(settings: &Settings) -> Result<Trials, String> {
    if !settings.url.is_serial() {
        return poll_all(settings).await;
    }
    let settings = settings.clone();
    on_own_thread("trial", async move || poll_all(&settings).await).await?
}

async fn poll_all(settings: &Settings) -> Result<Trials, String> {
    let mut link = Link::new(settings);
    let mut all = Trials::default();
    for (name, of_device) in &settings.device {
        let mut device = Device::new(name, of_device);
        poll_one(&mut device, &mut link, &mut all.trials).await?;
        let refused = device.describe_learnt().into_iter();
        all.refused.extend(refused.map(|what| (name.clone(), what)));
    }
    Ok(all)
}

/// A block that is refused and then given in parts is told by its parts.
async fn poll_one(device: &mut Device, link: &mut Link, trials: &mut Vec<Trial>) -> Result<(), String> {
    let status = SourceStatus::default();
    let mut poll = Poll::new(device, tokio::time::Instant::now());
    while let Some(block) = poll.request().cloned() {
        let started = Instant::now();
        let answer = link.read(device.unit, block.span, link.timeout(), &status).await;
        let outcome = match &answer {
            Ok(_) => Ok(started.elapsed()),
            Err(ReadError::LinkDown(cause)) => {
                return Err(status.view().last_error.unwrap_or_else(|| (*cause).to_owned()));
            }
            Err(error) => Err(error.to_string()),
        };
        let is_split = block.points.len() > 1
            && matches!(&answer, Err(ReadError::Exception(exception)) if exception.remedy() == Remedy::Bisect);
        let step = poll.take(device, answer);
        if let Step::Wait(wait) = step {
            sleep(wait).await;
            continue;
        }
        if !is_split {
            trials.push(Trial {
                device: device.name.clone(),
                block: format!("unit {} {}", device.unit, block.span),
                outcome,
            });
        }
        if step != Step::Next {
            return Ok(());
        }
    }
    device.learn(poll.end().lessons, Instant::now());
    Ok(())
}
