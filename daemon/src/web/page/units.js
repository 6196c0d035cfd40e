// The list of units. Only as many rows as can be seen are in the document; each is written to only where it has changed.

import { state, dirty, number, choose, now } from "./state.js";
import { put, make, rate, rateInterval, celsius, rpm, watts, whole, age, counted, origin, NONE } from "./format.js";
import { begin, colour } from "./plot.js";

const list = document.getElementById("units");
const run = document.getElementById("run");
const pool = [];
let height = 62;
let first = -1;
/** Points of a spark line, one a second. */
const SPARK = 60;

export function setup() {
  list.addEventListener("scroll", () => { place(); }, { passive: true });
  list.addEventListener("click", (event) => {
    const row = event.target.closest(".unit");
    if (row) choose(row.name);
  });
  list.addEventListener("keydown", keys);
  new ResizeObserver(measure).observe(list);
  addEventListener("resize", measure);
  document.addEventListener("theme", () => pool.forEach((row) => { row.drawn = 0; }));
}

function keys(event) {
  const at = state.order.indexOf(state.chosen);
  const page = Math.max(1, Math.floor(list.clientHeight / height) - 1);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: state.order.length - 1 }[event.key];
  if (to === undefined || !state.order.length || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const next = Math.max(0, Math.min(state.order.length - 1, to));
  choose(state.order[next]);
  reveal(next);
}

function reveal(i) {
  if (i * height < list.scrollTop) list.scrollTop = i * height;
  else if ((i + 1) * height > list.scrollTop + list.clientHeight) list.scrollTop = (i + 1) * height - list.clientHeight;
  place();
}

/** Fits the list to its rows and the window to the list. */
function measure() {
  height = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 62;
  const phone = innerWidth < 1120;
  const room = phone ? Math.max(3 * height, innerHeight * 0.56) : Math.max(5 * height, innerHeight - 232);
  const wanted = `${Math.round(Math.min(state.order.length * height, room)) + 2}px`;
  if (list.style.height !== wanted) list.style.height = wanted;
  run.style.height = `${state.order.length * height}px`;
  const rows = Math.min(state.order.length, Math.ceil((parseFloat(wanted) || 0) / height) + 1);
  while (pool.length < rows) pool.push(row());
  while (pool.length > rows) pool.pop().element.remove();
  first = -1;
  place();
}

function row() {
  const element = make("div", "unit");
  element.setAttribute("role", "option");
  const parts = {};
  const title = make("div", "title");
  parts.label = make("span", "label");
  parts.health = make("span", "health");
  title.append(parts.label, parts.health);
  const about = make("div", "about");
  parts.origin = make("span", "origin");
  parts.about = make("span");
  about.append(parts.origin, parts.about);
  parts.spark = make("canvas");
  parts.spark.setAttribute("aria-hidden", "true");
  for (const name of ["rate", "interval", "heat", "watts", "fan", "age", "errors", "refused"]) parts[name] = make("div", name);
  element.append(title, about, parts.spark, parts.rate, parts.interval, parts.heat, parts.watts, parts.fan, parts.age, parts.errors, parts.refused);
  run.append(element);
  return { element, parts, at: -1, drawn: 0 };
}

/** Gives every row of the pool the unit that stands where it is. */
function place() {
  const from = Math.max(0, Math.min(Math.floor(list.scrollTop / height), state.order.length - pool.length));
  if (from === first) return;
  first = from;
  for (let i = from; i < from + pool.length; i++) {
    const one = pool[i % pool.length];
    if (one.at !== i || one.element.name !== state.order[i]) {
      one.at = i;
      one.drawn = 0;
      one.element.name = state.order[i];
      one.element.id = `unit-${i}`;
      one.element.style.transform = `translateY(${i * height}px)`;
      one.element.setAttribute("aria-posinset", i + 1);
      one.element.setAttribute("aria-setsize", state.order.length);
    }
    write(one);
  }
  active();
}

function active() {
  const at = state.order.indexOf(state.chosen);
  if (at >= first && at < first + pool.length) list.setAttribute("aria-activedescendant", `unit-${at}`);
  else list.removeAttribute("aria-activedescendant");
}

