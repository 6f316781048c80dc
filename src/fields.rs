//! Reads a JSON body field by field and gathers every finding, so that whoever sent it sees all of them at once. Members
//! nobody asked for are no fault, for programs send what they have; they are named, so that a misspelt one is seen.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::language::Words;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub field: String,
    /// As `words` have it in English.
    pub message: String,
    pub words: Words,
    #[serde(skip)]
    pub is_missing: bool,
}

/// More than a year on one piece is a mistake.
const PIECE_HOURS_BELOW: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// Whether DECIMAL(18,4) holds `value` exactly: what the central store's columns hold.
pub fn fits_quantity(value: Decimal) -> bool {
    value.abs() < Decimal::from(10_i64.pow(14)) && value.normalize().scale() <= 4
}

/// The members of one JSON object.
pub struct Fields {
    prefix: String,
    members: Map<String, Value>,
    findings: Vec<Finding>,
    ignored: Vec<String>,
}

impl Fields {
    pub fn new(value: Value, prefix: &str) -> Self {
        let mut fields = Self {
            prefix: prefix.to_owned(),
            members: Map::new(),
            findings: Vec::new(),
            ignored: Vec::new(),
        };
        match value {
            Value::Object(members) => fields.members = members,
            _ => fields.find("", "must be an object", "应为对象"),
        }
        fields
    }

    pub fn find(&mut self, field: &str, en: impl Into<String>, zh: impl Into<String>) {
        let words = Words::new(en, zh);
        self.findings.push(Finding {
            field: self.place(field),
            message: words.en.clone(),
            words,
            is_missing: false,
        });
    }

