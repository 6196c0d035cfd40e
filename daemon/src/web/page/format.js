// Numbers as text, always with their unit. What is not known is an en dash.

export const NONE = "–";
const known = (x) => x !== null && x !== undefined && Number.isFinite(x);

/** Digits after the point that leave `digits` significant ones. */
const places = (x, digits) => Math.max(0, Math.min(6, digits - 1 - Math.floor(Math.log10(Math.abs(x) || 1))));

/** Thousands apart by a narrow space. */
export function whole(x) {
  if (!known(x)) return NONE;
  return Math.round(x).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** With so many digits, and never as "-0.00". */
const text = (x, digits) => x.toFixed(digits).replace(/^-(0(\.0+)?)$/, "$1");

export const fixed = (x, digits) => (known(x) ? text(x, digits) : NONE);
export const significant = (x, digits) => (known(x) ? text(x, places(x, digits)) : NONE);

const SCALES = [[1e6, "PH/s"], [1e3, "TH/s"], [1, "GH/s"], [1e-3, "MH/s"], [1e-6, "kH/s"]];
const scale = (ghs) => SCALES.find(([size]) => Math.abs(ghs) >= size) ?? SCALES[SCALES.length - 1];

/** A hash rate in GH/s as number and unit. */
export function rateParts(ghs) {
  if (!known(ghs)) return [NONE, ""];
  const [size, unit] = ghs === 0 ? [1, "GH/s"] : scale(ghs);
  return [significant(ghs / size, 4), unit];
}
export function rate(ghs) {
  const [number, unit] = rateParts(ghs);
  return unit ? `${number} ${unit}` : number;
}
/** The interval of a hash rate, in the unit in which the rate itself is shown. */
export function rateInterval(ghs, low, high) {
  if (!known(ghs) || !known(low) || !known(high)) return "";
  const [size] = ghs === 0 ? [1] : scale(ghs);
  const digits = places(ghs / size, 3);
  return `[${text(low / size, digits)}, ${text(high / size, digits)}]`;
}

/** Where numbers come from, in words. */
export const origin = (name) => (name ?? "computed").replace("_", " ");
/** The name of an algorithm in words. */
export const algorithm = (name) => (name === "sha256d" ? "SHA-256d" : name.toUpperCase());

export const celsius = (x) => (known(x) ? `${text(x, 1)} °C` : NONE);
export const rpm = (x) => (known(x) ? `${whole(x)} rpm` : NONE);
export const watts = (x) => (known(x) ? `${x < 100 ? x.toFixed(1) : whole(x)} W` : NONE);
export const percent = (x, digits = 2) => (known(x) ? `${text(100 * x, digits)} %` : NONE);

/** A span in milliseconds. */
export function span(ms) {
  if (!known(ms)) return NONE;
  const s = Math.max(0, ms) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}
export const age = (ms) => (known(ms) ? `${span(ms)} ago` : "never read");

const two = (x) => String(x).padStart(2, "0");
/** Time of day to the tenth of a second. */
export function time(ms) {
  const t = new Date(ms);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${Math.floor((ms % 1000) / 100)}`;
}
/** Date and time to the minute. */
export function date(ms) {
  const t = new Date(ms);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}`;
}

/** An estimate with its interval and what is behind it. */
export function estimate(e, digits = 3) {
  return e ? `${fixed(e.value, digits)} [${fixed(e.low, digits)}, ${fixed(e.high, digits)}]` : NONE;
}
export const counted = (n, one, many = `${one}s`) => `${whole(n)} ${n === 1 ? one : many}`;

/** Sets the text of `element` if it is another. */
export function put(element, text) {
  if (element.said !== text) { element.said = text; element.textContent = text; }
}
/** A new element with a class and text. */
export function make(tag, name = "", text = null) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== null) element.textContent = text;
  return element;
}