function write({ element, parts }) {
  const held = state.units.get(element.name);
  if (!held) return;
  const { info } = held;
  put(parts.label, info.name);
  if (parts.health.dataset.is !== info.health) parts.health.dataset.is = info.health;
  put(parts.health, info.health);
  if (parts.origin.dataset.is !== info.provenance) parts.origin.dataset.is = info.provenance;
  put(parts.origin, origin(info.provenance));
  const speed = info.speed === 1 ? "" : info.speed === null ? " · virtual time" : ` · time × ${info.speed}`;
  put(parts.about, `${info.model} · ${info.activity}${speed}`);
  const ghs = number(held, "hash_rate_ghs");
  put(parts.rate, rate(ghs));
  put(parts.interval, ghs === null ? "no shares" : rateInterval(ghs, number(held, "hash_rate_low_ghs"), number(held, "hash_rate_high_ghs")));
  const [fan, power] = [rpm(number(held, "slowest_fan_rpm")), watts(number(held, "watts"))];
  put(parts.heat, celsius(number(held, "hottest_celsius")));
  put(parts.fan, fan);
  put(parts.watts, power);
  const failed = number(held, "hardware_errors");
  const errors = failed === null ? NONE : `${whole(failed)} errors`;
  put(parts.errors, errors);
  // A stale share and a duplicate are refused too.
  const refused = ["stale", "duplicate", "refused"].map((name) => number(held, name));
  const lost = refused.includes(null) ? NONE : `${whole(refused[0] + refused[1] + refused[2])} refused`;
  put(parts.refused, lost);
  // A narrow window shows these behind others, by the style sheet.
  if (parts.errors.dataset.refused !== lost) parts.errors.dataset.refused = lost;
  if (parts.heat.dataset.fan !== fan) parts.heat.dataset.fan = fan;
  if (parts.heat.dataset.watts !== power) parts.heat.dataset.watts = power;
  const chosen = String(element.name === state.chosen);
  if (element.getAttribute("aria-selected") !== chosen) element.setAttribute("aria-selected", chosen);
}

/** Ages and spark lines, which change without a frame. */
export function tick() {
  const t = now();
  for (const held of state.units.values()) {
    if (t - held.sampled < 1000) continue;
    held.sampled = t;
    held.spark.push(number(held, "hash_rate_ghs") ?? NaN);
    if (held.spark.length > SPARK) held.spark.shift();
  }
  for (const one of pool) {
    const held = state.units.get(one.element.name);
    if (!held) continue;
    const read = number(held, "read_ms");
    put(one.parts.age, read === null ? NONE : age(t - read));
    if (one.drawn !== held.sampled) { one.drawn = held.sampled; spark(one.parts.spark, held.spark); }
  }
}

function spark(element, values) {
  if (!element.clientWidth) return;
  const view = begin(element);
  const seen = values.filter(Number.isFinite);
  if (seen.length < 2) return;
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  // At least a fifth of the rate from bottom to top: noise must not look like a storm.
  const middle = (low + high) / 2;
  const half = Math.max((high - low) / 2, Math.abs(middle) * 0.1, 1e-9) * 1.15;
  const { ctx, width, height } = view;
  ctx.strokeStyle = colour("ember");
  ctx.lineWidth = 1.5;
  ctx.lineJoin = "round";
  ctx.beginPath();
  let pen = false;
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) { pen = false; return; }
    const x = width - 2 - (values.length - 1 - i) * ((width - 4) / (SPARK - 1));
    const y = height / 2 - ((value - middle) / half) * (height / 2 - 2);
    if (pen) ctx.lineTo(x, y); else ctx.moveTo(x, y);
    pen = true;
  });
  ctx.stroke();
}

export function draw() {
  if (dirty.order) {
    measure();
    const how = {};
    for (const held of state.units.values()) how[held.info.provenance] = (how[held.info.provenance] ?? 0) + 1;
    put(document.getElementById("units-count"), state.order.length ? Object.entries(how).map(([name, n]) => `${counted(n, "unit")} ${origin(name)}`).join(", ") : "none configured");
  }
  for (const one of pool) if (dirty.units.has(one.element.name)) write(one);
  if (dirty.chosen) active();
}
