//! Which cards there are: the codes that stations understand, with words for people.

use std::sync::Arc;

use crate::reference::{Order, Reason, Reference, Worker};

/// Cards of one kind, which are printed together.
pub struct Suit {
    pub title: Words,
    pub cards: Vec<Card>,
}

pub struct Card {
    pub code: String,
    pub title: Words,
    /// What the plant calls it, in whatever language.
    pub name: String,
}

/// In Chinese and English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub zh: String,
    pub en: String,
}

impl Words {
    fn new(zh: &str, en: &str) -> Self {
        Self {
            zh: zh.to_owned(),
            en: en.to_owned(),
        }
    }
}

impl Card {
    /// Of something that has a name and needs no other word.
    fn named(code: String, name: &str) -> Self {
        Self {
            code,
            title: Words::new("", ""),
            name: name.to_owned(),
        }
    }
}

/// Commands with their words. START-SETUP is another name of SETUP and needs no card of its own.
const COMMANDS: [(&str, &str, &str); 19] = [
    ("START", "开工", "Start"),
    ("PAUSE", "暂停", "Pause"),
    ("RESUME", "继续", "Resume"),
    ("DONE", "完工", "Done"),
    ("GOOD", "合格品", "Good pieces"),
    ("SCRAP", "报废", "Scrap"),
    ("REWORK", "返修", "Rework"),
    ("CONCESSION", "让步接收", "Concession"),
    ("INSPECT", "待检", "To inspect"),
    ("CHECK", "检验", "Inspection"),
    ("UNDO", "撤销", "Undo"),
    ("CANCEL", "取消", "Cancel"),
    ("OK", "确认", "OK"),
    ("LOGOUT", "退出登录", "Sign off"),
    ("STATUS", "查看状态", "Status"),
    ("SETUP", "调机", "Setup"),
    ("DOWN", "停机", "Machine down"),
    ("UP", "恢复运行", "Machine up"),
    ("CALL", "呼叫", "Call for help"),
];
const QUANTITIES: [u32; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 24, 25, 30, 50, 100, 200, 500];
/// Cards of a number pad, which add up.
const KEYS: [u32; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];

pub fn commands() -> Suit {
    let card = |(command, zh, en): &(&str, &str, &str)| Card {
        code: format!("LSN-{command}"),
        title: Words::new(zh, en),
        name: String::new(),
    };
    Suit {
        title: Words::new("指令卡", "Commands"),
        cards: COMMANDS.iter().map(card).collect(),
    }
}

pub fn quantities() -> Suit {
    let card = |quantity: &u32| Card::named(format!("QTY-{quantity}"), &quantity.to_string());
    let key = |number: &u32| Card::named(format!("QTY-ADD-{number}"), &format!("+{number}"));
    let clear = Card {
        code: "QTY-CLR".to_owned(),
        title: Words::new("清零", "Clear"),
        name: String::new(),
    };
    let cards = QUANTITIES.iter().map(card).chain(KEYS.iter().map(key)).chain([clear]);
    Suit {
        title: Words::new("数量卡", "Quantities"),
        cards: cards.collect(),
    }
}

pub fn reasons(reference: &Reference) -> Suit {
    let card = |reason: &Arc<Reason>| Card::named(format!("RSN-{}", reason.code), &reason.name);
    Suit {
        title: Words::new("原因卡", "Reasons"),
        cards: sorted(reference.reasons().map(card)),
    }
}

pub fn workers(reference: &Reference) -> Suit {
    let card = |worker: &Arc<Worker>| Card::named(format!("EMP-{}", worker.worker_no), &worker.name);
    let active = reference.workers().filter(|worker| worker.active);
    Suit {
        title: Words::new("工牌", "Badges"),
        cards: sorted(active.map(card)),
    }
}

fn sorted(cards: impl Iterator<Item = Card>) -> Vec<Card> {
    let mut cards: Vec<Card> = cards.collect();
    cards.sort_by(|a, b| a.code.cmp(&b.code));
    cards
}

/// Of each order that can be reported on: its own code, and a traveler for each process.
pub fn orders(reference: &Reference) -> Suit {
    let mut orders: Vec<_> = reference
        .orders()
        .filter(|order| order.status.is_reportable())
        .collect();
    orders.sort_by(|a, b| a.order_no.cmp(&b.order_no));
    let mut cards = Vec::new();
    for order in orders {
        let Order {
            order_no,
            product_code,
            product_name,
            ..
        } = order.as_ref();
        let product = if product_name.is_empty() {
            product_code
        } else {
            product_name
        };
        cards.push(Card {
            code: format!("WO-{order_no}"),
            title: Words::new("工单", "Order"),
            name: product.clone(),
        });
        let mut processes: Vec<_> = order.processes.iter().collect();
        processes.sort_by_key(|process| process.sequence);
        cards.extend(processes.into_iter().map(|process| Card {
            code: format!("TRV-{order_no}.{}", process.sequence),
            title: Words::new("流转卡", "Traveler"),
            name: format!("{} {}", process.sequence, process.process_name),
        }));
    }
    Suit {
        title: Words::new("工单与流转卡", "Orders and travelers"),
        cards,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::barcode::{self, VERBS};

    #[test]
    fn every_card_is_understood_and_every_verb_has_one() {
        let cards: Vec<Card> = commands().cards.into_iter().chain(quantities().cards).collect();
        let read = |code: &str| barcode::read(code.as_bytes(), &[]).meaning;
        for card in &cards {
            assert!(read(&card.code).is_ok(), "{}", card.code);
        }
        for (verb, _) in VERBS {
            let meaning = read(&format!("LSN-{verb}"));
            assert!(
                cards.iter().any(|card| read(&card.code) == meaning),
                "{verb} has no card"
            );
        }
    }
}
