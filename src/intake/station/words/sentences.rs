//! Code, English, Chinese; `{0}`, `{1}` … are filled in. A table, so it is long.

pub const SENTENCES: &[(&str, &str, &str)] = &[
    // People.
    (
        "SIGNED_ON",
        "Signed on: {0}. Scan the order or traveler.",
        "{0} 已登录，请扫描工单或流转卡。",
    ),
    (
        "SIGNED_ON_UNVERIFIED",
        "Signed on: {0}, not verified (the store can't be asked now). Check that this is your badge.",
        "{0} 已登录，未验证（暂时无法向中央系统核对），请确认工牌无误。",
    ),
    ("SIGNED_OFF", "Signed off.", "已退出登录。"),
    (
        "OPERATOR_SWITCHED",
        "Signed on: {0}. The job of the one before is paused.",
        "{0} 已登录，前一位的任务已暂停。",
    ),
    ("ALREADY_SIGNED_ON", "{0} is signed on already.", "{0} 已经登录。"),
    ("CREW_JOINED", "{0} has joined the crew.", "{0} 已加入班组。"),
    ("CREW_LEFT", "{0} has left the crew.", "{0} 已离开班组。"),
    (
        "NO_CREW",
        "{0} was the last of the crew; the job is paused.",
        "{0} 是最后一位离开的组员，任务已暂停。",
    ),
    (
        "SESSION_TIMED_OUT",
        "Signed off after a long silence. Scan your badge to go on.",
        "长时间无操作，已自动退出。请扫描工牌继续。",
    ),
    (
        "APPROVED",
        "Approved by {0}. Go on, or scan CANCEL.",
        "{0} 已批准。请继续，或扫描取消。",
    ),
    (
        "APPROVAL_NEEDED",
        "A supervisor has to scan their badge first; or scan CANCEL.",
        "请班组长先扫描工牌批准，或扫描取消。",
    ),
    (
        "NOT_SUPERVISOR",
        "{0} may not approve this. Call a supervisor, or scan CANCEL.",
        "{0} 无权批准。请联系班组长，或扫描取消。",
    ),
    (
        "UNKNOWN_BADGE",
        "Badge {0} is not known or not active. Scan your own badge, or ask the line leader.",
        "工牌 {0} 未登记或已停用。请扫描本人工牌，或联系班组长。",
    ),
    ("NOT_SIGNED_ON", "Scan your badge first.", "请先扫描工牌。"),
    // Jobs.
    ("JOB_LOADED", "Order {0}. {1}", "工单 {0}。{1}"),
    (
        "JOB_LOADED_UNVERIFIED",
        "Order {0}, not verified. {1}",
        "工单 {0}，未验证。{1}",
    ),
    ("ALREADY_LOADED", "Order {0} is at hand.", "工单 {0} 已在当前。"),
    (
        "ORDER_AT_HAND",
        "Order {0}: the next quantity is for it alone.",
        "工单 {0}：下一个数量仅计入该工单。",
    ),
    ("UNLOADED", "Order {0} was taken out again.", "工单 {0} 已移出本批。"),
    (
        "WHICH_OPERATION",
        "Order {0}: scan the operation.",
        "工单 {0}：请扫描工序。",
    ),
    (
        "SWITCH_JOB",
        "{0} is running. OK to pause it and take {1}; or CANCEL.",
        "{0} 正在加工。扫描 OK 暂停并切换到 {1}；或扫描取消。",
    ),
    ("STARTED", "Order {0} started. {1}", "工单 {0} 已开工。{1}"),
    (
        "SETUP_STARTED",
        "Order {0}: setting up. Scan START to run. {1}",
        "工单 {0}：调机中。加工时请扫描开工。{1}",
    ),
    ("RESUMED", "Order {0} goes on. {1}", "工单 {0} 继续加工。{1}"),
    (
        "PAUSED",
        "Order {0} paused. Scan RESUME to go on.",
        "工单 {0} 已暂停，扫描继续恢复。",
    ),
    (
        "WHY_PAUSED",
        "Why is {0} paused? Scan the reason.",
        "工单 {0} 为何暂停？请扫描原因码。",
    ),
    ("STOP_EXPLAINED", "Noted: {0}.", "已记录停机原因：{0}。"),
    ("ALREADY_RUNNING", "Order {0} is running.", "工单 {0} 正在加工。"),
    ("ALREADY_PAUSED", "Order {0} is paused.", "工单 {0} 已处于暂停。"),
    ("COMPLETED", "Order {0}: operation completed.", "工单 {0}：工序已完工。"),
    (
        "SHIFT_END_CARRIED",
        "A new shift has begun; the hours of {0} are split, it runs on. Sign on or off as your shift does.",
        "已换班：工单 {0} 工时已分割，任务继续。请按班次登录或退出。",
    ),
    (
        "SHIFT_END_PAUSED",
        "The shift has ended; {0} is paused. Scan RESUME to go on.",
        "班次结束：工单 {0} 已暂停，扫描继续恢复。",
    ),
    ("NO_ORDER", "Scan an order or traveler first.", "请先扫描工单或流转卡。"),
    (
        "UNKNOWN_ORDER",
        "Order {0} is not known. Check the label, or ask the planner.",
        "工单 {0} 不存在。请核对标签，或联系计划员。",
    ),
    (
        "ORDER_CLOSED",
        "Not open for reports: {0}. Take another order, or ask the planner.",
        "不能报工（已关闭或未下达）：{0}。请更换工单，或联系计划员。",
    ),
    (
        "WRONG_STATION",
        "{0} does not belong here. Of this station: {1}. Go to the station that it is for.",
        "{0} 不属于本工位，本工位为：{1}。请到对应工位。",
    ),
    (
        "WRONG_OPERATION",
        "Order {1} has no operation {0}. Check the traveler.",
        "工单 {1} 没有工序 {0}。请核对流转卡。",
    ),
    (
        "WRONG_ITEM",
        "This is {0}, the order is about {1}. Put the piece aside and check it.",
        "该件为 {0}，工单产品为 {1}。请隔离并核对。",
    ),
    ("NOT_STARTED", "Scan START first.", "请先扫描开工。"),
    (
        "NOT_RUNNING",
        "The job is paused. Scan RESUME first.",
        "任务已暂停，请先扫描继续。",
    ),
    (
        "NO_TIME_TRACKING",
        "This station only takes quantities; scan one.",
        "本工位只报数量，无需开工，请直接扫描数量。",
    ),
    (
        "FINISH_JOB_FIRST",
        "Finish the running job first: scan DONE.",
        "请先完成当前任务（扫描完工）。",
    ),
    (
        "BATCH_FULL",
        "A run takes {0} travelers at most. Scan START.",
        "每批最多 {0} 张流转卡，请扫描开工。",
    ),
    (
        "WHICH_ORDER",
        "Several orders are loaded. Scan the traveler that this is about, then again.",
        "本批有多个工单。请先扫描对应流转卡，再重新输入。",
    ),
    (
        "NO_STOP",
        "Nothing has stopped that this could explain. Scan PAUSE first.",
        "当前没有停机记录。请先扫描暂停。",
    ),
    // Quantities.
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
    (
        "HOW_MANY",
        "How many {0}? Scan the quantity.",
        "数量（{0}）？请扫描数量码。",
    ),
    (
        "KEYED",
        "{0} so far. Add more, OK to enter, or CANCEL.",
        "当前 {0}。可继续累加，扫描 OK 确认或取消。",
    ),
    ("WHICH_REASON", "{0}: scan the reason.", "{0} 件：请扫描原因码。"),
    (
        "OVER_QUANTITY",
        "{2}{0} would be more than {1}, the plan or what came from before. OK or CANCEL.",
        "{2}累计 {0} 超过计划或前工序数量 {1}。扫描 OK 确认或取消。",
    ),
    (
        "SHORT_QUANTITY",
        "Only {0} done. OK to close{1} or CANCEL.",
        "仅完成 {0}。扫描 OK 结束{1}或取消。",
    ),
    (
        "ITEM_FITS",
        "This piece is of the order's product.",
        "该件与工单产品一致。",
    ),
    (
        "QTY_INVALID",
        "Not a quantity: {0}. Scan another.",
        "数量无效：{0}。请重新扫描。",
    ),
    (
        "REASON_UNKNOWN",
        "Reason {0} does not fit here. Scan another.",
        "原因码 {0} 不适用，请重新扫描。",
    ),
    (
        "DUPLICATE_SERIAL",
        "Piece {0} was reported already. Put it aside and take the next.",
        "序列号 {0} 已报工。请勿重复，继续下一件。",
    ),
    (
        "SERIAL_NEEDED",
        "Here every piece is reported by its own serial; scan it.",
        "本工位逐件报工，请扫描序列号。",
    ),
    // Inspections.
    (
        "WHO_INSPECTS",
        "Inspection of order {0}: scan the inspector's badge.",
        "检验工单 {0}：请检验员扫描工牌。",
    ),
    (
        "HOW_MANY_INSPECTED",
        "Order {0}: how many pieces were inspected? Scan the quantity.",
        "工单 {0}：检验多少件？请扫描数量码。",
    ),
    (
        "INSPECTED",
        "{0} inspected. Scan the number of faulty ones, SCRAP, REWORK or CONCESSION before it where that is decided; then DONE.",
        "检验 {0} 件。请扫描不良数量（已定处理方式的先扫描报废、返工或让步接收），无误后扫描完工。",
    ),
    (
        "FAULT_NOTED",
        "{0} faulty of {1} inspected. Scan more, or DONE.",
        "检验 {1} 件，不良 {0} 件。请继续，或扫描完工。",
    ),
    (
        "FAULT_TAKEN_OUT",
        "{0} faulty ({1}) taken out again.",
        "已撤销不良 {0} 件（{1}）。",
    ),
    (
        "INSPECTION_STATUS",
        "Order {2}: {0} inspected so far, {1} faulty.",
        "工单 {2}：目前检验 {0} 件，不良 {1} 件。",
    ),
    (
        "INSPECTION_RECORDED",
        "Inspection recorded: {0} inspected, {1} faulty, order {2}.",
        "检验已记录：检验 {0} 件，不良 {1} 件，工单 {2}。",
    ),
    (
        "INSPECTION_CANCELLED",
        "Inspection cancelled; nothing was recorded.",
        "检验已取消，未记录。",
    ),
    (
        "INSPECTION_TIMED_OUT",
        "The inspection was not finished in time; nothing was recorded. CHECK to begin it again, or OK to go on.",
        "检验超时未完成，未记录。请扫描检验重新开始，或扫描 OK 继续工作。",
    ),
    (
        "DROP_INSPECTION",
        "{0} inspected, {1} faulty are noted. OK to drop them, or CANCEL to go on.",
        "已记录检验 {0} 件，不良 {1} 件。扫描 OK 放弃，或扫描取消继续检验。",
    ),
    (
        "COMPLETE_TOO",
        "The inspection is recorded. OK to complete order {0} as well, or CANCEL.",
        "检验已记录。工单 {0} 也要完工吗？扫描 OK 确认或取消。",
    ),
    (
        "FINISH_INSPECTION_FIRST",
        "An inspection goes on. DONE to finish it, or CANCEL.",
        "正在检验。请扫描完工结束检验，或扫描取消。",
    ),
    (
        "NUMBER_FIRST",
        "Scan the number of faulty pieces first, then the reason.",
        "请先扫描不良数量，再扫描原因码。",
    ),
    (
        "COUNT_PIECES",
        "An inspection counts pieces and does not name them. Scan a quantity.",
        "检验只计数量，不记单件。请扫描数量码。",
    ),
    (
        "NOT_INSPECTOR",
        "{0} may not inspect. Scan the badge of an inspector, or CANCEL.",
        "{0} 无检验权限。请检验员扫描工牌，或扫描取消。",
    ),
    (
        "INSPECTOR_NEEDED",
        "Scan the inspector's badge first, or CANCEL.",
        "请检验员先扫描工牌，或扫描取消。",
    ),
    (
        "COUNT_FIRST",
        "Scan first how many pieces were inspected.",
        "请先扫描检验数量。",
    ),
    (
        "TOO_MANY_INSPECTED",
        "{0} cannot be inspected of an order over {1}. Scan another quantity.",
        "工单数量为 {1}，不能检验 {0} 件。请重新扫描数量。",
    ),
    (
        "TOO_MANY_FAULTY",
        "{0} faulty would be more than the {1} inspected. Scan another quantity, or CANCEL.",
        "不良合计 {0} 件超过检验数量 {1} 件。请重新扫描数量，或扫描取消。",
    ),
    (
        "INVALID_INSPECTION",
        "This inspection can't be recorded: {0}. Tell the line leader.",
        "无法记录检验：{0}。请联系班组长。",
    ),
    // Taking back.
    (
        "UNDO_WHAT",
        "Take back {0} of order {1}? OK or CANCEL.",
        "撤销工单 {1} 的 {0}？扫描 OK 确认或取消。",
    ),
    ("UNDONE", "{0} of order {1} taken back.", "已撤销工单 {1} 的 {0}。"),
    (
        "UNDO_NOT_POSSIBLE",
        "There is nothing of yours to take back. A supervisor's badge may allow more.",
        "没有可撤销的本人报工。可由班组长刷卡撤销。",
    ),
    ("CANCELLED", "Cancelled.", "已取消。"),
    ("FINISH_INPUT_FIRST", "{0} Finish this first.", "{0}请先完成此项。"),
    (
        "NOT_NOW",
        "That does not fit here. Look at the screen for what is next.",
        "当前步骤不能使用此码，请按屏幕提示操作。",
    ),
    (
        "INPUT_TIMED_OUT",
        "No answer in time; nothing was changed. Begin the input again.",
        "输入超时，未作更改。请重新输入。",
    ),
    // The station itself.
    (
        "STATUS",
        "Order {0}: {1} good, {2} defective.",
        "工单 {0}：合格 {1}，不良 {2}。",
    ),
    ("STATUS_NO_JOB", "No order at hand.", "当前没有工单。"),
    ("CALLED", "Called: {0}.", "已呼叫：{0}。"),
    ("MACHINE_DOWN", "{0} is noted as down.", "设备 {0} 已登记停机。"),
    ("MACHINE_UP", "{0} is noted as running.", "设备 {0} 已登记恢复。"),
    (
        "MACHINE_HERE",
        "{0} is the machine of this station.{1}",
        "设备 {0} 属于本工位。{1}",
    ),
    (
        "NO_EQUIPMENT",
        "This station has no machine. Tell the line leader.",
        "本工位未配置设备。请联系班组长。",
    ),
    (
        "DUPLICATE_SCAN",
        "Read twice; counted once. Go on.",
        "重复读码，只计一次，请继续。",
    ),
    (
        "UNKNOWN_CODE",
        "{0} is no code of this station. Scan another label.",
        "无法识别的码：{0}。请扫描其他标签。",
    ),
    (
        "AMBIGUOUS_CODE",
        "{0} has two meanings. Tell the engineer.",
        "{0} 有歧义，请联系工程师。",
    ),
    (
        "INVALID_CHARSET",
        "The code has characters that can't be read. Scan again, or take another label.",
        "码中含无法读取的字符。请重新扫描，或更换标签。",
    ),
    (
        "STATION_WENT_ON",
        "The station went on while this scan waited. Look what it shows now, and scan what is still missing.",
        "该扫描等待期间工位已继续作业。请查看当前状态，只补扫缺少的内容。",
    ),
    (
        "PARTIAL_READ",
        "Only part of the code came. Scan again.",
        "读码不完整，请重新扫描。",
    ),
    (
        "EVENTS_DROPPED",
        "The computer lost keys of the code. Scan again; if it happens often, tell the engineer.",
        "电脑丢失了部分按键，读码不完整。请重新扫描；如经常发生，请联系工程师。",
    ),
    (
        "UNMAPPED_KEY",
        "The scanner typed a key that its layout does not have. Tell the engineer: layout and keys of this station.",
        "扫码枪发送的按键不在所设键盘布局中。请联系工程师检查本工位的 layout 与 keys 设置。",
    ),
    (
        "NO_READ",
        "The reader saw no code. Bring the label in front of it again.",
        "读码器未读到条码，请将标签重新对准。",
    ),
    (
        "GS1_",
        "The label breaks a rule of GS1; it may be misprinted: {0}. Scan again, or take another label.",
        "标签不符合 GS1 规则，可能印刷有误：{0}。请重新扫描，或更换标签。",
    ),
    (
        "STORAGE_FULL",
        "NOT stored: the gateway's disk takes nothing. Tell the line leader.",
        "未保存：网关磁盘无法写入，请通知班组长。",
    ),
    (
        "RESTARTED",
        "The gateway was restarted. Scan the last input again if it was not finished.",
        "网关已重启。上一步如未完成，请重新输入。",
    ),
    (
        "INVALID_REPORT",
        "This can't be reported: {0}. Tell the line leader.",
        "无法报工：{0}。请联系班组长。",
    ),
    // What comes next.
    ("EXPECT_IDLE", "Scan your badge.", "请扫描工牌。"),
    ("EXPECT_SIGNED_ON", "Scan an order or traveler.", "请扫描工单或流转卡。"),
    ("EXPECT_JOB_LOADED", "Scan START.", "请扫描开工。"),
    (
        "EXPECT_TRAVELERS",
        "Scan more travelers, or START.",
        "请继续扫描流转卡，或扫描开工。",
    ),
    (
        "EXPECT_QUANTITIES",
        "Scan quantities, then DONE.",
        "请扫描数量，完成后扫描完工。",
    ),
    (
        "EXPECT_RUNNING",
        "Scan quantities, then DONE.",
        "请扫描数量，完成后扫描完工。",
    ),
    (
        "EXPECT_SERIALS",
        "Scan each piece, then DONE.",
        "请逐件扫描，完成后扫描完工。",
    ),
    (
        "EXPECT_PIECES",
        "Scan the card for each piece, then DONE.",
        "每完成一件扫描一次，完成后扫描完工。",
    ),
    ("EXPECT_PAUSED", "Scan RESUME.", "请扫描继续。"),
    ("EXPECT_QUANTITY_PENDING", "Scan the quantity.", "请扫描数量。"),
    ("EXPECT_REASON_PENDING", "Scan the reason.", "请扫描原因码。"),
    ("EXPECT_INSPECTOR", "Scan the inspector's badge.", "请检验员扫描工牌。"),
    (
        "EXPECT_INSPECTED",
        "Scan how many pieces were inspected.",
        "请扫描检验数量。",
    ),
    (
        "EXPECT_FAULTS",
        "Scan the number of faulty pieces, or DONE.",
        "请扫描不良数量，或扫描完工。",
    ),
    (
        "EXPECT_INSPECTION_OVER",
        "The inspection ran out of time. CHECK to begin it again, or OK.",
        "检验已超时。请扫描检验重新开始，或扫描 OK。",
    ),
    ("EXPECT_CONFIRM_PENDING", "Scan OK or CANCEL.", "请扫描 OK 或取消。"),
];
