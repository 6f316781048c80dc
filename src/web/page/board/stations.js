// Stations, in one line each with the last answer below: who, on what, how many.
import { element, grouped, plantClock, say } from "../shell.js";

const MARKS = { ok: "✔", ask: "?", dup: "⧉", err: "✖" };

export function stationRows(now, stations) {
  return stations.map(([id, station]) => {
    const feedback = station.last_feedback;
    const said = feedback ? `${MARKS[feedback.kind] ?? "·"} ${plantClock(now, feedback.at, false)} ${feedback.message}` : "";
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
  const below = [station.order_no && (station.process_name || station.process_code), said].filter(Boolean).join(" · ");
  const bad = Number(station.unqualified_quantity) > 0 ? ` · ${grouped(station.unqualified_quantity)} ${say("defective")}` : "";
  return element("li", "station-row", link,
    element("p", who ? "job" : "job quiet", who ? `${who} · ${job}` : say("nobody")),
    element("p", "count figures", ...(station.order_no ? [grouped(station.qualified_quantity), element("small", "quiet", ` ${say("good")}${bad}`)] : [])),
    below ? element("p", "said figures", below) : null);
}
