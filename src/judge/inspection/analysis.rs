//! What the latest inspections of a product say together: the defect rate, the reasons by weight (Pareto), and which
//! circumstance the faults come together with. Hints are no proof, and small numbers are no hints: a circumstance is named
//! only when pieces made under it are unqualified far more often than others, beyond what chance would do.

use std::collections::BTreeSet;

use serde::Serialize;

use super::memory::{Memory, Seen, factors_of, product_of};
use crate::language::Words;
use crate::record::Inspection;

/// Fewer unqualified pieces under a circumstance say nothing.
const UNQUALIFIED_MIN: f64 = 5.0;
/// So many pieces must have been inspected without it, to compare with.
const COMPARED_MIN: f64 = 20.0;
/// How many times as often.
const LIFT_MIN: f64 = 2.0;
/// Standard deviations of the difference of two shares: about 1 in 1000 by chance, for several circumstances are tried.
const SIGMA_MIN: f64 = 3.1;
/// Causes that make this share of the faults are the vital few.
const VITAL_SHARE: f64 = 0.8;

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Analysis {
    /// Of this inspection.
    pub defect_rate: f64,
    /// Of the latest inspections of the product, this one included.
    pub recent_defect_rate: f64,
    pub recent_inspections: usize,
    pub recent_checked: f64,
    /// Heaviest first.
    pub pareto: Vec<Share>,
    /// The most telling first.
    pub hints: Vec<Hint>,
    pub suggestion: Option<Words>,
}

/// One reason among all.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Share {
    pub reason: String,
    pub quantity: f64,
    pub share: f64,
    pub cumulative: f64,
}

/// A circumstance that faults come together with.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Hint {
    pub factor: String,
    pub level: String,
    /// Shares of unqualified pieces under it, and otherwise.
    pub rate: f64,
    pub rate_otherwise: f64,
    pub lift: f64,
    pub unqualified: f64,
    pub checked: f64,
    pub words: Words,
}

/// What the faults of a product come together with, by its latest inspections.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Hinted {
    pub product: String,
    /// The most telling first.
    pub hints: Vec<Hint>,
}

impl Memory {
    /// What is known once this inspection was taken in; nothing to analyse where all was well.
    pub fn analyse(&self, inspection: &Inspection) -> Option<Analysis> {
        let this = Seen::of(inspection);
        if this.unqualified <= 0.0 {
            return None;
        }
        let recent = self.of_product(product_of(inspection));
        let checked: f64 = recent.iter().map(|seen| seen.checked).sum();
        let unqualified: f64 = recent.iter().map(|seen| seen.unqualified).sum();
        let pareto = pareto(&recent);
        let mut hints: Vec<Hint> = factors_of(&inspection.circumstances)
            .into_iter()
            .filter_map(|(factor, level)| hint(&recent, factor, level))
            .collect();
        hints.sort_by(|a, b| b.lift.total_cmp(&a.lift));
        Some(Analysis {
            defect_rate: share(this.unqualified, this.checked),
            recent_defect_rate: share(unqualified, checked),
            recent_inspections: recent.len(),
            recent_checked: checked,
            suggestion: suggestion(&pareto, hints.first()),
            pareto,
            hints,
        })
    }
}

