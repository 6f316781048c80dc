//! The two coupon identifiers of North America (8110, 8112): fields of digits that say how long they are.

use super::checks::{self, Outcome};

/// What is still to be read.
struct Fields<'d>(&'d [u8]);

impl<'d> Fields<'d> {
    /// Whether the optional field of this number comes next; its number is read over.
    fn enter(&mut self, field: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == field => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn digit(&mut self, missing: &'static str) -> Result<u8, &'static str> {
        let (digit, rest) = self.0.split_first().ok_or(missing)?;
        self.0 = rest;
        Ok(digit - b'0')
    }

    fn digit_of(&mut self, allowed: &[u8], missing: &'static str, invalid: &'static str) -> Result<u8, &'static str> {
        let digit = self.digit(missing)?;
        if allowed.contains(&digit) {
            Ok(digit)
        } else {
            Err(invalid)
        }
    }

    fn take(&mut self, length: usize, truncated: &'static str) -> Result<&'d [u8], &'static str> {
        let (field, rest) = self.0.split_at_checked(length).ok_or(truncated)?;
        self.0 = rest;
        Ok(field)
    }

    fn end(&self) -> Outcome {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err("COUPON_EXCESS_DATA")
        }
    }
}

/// What is wrong with one of the three purchases that a coupon can ask for.
struct PurchaseCodes {
    no_length: &'static str,
    wrong_length: &'static str,
    truncated: &'static str,
    no_code: &'static str,
    wrong_code: &'static str,
    truncated_family: &'static str,
    no_prefix: &'static str,
    wrong_prefix: &'static str,
    truncated_prefix: &'static str,
}

macro_rules! purchase_codes {
    ($nth:literal) => {
        PurchaseCodes {
            no_length: concat!("COUPON_MISSING_", $nth, "_PURCHASE_REQUIREMENT_VLI"),
            wrong_length: concat!("COUPON_INVALID_", $nth, "_PURCHASE_REQUIREMENT_LENGTH"),
            truncated: concat!("COUPON_TRUNCATED_", $nth, "_PURCHASE_REQUIREMENT"),
            no_code: concat!("COUPON_MISSING_", $nth, "_PURCHASE_REQUIREMENT_CODE"),
            wrong_code: concat!("COUPON_INVALID_", $nth, "_PURCHASE_REQUIREMENT_CODE"),
            truncated_family: concat!("COUPON_TRUNCATED_", $nth, "_PURCHASE_FAMILY_CODE"),
            no_prefix: concat!("COUPON_MISSING_", $nth, "_PURCHASE_GCP_VLI"),
            wrong_prefix: concat!("COUPON_INVALID_", $nth, "_PURCHASE_GCP_LENGTH"),
            truncated_prefix: concat!("COUPON_TRUNCATED_", $nth, "_PURCHASE_GCP"),
        }
    };
}

const FIRST: PurchaseCodes = purchase_codes!("1ST");
const SECOND: PurchaseCodes = purchase_codes!("2ND");
const THIRD: PurchaseCodes = purchase_codes!("3RD");

/// Lengths of company prefixes are written less this.
const PREFIX_LENGTH_BASE: usize = 6;
const OFFER_DIGITS: usize = 6;

/// AI (8110).
pub fn coupon(data: &[u8]) -> Outcome {
    checks::digits(data)?;
    let mut fields = Fields(data);
    let length = fields.digit_of(
        &[0, 1, 2, 3, 4, 5, 6],
        "COUPON_MISSING_GCP_VLI",
        "COUPON_INVALID_GCP_LENGTH",
    )?;
    checks::company_prefix(fields.take(usize::from(length) + PREFIX_LENGTH_BASE, "COUPON_TRUNCATED_GCP")?)?;
    fields.take(OFFER_DIGITS, "COUPON_TRUNCATED_OFFER_CODE")?;
    let length = fields.digit_of(
        &[1, 2, 3, 4, 5],
        "COUPON_MISSING_SAVE_VALUE_VLI",
        "COUPON_INVALID_SAVE_VALUE_LENGTH",
    )?;
    fields.take(length.into(), "COUPON_TRUNCATED_SAVE_VALUE")?;
    purchase(&mut fields, &FIRST)?;
    if fields.enter(b'1') {
        fields.digit_of(
            &[0, 1, 2, 3],
            "COUPON_MISSING_ADDITIONAL_PURCHASE_RULES_CODE",
            "COUPON_INVALID_ADDITIONAL_PURCHASE_RULES_CODE",
        )?;
        purchase(&mut fields, &SECOND)?;
        purchase_prefix(&mut fields, &SECOND)?;
    }
    if fields.enter(b'2') {
        purchase(&mut fields, &THIRD)?;
        purchase_prefix(&mut fields, &THIRD)?;
    }
    validity(&mut fields)?;
    if fields.enter(b'5') {
        serial(&mut fields)?;
    }
    if fields.enter(b'6') {
        let length = fields.digit_of(
            &[1, 2, 3, 4, 5, 6, 7],
            "COUPON_MISSING_RETAILER_GCP_OR_GLN_VLI",
            "COUPON_INVALID_RETAILER_GCP_OR_GLN_LENGTH",
        )?;
        let retailer = usize::from(length) + PREFIX_LENGTH_BASE;
        checks::company_prefix(fields.take(retailer, "COUPON_TRUNCATED_RETAILER_GCP_OR_GLN")?)?;
    }
    if fields.enter(b'9') {
        miscellaneous(&mut fields)?;
    }
    fields.end()
}

