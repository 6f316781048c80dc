//! One poll of one device: a request at a time, so that others on the bus come in between. Pure.
//!
//! A block that is refused because something in it is not there, or because it is too long, is asked for in halves, and those
//! again, until what is refused stands alone. Two halves that are given although the whole was not teach a cut or a limit;
//! a point that is refused alone teaches a hole. All other points have their values in the same poll.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::decode::Answer;
use super::device::{self, Device};
use super::exception::{self, Exception, Remedy};
use super::learnt::Lesson;
use super::link::ReadError;
use super::plan::{Block, Span};
use crate::record::{Fault, Value};

const BUSY: &str = "device busy (06)";
/// Of one poll.
const SILENT_BLOCKS_MAX: usize = 1;

#[derive(Debug)]
pub struct Poll {
    /// What is still to be asked for, the next at the end.
    todo: Vec<Part>,
    values: Vec<device::Outcome>,
    /// What is read before all others and after them was not the same.
    is_torn: bool,
    /// Reads of the sequence word that are still to come.
    proofs_missing: u8,
    is_answered: bool,
    /// Blocks that no answer came for.
    silent: Vec<(Span, &'static str)>,
    splits: Vec<Split>,
    holes: Vec<Lesson>,
    busy_waits: u32,
    fault: Option<String>,
}

#[derive(Debug)]
struct Part {
    block: Arc<Block>,
    /// The split that it is one half of.
    half_of: Option<usize>,
}

#[derive(Debug)]
struct Split {
    lesson: Lesson,
    halves_given: u8,
}

/// What an answer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Go on with the next request, if there is one.
    Next,
    /// Go on after a while.
    Wait(Duration),
    /// The poll is over: the device is silent, or nothing is reached at all.
    Silent { cause: &'static str, is_device: bool },
}

/// What a poll came to.
#[derive(Debug)]
pub struct Outcome {
    /// By the points' indices.
    pub values: Vec<device::Outcome>,
    /// The device changed its values in between: they do not belong together.
    pub is_torn: bool,
    /// Its sequence word was read before and after the others, if it has one.
    pub is_proven: bool,
    pub lessons: Vec<Lesson>,
    /// Blocks that no answer came for, though one came for others, and why.
    pub silent: Vec<(Span, &'static str)>,
    /// One of the reasons why blocks were not read.
    pub fault: Option<String>,
}

impl Poll {
    pub fn new(device: &Device, now: Instant) -> Self {
        let mut poll = Self {
            todo: Vec::with_capacity(device.blocks.len()),
            values: vec![None; device.point_count()],
            is_torn: false,
            proofs_missing: if device.sequence().is_some() { 2 } else { 0 },
            is_answered: false,
            silent: Vec::new(),
            splits: Vec::new(),
            holes: Vec::new(),
            busy_waits: 0,
            fault: None,
        };
        for block in device.blocks_in_turn().into_iter().rev() {
            match device.quiet.why_resting(block.span, now) {
                Some(cause) => poll.miss(block, cause),
                None => poll.todo.push(Part {
                    block: Arc::clone(block),
                    half_of: None,
                }),
            }
        }
        poll
    }

    /// What to ask for next; nothing when the poll is through.
    pub fn request(&self) -> Option<&Block> {
        self.todo.last().map(|part| &*part.block)
    }

    /// Takes in what the last request brought.
    pub fn take(&mut self, device: &Device, outcome: Result<Answer, ReadError>) -> Step {
        let Some(part) = self.todo.pop() else {
            return Step::Next;
        };
        let is_answered = std::mem::replace(&mut self.is_answered, true);
        match outcome {
            Ok(answer) => self.give(&part, device, &answer),
            // What was given before is good all the same.
            Err(ReadError::Exception(exception))
                if is_answered && let Remedy::Unreached(cause) = exception.remedy() =>
            {
                self.miss(&part.block, cause);
            }
            Err(ReadError::Exception(exception)) => return self.refuse(part, device, exception),
            Err(ReadError::Malformed(why)) => self.void(&part.block, why),
            // Some devices have no answer for what they do not hold. What they gave before is good all the same. More than a
            // second time-out is not waited for: the device may have died in between.
            Err(ReadError::DeviceSilent(cause)) if is_answered => {
                self.miss(&part.block, cause);
                self.silent.push((part.block.span, cause));
                if self.silent.len() > SILENT_BLOCKS_MAX {
                    // But for what proves that those belong together.
                    let is_proof = |part: &Part| {
                        device
                            .sequence()
                            .is_some_and(|point| part.block.points.contains(&point))
                    };
                    let (proof, left): (Vec<_>, Vec<_>) =
                        std::mem::take(&mut self.todo).into_iter().partition(is_proof);
                    self.todo = proof;
                    for part in left {
                        self.miss(&part.block, cause);
                    }
                }
            }
            Err(ReadError::DeviceSilent(cause)) => return Step::Silent { cause, is_device: true },
            // This is no answer, so a device that has no other is silent.
            Err(ReadError::Astray(cause)) => {
                self.is_answered = is_answered;
                self.miss(&part.block, cause);
                if !is_answered && self.todo.is_empty() {
                    return Step::Silent { cause, is_device: true };
                }
            }
            Err(ReadError::LinkDown(cause)) => {
                return Step::Silent {
                    cause,
                    is_device: false,
                };
            }
        }
        Step::Next
    }

