// The rack as a whole: totals, shares as they come, the proxy, the queue.

import { state, dirty, number, now } from "./state.js";
import { put, make, rateParts, rateInterval, celsius, whole, watts, fixed, percent, time, date, counted, significant, origin, algorithm, NONE } from "./format.js";
import { begin, axes, ticks, colour, canvas } from "./plot.js";

const at = (id) => document.getElementById(id);
const tiles = {};
const rows = [];
const ROWS = 9;
/** Seconds of the picture of shares. */
const SECONDS = 30;
let counts = [];
const still = matchMedia("(prefers-reduced-motion: reduce)");
let rained = 0;

export function setup() {
  for (const name of ["Hash rate", "Other hash rate", "Units well", "Hottest", "Power", "Shares", "Hardware errors"]) {
    const box = make("div", "tile");
    const big = make("p", "big");
    const one = { box, name: make("p", "name", name), value: make("span"), unit: make("small"), below: make("p", "below") };
    big.append(one.value, one.unit);
    box.append(one.name, big, one.below);
    at("tiles").append(box);
    tiles[name] = one;
  }
  for (let i = 0; i < ROWS; i++) {
    const tr = make("tr");
    const cells = ["", "", "n", "mono", "n", "n", "verdict-word"].map((name) => make("td", name));
    tr.append(...cells);
    at("shares").append(tr);
    rows.push(cells);
  }
  canvas(at("rain"), rain);
  at("submit").addEventListener("submit", submit);
}

function tile(name, value, unit, below) {
  put(tiles[name].value, value);
  put(tiles[name].unit, unit);
  put(tiles[name].below, below);
}

/** Hash rates, an algorithm a tile: a hash of one is no hash of another. */
function hashRates(sums) {
  const all = [...sums];
  ["Hash rate", "Other hash rate"].forEach((place, i) => {
    tiles[place].box.hidden = i > 0 && i >= all.length;
    const [of, it] = all[i] ?? [];
    put(tiles[place].name, all.length > 1 ? `Hash rate, ${algorithm(of)}` : "Hash rate");
    const [value, unit] = rateParts(it ? it.sum : null);
    tile(place, value, unit, it ? `${rateInterval(it.sum, it.sum - Math.sqrt(it.down), it.sum + Math.sqrt(it.up))} 95 %, ${[...it.from].map(origin).sort().join(" and ")}` : "no shares yet");
  });
}

function totals() {
  let [power, powered, errors, counting] = [0, 0, 0, 0];
  const share = { accepted: 0, stale: 0, duplicate: 0, refused: 0 };
  let hottest = null;
  let where = "";
  const health = {};
  const sums = new Map();
  for (const [name, held] of state.units) {
    const get = (column) => number(held, column);
    const ghs = get("hash_rate_ghs");
    if (ghs !== null) {
      const it = sums.get(held.info.algorithm) ?? { sum: 0, down: 0, up: 0, from: new Set() };
      it.sum += ghs;
      // Independent counts: the half-widths add as their squares (Zou and Donner 2008).
      it.down += (ghs - get("hash_rate_low_ghs")) ** 2;
      it.up += (get("hash_rate_high_ghs") - ghs) ** 2;
      it.from.add(held.info.provenance);
      sums.set(held.info.algorithm, it);
    }
    const heat = get("hottest_celsius");
    if (heat !== null && (hottest === null || heat > hottest)) { hottest = heat; where = name; }
    if (get("watts") !== null) { power += get("watts"); powered += 1; }
    if (get("hardware_errors") !== null) { errors += get("hardware_errors"); counting += 1; }
    for (const key of Object.keys(share)) share[key] += get(key) ?? 0;
    health[held.info.health] = (health[held.info.health] ?? 0) + 1;
  }
  const n = state.units.size;
  hashRates(sums);
  const others = Object.entries(health).filter(([is]) => is !== "well").map(([is, k]) => `${k} ${is}`).join(", ");
  tile("Units well", whole(health.well ?? 0), `of ${whole(n)}`, others || (n ? "all of them" : "none configured"));
  tile("Hottest", hottest === null ? NONE : fixed(hottest, 1), hottest === null ? "" : "°C", where || "no reading");
  const [kilo, name] = power >= 1e4 ? [power / 1000, "kW"] : [power, "W"];
  tile("Power", powered ? significant(kilo, 4) : NONE, powered ? name : "", powered ? `measured by ${powered} of ${counted(n, "unit")}` : "no unit measures it");
  const all = share.accepted + share.stale + share.duplicate + share.refused;
  tile("Shares", whole(share.accepted), "accepted", all ? `${percent((all - share.accepted) / all)} of ${whole(all)} not` : "none yet");
  tile("Hardware errors", counting ? whole(errors) : NONE, "", counting ? `counted by ${counting} of ${counted(n, "unit")}` : "no unit counts them");
}

