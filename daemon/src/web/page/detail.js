// The unit that is looked at.

import { state, dirty, number, now } from "./state.js";
import { put, make, rate, rateInterval, celsius, rpm, watts, whole, age, estimate, fixed, percent, counted, significant, origin, NONE } from "./format.js";
import { begin, axes, ticks, decades, line, colour, canvas } from "./plot.js";

const at = (id) => document.getElementById(id);
const facts = new Map();
let shown = null;
let described = 0;

export function setup() {
  canvas(at("task-plot"), () => task(held()?.info));
  canvas(at("waits-plot"), () => waits(held()?.info));
}

const held = () => state.units.get(state.chosen);

/** A term and its value in a list of facts; made once, then only its text changes. */
function fact(list, name, value, below = "") {
  const key = `${list.id} ${name}`;
  let one = facts.get(key);
  if (!one) {
    one = { box: make("div"), dd: make("dd"), value: make("span"), below: make("small") };
    one.box.append(make("dt", "", name), one.dd);
    one.dd.append(one.value, one.below);
    list.append(one.box);
    facts.set(key, one);
  }
  put(one.value, value);
  put(one.below, below);
  one.seen = true;
}

/** Takes away the facts of `list` that have not been said since the last time. */
function settle(list) {
  for (const [key, one] of facts) {
    if (!key.startsWith(`${list.id} `)) continue;
    if (one.seen) one.seen = false;
    else { one.box.remove(); facts.delete(key); }
  }
}

export function draw() {
  const unit = held();
  if (!unit) {
    if (dirty.order) nothing();
    return;
  }
  if (dirty.chosen || dirty.units.has(state.chosen)) numbers(unit);
  if (dirty.chosen) {
    if (shown !== state.chosen) { shown = state.chosen; described = 0; }
    const { info } = unit;
    head(info);
    task(info);
    waits(info);
    board(info);
    verdict(info);
    filter(info);
    if (performance.now() - described > 1000) { described = performance.now(); describe(info); }
  }
}

function nothing() {
  put(at("unit-name"), "No unit");
  put(at("task-none"), "Units appear here as soon as the configuration names one.");
  at("task-none").hidden = false;
}

function head(info) {
  put(at("unit-name"), info.name);
  const tags = at("unit-tags");
  const text = [info.model, info.provenance, info.health, info.activity, info.speed].join("|");
  if (tags.said !== text) {
    tags.said = text;
    const health = make("span", "health", info.health);
    health.dataset.is = info.health;
    const tag = make("span", "tag", origin(info.provenance));
    tag.dataset.is = info.provenance;
    tags.replaceChildren(health, tag, make("span", "", info.model), make("span", "", info.activity));
    if (info.speed !== 1) tags.append(make("span", "", info.speed === null ? "virtual time" : `its time runs ${info.speed} times as fast`));
  }
  const why = [info.why, info.doubt && `Unverified device: ${info.doubt}`].filter(Boolean).join(". ");
  at("unit-why").hidden = !why;
  put(at("unit-why"), why);
  put(at("submit-unit"), info.name);
}

function numbers(unit) {
  const { info } = unit;
  const get = (name) => number(unit, name);
  const list = at("unit-facts");
  const ghs = get("hash_rate_ghs");
  const n = get("hash_rate_n");
  fact(list, "Hash rate, last minute", rate(ghs), ghs === null ? "no shares yet" : `${rateInterval(ghs, get("hash_rate_low_ghs"), get("hash_rate_high_ghs"))} 95 %, n = ${whole(n)}`);
  const expected = get("expected_ghs");
  if (expected !== null) fact(list, "Expected at its duty", rate(expected), `all chips at their clock, duty ${percent(get("duty"), 0)}`);
  fact(list, "Claimed by the unit", rate(get("claimed_ghs")), get("claimed_ghs") === null ? "it claims none" : "not checked");
  fact(list, "Power", watts(get("watts")), get("watts") === null ? "not measured" : ghs ? `${significant((get("watts") / ghs) * 1000, 3)} J/TH` : "");
  const total = ["accepted", "stale", "duplicate", "refused"].map(get);
  fact(list, "Shares accepted", whole(total[0]), `${whole(total[1])} stale, ${whole(total[2])} duplicate, ${whole(total[3])} refused`);
  fact(list, "Hardware errors", whole(get("hardware_errors")), get("hardware_errors") === null ? "it counts none" : "counted by the unit");
  for (const one of info.temperatures) fact(list, `Temperature ${one.name}`, celsius(one.value));
  for (const one of info.fans) fact(list, `Fan ${one.name}`, rpm(one.value));
  ages(unit, list);
  settle(list);
}

function ages(unit, list) {
  const read = number(unit, "read_ms");
  fact(list, "Last read", read === null ? "never" : age(now() - read));
}

/** What changes without a frame. */
export function tick() {
  const unit = held();
  if (unit) { ages(unit, at("unit-facts")); facts.get("unit-facts Last read").seen = false; }
}

