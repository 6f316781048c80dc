//! What a station says, in English and Chinese. Codes are stable and never translated; `{0}`, `{1}` … are filled in.

use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    Zh,
}

const SENTENCES: &[(&str, &str, &str)] = &[
    (
        "SIGNED_ON",
        "Signed on: {0}. Scan the order or traveler.",
        "{0} 已登录，请扫描工单或流转卡。",
    ),
    (
        "SIGNED_ON_UNVERIFIED",
        "Signed on: {0}, not verified (no current reference data).",
        "{0} 已登录，未验证（基础数据已过期）。",
    ),
    ("SIGNED_OFF", "Signed off.", "已退出登录。"),
    (
        "OPERATOR_SWITCHED",
        "Signed on: {0}. The job of the one before is paused.",
        "{0} 已登录，前一位的任务已暂停。",
    ),
    ("ALREADY_SIGNED_ON", "{0} is signed on already.", "{0} 已经登录。"),
    (
        "SESSION_TIMED_OUT",
        "Signed off after a long silence.",
        "长时间无操作，已自动退出。",
    ),
    (
        "JOB_LOADED",
        "Order {0}, operation {1}. Scan START.",
        "工单 {0}，工序 {1}，请扫描开工。",
    ),
    (
        "JOB_LOADED_UNVERIFIED",
        "Order {0}, operation {1}, not verified. Scan START.",
        "工单 {0}，工序 {1}，未验证，请扫描开工。",
    ),
    (
        "ALREADY_LOADED",
        "Order {0}, operation {1} is at hand.",
        "工单 {0}，工序 {1} 已在当前。",
    ),
    (
        "WHICH_OPERATION",
        "Order {0}: scan the operation.",
        "工单 {0}：请扫描工序。",
    ),
    (
        "SWITCH_JOB",
        "{0} is running. OK to pause it and take {1}, or CANCEL.",
        "{0} 正在加工。扫描 OK 暂停并切换到 {1}，或扫描取消。",
    ),
    ("STARTED", "Order {0} started.", "工单 {0} 已开工。"),
    ("RESUMED", "Order {0} goes on.", "工单 {0} 继续加工。"),
    ("PAUSED", "Order {0} paused.", "工单 {0} 已暂停。"),
    ("ALREADY_RUNNING", "Order {0} is running.", "工单 {0} 正在加工。"),
    ("ALREADY_PAUSED", "Order {0} is paused.", "工单 {0} 已处于暂停。"),
    (
        "REPORTED",
        "{0} good reported, order {1}.",
        "已报工合格 {0}，工单 {1}。",
    ),
    (
        "REPORTED_DEFECT",
        "{0} defective reported, order {1}.",
        "已报工不良 {0}，工单 {1}。",
    ),
    (
        "REPORTED_TO_INSPECT",
        "{0} to inspect reported, order {1}.",
        "已报工待检 {0}，工单 {1}。",
    ),
    ("COMPLETED", "Order {1}: operation completed.", "工单 {1}：工序已完工。"),
    (
        "HOW_MANY",
        "How many {0}? Scan the quantity.",
        "数量（{0}）？请扫描数量码。",
    ),
    ("WHICH_REASON", "{0}: scan the reason.", "{0} 件：请扫描原因码。"),
    (
        "OVER_QUANTITY",
        "{0} would be more than the plan of {1}. OK or CANCEL.",
        "累计 {0} 超过计划 {1}。扫描 OK 确认或取消。",
    ),
    (
        "SHORT_QUANTITY",
        "Only {0} of {1} done. OK to close, PAUSE or CANCEL.",
        "仅完成 {0}/{1}。扫描 OK 结束、暂停或取消。",
    ),
    (
        "UNDO_WHAT",
        "Take back {0} of order {1}? OK or CANCEL.",
        "撤销工单 {1} 的 {0} 件？扫描 OK 确认或取消。",
    ),
    ("UNDONE", "{0} of order {1} taken back.", "已撤销工单 {1} 的 {0} 件。"),
    ("CANCELLED", "Cancelled.", "已取消。"),
    (
        "STATUS",
        "Order {0}, operation {1}: {2} good, {3} defective.",
        "工单 {0}，工序 {1}：合格 {2}，不良 {3}。",
    ),
    ("STATUS_NO_JOB", "No order at hand.", "当前没有工单。"),
    ("DUPLICATE_SCAN", "Read twice; counted once.", "重复读码，只计一次。"),
    (
        "INPUT_TIMED_OUT",
        "No answer in time; nothing was reported.",
        "输入超时，未报工。",
    ),
    (
        "UNKNOWN_BADGE",
        "Badge {0} is not known or not active.",
        "工牌 {0} 未登记或已停用。",
    ),
    ("NOT_SIGNED_ON", "Scan your badge first.", "请先扫描工牌。"),
    ("NO_ORDER", "Scan an order or traveler first.", "请先扫描工单或流转卡。"),
    ("UNKNOWN_ORDER", "Order {0} is not known.", "工单 {0} 不存在。"),
    (
        "ORDER_CLOSED",
        "Order {0} is not open for reports.",
        "工单 {0} 已关闭或未下达，不能报工。",
    ),
    (
        "WRONG_STATION",
        "Operation {0} is not done here; this station does {1}.",
        "工序 {0} 不在本工位，本工位工序为 {1}。",
    ),
    (
        "WRONG_OPERATION",
        "Order {1} has no operation {0}.",
        "工单 {1} 没有工序 {0}。",
    ),
    ("NOT_STARTED", "Scan START first.", "请先扫描开工。"),
    (
        "NO_TIME_TRACKING",
        "This station only takes quantities.",
        "本工位只报数量，无需开工。",
    ),
    (
        "FINISH_JOB_FIRST",
        "Pause or finish the running job first.",
        "请先暂停或完成当前任务。",
    ),
    (
        "FINISH_INPUT_FIRST",
        "Finish the input, or CANCEL.",
        "请先完成当前输入，或扫描取消。",
    ),
    ("NOT_NOW", "That does not fit here.", "当前步骤不能使用此码。"),
    ("QTY_INVALID", "{0} is not a quantity.", "{0} 不是有效数量。"),
    (
        "REASON_UNKNOWN",
        "Reason {0} is not known for this.",
        "原因码 {0} 无效。",
    ),
    (
        "UNDO_NOT_POSSIBLE",
        "There is nothing of yours to take back.",
        "没有可撤销的报工。",
    ),
    ("UNKNOWN_CODE", "{0} is no code of this station.", "无法识别的码：{0}。"),
    (
        "AMBIGUOUS_CODE",
        "{0} has two meanings; tell the engineer.",
        "{0} 有歧义，请联系工程师。",
    ),
    (
        "INVALID_CHARSET",
        "The code has characters that can't be read.",
        "码中含无法读取的字符。",
    ),
    (
        "BAD_GS1",
        "The label breaks a rule of GS1; it may be misprinted.",
        "标签不符合 GS1 规则，可能印刷有误。",
    ),
    (
        "PARTIAL_READ",
        "Only part of the code came; scan again.",
        "读码不完整，请重新扫描。",
    ),
    ("NO_READ", "The reader saw no code.", "读码器未读到条码。"),
    (
        "STORAGE_FULL",
        "NOT stored: the gateway's disk takes nothing. Tell the line leader.",
        "未保存：网关磁盘无法写入，请通知班组长。",
    ),
    (
        "RESTARTED",
        "The gateway was restarted; scan the last input again.",
        "网关已重启，请重新输入上一步。",
    ),
    ("INVALID_REPORT", "{0}", "{0}"),
    ("EXPECT_IDLE", "Scan your badge.", "请扫描工牌。"),
    ("EXPECT_SIGNED_ON", "Scan an order or traveler.", "请扫描工单或流转卡。"),
    ("EXPECT_JOB_LOADED", "Scan START.", "请扫描开工。"),
    (
        "EXPECT_RUNNING",
        "Scan quantities, then DONE.",
        "请扫描数量，完成后扫描完工。",
    ),
    ("EXPECT_PAUSED", "Scan RESUME.", "请扫描继续。"),
    ("EXPECT_QUANTITY_PENDING", "Scan the quantity.", "请扫描数量。"),
    ("EXPECT_REASON_PENDING", "Scan the reason.", "请扫描原因码。"),
    ("EXPECT_CONFIRM_PENDING", "Scan OK or CANCEL.", "请扫描 OK 或取消。"),
];

/// The sentence of a code with its words filled in; a code without one stands for itself.
pub fn sentence(code: &str, words: &[&str], language: Language) -> String {
    let Some((_, en, zh)) = SENTENCES.iter().find(|(known, ..)| *known == code) else {
        return code.to_owned();
    };
    let sentence = match language {
        Language::En => en,
        Language::Zh => zh,
    };
    words
        .iter()
        .enumerate()
        .fold((*sentence).to_owned(), |text, (nth, word)| {
            text.replace(&format!("{{{nth}}}"), word)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_fill_in_the_same_words() {
        for (code, en, zh) in SENTENCES {
            for place in ["{0}", "{1}", "{2}", "{3}"] {
                assert_eq!(en.contains(place), zh.contains(place), "{code} {place}");
            }
        }
        assert_eq!(
            sentence("SIGNED_ON", &["Li"], Language::En),
            "Signed on: Li. Scan the order or traveler."
        );
        assert_eq!(sentence("NEVER_SAID", &[], Language::Zh), "NEVER_SAID");
    }
}