    fn give(&mut self, part: &Part, device: &Device, answer: &Answer) {
        for &point in &part.block.points {
            let value = device.decode(point, answer, part.block.span.start);
            if let (Some(Some(Ok(before))), Ok(after)) = (self.values.get(point), &value) {
                self.is_torn |= before != after;
            }
            if device.sequence() == Some(point) && value.is_ok() {
                self.proofs_missing = self.proofs_missing.saturating_sub(1);
            }
            self.set(point, value);
        }
        if let Some(split) = part.half_of.and_then(|split| self.splits.get_mut(split)) {
            split.halves_given += 1;
        }
    }

    fn refuse(&mut self, part: Part, device: &Device, exception: Exception) -> Step {
        match exception.remedy() {
            Remedy::Wait => {
                if let Some(wait) = exception::busy_wait(self.busy_waits) {
                    self.busy_waits += 1;
                    self.todo.push(part);
                    return Step::Wait(wait);
                }
                self.miss(&part.block, BUSY);
            }
            Remedy::Bisect => match device.halves(&part.block) {
                Some(halves) => self.split(device, halves, exception),
                None => self.give_up(&part.block, exception),
            },
            Remedy::GiveUp => self.give_up(&part.block, exception),
            Remedy::NextPoll => self.void(&part.block, exception),
            Remedy::Unreached(cause) => return Step::Silent { cause, is_device: true },
        }
        Step::Next
    }

    fn split(&mut self, device: &Device, [low, high]: [Block; 2], why: Exception) {
        let area = low.span.area;
        let lesson = if why == Exception::ILLEGAL_VALUE {
            let count = low.span.count.max(high.span.count);
            Lesson::Limit { area, count }
        } else {
            let address = device.start_of(&high);
            Lesson::Cut { area, address, why }
        };
        let half_of = Some(self.splits.len());
        self.splits.push(Split {
            lesson,
            halves_given: 0,
        });
        for half in [high, low] {
            let block = Arc::new(half);
            self.todo.push(Part { block, half_of });
        }
    }

    fn give_up(&mut self, block: &Block, why: Exception) {
        let holes = block.points.iter().map(|&point| Lesson::Hole { point, why });
        self.holes.extend(holes);
        self.void(block, why);
    }

    fn void(&mut self, block: &Block, why: impl std::fmt::Display) {
        let fault = format!("{why} at {}", block.span);
        for &point in &block.points {
            self.set(point, Err(Fault::Invalid(fault.clone())));
        }
        self.fault = Some(fault);
    }

    fn miss(&mut self, block: &Block, cause: &'static str) {
        for &point in &block.points {
            self.set(point, Err(Fault::Silent(cause)));
        }
        self.fault = Some(cause.to_owned());
    }

    fn set(&mut self, point: usize, value: Result<Value, Fault>) {
        if let Some(place) = self.values.get_mut(point) {
            *place = Some(value);
        }
    }

