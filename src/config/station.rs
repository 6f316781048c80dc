//! `[station.NAME]`: a scanner and its dialogue, as written and as the source and the intake take them.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;
use serde::Deserialize;

use super::overlap::Codes;
use super::plan::Check;
use super::scanner::{ReplyWritten, ScannerUrl, TriggerWritten};
use super::sections::Config;
use crate::intake::barcode::{Label, LabelKind};
use crate::intake::station::{Approval, Bench, Mode, OVER_REPORT, ShiftEnd, UnknownOrder, WhilePaused};
use crate::source::scanner;
use crate::units::Period;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    pub scanner: ScannerUrl,
    pub equipment: Option<String>,
    pub process: Option<String>,
    #[serde(default = "start_stop")]
    pub mode: Mode,
    #[serde(default)]
    pub starter: String,
    #[serde(default = "carriage_return")]
    pub terminator: String,
    pub gs: Option<String>,
    #[serde(default = "no_read")]
    pub no_read: Vec<String>,
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
    pub trigger: Option<TriggerWritten>,
    #[serde(default)]
    pub reply: ReplyWritten,
    pub duplicate_window: Option<Period>,
    #[serde(default = "reject")]
    pub unknown_order: UnknownOrder,
    #[serde(default = "five_percent")]
    pub over_report: Fraction,
    #[serde(default)]
    pub auto_start: bool,
    #[serde(default = "accept_while_paused")]
    pub while_paused: WhilePaused,
    #[serde(default)]
    pub pause_reason: bool,
    #[serde(default = "carry_over")]
    pub shift_end: ShiftEnd,
    #[serde(default = "half_an_hour")]
    pub idle_timeout: Period,
    pub running_timeout: Option<Period>,
    #[serde(default)]
    pub approval: Vec<Approval>,
    #[serde(default)]
    pub patterns: Vec<BTreeMap<LabelKind, LabelPattern>>,
}

fn start_stop() -> Mode {
    Mode::StartStop
}

fn carriage_return() -> String {
    "\r".to_owned()
}

fn no_read() -> Vec<String> {
    ["NR", "ERROR", "NOREAD"].map(str::to_owned).into()
}

/// Who counts pieces scans the same card fast, but nobody that fast.
fn duplicate_window(mode: Mode) -> Period {
    Period::from_ms(if mode == Mode::PieceCount { 300 } else { 1500 })
}

fn accept_while_paused() -> WhilePaused {
    WhilePaused::Accept
}

fn carry_over() -> ShiftEnd {
    ShiftEnd::CarryOver
}

fn half_an_hour() -> Period {
    Period::from_ms(30 * 60_000)
}

fn reject() -> UnknownOrder {
    UnknownOrder::Reject
}

fn five_percent() -> Fraction {
    Fraction(OVER_REPORT)
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub struct Fraction(pub Decimal);

impl TryFrom<f64> for Fraction {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        let wrong = || format!("{number} is not a tolerance; write a fraction such as 0.05 for five per cent");
        if !(0.0..=10.0).contains(&number) {
            return Err(wrong());
        }
        Decimal::from_f64_retain(number)
            .map(|d| Self(d.round_dp(6)))
            .ok_or_else(wrong)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct LabelPattern(regex::Regex);

impl LabelPattern {
    /// What stands around the written expression.
    const WHOLE: (&str, &str) = ("^(?:", ")$");

    fn written(&self) -> &str {
        let whole = self.0.as_str();
        let bare = whole
            .strip_prefix(Self::WHOLE.0)
            .and_then(|rest| rest.strip_suffix(Self::WHOLE.1));
        bare.unwrap_or(whole)
    }

    fn has_group(&self, name: &str) -> bool {
        self.0.capture_names().flatten().any(|group| group == name)
    }
}

impl TryFrom<String> for LabelPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.starts_with('^') || !text.ends_with('$') {
            return Err(format!(
                "`{text}` would also fit part of a code; anchor it with ^ and $"
            ));
        }
        // The anchors hold for every alternative, also of `^a|b$`.
        let whole = format!("{}{text}{}", Self::WHOLE.0, Self::WHOLE.1);
        let pattern = regex::RegexBuilder::new(&whole).size_limit(1 << 20).build();
        let pattern = pattern.map_err(|e| format!("not a regular expression: {e}"))?;
        let pattern = Self(pattern);
        if pattern.has_group("id") {
            Ok(pattern)
        } else {
            Err(format!(
                "`{text}` does not say what the id is; name it as in ^MO(?<id>\\d{{8}})$"
            ))
        }
    }
}

