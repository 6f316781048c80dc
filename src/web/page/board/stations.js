// Stations, in one line each with the last answer below: who, on what, how many.
import { element, grouped, plantClock, say, worded } from "../shell.js";

const SHAPES = { ok: "✔", ask: "?", dup: "=", err: "✖" };

export function stationRows(now, stations) {
  return stations.map(([id, station]) => {
    const feedback = station.last_feedback;
    const said = feedback ? `${SHAPES[feedback.kind] ?? "·"} ${plantClock(now, feedback.at, false)} ${worded(feedback)}` : "";
    const sign = [say("stations"), station.worker_name, station.worker_no, station.order_no, station.process_name, station.qualified_quantity, station.unqualified_quantity, said, station.unverified].join("|");
    return [id, sign, () => row(id, station, said)];
  });
}

function row(id, station, said) {
  const link = element("a", "", id);
  link.href = `/station/${encodeURIComponent(id)}`;
  const who = station.worker_no ? station.worker_name || station.worker_no : null;
  const doubt = station.unverified ? ` (${say("unverified")})` : "";
  const job = station.order_no ? `${station.order_no}${doubt}` : say("noOrder");
  const bad = Number(station.unqualified_quantity) > 0 ? say("defective", grouped(station.unqualified_quantity)) : null;
  const below = [station.order_no && (station.process_name || station.process_code), bad, said].filter(Boolean).join(" · ");
  return element("li", "station-row", link,
    element("p", who ? "job" : "job quiet", who ? `${who} · ${job}` : say("nobody")),
    element("p", "count figures", ...(station.order_no ? [grouped(station.qualified_quantity), element("small", "quiet", ` ${say("good")}`)] : [])),
    below ? element("p", "said figures", below) : null);
}
