// Canvas plots with axes and units, in the colours of the style sheet.

const probe = document.createElement("i");
probe.hidden = true;
let colours = null;

/** A colour of the style sheet, resolved for the present theme. */
export function colour(name) {
  if (!colours) {
    document.body.append(probe);
    colours = {};
  }
  if (!colours[name]) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  return colours[name];
}

const FONT = '12px Inter, "Segoe UI", "Helvetica Neue", system-ui, Roboto, "Noto Sans", "Liberation Sans", sans-serif';

// Before any plot is told of it: listeners are called in the order in which they came.
document.addEventListener("theme", () => { if (colours) colours = {}; });

const sizes = new WeakMap();
const watcher = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    sizes.set(target, [contentRect.width, contentRect.height]);
    target.dispatchEvent(new Event("resized"));
  }
});

/** Calls `draw` whenever the canvas has another size or the page another theme. */
export function canvas(element, draw) {
  watcher.observe(element);
  element.addEventListener("resized", draw);
  document.addEventListener("theme", draw);
}

/** The context of a canvas cleared at the device's own resolution, with its size in CSS pixels. */
export function begin(element) {
  const [width, height] = sizes.get(element) ?? [element.clientWidth, element.clientHeight];
  const ratio = Math.min(devicePixelRatio || 1, 3);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (element.width !== w || element.height !== h) { element.width = w; element.height = h; }
  const ctx = element.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = FONT;
  return { ctx, width, height };
}

/** Round numbers between `low` and `high`, about `count` of them. */
export function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0)) return [low];
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * size).find((s) => s >= raw);
  const all = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) all.push(i * step);
  return all;
}
/** Powers of ten between, with their twos and fives where there is room. */
export function decades(low, high) {
  const wide = Math.log10(high / low) > 2.5;
  const all = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
    for (const m of wide ? [1] : [1, 2, 5]) {
      const v = m * 10 ** e;
      if (v >= low * 0.999 && v <= high * 1.001) all.push(v);
    }
  return all;
}

const label = (v) => {
  if (v === 0) return "0";
  const size = Math.abs(v);
  if (size >= 1e6 || size < 1e-3) return v.toExponential(0).replace("e+", "e");
  if (size >= 1e4) return Math.round(v).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
  return String(+v.toPrecision(4));
};

/**
 * Axes round a box: { x: [low, high], y: [low, high], xs, ys (ticks), xname, yname, log }.
 * Returns functions that place a value.
 */
export function axes({ ctx, width, height }, { x, y, xs, ys, xname, yname, log = false }) {
  const left = 12 + Math.max(...ys.map((v) => ctx.measureText(label(v)).width), 10);
  const box = { left, right: width - 12, top: 24, bottom: height - 38 };
  const u = (v) => (log ? (Math.log(v) - Math.log(x[0])) / (Math.log(x[1]) - Math.log(x[0])) : (v - x[0]) / (x[1] - x[0]));
  const px = (v) => box.left + u(v) * (box.right - box.left);
  const py = (v) => box.bottom - ((v - y[0]) / (y[1] - y[0])) * (box.bottom - box.top);
  ctx.lineWidth = 1;
  ctx.strokeStyle = colour("line");
  ctx.fillStyle = colour("quiet");
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  ctx.beginPath();
  for (const v of ys) {
    const at = Math.round(py(v)) + 0.5;
    ctx.moveTo(box.left, at);
    ctx.lineTo(box.right, at);
    ctx.fillText(label(v), box.left - 7, at);
  }
  ctx.stroke();
  ctx.strokeStyle = colour("strong");
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  ctx.beginPath();
  ctx.moveTo(box.left, box.bottom + 0.5);
  ctx.lineTo(box.right, box.bottom + 0.5);
  let free = -Infinity;
  for (const v of xs) {
    const at = Math.round(px(v)) + 0.5;
    ctx.moveTo(at, box.bottom);
    ctx.lineTo(at, box.bottom + 4);
    const half = ctx.measureText(label(v)).width / 2;
    const centre = Math.min(at, width - half - 1);
    if (centre - half > free) { ctx.fillText(label(v), centre, box.bottom + 7); free = centre + half + 6; }
  }
  ctx.stroke();
  ctx.textBaseline = "alphabetic";
  ctx.textAlign = "right";
  ctx.fillText(xname, box.right, height - 4);
  ctx.textAlign = "left";
  ctx.fillText(yname, 0, 12);
  return { px, py, box };
}

/** A line through points; gaps where a value is not a number. */
export function line(ctx, points, stroke, { width = 1.75, dash = [] } = {}) {
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width;
  ctx.lineJoin = "round";
  ctx.setLineDash(dash);
  ctx.beginPath();
  let pen = false;
  for (const [x, y] of points) {
    if (!Number.isFinite(y)) { pen = false; continue; }
    if (pen) ctx.lineTo(x, y); else ctx.moveTo(x, y);
    pen = true;
  }
  ctx.stroke();
  ctx.setLineDash([]);
}
