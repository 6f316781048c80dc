// Tells a scanner that plays a keyboard from a person at one, wherever the focus is: nobody types as fast, and a scanner ends
// each code with Enter or Tab. A sequence with a gap in it is no code: all of it is thrown away, and that is said. What a
// person types is left alone in fields; elsewhere it is handed on, and so are Enter and Backspace.

const CODE_CHARS_MIN = 3;
// Between two keys, on average over a code.
const SCANNER_MS = 35;
// A longer silence tears a code apart.
const GAP_MS = 100;
// Keys so shortly before a code that nothing has ended them may be its beginning.
const LOOSE_MS = 1000;
// How long to wait for the end of a code before what came is told to be a part of one. Keys may be late in the queue.
const SILENCE_MS = 300;
// The rest of a torn code is thrown away up to its end, but not for ever: a person may come.
const REST_MS = 3000;
const GS = "\u001d";
// With an input method switched on, the browser only tells which key it was.
const SHIFTED = { Minus: "_", Equal: "+", Digit1: "!", Digit2: "@", Digit3: "#", Digit4: "$", Digit5: "%", Digit6: "^", Digit7: "&", Digit8: "*", Digit9: "(", Digit0: ")", Slash: "?", Semicolon: ":" };
const PLAIN = { Minus: "-", Equal: "=", Period: ".", Slash: "/", Semicolon: ";", Comma: ",", Space: " ", BracketRight: "]" };

// What the space bar presses where a person has put the focus.
const isPressed = (target) => target instanceof Element && target.matches("button, summary, select, input[type=checkbox], input[type=radio]");
const isField = (target) => target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;

// `on` = {scan(code), torn(), typed(text), enter(), erase()}
export function watchKeys(on) {
  let burst = null;
  let tornSince = null;
  let looseAt = -Infinity;
  let altDigits = "";
  let isSpaceOfCode = false;
  let timer = 0;

  const isRunning = (event) => burst !== null && event.timeStamp - burst.last <= GAP_MS;
  const isScanner = () => burst !== null && burst.count >= CODE_CHARS_MIN && (burst.last - burst.first) / (burst.count - 1) <= SCANNER_MS;

  // What a scanner typed into a field does not belong there.
  function putBack() {
    if (burst.field) burst.field.value = burst.before;
  }

  function tear(at) {
    putBack();
    burst = null;
    tornSince = at;
    on.torn();
  }

  // A person typed this.
  function release() {
    if (burst) looseAt = burst.last;
    if (burst && !burst.field) on.typed(burst.text);
    burst = null;
  }

  function silence() {
    if (isScanner()) tear(performance.now());
    else release();
  }

  function take(char, event) {
    const at = event.timeStamp;
    if (burst && (event.repeat || at - burst.last > GAP_MS)) {
      if (isScanner() && !event.repeat) return tear(at);
      release();
    }
    if (!burst) {
      const field = isField(event.target) ? event.target : null;
      burst = { text: "", count: 0, first: at, last: at, field, before: field?.value };
    }
    burst.text += char;
    burst.count += 1;
    burst.last = at;
    clearTimeout(timer);
    timer = setTimeout(silence, SILENCE_MS);
  }

  function end(event) {
    clearTimeout(timer);
    if (isScanner()) {
      event.preventDefault();
      event.stopPropagation();
      const isWhole = event.timeStamp - burst.last <= GAP_MS && burst.first - looseAt > LOOSE_MS;
      looseAt = -Infinity;
      putBack();
      const code = burst.text.replaceAll("^]", GS);
      burst = null;
      if (isWhole) on.scan(code);
      else on.torn();
      return;
    }
    const wasTyped = burst !== null && !burst.field;
    release();
    looseAt = -Infinity;
    if (event.key === "Enter" && !isField(event.target) && (wasTyped || event.target === document.body)) {
      event.preventDefault();
      on.enter();
    }
  }

  function charOf(event) {
    if (event.key === "F8" || event.key === GS || (event.ctrlKey && (event.key === "]" || event.code === "BracketRight"))) return GS;
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    if (event.key.length === 1) return event.key;
    if (event.key !== "Process" && !event.isComposing) return null;
    const letter = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code);
    if (event.shiftKey && event.code in SHIFTED) return SHIFTED[event.code];
    if (letter) return event.shiftKey ? letter[1] : letter[1].toLowerCase();
    return PLAIN[event.code] ?? null;
  }

  addEventListener("keydown", (event) => {
    const isEnd = event.key === "Enter" || event.key === "Tab" || event.code === "NumpadEnter";
    if (tornSince !== null) {
      if (event.timeStamp - tornSince < REST_MS) {
        event.preventDefault();
        event.stopPropagation();
        tornSince = isEnd ? null : event.timeStamp;
        return;
      }
      tornSince = null;
    }
    if (isEnd) return end(event);
    // Some scanners type a control character as its number on the keypad, with Alt held down.
    if (event.altKey && /^Numpad\d$/.test(event.code)) {
      altDigits += event.code.slice(-1);
      event.preventDefault();
      return;
    }
    // Alone it presses the button; within a code it is one of its characters, and presses nothing.
    if (event.code === "Space" && isPressed(event.target) && !isRunning(event)) return release();
    const char = charOf(event);
    if (char !== null) {
      isSpaceOfCode = char === " " && isPressed(event.target);
      if (char === GS || isSpaceOfCode) event.preventDefault();
      take(char, event);
    } else if (event.key === "Backspace" && !isField(event.target)) {
      release();
      on.erase();
    } else if (!["Shift", "Control", "Alt", "AltGraph", "CapsLock", "Meta"].includes(event.key)) {
      // A key that is in no code: in the midst of one, the code can't be believed.
      if (isScanner() && event.timeStamp - burst.last <= GAP_MS) tear(event.timeStamp);
      else release();
    }
  }, { capture: true });

  addEventListener("keyup", (event) => {
    // Some browsers press a button when the key comes up.
    if (event.code === "Space" && isSpaceOfCode) event.preventDefault();
    if (event.key !== "Alt" || altDigits === "") return;
    take(String.fromCharCode(Number(altDigits) % 256), event);
    altDigits = "";
  }, { capture: true });
}
