// What machines do, in words; a state that is not here is told as the machine calls it.
const STATE_WORDS = {
  en: {
    running: "running", execute: "running", stopped: "stopped", idle: "idle", held: "held", suspended: "suspended", complete: "complete", paused: "paused",
    setup: "set up", changing: "set up", fault: "FAULT", down: "DOWN", aborted: "ABORTED", alarm: "ALARM", offline: "OFFLINE", unknown: "unknown",
  },
  zh: {
    running: "运行", execute: "运行", stopped: "停机", idle: "空闲", held: "保持", suspended: "暂停", complete: "完成", paused: "暂停",
    setup: "换型", changing: "换型", fault: "故障", down: "故障", aborted: "中止", alarm: "报警", offline: "离线", unknown: "未知",
  },
};

export function stateWord(state) {
  const words = STATE_WORDS[document.documentElement.lang];
  return Object.hasOwn(words, state) ? words[state] : state;
}
