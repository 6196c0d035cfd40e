// What the daemon has said, and the connection to it.
//
// Frames only note numbers and which units they change; everything is drawn when the browser draws.

/** Columns of a frame's row, as the first snapshot names them. */
export const column = {};

export const state = {
  /** Names in the daemon's order. */
  order: [],
  /** By name: { info, numbers, spark }. */
  units: new Map(),
  proxy: null,
  jobs: [],
  shares: [],
  /** Shares a second of the last seconds: [second, count]. */
  missed: 0,
  shareCount: 0,
  version: "",
  started: null,
  chosen: null,
  /** "connecting", "live" or "lost". */
  link: "connecting",
  /** Daemon's clock minus this browser's, in ms. */
  offset: 0,
  /** When something last came, in this browser's ms. */
  heard: null,
  frames: 0,
  skipped: 0,
  revision: 0,
  rate: 60,
};

/** What has to be drawn again. */
export const dirty = { units: new Set(), order: true, chosen: true, proxy: true, jobs: true, shares: true, tiles: true };

/** Called with [name, old health, new health, why] of each change. */
export const listeners = { health: () => {}, link: () => {}, draw: () => {} };

/** The daemon's time, also while it cannot be heard. */
export const now = () => Date.now() + state.offset;
export const unit = (name) => state.units.get(name);

const SHARES = 4000;
let source = null;
let patience = 500;
let retry = 0;
let watchdog = 0;

/** Opens the stream, or opens it again for another unit or rate. */
export function open() {
  clearTimeout(retry);
  source?.close();
  const query = new URLSearchParams({ rate: String(state.rate), detail: state.chosen ?? "" });
  const stream = new EventSource(`/api/v1/stream?${query}`);
  source = stream;
  stream.addEventListener("snapshot", (event) => { heard(); snapshot(JSON.parse(event.data)); });
  stream.addEventListener("frame", (event) => { heard(); frame(JSON.parse(event.data)); });
  stream.addEventListener("shares", (event) => { heard(); shares(JSON.parse(event.data)); });
  stream.addEventListener("error", () => { if (source === stream) lost(); });
}

function heard() {
  state.heard = Date.now();
  patience = 500;
  if (state.link !== "live") { state.link = "live"; listeners.link(); }
  clearTimeout(watchdog);
  // The daemon sends a frame a second even when nothing has changed.
  watchdog = setTimeout(lost, 4000);
}

function lost() {
  source?.close();
  source = null;
  if (state.link !== "lost") { state.link = "lost"; listeners.link(); }
  clearTimeout(retry);
  clearTimeout(watchdog);
  retry = setTimeout(open, patience);
  patience = Math.min(5000, patience * 1.6);
  // Where the daemon asks for a token, and has come to do so, the page itself leads to the form.
  fetch("/api/v1/jobs").then((answer) => { if (answer.status === 401) location.reload(); }).catch(() => {});
}

function snapshot(event) {
  event.columns?.forEach((name, i) => { column[name] = i; });
  state.offset = event.at_ms - Date.now();
  state.revision = event.revision;
  state.version = event.version;
  state.started = event.started_ms;
  if (event.order.length !== state.order.length || event.order.some((name, i) => name !== state.order[i])) {
    state.order = event.order;
    const there = new Set(event.order);
    for (const name of state.units.keys()) if (!there.has(name)) state.units.delete(name);
    dirty.order = true;
  }
  for (const info of event.units) {
    const old = state.units.get(info.name);
    if (old) {
      if (old.info.health !== info.health) listeners.health(info.name, info.health, info.why);
      Object.assign(old.info, info);
    } else {
      state.units.set(info.name, { info, numbers: [], spark: [], sampled: 0 });
    }
    dirty.units.add(info.name);
    if (info.name === state.chosen) dirty.chosen = true;
  }
  if (state.chosen === null || !state.units.has(state.chosen)) choose(state.order[0] ?? null);
  state.proxy = event.proxy;
  state.jobs = event.jobs;
  dirty.proxy = dirty.jobs = dirty.tiles = true;
  listeners.draw();
}

function frame(event) {
  state.offset = event.at_ms - Date.now();
  state.frames += 1;
  state.skipped += event.skipped;
  // Rows refer to the order of the last snapshot.
  if (event.revision !== state.revision) return;
  for (const row of event.units) {
    const name = state.order[row[0]];
    const held = state.units.get(name);
    if (!held) continue;
    held.numbers = row.slice(1);
    dirty.units.add(name);
  }
  if (event.units.length) { dirty.tiles = true; listeners.draw(); }
}

function shares(event) {
  state.shares.push(...event.shares);
  if (state.shares.length > SHARES) state.shares.splice(0, state.shares.length - SHARES);
  state.missed += event.missed;
  state.shareCount += event.shares.length + event.missed;
  dirty.shares = true;
  listeners.draw();
}

/** The number of a unit called `name` in the frames; null while not known. */
export const number = (held, name) => held?.numbers[column[name]] ?? null;

/** Looks at another unit. */
export function choose(name) {
  if (name === state.chosen) return;
  for (const one of [state.chosen, name]) if (one) dirty.units.add(one);
  state.chosen = name;
  dirty.chosen = true;
  open();
  listeners.draw();
}

/** Frames a second from now on. */
export function pace(rate) {
  if (rate !== state.rate) { state.rate = rate; open(); }
}
