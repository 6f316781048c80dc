//! Faults by day, product and process, as reports and inspections tell of them: what the Pareto of reasons is made of. Each
//! account is a small state of its own, written with what changed it; a month of them is kept.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::Days;
use serde::{Deserialize, Serialize};

use super::PARTS;
use crate::buffer::States;
use crate::intake::to_state;
use crate::judge::inspection::{Account, Tally, Teller};
use crate::record::{Inspection, Timestamp, WorkReport};
use crate::status::Status;

/// Name of the states, and of what is shown.
const FAULTS: &str = "faults/";
const KEPT_DAYS: Days = Days::new(31);
const ACCOUNTS_MAX: usize = 2000;

#[derive(Debug)]
pub struct Faults {
    accounts: BTreeMap<Account, Tally>,
    status: Status,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    account: Account,
    #[serde(flatten)]
    tally: Tally,
}

impl Faults {
    pub fn new(status: Status) -> Self {
        Self {
            accounts: BTreeMap::new(),
            status,
        }
    }

    pub fn restore(&mut self, states: &States) {
        for account in std::mem::take(&mut self.accounts).into_keys() {
            self.status.drop_judge(&name(&account));
        }
        let kept = super::read_all::<Kept>(states, FAULTS).into_values();
        self.accounts = kept.map(|kept| (kept.account, kept.tally)).collect();
        for (account, tally) in &self.accounts {
            self.status.set_judge(&name(account), &shown(account, tally));
        }
    }

    pub fn reported(&mut self, report: &WorkReport, product: &str, at: Timestamp, states: &mut States) {
        let account = Account {
            day: report.work_date,
            teller: Teller::Reports,
            product: if product.is_empty() { &report.order_no } else { product }.to_owned(),
            process: report.process_code.clone(),
        };
        self.add(&account, at, states, |tally| tally.report(report));
    }

    pub fn inspected(&mut self, inspection: &Inspection, at: Timestamp, states: &mut States) {
        let account = Account {
            day: inspection.check_date,
            teller: Teller::Inspections,
            product: inspection.product_code.as_ref().unwrap_or(&inspection.order_no).clone(),
            process: inspection.circumstances.process_code.clone().unwrap_or_default(),
        };
        self.add(&account, at, states, |tally| tally.inspection(inspection));
    }

    fn add(&mut self, account: &Account, at: Timestamp, states: &mut States, change: impl FnOnce(&mut Tally)) {
        let tally = self.accounts.entry(account.clone()).or_default();
        change(tally);
        let (name, shown) = (name(account), shown(account, tally));
        states.insert(name.clone(), to_state(&shown));
        self.status.set_judge(&name, &shown);
        self.forget_old(at, states);
    }

    fn forget_old(&mut self, at: Timestamp, states: &mut States) {
        let since = at.date_naive() - KEPT_DAYS;
        // Accounts are in the order of their days.
        while let Some(oldest) = self.accounts.first_entry()
            && (oldest.key().day < since || self.accounts.len() > ACCOUNTS_MAX)
            && let Some((account, _)) = self.accounts.pop_first()
        {
            states.insert(name(&account), Bytes::new());
            self.status.drop_judge(&name(&account));
        }
    }
}

fn shown(account: &Account, tally: &Tally) -> Kept {
    Kept {
        account: account.clone(),
        tally: tally.clone(),
    }
}

fn name(account: &Account) -> String {
    let Account {
        day,
        teller,
        product,
        process,
    } = account;
    let teller = match teller {
        Teller::Reports => 'r',
        Teller::Inspections => 'i',
    };
    format!("{FAULTS}{day}{PARTS}{teller}{PARTS}{product}{PARTS}{process}")
}
