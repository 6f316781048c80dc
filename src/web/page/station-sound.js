// An answer can be heard: one high tone (saved), two (a question), three low ones (refused), one long low one (seen before),
// a faint tick (not saved yet). Browsers let a page sound only after it was touched once.

// Frequency in Hz, length and pause in seconds, for each tone.
const TONES = {
  ok: [[1320, 0.14, 0]],
  ask: [[880, 0.12, 0.09], [880, 0.12, 0]],
  err: [[220, 0.16, 0.07], [220, 0.16, 0.07], [220, 0.3, 0]],
  dup: [[330, 0.55, 0]],
  wait: [[600, 0.04, 0]],
};
const SHAPES = { err: "square", dup: "triangle", wait: "triangle" };
const LOUD = 0.25;

let audio = null;

export const canSound = () => audio !== null && audio.state === "running";

export async function allowSound() {
  audio ??= new AudioContext();
  if (audio.state !== "running") await audio.resume();
}

export function sound(kind) {
  if (!canSound()) return;
  let at = audio.currentTime + 0.01;
  for (const [frequency, length, pause] of TONES[kind]) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.type = SHAPES[kind] ?? "sine";
    tone.frequency.value = frequency;
    // Without a ramp the ends of a tone click.
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUD, at + 0.01);
    volume.gain.setValueAtTime(LOUD, at + length - 0.015);
    volume.gain.linearRampToValueAtTime(0, at + length);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + length);
    at += length + pause;
  }
}