function task(info) {
  const learning = info?.learning;
  const none = at("task-none");
  for (const id of ["task-plot", "task-legend", "task-scores"]) at(id).hidden = !learning;
  none.hidden = Boolean(learning);
  if (!learning) {
    put(at("task-title"), "Task");
    put(at("task-step"), "");
    put(none, "This unit is not driven with a task now.");
    return;
  }
  put(at("task-title"), `Task: ${learning.task}`);
  put(at("task-step"), `step ${whole(learning.step)}`);
  const { target, prediction } = learning;
  const view = begin(at("task-plot"));
  const all = [...target, ...prediction].filter(Number.isFinite);
  if (all.length > 1 && view.width > 60) {
    let [low, high] = [Math.min(...all), Math.max(...all)];
    const pad = (high - low || 1) * 0.06;
    [low, high] = [low - pad, high + pad];
    const from = learning.step - target.length + 1;
    const x = [from, Math.max(from + 1, learning.step)];
    const { px, py } = axes(view, { x, y: [low, high], xs: ticks(x[0], x[1], view.width / 90), ys: ticks(low, high, 4), xname: "step", yname: "value (no unit)" });
    const points = (values) => values.map((value, i) => [px(from + i), py(value ?? NaN)]);
    line(view.ctx, points(target), colour("blue"), { width: 1.75 });
    line(view.ctx, points(prediction), colour("ember"), { width: 2, dash: [5, 3] });
  }
  const scores = at("task-scores");
  const score = (name, e) => fact(scores, name, estimate(e), e ? `95 % interval, n = ${counted(e.n, "step")}, ${origin(info.provenance)}` : "too few steps yet");
  score("NRMSE of this unit", learning.nrmse);
  score("NRMSE, control: current input alone", learning.control);
  fact(scores, "Against the control", against(learning));
  settle(scores);
}

/** What the two intervals allow to be said. */
function against({ nrmse, control }) {
  if (!nrmse || !control) return NONE;
  if (nrmse.high < control.low) return "better: the intervals lie apart";
  if (nrmse.low > control.high) return "worse: the intervals lie apart";
  return "not told apart: the intervals overlap";
}

function waits(info) {
  const plot = at("waits-plot");
  const intervals = info?.intervals;
  const view = begin(plot);
  if (!intervals || !intervals.counts.length) {
    view.ctx.fillStyle = colour("quiet");
    view.ctx.textAlign = "center";
    view.ctx.fillText("too few shares yet", view.width / 2, view.height / 2);
    put(at("waits-law"), "");
    return;
  }
  const { edges_ms: edges, counts, expected } = intervals;
  const log = edges[0] > 0 && edges[edges.length - 1] / edges[0] > 50;
  const x = [edges[0], edges[edges.length - 1]];
  const high = Math.max(...counts, ...expected, 1) * 1.08;
  if (view.width > 60) {
    const { px, py, box } = axes(view, { x, y: [0, high], xs: log ? decades(...x) : ticks(...x, view.width / 70), ys: ticks(0, high, 4), xname: log ? "Δt, ms (logarithmic)" : "Δt, ms", yname: "intervals in the bin" , log });
    const { ctx } = view;
    ctx.fillStyle = colour("bar");
    counts.forEach((n, i) => {
      const [a, b] = [px(edges[i]), px(edges[i + 1])];
      ctx.fillRect(a + 0.5, py(n), Math.max(1, b - a - 1), box.bottom - py(n));
    });
    const middle = (i) => (log ? Math.sqrt(edges[i] * edges[i + 1]) : (edges[i] + edges[i + 1]) / 2);
    line(ctx, expected.map((n, i) => [px(middle(i)), py(n)]), colour("ember"), { width: 2 });
  }
  const n = counts.reduce((a, b) => a + b, 0);
  const fit = intervals.p === null ? "too few to test the fit" : `misfit as large by chance: p = ${intervals.p < 0.001 ? "< 0.001" : fixed(intervals.p, 3)}`;
  put(at("waits-law"), `Line: ${intervals.law}; n = ${whole(n)}, ${origin(info.provenance)}; ${fit}.`);
}

function board(info) {
  const map = at("board");
  const { board: chips } = info;
  if (!chips || !chips.counts.length) {
    if (map.said !== "") { map.said = ""; map.replaceChildren(make("p", "none", "The nonces do not say which chip found them, or there are none yet.")); map.style.gridTemplateColumns = "1fr"; }
    put(at("board-verdict"), "");
    put(at("board-n"), "");
    map.removeAttribute("aria-label");
    map.removeAttribute("role");
    return;
  }
  const count = chips.counts.length;
  const across = Math.min(count, count > 40 ? 9 : Math.ceil(Math.sqrt(count * 1.6)));
  if (map.said !== count) {
    map.said = count;
    map.style.gridTemplateColumns = `repeat(${across}, minmax(0, 1fr))`;
    map.replaceChildren(...chips.counts.map(() => make("div", "chip")));
  }
  const most = Math.max(...chips.counts, 1);
  const marked = new Set(chips.marked);
  chips.counts.forEach((n, i) => {
    const cell = map.children[i];
    put(cell, whole(n));
    const heat = String(Math.round((n / most) * 46));
    if (cell.heat !== heat) { cell.heat = heat; cell.style.setProperty("--heat", heat); }
    cell.classList.toggle("marked", marked.has(i));
    const title = `chip ${i}: ${counted(n, "share")}`;
    if (cell.title !== title) cell.title = title;
  });
  const total = chips.counts.reduce((a, b) => a + b, 0);
  put(at("board-n"), `${counted(count, "chip")}, n = ${counted(total, "share")}, ${origin(info.provenance)}`);
  put(at("board-verdict"), chips.verdict);
}