/// Codes that no label of the plant may take for itself.
const OWN_CODES: [&str; 3] = ["LSN-START", "LSN-OK", "LSN-DOWN-D01"];

pub(super) fn lower_stations(config: &Config, check: &mut Check) -> (Vec<scanner::Settings>, HashMap<String, Bench>) {
    let mut scanners = Vec::new();
    let mut benches = HashMap::new();
    for (name, station) in &config.station {
        if name.chars().count() > 50 {
            check.find(&["station", name], "a station's name has at most 50 characters");
        }
        let patterns: Vec<&LabelPattern> = station.patterns.iter().flatten().map(|(_, pattern)| pattern).collect();
        let codes: Vec<Option<Codes>> = patterns.iter().map(|pattern| Codes::of(pattern.0.as_str())).collect();
        for (nth, pattern) in patterns.iter().enumerate() {
            let written = pattern.written();
            if let Some(command) = OWN_CODES.iter().find(|code| pattern.0.is_match(code)) {
                let problem = format!("`{written}` would also take {command}, which means something else");
                check.find(&["station", name, "patterns"], problem);
            }
            for (codes_of_other, other) in codes.iter().zip(&patterns[..nth]) {
                let problem = if other.written() == written {
                    format!("`{written}` stands twice: a scan must not have two meanings")
                } else if let Some(code) = common(codes_of_other.as_ref(), codes[nth].as_ref()) {
                    let other = other.written();
                    format!("`{other}` and `{written}` both take {code}: a scan must not have two meanings")
                } else {
                    continue;
                };
                check.find(&["station", name, "patterns"], problem);
            }
        }
        let mut travelers = station
            .patterns
            .iter()
            .flatten()
            .filter(|(kind, _)| **kind == LabelKind::Traveler);
        if travelers.any(|(_, pattern)| !pattern.has_group("sequence")) {
            let problem = "a traveler names its operation; name the group as in ^(?<id>MO\\d{8})-(?<sequence>\\d+)$";
            check.find(&["station", name, "patterns"], problem);
        }
        if station.mode == Mode::BatchTraveler && station.auto_start {
            let problem = "a run starts when its last traveler is loaded: which one that is only START says";
            check.find(&["station", name, "auto_start"], problem);
        }
        scanners.push(super::scanner::lower(name, station, check));
        let bench = Bench {
            station: name.clone(),
            equipment: station.equipment.clone(),
            equipment_id: station
                .equipment
                .as_ref()
                .and_then(|code| config.equipment.get(code))
                .and_then(|equipment| equipment.equipment_id),
            process: station.process.clone(),
            mode: station.mode,
            duplicate_window: station.duplicate_window.unwrap_or(duplicate_window(station.mode)).0,
            unknown_order: station.unknown_order,
            over_report: station.over_report.0,
            auto_start: station.auto_start,
            while_paused: station.while_paused,
            pause_reason: station.pause_reason,
            shift_end: station.shift_end,
            idle_timeout: station.idle_timeout.0,
            running_timeout: station.running_timeout.map(|timeout| timeout.0),
            approval: station.approval.clone(),
            labels: labels(station),
            language: config.gateway.language,
        };
        benches.insert(name.clone(), bench);
    }
    (scanners, benches)
}

fn common(one: Option<&Codes>, other: Option<&Codes>) -> Option<String> {
    one?.shortest_common(other?)
}

fn labels(station: &Station) -> Vec<Label> {
    let patterns = station.patterns.iter().flatten();
    patterns
        .map(|(kind, pattern)| Label {
            kind: *kind,
            pattern: pattern.0.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_fitted_whole_by_every_alternative() {
        let pattern = LabelPattern::try_from(r"^MO(?<id>\d+)|X$".to_owned()).expect("an expression");
        for (code, fits) in [("MO7", true), ("X", true), ("MO7-LSN", false), ("LSN-X", false)] {
            assert_eq!(pattern.0.is_match(code), fits, "{code}");
        }
        assert_eq!(pattern.written(), r"^MO(?<id>\d+)|X$");
    }
}
