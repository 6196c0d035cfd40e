// Brings the parts together: one drawing a frame of the browser, of what has changed.

import { state, dirty, listeners, open, pace, now } from "./state.js";
import { put, span, whole } from "./format.js";
import * as units from "./units.js";
import * as detail from "./detail.js";
import * as rack from "./rack.js";

const at = (id) => document.getElementById(id);
const parts = [units, detail, rack];
const still = matchMedia("(prefers-reduced-motion: reduce)");
let slow = 0;
let second = 0;
let frames = 0;

/** Frames a second to ask for. */
const wanted = () => (document.hidden ? 1 : still.matches ? 4 : 60);

function draw(t) {
  for (const part of parts) part.draw();
  dirty.units.clear();
  for (const key of ["order", "chosen", "proxy", "jobs", "shares", "tiles"]) dirty[key] = false;
  rack.tick(t);
  if (t - slow > 200) {
    slow = t;
    units.tick();
    detail.tick();
    link();
  }
  if (t - second > 1000) {
    frames = state.frames - (draw.last ?? 0);
    draw.last = state.frames;
    second = t;
    rack.second();
  }
  requestAnimationFrame(draw);
}

/** How the connection is. */
function link() {
  at("link").dataset.state = state.link;
  const old = state.heard === null ? null : Date.now() - state.heard;
  if (state.link === "live") {
    const skipped = state.skipped ? `, ${whole(state.skipped)} skipped` : "";
    put(at("link-text"), innerWidth < 620 ? "live" : `live, ${frames} updates/s${skipped}`);
  } else {
    put(at("link-text"), state.link === "lost" ? "connection lost" : "connecting");
  }
  const alarm = at("alarm");
  alarm.hidden = state.link !== "lost";
  document.body.classList.toggle("off", state.link === "lost");
  // The alert is read out when it comes; the age beside it, which changes all the time, is not.
  put(at("alarm-what"), state.link === "lost" ? "No connection to the daemon. Trying again by itself." : "");
  put(at("alarm-age"), state.link !== "lost" ? "" : old === null ? "Nothing has come yet." : `What is shown is ${span(old)} old.`);
  const up = state.started === null ? "" : `, up ${span(now() - state.started)}`;
  put(at("version"), state.version ? `version ${state.version}${up}` : "");
}

/** Changes of health, gathered for half a second, for those who do not see them. */
let news = new Map();
let telling = 0;
listeners.health = (name, health, why) => {
  news.set(name, `${name} is ${health}${why ? `: ${why}` : ""}`);
  clearTimeout(telling);
  telling = setTimeout(() => {
    const all = [...news.values()];
    put(at("news"), all.length > 5 ? `${all.slice(0, 4).join(". ")}. And ${all.length - 4} more.` : all.join(". "));
    news = new Map();
  }, 500);
};
listeners.link = link;

for (const part of parts) part.setup();
state.rate = wanted();
document.addEventListener("visibilitychange", () => pace(wanted()));
still.addEventListener("change", () => pace(wanted()));
open();
requestAnimationFrame(draw);