    /// A split teaches something only if both halves were given: otherwise what is wrong lies within one of them.
    pub fn end(self) -> Outcome {
        let splits = self.splits.into_iter();
        let splits = splits.filter(|split| split.halves_given == 2).map(|split| split.lesson);
        Outcome {
            values: self.values,
            is_torn: self.is_torn,
            is_proven: self.proofs_missing == 0,
            lessons: self.holes.into_iter().chain(splits).collect(),
            silent: self.silent,
            fault: self.fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::settings::DeviceSettings;
    use super::*;

    /// A device with one register per point at these addresses, which are the points' names too.
    fn device(addresses: &[u16]) -> Device {
        let mut text = "unit = 1\nequipment = \"M\"\npoll = \"1s\"\n[points]\n".to_owned();
        for at in addresses {
            writeln!(text, "p{at:05} = {{ at = \"holding:{at}\", type = \"u16\" }}").expect("text");
        }
        let settings: DeviceSettings = toml::from_str(&text).expect("settings");
        Device::new("m", &settings)
    }

    /// One poll against `answer`; gives the values that were read, and the requests that it took.
    fn poll(device: &mut Device, answer: impl Fn(Span) -> Option<u8>) -> (Vec<Option<u64>>, Vec<String>) {
        let (mut poll, mut asked) = (Poll::new(device, Instant::now()), Vec::new());
        while let Some(block) = poll.request() {
            let span = block.span;
            asked.push(span.to_string());
            let registers = || (span.start..=span.start + (span.count - 1)).collect();
            let outcome = match answer(span) {
                None => Ok(Answer::Registers(registers())),
                Some(code) => Err(ReadError::Exception(Exception(code))),
            };
            assert_eq!(poll.take(device, outcome), Step::Next);
        }
        let outcome = poll.end();
        device.learn(outcome.lessons, Instant::now());
        let values = outcome.values.into_iter().map(|value| match value {
            Some(Ok(Value::Uint(number))) => Some(number),
            _ => None,
        });
        (values.collect(), asked)
    }

    fn covers(span: Span, address: u16) -> bool {
        span.start <= address && u32::from(address) < span.end()
    }

    #[test]
    fn a_point_that_is_not_there_is_found_and_the_others_live_on() {
        let addresses: Vec<u16> = (0..16).collect();
        let mut device = device(&addresses);
        let lacks_5 = |span| covers(span, 5).then_some(2);
        let (values, asked) = poll(&mut device, lacks_5);
        assert!(
            values.iter().enumerate().all(|(at, v)| v.is_none() == (at == 5)),
            "{values:?}"
        );
        assert_eq!(asked.len(), 9, "the whole, and two for each halving: {asked:?}");
        let (values, asked) = poll(&mut device, lacks_5);
        assert_eq!(
            (values.iter().flatten().count(), asked),
            (15, vec!["holding:0..4".into(), "holding:6..15".into()])
        );
        assert_eq!(
            device.describe_learnt(),
            ["p00005 (holding:5): illegal data address (02)"]
        );
    }

    #[test]
    fn a_hole_between_the_points_is_asked_around() {
        let mut device = device(&[0, 1, 2, 7, 8, 9, 10, 11]);
        let lacks_5 = |span| covers(span, 5).then_some(2);
        assert_eq!(
            poll(&mut device, lacks_5).0.iter().flatten().count(),
            8,
            "nothing is lost"
        );
        let (values, asked) = poll(&mut device, lacks_5);
        assert_eq!(
            (values.iter().flatten().count(), asked),
            (8, vec!["holding:0..2".into(), "holding:7..11".into()])
        );
        assert_eq!(device.describe_learnt(), ["holding:7 begins a request of its own"]);
    }

    #[test]
    fn a_block_that_is_too_long_for_the_device_is_made_shorter() {
        let addresses: Vec<u16> = (0..125).collect();
        let mut device = device(&addresses);
        let takes_40 = |span: Span| (span.count > 40).then_some(3);
        for _ in 0..2 {
            assert_eq!(poll(&mut device, takes_40).0.iter().flatten().count(), 125);
        }
        let (_, asked) = poll(&mut device, takes_40);
        assert_eq!(asked.first().map(String::as_str), Some("holding:0..30"));
        assert_eq!(
            (asked.len(), device.describe_learnt()),
            (5, vec!["at most 31 registers at once".to_owned()])
        );
    }

    #[test]
    fn a_table_that_the_device_has_not_is_left_alone() {
        let mut device = device(&[0, 1, 2]);
        assert_eq!(
            poll(&mut device, |_| Some(1)),
            (vec![None; 3], vec!["holding:0..2".to_owned()])
        );
        assert_eq!(poll(&mut device, |_| Some(1)), (vec![None; 3], vec![]));
    }

    #[test]
    fn a_device_that_fails_is_asked_the_same_again() {
        let mut device = device(&[0, 1]);
        for _ in 0..2 {
            assert_eq!(poll(&mut device, |_| Some(4)).1, ["holding:0..1"]);
        }
        assert_eq!(poll(&mut device, |_| None).0, [Some(0), Some(1)]);
    }

    #[test]
    fn a_busy_device_is_given_time_but_not_for_ever() {
        let device = device(&[0]);
        let mut poll = Poll::new(&device, Instant::now());
        let busy = || Err(ReadError::Exception(Exception(6)));
        for wait_ms in [100, 200, 400] {
            assert_eq!(poll.take(&device, busy()), Step::Wait(Duration::from_millis(wait_ms)));
        }
        assert_eq!(poll.take(&device, busy()), Step::Next);
        assert!(poll.request().is_none());
        assert_eq!(poll.end().values, [Some(Err(Fault::Silent(BUSY)))]);
    }

    #[test]
    fn values_that_were_changed_in_between_are_told_apart() {
        let settings = "unit = 1\nequipment = \"M\"\npoll = \"1s\"\nsnapshot = \"seq\"
            points.seq = { at = \"holding:0\", type = \"u16\" }
            points.n = { at = \"holding:1\", type = \"u16\" }";
        let device = Device::new("m", &toml::from_str(settings).expect("settings"));
        let torn = |answers: [Option<u16>; 3]| {
            let mut poll = Poll::new(&device, Instant::now());
            for answer in answers {
                let refused = Err(ReadError::Exception(Exception(4)));
                poll.take(&device, answer.map_or(refused, |n| Ok(Answer::Registers(vec![n]))));
            }
            assert!(poll.request().is_none());
            poll.end().is_torn
        };
        assert!(!torn([Some(5), Some(9), Some(5)]));
        assert!(torn([Some(5), Some(9), Some(6)]));
        assert!(!torn([None, Some(9), Some(6)]), "a refusal speaks for itself");
    }

    #[test]
    fn what_is_answered_as_another_ends_the_poll_only_where_there_is_nothing_else() {
        let device = device(&[0, 100]);
        let astray = || Err(ReadError::Astray("stray"));
        let mut poll = Poll::new(&device, Instant::now());
        assert_eq!(poll.take(&device, astray()), Step::Next);
        assert_eq!(poll.take(&device, Ok(Answer::Registers(vec![7]))), Step::Next);
        let values = poll.end().values;
        assert_eq!(values, [Some(Err(Fault::Silent("stray"))), Some(Ok(Value::Uint(7)))]);
        let mut poll = Poll::new(&device, Instant::now());
        poll.take(&device, astray());
        assert!(matches!(
            poll.take(&device, astray()),
            Step::Silent { is_device: true, .. }
        ));
    }

    #[test]
    fn what_a_device_has_no_answer_for_rests_and_the_others_live_on() {
        let mut device = device(&[0, 1000, 2000, 3000]);
        let mut now = Instant::now();
        let poll = |device: &mut Device, now: Instant| {
            let mut poll = Poll::new(device, now);
            let mut asked = Vec::new();
            while let Some(block) = poll.request() {
                let start = block.span.start;
                asked.push(start);
                let outcome = match start {
                    1000 | 2000 => Err(ReadError::DeviceSilent("no answer")),
                    _ => Ok(Answer::Registers(vec![start])),
                };
                assert_eq!(poll.take(device, outcome), Step::Next, "it is not silent as a whole");
            }
            let outcome = poll.end();
            device.quiet.note(&outcome.silent, now);
            let is_good = |value: &device::Outcome| matches!(value, Some(Ok(_)));
            (asked, outcome.values.iter().map(is_good).collect::<Vec<_>>())
        };
        let told = (vec![0, 1000, 2000], vec![true, false, false, false]);
        assert_eq!(poll(&mut device, now), told, "two time-outs are enough for one poll");
        let good = vec![true, false, false, true];
        let told = (vec![0, 3000, 1000, 2000], good.clone());
        assert_eq!(poll(&mut device, now), told, "what is in doubt comes last");
        assert_eq!(poll(&mut device, now), (vec![0, 3000], good.clone()));
        assert_eq!(device.describe_learnt().len(), 2);
        now += Duration::from_secs(6);
        assert_eq!(
            poll(&mut device, now),
            (vec![0, 3000, 1000, 2000], good),
            "tried again after a while"
        );
    }

    #[test]
    fn a_device_whose_first_block_alone_is_silent_is_found_out() {
        let mut device = device(&[0, 1000]);
        let first = |device: &Device| {
            Poll::new(device, Instant::now())
                .request()
                .map(|block| block.span.start)
        };
        assert_eq!(first(&device), Some(0));
        device.quiet.nothing_came();
        assert_eq!(first(&device), Some(1000));
        device.quiet.note(&[], Instant::now());
        assert_eq!(first(&device), Some(0));
    }

    #[test]
    fn silence_ends_the_poll() {
        let device = device(&[0, 100]);
        for (error, is_device) in [
            (ReadError::DeviceSilent("timeout"), true),
            (ReadError::LinkDown("connection refused"), false),
            (ReadError::Exception(Exception(0x0B)), true),
        ] {
            let step = Poll::new(&device, Instant::now()).take(&device, Err(error));
            assert!(
                matches!(step, Step::Silent { is_device: told, .. } if told == is_device),
                "{step:?}"
            );
        }
    }
}
