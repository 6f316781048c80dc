//! What an unknown device holds, and which units there are at all, over a connection of its own. Only reads.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::decode::Answer;
use super::forms;
pub use super::forms::{Range, Reading, shown, suggest};
use super::link::{Link, ReadError};
use super::plan::Span;
use super::settings::Settings;
use super::url::Url;
use crate::source::serial::on_own_thread;
use crate::status::SourceStatus;
use crate::units::Period;

/// A connection to look at devices with.
pub struct Probe {
    settings: Settings,
}

impl Probe {
    pub fn new(url: Url, timeout: Duration) -> Self {
        Self {
            settings: Settings {
                url,
                timeout: Period(timeout),
                connect_delay: Period::from_ms(0),
                request_gap: Period::from_ms(0),
                writable: Vec::new(),
                device: std::collections::BTreeMap::new(),
            },
        }
    }

    /// Reads a range of one unit once.
    pub async fn read(&self, unit: u8, range: Range) -> Result<Vec<Reading>, String> {
        let block = range.0;
        let answer = self.on_link(async move |link| ask(link, unit, block).await).await??;
        Ok(forms::readings(block, &answer))
    }

    /// Which of these units answer, be it with a refusal; `seen` is told of each that was asked.
    pub async fn scan(
        &self,
        units: RangeInclusive<u8>,
        range: Range,
        seen: impl Fn(u8, Result<(), String>) + Send + Sync + 'static,
    ) -> Result<(), String> {
        self.on_link(async move |link| {
            let status = SourceStatus::default();
            for unit in units {
                match link.read(unit, range.0, link.timeout(), &status).await {
                    Ok(_) | Err(ReadError::Malformed(_)) => seen(unit, Ok(())),
                    Err(ReadError::Exception(exception)) if exception.is_from_device() => seen(unit, Ok(())),
                    Err(ReadError::LinkDown(cause)) => {
                        return Err(status.view().last_error.unwrap_or_else(|| cause.to_owned()));
                    }
                    Err(error) => seen(unit, Err(error.to_string())),
                }
            }
            Ok(())
        })
        .await?
    }

    /// A serial line is only used on a thread of its own.
    async fn on_link<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Link) -> T + Send + 'static,
    ) -> Result<T, String> {
        let mut link = Link::new(&self.settings);
        if !self.settings.url.is_serial() {
            return Ok(work(&mut link).await);
        }
        on_own_thread("probe", async move || work(&mut link).await).await
    }
}

async fn ask(link: &mut Link, unit: u8, block: Span) -> Result<Answer, String> {
    let status = SourceStatus::default();
    let answer = link.read(unit, block, link.timeout(), &status).await;
    answer.map_err(|error| match error {
        ReadError::LinkDown(cause) => status.view().last_error.unwrap_or_else(|| cause.to_owned()),
        error => format!("unit {unit}, {block}: {error}"),
    })
}
