import { STATE_WORDS } from "../states.js";

export const WORDS = {
  en: {
    ...STATE_WORDS.en,
    needs: "Needs a person", orders: "Orders", machines: "Machines", stations: "Stations", flow: "Where the records are",
    allWell: "Nothing needs a person.", taken: "acknowledged by {0}: {1}", takenSilent: "acknowledged by {0}",
    acknowledge: "Acknowledge", comment: "What is done about it (others read it)",
    unknown: "no state yet",
    runningOf: "{0} of {1} running", atWorkOf: "{0} of {1} at work", inWork: "{0} in work, {1} not begun",
    noOrders: "No orders are released.", noMachines: "No machines are configured.", noStations: "No stations are configured.",
    perHour: "per hour", operation: "{0} {1} / {2}", notBegun: "not begun", noEnd: "no end in sight yet", due: "due {0}", noDue: "no date",
    late: "{0} late", overdue: "{0} overdue", onTime: "on time", done: "done", expected: "expected end {0}, between {1} and {2}, due {3}",
    isLate: "Order {0} will be {1} late", isOverdue: "Order {0} is {1} overdue", machineIs: "{0} {1}: {2}",
    shift: "this shift", scrap: "{0} scrap", oee: "OEE", apq: "A {0} · P {1} · Q {2}", apqMeans: "Availability, performance and quality, in percent", rate: "pieces, last 5 min",
    nobody: "nobody signed on", noOrder: "no order", good: "good", defective: "{0} defective", unverified: "not verified",
    page: "{0} of {1}",
  },
  zh: {
    ...STATE_WORDS.zh,
    needs: "需要处理", orders: "工单", machines: "设备", stations: "工位", flow: "数据去向",
    allWell: "一切正常，无需处理。", taken: "{0} 已确认：{1}", takenSilent: "{0} 已确认",
    acknowledge: "确认", comment: "处理措施（其他人可见）",
    unknown: "尚无状态",
    runningOf: "{1} 台中 {0} 台运行", atWorkOf: "{1} 个中 {0} 个在岗", inWork: "{0} 个在制，{1} 个未开工",
    noOrders: "没有已下达的工单。", noMachines: "未配置设备。", noStations: "未配置工位。",
    perHour: "件/小时", operation: "{0} {1} / {2}", notBegun: "未开工", noEnd: "尚无法预计完工", due: "交期 {0}", noDue: "无交期",
    late: "延期 {0}", overdue: "逾期 {0}", onTime: "按期", done: "完成", expected: "预计 {0} 完工，介于 {1} 与 {2}，交期 {3}",
    isLate: "工单 {0} 预计延期 {1}", isOverdue: "工单 {0} 已逾期 {1}", machineIs: "{0} {1}：{2}",
    shift: "本班产量", scrap: "废品 {0}", oee: "OEE", apq: "A {0} · P {1} · Q {2}", apqMeans: "时间开动率、性能开动率、合格率（%）", rate: "产量，近 5 分钟",
    nobody: "无人登录", noOrder: "无工单", good: "合格", defective: "不良 {0}", unverified: "未验证",
    page: "{0}/{1}",
  },
};
