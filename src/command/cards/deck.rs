//! Which cards there are: the codes that stations understand, with words for people.

use crate::intake::barcode::VERBS;
use crate::reference::Reference;

/// Cards of one kind, which are printed together.
pub struct Suit {
    pub title: Words,
    pub cards: Vec<Card>,
}

pub struct Card {
    pub code: String,
    pub title: Words,
}

/// In Chinese and English; names of the plant are the same in both.
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

    fn name(name: &str) -> Self {
        Self::new(name, name)
    }
}

/// Commands by their verb. One without words here is printed with its verb.
const COMMANDS: [(&str, &str, &str); 18] = [
    ("START", "开工", "Start"),
    ("PAUSE", "暂停", "Pause"),
    ("RESUME", "继续", "Resume"),
    ("DONE", "完工", "Done"),
    ("GOOD", "合格品", "Good pieces"),
    ("SCRAP", "报废", "Scrap"),
    ("REWORK", "返修", "Rework"),
    ("CONCESSION", "让步接收", "Concession"),
    ("INSPECT", "待检", "To inspect"),
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

pub fn commands() -> Suit {
    let card = |verb: &str| Card {
        code: format!("LSN-{verb}"),
        title: COMMANDS
            .iter()
            .find(|row| row.0 == verb)
            .map_or_else(|| Words::name(verb), |(_, zh, en)| Words::new(zh, en)),
    };
    Suit {
        title: Words::new("指令卡", "Commands"),
        cards: VERBS.iter().map(|(verb, _)| card(verb)).collect(),
    }
}

pub fn quantities() -> Suit {
    let card = |quantity: &u32| Card {
        code: format!("QTY-{quantity}"),
        title: Words::name(&quantity.to_string()),
    };
    Suit {
        title: Words::new("数量卡", "Quantities"),
        cards: QUANTITIES.iter().map(card).collect(),
    }
}

pub fn reasons(reference: &Reference) -> Suit {
    let mut cards: Vec<Card> = reference
        .reasons()
        .map(|reason| Card {
            code: format!("RSN-{}", reason.code),
            title: Words::name(if reason.name.is_empty() {
                &reason.code
            } else {
                &reason.name
            }),
        })
        .collect();
    cards.sort_by(|a, b| a.code.cmp(&b.code));
    Suit {
        title: Words::new("原因卡", "Reasons"),
        cards,
    }
}

pub fn workers(reference: &Reference) -> Suit {
    let mut cards: Vec<Card> = reference
        .workers()
        .filter(|worker| worker.active)
        .map(|worker| Card {
            code: format!("EMP-{}", worker.worker_no),
            title: Words::name(&format!("{} {}", worker.name, worker.worker_no)),
        })
        .collect();
    cards.sort_by(|a, b| a.code.cmp(&b.code));
    Suit {
        title: Words::new("工牌", "Badges"),
        cards,
    }
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
        let product = if order.product_name.is_empty() {
            &order.product_code
        } else {
            &order.product_name
        };
        cards.push(Card {
            code: format!("WO-{}", order.order_no),
            title: Words::new(
                &format!("工单 {} {product}", order.order_no),
                &format!("Order {} {product}", order.order_no),
            ),
        });
        let mut processes: Vec<_> = order.processes.iter().collect();
        processes.sort_by_key(|process| process.sequence);
        cards.extend(processes.into_iter().map(|process| Card {
            code: format!("TRV-{}.{}", order.order_no, process.sequence),
            title: Words::new(
                &format!(
                    "流转卡 {} · {} {}",
                    order.order_no, process.sequence, process.process_name
                ),
                &format!(
                    "Traveler {} · {} {}",
                    order.order_no, process.sequence, process.process_name
                ),
            ),
        }));
    }
    Suit {
        title: Words::new("工单与流转卡", "Orders and travelers"),
        cards,
    }
}
