// Curves over time with a linked cursor, and the tracks above the play bar.

/** Fit a canvas to its size on the screen; return its pen, in CSS pixels, and that size. */
function fit(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

function ticks(low, high, wanted) {
  const rough = (high - low) / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((each) => each >= rough) ?? rough;
  const result = [];
  for (let x = Math.ceil(low / step - 1e-9) * step; x <= high + 1e-9 * step; x += step) result.push(x);
  return { marks: result, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

const rgb = (colour, alpha = 1) => `rgb(${colour.map(Math.round).join(" ")} / ${alpha})`;
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class Chart {
  /** @param onseek Called with a frame while the pointer is down on the chart. */
  constructor(canvas, times, onseek) {
    Object.assign(this, { canvas, times, series: [], unit: "", frame: 0 });
    this.still = document.createElement("canvas");
    const seek = (event) => {
      const { left, width } = canvas.getBoundingClientRect();
      onseek(this.frameAt(event.clientX - left, width));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  get box() {
    return { left: 46, right: 8, top: 6, bottom: 18 };
  }

  frameAt(x, width) {
    const { left, right } = this.box, { times } = this;
    const first = times[0], last = times[times.length - 1];
    const time = first + ((x - left) / (width - left - right)) * (last - first);
    let best = 0;
    for (let i = 1; i < times.length; i++) if (Math.abs(times[i] - time) < Math.abs(times[best] - time)) best = i;
    return best;
  }

  /** Show series {name, values, sigma, colour, known}, and where the person was seen. */
  setSeries(series, unit) {
    Object.assign(this, { series, unit });
    this.refresh();
  }

  /** Draw all anew: after another size or theme. */
  refresh() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    const { pen, width, height } = fit(this.canvas);
    const { left, right, top, bottom } = this.box;
    const { times } = this, first = times[0], span = Math.max(times[times.length - 1] - first, 1e-6);
    const [low, high] = this.#range();
    const x = (t) => left + ((t - first) / span) * (width - left - right);
    const y = (v) => top + ((high - v) / (high - low)) * (height - top - bottom);
    this.scale = { x, y, width, height };
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = style("--soft");
    pen.strokeStyle = style("--line");
    pen.lineWidth = 1;
    this.#axes(pen, { low, high, first, span, x, y, width, height });
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, width - left - right, height - bottom);
    pen.clip();
    for (const each of this.series) this.#plot(pen, each, x, y);
    pen.restore();
    this.still.width = this.canvas.width;
    this.still.height = this.canvas.height;
    this.still.getContext("2d").drawImage(this.canvas, 0, 0);
    this.setFrame(this.frame);
  }

  #range() {
    let low = Infinity, high = -Infinity;
    for (const { values } of this.series) {
      for (const v of values) if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
    }
    if (low > high) return [0, 1];
    const edge = Math.max(0.06 * (high - low), 1e-3);
    return [low - edge, high + edge];
  }

  #axes(pen, { low, high, first, span, x, y, width, height }) {
    const { left, right, top, bottom } = this.box;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const { marks, digits } = ticks(low, high, (height - top - bottom) / 22);
    marks.forEach((v) => {
      pen.beginPath();
      pen.moveTo(left, y(v));
      pen.lineTo(width - right, y(v));
      pen.stroke();
      pen.fillText(v.toFixed(digits), left - 6, y(v));
    });
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    const along = ticks(first, first + span, (width - left - right) / 80);
    along.marks.forEach((t) => {
      if (x(t) < width - 16) pen.fillText(`${t.toFixed(along.digits)} s`, x(t), height - 4);
    });
    if (!this.series.length) {
      pen.fillText("Nothing is known of this here.", left + (width - left - right) / 2, height / 2);
    }
  }

  #plot(pen, { values, sigma, colour, known }, x, y) {
    const { times } = this;
    const runs = [];
    for (let i = 0, open = null; i <= values.length; i++) {
      const ok = i < values.length && Number.isFinite(values[i]);
      if (ok && open === null) open = i;
      if (!ok && open !== null) {
        runs.push([open, i]);
        open = null;
      }
    }
    for (const [from, to] of runs) {
      if (sigma) {
        pen.fillStyle = rgb(colour, 0.16);
        pen.beginPath();
        for (let i = from; i < to; i++) pen.lineTo(x(times[i]), y(values[i] + sigma[i]));
        for (let i = to - 1; i >= from; i--) pen.lineTo(x(times[i]), y(values[i] - sigma[i]));
        pen.fill();
      }
      for (const seen of [true, false]) {
        pen.strokeStyle = rgb(colour, seen ? 1 : 0.35);
        pen.lineWidth = seen ? 1.8 : 1;
        pen.beginPath();
        for (let i = from + 1; i < to; i++) {
          if (Boolean(known?.[i] ?? 1) !== seen) continue;
          pen.moveTo(x(times[i - 1]), y(values[i - 1]));
          pen.lineTo(x(times[i]), y(values[i]));
        }
        pen.stroke();
      }
    }
  }

  setFrame(frame) {
    this.frame = frame;
    if (!this.scale || !this.canvas.clientWidth) return;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.still, 0, 0);
    const ratio = window.devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { x, y, height } = this.scale, at = x(this.times[frame]);
    pen.fillStyle = style("--accent");
    pen.fillRect(at - 0.75, this.box.top, 1.5, height - this.box.top - this.box.bottom);
    for (const { values, colour } of this.series) {
      if (!Number.isFinite(values[frame])) continue;
      pen.fillStyle = rgb(colour);
      pen.strokeStyle = style("--back");
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.arc(at, y(values[frame]), 4, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    }
  }
}

/** Draw where a person was seen, and where each foot stood. */
export function drawTracks(canvas, { times, valid, feet }) {
  if (!canvas.clientWidth) return;
  const { pen, width, height } = fit(canvas);
  const first = times[0], span = Math.max(times[times.length - 1] - first, 1e-6);
  const half = span / Math.max(times.length - 1, 1) / 2;
  const rows = [{ on: valid, colour: style("--soft"), thick: 4 }, ...feet.map((foot) => ({ ...foot, colour: rgb(foot.colour), thick: 5 }))];
  const gap = 10, top = height / 2 - ((rows.length - 1) * gap) / 2;
  rows.forEach(({ on, colour, thick }, row) => {
    const y = top + row * gap - thick / 2;
    pen.fillStyle = style("--line");
    pen.fillRect(0, y + thick / 2 - 1, width, 2);
    pen.fillStyle = colour;
    for (let i = 0, open = null; i <= times.length; i++) {
      const is = i < times.length && on[i];
      if (is && open === null) open = i;
      if (!is && open !== null) {
        const from = Math.max(((times[open] - half - first) / span) * width, 0);
        const to = Math.min(((times[i - 1] + half - first) / span) * width, width);
        pen.beginPath();
        pen.roundRect(from, y, Math.max(to - from, 1), thick, 2);
        pen.fill();
        open = null;
      }
    }
  });
}