/// AI (8112).
pub fn offer(data: &[u8]) -> Outcome {
    checks::digits(data)?;
    let mut fields = Fields(data);
    fields.digit_of(&[0, 1], "COUPON_MISSING_FORMAT_CODE", "COUPON_INVALID_FORMAT_CODE")?;
    let length = fields.digit_of(
        &[0, 1, 2, 3, 4, 5, 6],
        "COUPON_MISSING_FUNDER_VLI",
        "COUPON_INVALID_FUNDER_LENGTH",
    )?;
    fields.take(usize::from(length) + PREFIX_LENGTH_BASE, "COUPON_TRUNCATED_FUNDER")?;
    fields.take(OFFER_DIGITS, "COUPON_TRUNCATED_OFFER_CODE")?;
    serial(&mut fields)?;
    fields.end()
}

fn purchase(fields: &mut Fields, codes: &PurchaseCodes) -> Outcome {
    let length = fields.digit_of(&[1, 2, 3, 4, 5], codes.no_length, codes.wrong_length)?;
    fields.take(length.into(), codes.truncated)?;
    fields.digit_of(&[0, 1, 2, 3, 4, 9], codes.no_code, codes.wrong_code)?;
    fields.take(3, codes.truncated_family)?;
    Ok(())
}

/// 9 stands for the prefix of the first purchase.
fn purchase_prefix(fields: &mut Fields, codes: &PurchaseCodes) -> Outcome {
    match fields.digit_of(&[0, 1, 2, 3, 4, 5, 6, 9], codes.no_prefix, codes.wrong_prefix)? {
        9 => Ok(()),
        length => {
            let prefix = fields.take(usize::from(length) + PREFIX_LENGTH_BASE, codes.truncated_prefix)?;
            checks::company_prefix(prefix)
        }
    }
}

fn validity(fields: &mut Fields) -> Outcome {
    let mut expires: Option<&[u8]> = None;
    if fields.enter(b'3') {
        let day = fields.take(6, "COUPON_TOO_SHORT_FOR_EXPIRATION_DATE")?;
        // The name is spelt as the world knows it.
        checks::date(day, 2, false).map_err(|_| "COUPON_INVALID_EXIPIRATION_DATE")?;
        expires = Some(day);
    }
    if fields.enter(b'4') {
        let day = fields.take(6, "COUPON_TOO_SHORT_FOR_START_DATE")?;
        checks::date(day, 2, false).map_err(|_| "COUPON_INVALID_START_DATE")?;
        if expires.is_some_and(|expires| day > expires) {
            return Err("COUPON_EXPIRATION_BEFORE_START");
        }
    }
    Ok(())
}

fn serial(fields: &mut Fields) -> Outcome {
    let length = fields.digit("COUPON_MISSING_SERIAL_NUMBER_VLI")?;
    fields.take(usize::from(length) + 6, "COUPON_TRUNCATED_SERIAL_NUMBER")?;
    Ok(())
}

fn miscellaneous(fields: &mut Fields) -> Outcome {
    fields.digit_of(
        &[0, 1, 2, 5, 6],
        "COUPON_MISSING_SAVE_VALUE_CODE",
        "COUPON_INVALID_SAVE_VALUE_CODE",
    )?;
    fields.digit_of(
        &[0, 1, 2],
        "COUPON_MISSING_SAVE_VALUE_APPLIES_TO_ITEM",
        "COUPON_INVALID_SAVE_VALUE_APPLIES_TO_ITEM",
    )?;
    fields.digit("COUPON_MISSING_STORE_COUPON_FLAG")?;
    fields.digit_of(
        &[0, 1],
        "COUPON_MISSING_DONT_MULTIPLY_FLAG",
        "COUPON_INVALID_DONT_MULTIPLY_FLAG",
    )?;
    Ok(())
}