function verdict(info) {
  const place = at("verdict");
  const { verdict: made } = info;
  const text = JSON.stringify(made ?? null);
  if (place.said === text) return;
  place.said = text;
  put(at("verdict-what"), made?.title ?? "");
  if (!made) {
    place.replaceChildren(make("p", "none", "No experiment has ended on this unit yet. Add one to the queue."));
    return;
  }
  const high = Math.max(...made.rows.map((row) => row.score.high), 1e-9) * 1.05;
  const table = make("table", "fold");
  table.innerHTML = '<thead><tr><th scope="col">condition or control</th><th scope="col" class="n">NRMSE [95 %]</th><th scope="col" class="spare"><span class="unseen">interval</span></th><th scope="col" class="n spare">features</th><th scope="col" class="n spare">n</th><th scope="col" class="n spare">seed</th><th scope="col">provenance</th></tr></thead>';
  const body = make("tbody");
  for (const row of made.rows) {
    const line = make("tr");
    const name = make("th", "", row.name);
    name.scope = "row";
    name.append(make("small", "narrow", `${counted(row.features, "feature")}, n = ${whole(row.score.n)}, seed ${row.seed}`));
    const bar = make("td", "spare");
    bar.append(whisker(row.score, high));
    line.append(name, make("td", "n", estimate(row.score)), bar, make("td", "n spare", whole(row.features)), make("td", "n spare", whole(row.score.n)), make("td", "n spare", String(row.seed)), make("td", "", origin(row.provenance)));
    body.append(line);
  }
  table.append(body);
  place.replaceChildren(table, make("p", "sentence", made.sentence));
}

const SVG = "http://www.w3.org/2000/svg";
/** An estimate and its interval on a scale from 0 to `high`. */
function whisker({ value, low, high: top }, high) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "whisker");
  svg.setAttribute("viewBox", "0 0 100 14");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const add = (name, from) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, to] of Object.entries(from)) element.setAttribute(key, to);
    svg.append(element);
  };
  const x = (v) => (100 * v) / high;
  add("line", { x1: 0, x2: 100, y1: 7, y2: 7, stroke: "var(--line)", "vector-effect": "non-scaling-stroke" });
  add("line", { x1: x(low), x2: x(top), y1: 7, y2: 7, stroke: "var(--ember)", "stroke-width": 5, "stroke-opacity": 0.42, "vector-effect": "non-scaling-stroke" });
  add("line", { x1: x(value), x2: x(value), y1: 1, y2: 13, stroke: "var(--ember)", "stroke-width": 2.5, "vector-effect": "non-scaling-stroke" });
  return svg;
}

function filter(info) {
  const place = at("tpf");
  const { tpf } = info;
  const text = JSON.stringify(tpf ?? null);
  if (place.said === text) return;
  place.said = text;
  if (!tpf) {
    place.replaceChildren(make("p", "none", "No probability filter has run on this unit."));
    return;
  }
  const list = make("dl", "facts");
  const add = (name, value, below) => {
    const box = make("div");
    const dd = make("dd", "", value);
    dd.append(make("small", "", below));
    box.append(make("dt", "", name), dd);
    list.append(box);
  };
  add("Trials kept", percent(tpf.keep), origin(info.provenance));
  add("Successes kept (recall)", estimate(tpf.recall), tpf.recall ? `95 % exact, n = ${whole(tpf.recall.n)}` : "not identified: no successes");
  add("Cost of a found share", tpf.cost ? `${estimate(tpf.cost)} ×` : NONE, tpf.cost ? `of the cost without a filter, n = ${whole(tpf.cost.n)}` : "not identified");
  place.replaceChildren(list, make("p", "sentence", tpf.sentence));
}

/** The plots in words. */
function describe(info) {
  const { learning, intervals, board: chips } = info;
  if (learning) at("task-plot").setAttribute("aria-label", `Target and prediction of ${learning.task}, the last ${counted(learning.target.length, "step")}; NRMSE ${estimate(learning.nrmse)}, control ${estimate(learning.control)}`);
  at("waits-plot").setAttribute("aria-label", intervals ? `Histogram of the time between shares; ${intervals.law}` : "Histogram of the time between shares: too few yet");
  if (chips?.counts.length) {
    at("board").setAttribute("role", "img");
    at("board").setAttribute("aria-label", `Shares by chip: ${counted(chips.counts.length, "chip")}, from ${whole(Math.min(...chips.counts))} to ${counted(Math.max(...chips.counts), "share")}`);
  }
}