function stream() {
  const last = state.shares;
  for (let i = 0; i < ROWS; i++) {
    const share = last[last.length - 1 - i];
    const cells = rows[i];
    const text = share
      ? [time(share.at_ms), share.unit, share.interval_ms === null ? NONE : fixed(share.interval_ms, 1), share.nonce.toString(16).padStart(8, "0"), significant(share.difficulty, 4), share.chip ?? NONE, share.verdict]
      : ["", "", "", "", "", "", ""];
    text.forEach((words, k) => put(cells[k], String(words)));
    const is = share?.verdict ?? "";
    if (cells[6].dataset.is !== is) cells[6].dataset.is = is;
  }
}

/** Every share of the last half minute: when, of which unit, what it was worth. */
function rain() {
  const view = begin(at("rain"));
  if (view.width < 80) return;
  const n = Math.max(1, state.order.length);
  const { px, py, box } = axes(view, {
    x: [-SECONDS, 0], y: [n, 0], xs: ticks(-SECONDS, 0, view.width / 110), ys: [], xname: "seconds ago → now, s", yname: `unit, in the order of the list (${whole(n)})`,
  });
  const place = new Map(state.order.map((name, i) => [name, i]));
  const size = Math.max(2, Math.min(9, (box.bottom - box.top) / n - 1));
  const t = now();
  const { ctx } = view;
  for (const [kind, name] of [["accepted", "blue"], ["", "lost"]]) {
    ctx.fillStyle = colour(name);
    for (let i = state.shares.length - 1; i >= 0; i--) {
      const share = state.shares[i];
      const ago = (share.at_ms - t) / 1000;
      if (ago < -SECONDS) break;
      if ((share.verdict === "accepted") !== (kind === "accepted")) continue;
      const row = place.get(share.unit);
      if (row === undefined) continue;
      ctx.globalAlpha = 0.35 + 0.65 * (1 + ago / SECONDS);
      ctx.fillRect(px(Math.min(0, ago)) - 1, py(row + 0.5) - size / 2, kind ? 2 : 3, size);
    }
  }
  ctx.globalAlpha = 1;
}

/** What moves by itself. */
export function tick(t) {
  // With less motion, once a second; and never what cannot be seen.
  if (t - rained < (still.matches ? 1000 : 33)) return;
  const box = at("rain").getBoundingClientRect();
  if (box.bottom < 0 || box.top > innerHeight) return;
  rained = t;
  rain();
}

/** Once a second: shares a second over the last ten. */
export function second() {
  counts.push(state.shareCount);
  if (counts.length > 11) counts = counts.slice(-11);
  const per = (counts[counts.length - 1] - counts[0]) / Math.max(1, counts.length - 1);
  const missed = state.missed ? `; ${whole(state.missed)} not shown since they came too fast` : "";
  put(at("shares-rate"), counts.length > 1 ? `${fixed(per, 1)} shares/s over ${counts.length - 1} s${missed}` : "");
}

