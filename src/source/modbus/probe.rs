//! What an unknown device holds, and which units there are at all, over a connection of its own. Only reads.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::decode::Answer;
use super::exception::Remedy;
use super::forms;
pub use super::forms::{Range, Reading, shown, suggest};
use super::link::{Link, ReadError};
use super::plan::Span;
use super::settings::Settings;
use super::url::Url;
use crate::source::serial::on_own_thread;
use crate::status::SourceStatus;
use crate::units::Period;

/// Requests for one range: of a device that refuses every address, not each is asked for.
const REQUESTS_MAX: usize = 300;

/// A run of addresses that were answered alike.
#[derive(Debug)]
pub enum Part {
    Read(Vec<Reading>),
    Refused { at: String, why: String },
}

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

    /// Reads a range of one unit once; what a part of it is refused for stands in its place. An error where nothing is read.
    pub async fn read(&self, unit: u8, range: Range) -> Result<Vec<Part>, String> {
        let asked = self.on_link(async move |link| ask(link, unit, range.0).await).await??;
        let part = |(span, answer): (Span, Result<Answer, String>)| match answer {
            Ok(answer) => Part::Read(forms::readings(span, &answer)),
            Err(why) => Part::Refused {
                at: span.to_string(),
                why,
            },
        };
        Ok(asked.into_iter().map(part).collect())
    }

    /// Which of these units answer; `seen` is told of each that was asked, with what it answers instead of values.
    pub async fn scan(
        &self,
        units: RangeInclusive<u8>,
        range: Range,
        seen: impl Fn(u8, Result<Option<String>, String>) + Send + Sync + 'static,
    ) -> Result<(), String> {
        self.on_link(async move |link| {
            let status = SourceStatus::default();
            for unit in units {
                match link.read(unit, range.0, link.timeout(), &status).await {
                    Ok(_) => seen(unit, Ok(None)),
                    Err(ReadError::Malformed(what)) => seen(unit, Ok(Some(what.to_owned()))),
                    Err(ReadError::Exception(exception)) if exception.is_from_device() => {
                        seen(unit, Ok(Some(exception.to_string())));
                    }
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

/// Asks for a block, and where it is refused for something in it, or for its length, for its halves, as polls do.
async fn ask(link: &mut Link, unit: u8, block: Span) -> Result<Vec<(Span, Result<Answer, String>)>, String> {
    let status = SourceStatus::default();
    let mut open = vec![block];
    let mut answered: Vec<(Span, Result<Answer, String>)> = Vec::new();
    let mut asked = 0;
    while let Some(span) = open.pop() {
        asked += 1;
        let answer = match link.read(unit, span, link.timeout(), &status).await {
            Ok(answer) => Ok(answer.shortened_to(span.count)),
            Err(ReadError::Exception(exception))
                if exception.remedy() == Remedy::Bisect && span.count > 1 && asked < REQUESTS_MAX =>
            {
                let [low, high] = halves(span);
                open.extend([high, low]);
                continue;
            }
            Err(ReadError::LinkDown(cause)) => {
                return Err(status.view().last_error.unwrap_or_else(|| cause.to_owned()));
            }
            Err(error @ ReadError::DeviceSilent(_)) => return Err(format!("unit {unit}, {span}: {error}")),
            Err(error) => Err(error.to_string()),
        };
        let is_more_of_the_same = answered.last_mut().is_some_and(|(before, known)| {
            let is_alike = joined(known, &answer);
            before.count += if is_alike { span.count } else { 0 };
            is_alike
        });
        if !is_more_of_the_same {
            answered.push((span, answer));
        }
    }
    match answered.as_slice() {
        [(_, Err(why))] => Err(format!("unit {unit}, {block}: {why}")),
        _ => Ok(answered),
    }
}

fn halves(span: Span) -> [Span; 2] {
    let low = span.count / 2;
    [
        Span { count: low, ..span },
        Span {
            start: span.start + low,
            count: span.count - low,
            ..span
        },
    ]
}

/// Takes what was answered next into what was answered before it, where both are alike: values may lie over the border.
fn joined(known: &mut Result<Answer, String>, next: &Result<Answer, String>) -> bool {
    match (known, next) {
        (Ok(Answer::Registers(known)), Ok(Answer::Registers(next))) => known.extend(next),
        (Ok(Answer::Bits(known)), Ok(Answer::Bits(next))) => known.extend(next),
        (Err(known), Err(next)) => return known == next,
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::address::Area;
    use super::*;

    #[test]
    fn halves_are_the_whole_and_what_is_answered_alike_is_one_run() {
        let whole = Span {
            area: Area::Holding,
            start: 10,
            count: 5,
        };
        let [low, high] = halves(whole);
        assert_eq!(
            [low, high].map(|span| span.to_string()),
            ["holding:10..11", "holding:12..14"]
        );
        let mut known = Ok(Answer::Registers(vec![1, 2]));
        assert!(joined(&mut known, &Ok(Answer::Registers(vec![3]))));
        assert_eq!(known, Ok(Answer::Registers(vec![1, 2, 3])));
        assert!(!joined(&mut known, &Err("illegal data address (02)".to_owned())));
    }
}