impl Memory {
    /// Every circumstance that the faults of a product come together with.
    pub fn hints(&self, product: &str) -> Vec<Hint> {
        let recent = self.of_product(product);
        let levels: BTreeSet<(&String, &String)> = recent.iter().flat_map(|seen| &seen.factors).collect();
        let named = levels
            .into_iter()
            .map(|(factor, level)| (factor.clone(), level.clone()));
        let mut hints: Vec<Hint> = named
            .filter_map(|(factor, level)| hint(&recent, factor, level))
            .collect();
        hints.sort_by(|a, b| b.lift.total_cmp(&a.lift));
        hints
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn pareto(recent: &[&Seen]) -> Vec<Share> {
    let mut by_reason = std::collections::BTreeMap::<&str, f64>::new();
    for (reason, quantity) in recent.iter().flat_map(|seen| &seen.reasons) {
        *by_reason.entry(reason).or_default() += quantity;
    }
    pareto_of(by_reason)
}

/// Heaviest first, with their shares.
pub(super) fn pareto_of(by_reason: std::collections::BTreeMap<&str, f64>) -> Vec<Share> {
    let total: f64 = by_reason.values().sum();
    let mut sorted: Vec<_> = by_reason.into_iter().collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut so_far = 0.0;
    let shares = sorted.into_iter().map(|(reason, quantity)| {
        so_far += quantity;
        Share {
            reason: reason.to_owned(),
            quantity,
            share: share(quantity, total),
            cumulative: share(so_far, total),
        }
    });
    shares.collect()
}

/// Compares what was made under a circumstance with what was not; where it is not known, it is not compared.
fn hint(recent: &[&Seen], factor: String, level: String) -> Option<Hint> {
    let (mut under, mut otherwise) = ((0.0, 0.0), (0.0, 0.0));
    for seen in recent {
        let Some(of_seen) = seen.factors.get(&factor) else {
            continue;
        };
        let side = if *of_seen == level { &mut under } else { &mut otherwise };
        side.0 += seen.unqualified;
        side.1 += seen.checked;
    }
    if under.0 < UNQUALIFIED_MIN || otherwise.1 < COMPARED_MIN {
        return None;
    }
    let (rate, rate_otherwise) = (share(under.0, under.1), share(otherwise.0, otherwise.1));
    // Half a piece more on the other side, so that none at all is not infinitely better.
    let lift = rate / share(otherwise.0 + 0.5, otherwise.1 + 1.0);
    let pooled = share(under.0 + otherwise.0, under.1 + otherwise.1);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / under.1 + 1.0 / otherwise.1)).sqrt();
    let is_telling = lift >= LIFT_MIN && rate - rate_otherwise >= SIGMA_MIN * deviation;
    is_telling.then(|| {
        let (percent, percent_otherwise) = (rate * 100.0, rate_otherwise * 100.0);
        let (bad, checked) = under;
        let name = factor_name(&factor);
        let words = Words::new(
            format!(
                "With {} {level}, {percent:.1} % were unqualified ({bad} of {checked}), otherwise \
                 {percent_otherwise:.1} %. They come together; that is no proof of a cause.",
                name.en
            ),
            format!(
                "{} {level} 时不良率为 {percent:.1} %（{checked} 件中 {bad} 件），其他情况下为 \
                 {percent_otherwise:.1} %。二者同时出现，但不能证明因果。",
                name.zh
            ),
        );
        Hint {
            words,
            factor,
            level,
            rate,
            rate_otherwise,
            lift,
            unqualified: bad,
            checked,
        }
    })
}

/// What people call a circumstance.
fn factor_name(factor: &str) -> Words {
    let (en, zh) = match factor {
        "equipment" => ("machine", "设备"),
        "equipment_state" => ("the machine in state", "设备状态"),
        "worker_no" => ("worker", "工人"),
        "material_lot" => ("material lot", "物料批次"),
        "tool" => (factor, "工装"),
        "shift" => (factor, "班次"),
        other => (other, other),
    };
    Words::new(en, zh)
}

/// What to look at first. Where nothing stands out, only where most of the faults are.
fn suggestion(pareto: &[Share], hint: Option<&Hint>) -> Option<Words> {
    let vital: Vec<&str> = pareto
        .iter()
        .take_while(|share| share.cumulative - share.share < VITAL_SHARE)
        .map(|share| share.reason.as_str())
        .collect();
    let (reasons, percent) = (
        vital.join(", "),
        pareto.get(vital.len().checked_sub(1)?)?.cumulative * 100.0,
    );
    let Some(Hint { factor, level, .. }) = hint else {
        return Some(Words::new(
            format!("Begin with {reasons}: {percent:.0} % of the faults. No circumstance stands out yet."),
            format!("先处理 {reasons}：占不良的 {percent:.0} %。尚无明显的相关因素。"),
        ));
    };
    let (en, zh) = match factor.as_str() {
        "equipment" | "equipment_state" => (
            "check its settings and wear before the next lot",
            "在下一批之前检查其设定与磨损",
        ),
        "tool" => ("inspect or change the tool", "检查或更换工装"),
        "worker_no" => ("go through the work instruction together", "一起核对作业指导书"),
        "material_lot" => (
            "set the rest of the lot aside and have it inspected",
            "隔离该批次余料并送检",
        ),
        _ => ("compare with the other shifts what differs", "与其他班次对比差异"),
    };
    let name = factor_name(factor);
    Some(Words::new(
        format!(
            "Begin with {reasons} ({percent:.0} % of the faults) and {} {level}: {en}.",
            name.en
        ),
        format!(
            "先处理 {reasons}（占不良的 {percent:.0} %），关注{} {level}：{zh}。",
            name.zh
        ),
    ))
}