function proxy() {
  const place = at("proxy");
  const { proxy: it } = state;
  const text = JSON.stringify(it);
  if (place.said === text) return;
  place.said = text;
  put(at("proxy-listen"), it ? it.listen : "");
  if (!it) {
    place.replaceChildren(make("p", "none", "No proxy runs."));
    return;
  }
  const idle = make("div", "idle");
  const most = Math.max(it.waiting ?? 0, it.waiting_without ?? 0, 1e-9);
  for (const [name, value, which] of [["Idle before, no queued work", it.waiting_without, "before"], ["Idle after, this proxy", it.waiting, "after"]]) {
    const row = make("div", "row");
    row.append(make("span", "", name), make("b", "", percent(value)));
    const meter = make("div", `meter ${which}`);
    const bar = make("i");
    bar.style.transform = `scaleX(${(value ?? 0) / most})`;
    meter.append(bar);
    const box = make("div");
    box.append(row, meter);
    idle.append(box);
  }
  idle.append(make("p", "quiet", "Share of the connected time that units wait for work; the first as computed from each job’s latency to the pool."));
  const list = make("dl", "facts");
  const add = (name, value, below = "") => {
    const box = make("div");
    const dd = make("dd", "", value);
    dd.append(make("small", "", below));
    box.append(make("dt", "", name), dd);
    list.append(box);
  };
  const [sent, accepted, refused] = it.forwarded;
  add("Pool", it.pool ?? "none answers");
  add("Units connected", whole(it.units));
  add("Shares accepted", whole(it.shares.accepted), `${whole(it.shares.stale)} stale, ${whole(it.shares.duplicate)} duplicate, ${whole(it.shares.refused)} refused`);
  add("Handed to the pool", whole(sent), `${whole(accepted)} accepted, ${whole(refused)} refused`);
  place.replaceChildren(idle, list);
}

function queue() {
  const place = at("queue");
  const text = JSON.stringify(state.jobs);
  if (place.said === text) return;
  place.said = text;
  const waiting = state.jobs.filter((job) => job.progress === "waiting").length;
  const running = state.jobs.filter((job) => job.progress === "running").length;
  put(at("queue-count"), `${running} running, ${waiting} waiting`);
  if (!state.jobs.length) {
    place.replaceChildren(make("p", "none", "No experiments wait."));
    return;
  }
  const focus = document.activeElement?.dataset?.job;
  place.replaceChildren(...state.jobs.map((job) => {
    const box = make("div", "job");
    box.append(make("p", "mono", job.command));
    const due = job.due_ms ? `, due ${date(job.due_ms)}` : "";
    const steps = job.steps ? `, ${whole(job.steps[0])} of ${counted(job.steps[1], "step")}` : "";
    const outcome = job.outcome ? `: ${job.outcome}` : "";
    box.append(make("p", "quiet", `#${job.id}${job.unit ? ` on ${job.unit}` : ""}: ${job.progress}${steps}${due}${outcome}`));
    if (job.progress === "waiting" || job.progress === "running") {
      const button = make("button", "plain small", "Cancel");
      button.type = "button";
      button.dataset.job = job.id;
      button.setAttribute("aria-label", `Cancel experiment ${job.id}`);
      button.addEventListener("click", () => cancel(job.id));
      box.append(button);
    }
    if (job.progress === "running" && job.steps) {
      const progress = make("progress");
      [progress.value, progress.max] = job.steps;
      progress.setAttribute("aria-label", `Steps of experiment ${job.id}`);
      box.append(progress);
    }
    return box;
  }));
  if (focus) place.querySelector(`[data-job="${focus}"]`)?.focus();
}

async function ask(path, options) {
  try {
    const answer = await fetch(path, options);
    if (answer.ok) return null;
    const { what, fix } = await answer.json();
    return `${what}: ${fix}.`;
  } catch {
    return "The daemon does not answer: try again when the connection is back.";
  }
}

async function cancel(id) {
  put(at("submit-said"), (await ask(`/api/v1/jobs/${id}`, { method: "DELETE" })) ?? `Experiment ${id} is being cancelled.`);
}

async function submit(event) {
  event.preventDefault();
  const command = at("command").value.trim();
  const problem = await ask("/api/v1/jobs", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ command, unit: state.chosen ?? "" }) });
  put(at("submit-said"), problem ?? "It is in the queue.");
  if (!problem) at("command").value = "";
}

export function draw() {
  if (dirty.tiles) totals();
  if (dirty.shares) stream();
  if (dirty.proxy) proxy();
  if (dirty.jobs) queue();
}