    fn place(&self, field: &str) -> String {
        match (self.prefix.as_str(), field) {
            ("", field) => field.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, field) => format!("{prefix}.{field}"),
        }
    }

    /// Takes over what was found in a part of this object.
    pub fn absorb(&mut self, part: Self) {
        let (findings, ignored) = part.finish();
        self.findings.extend(findings);
        self.ignored.extend(ignored);
    }

    /// All findings, in the order of the questions, and the members nobody asked for.
    pub fn finish(mut self) -> (Vec<Finding>, Vec<String>) {
        let rest: Vec<String> = self.members.keys().map(|field| self.place(field)).collect();
        self.ignored.extend(rest);
        (self.findings, self.ignored)
    }

    /// The member, with `null` meaning absent.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.members.remove(field).filter(|value| !value.is_null())
    }

    pub fn required<T>(&mut self, field: &str, read: impl FnOnce(&mut Self, &str) -> Option<T>) -> Option<T> {
        let findings = self.findings.len();
        let value = read(self, field);
        if value.is_none() && self.findings.len() == findings {
            self.find(field, "is required", "必填");
            self.findings.last_mut().expect("was found just now").is_missing = true;
        }
        value
    }

    pub fn text(&mut self, field: &str, chars_max: usize) -> Option<String> {
        match self.take(field)? {
            Value::String(text) if text.chars().count() > chars_max => {
                self.find(
                    field,
                    format!("is longer than {chars_max} characters"),
                    format!("不得超过 {chars_max} 个字符"),
                );
                None
            }
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(text),
            _ => {
                self.find(field, "must be text", "应为文本");
                None
            }
        }
    }

    pub fn int(&mut self, field: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.take(field)?;
        let number = value
            .as_i64()
            .or_else(|| value.as_str()?.parse().ok())
            .filter(|n| (min..=max).contains(n));
        if number.is_none() {
            let (en, zh) = if max == i64::MAX {
                ("must be a whole number".to_owned(), "应为整数".to_owned())
            } else {
                (
                    format!("must be a whole number from {min} to {max}"),
                    format!("应为 {min} 到 {max} 的整数"),
                )
            };
            self.find(field, en, zh);
        }
        number
    }

    pub fn bool(&mut self, field: &str) -> Option<bool> {
        let value = self.take(field)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.find(field, "must be true or false", "应为 true 或 false");
        }
        flag
    }

    /// A quantity above zero, as text or number.
    pub fn quantity(&mut self, field: &str) -> Option<Decimal> {
        let value = self.take(field)?;
        let quantity = serde_json::from_value::<Decimal>(value)
            .ok()
            .filter(|q| *q > Decimal::ZERO && fits_quantity(*q));
        if quantity.is_none() {
            self.find(
                field,
                "must be a quantity above 0 with up to 14 digits and 4 decimals",
                "应为大于 0 的数量，整数最多 14 位，小数最多 4 位",
            );
        }
        quantity
    }

    /// Any amount that a column holds, also none or less, as text or number.
    pub fn amount(&mut self, field: &str) -> Option<Decimal> {
        let value = self.take(field)?;
        let amount = serde_json::from_value::<Decimal>(value)
            .ok()
            .filter(|a| fits_quantity(*a));
        if amount.is_none() {
            self.find(
                field,
                "must be a number with up to 14 digits and 4 decimals, such as \"12.5\"",
                "应为数字，整数最多 14 位，小数最多 4 位，例如 12.5",
            );
        }
        amount
    }

    /// Labor hours for one piece, above zero; a second is 0.00027778 h, hence the decimals.
    pub fn piece_hours(&mut self, field: &str) -> Option<Decimal> {
        let value = self.take(field)?;
        let hours = serde_json::from_value::<Decimal>(value)
            .ok()
            .filter(|h| *h > Decimal::ZERO && *h < PIECE_HOURS_BELOW && h.normalize().scale() <= 8);
        if hours.is_none() {
            self.find(
                field,
                "must be hours above 0 with up to 8 decimals, such as \"0.025\"",
                "应为大于 0 的工时，小数最多 8 位，例如 0.025",
            );
        }
        hours
    }

    pub fn date(&mut self, field: &str) -> Option<NaiveDate> {
        let value = self.take(field)?;
        let date = value.as_str().and_then(|text| text.parse().ok());
        if date.is_none() {
            self.find(field, "must be a date such as 2026-11-21", "应为日期，例如 2026-11-21");
        }
        date
    }

    pub fn list(&mut self, field: &str) -> Option<Vec<Value>> {
        if let Value::Array(list) = self.take(field)? {
            return Some(list);
        }
        self.find(field, "must be a list", "应为列表");
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_finding_is_told_with_its_place() {
        let body = json!({"name": 5, "when": "tomorrow", "count": -1, "much": "0", "surplus": true});
        let mut fields = Fields::new(body, "processes[2]");
        assert_eq!(fields.required("name", |f, n| f.text(n, 50)), None);
        assert_eq!(fields.required("code", |f, n| f.text(n, 50)), None);
        assert_eq!(fields.date("when"), None);
        assert_eq!(fields.int("count", 0, 9), None);
        assert_eq!(fields.quantity("much"), None);
        let (findings, ignored) = fields.finish();
        let told: Vec<String> = findings.into_iter().map(|f| f.field).collect();
        assert_eq!(
            told,
            ["name", "code", "when", "count", "much"].map(|f| format!("processes[2].{f}"))
        );
        assert_eq!(ignored, ["processes[2].surplus"]);
    }

    #[test]
    fn quantities_are_read_exactly_from_text_and_numbers() {
        let mut fields = Fields::new(json!({"a": "100.5", "b": 0.1, "c": 7, "d": "0.00001"}), "");
        assert_eq!(fields.quantity("a"), Some(Decimal::new(1005, 1)));
        assert_eq!(fields.quantity("b"), Some(Decimal::new(1, 1)));
        assert_eq!(fields.quantity("c"), Some(Decimal::from(7)));
        assert_eq!(fields.quantity("d"), None);
        assert_eq!(fields.finish().0.len(), 1);
    }
}
