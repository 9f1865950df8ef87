// What the page derives from the people of a payload: frames for the scene, paths, curves.

const TRAIL = { seconds: 1, joints: ["Hip", "LWrist", "RWrist", "LAnkle", "RAnkle"], points: 45 };
const FOLLOW = [0.35, 0.7]; // seconds over which the view follows a person, along the floor and upward
const [LEFT, RIGHT] = ["L", "R"];

export class Track {
  /** @param person Of the payload. @param alone Whether it is the only one. */
  constructor(person, times, alone) {
    Object.assign(this, person, { times, alone });
    this.joints = person.skeleton.joints;
    this.width = this.joints.length;
    for (const angle of this.angles) angle.values = angle.values.map((x, k) => (angle.known[k] ? x : NaN));
    this.first = this.valid.indexOf(1);
    this.last = this.valid.lastIndexOf(1);
    this.visible = true;
    this.path = this.#followPath();
    this.trailed = TRAIL.joints.map((name) => this.joints.indexOf(name)).filter((j) => j >= 0);
  }

  get length() {
    return this.valid.length;
  }

  /** Whether the person is drawn in a frame: one among several only while in the picture. */
  present(k) {
    const [from, to] = this.alone ? this.frames : [this.first, this.last + 1];
    return this.first >= 0 && k >= from && k < to;
  }

  joint(k, j) {
    const o = 3 * (k * this.width + j);
    return [this.xyz[o], this.xyz[o + 1], this.xyz[o + 2]];
  }

  slice(array, k, width) {
    return array ? array.subarray(k * width, (k + 1) * width) : null;
  }

  /** Return the person of a frame as the scene draws it. */
  at(k, { trails, body }) {
    const n = this.width;
    const rig = body && this.rig;
    return {
      id: this.number,
      joints: this.slice(this.xyz, k, 3 * n),
      skeleton: this.skeleton,
      colour: this.colour,
      seen: this.slice(this.confidence, k, n),
      ghost: !this.valid[k],
      sigma: this.slice(this.sigma, k, 3 * n),
      sigmaAxes: this.sigmaAxes,
      contacts: this.contacts.joints.filter((_, i) => this.contacts.on[k * this.contacts.joints.length + i]),
      trails: trails ? this.#trails(k) : null,
      shift: this.shift,
      label: this.alone ? "" : String(this.number),
      body: rig ? this.body : null,
      rig: rig ? { root: this.slice(rig.root, k, 3), rotations: this.slice(rig.rotations, k, 4 * rig.names.length), seen: this.slice(rig.seen, k, rig.names.length) } : null,
    };
  }

  #trails(k) {
    let from = k;
    while (from > Math.max(this.first, 0) && this.times[k] - this.times[from - 1] <= TRAIL.seconds) from--;
    const step = Math.max(1, Math.ceil((k - from) / TRAIL.points));
    return this.trailed.map((j) => {
      const points = [];
      // From a frame whose number is a multiple of the step, so that a trail does not shimmer.
      for (let i = Math.ceil(from / step) * step; i < k; i += step) points.push(...this.joint(i, j));
      points.push(...this.joint(k, j));
      return { points, colour: this.skeleton.colours[j] ?? this.colour };
    });
  }

  /** Return where the pelvis is on a smooth path. */
  #followPath() {
    const { length, times } = this;
    if (!length) return [];
    const step = (times[length - 1] - times[0]) / Math.max(length - 1, 1) || 1;
    const smooth = (values, seconds) => {
      const half = Math.round(seconds / step), sums = [0];
      for (const x of values) sums.push(sums.at(-1) + x);
      return values.map((_, k) => {
        const a = Math.max(k - half, 0), b = Math.min(k + half + 1, length);
        return (sums[b] - sums[a]) / (b - a);
      });
    };
    const axes = [FOLLOW[0], FOLLOW[0], FOLLOW[1]].map((seconds, axis) => {
      const values = Array.from({ length }, (_, k) => this.joint(k, 0)[axis]);
      return smooth(smooth(values, seconds), seconds);
    });
    return axes[0].map((_, k) => axes.map((axis) => axis[k]));
  }

  /** Return what of a kind can be plotted: [key, label]. */
  choices(what) {
    const names = what === "angle" ? this.angles.map((each) => each.name) : this.joints;
    const bases = [...new Set(names.map((name) => base(name)[0]))];
    return bases.map((each) => [each, spoken(each)]);
  }

  /** Return the series of a kind, of the left, the right or the only side. */
  series(what, which, colours) {
    const colour = (side) => ({ [LEFT]: colours.left, [RIGHT]: colours.right })[side] ?? colours.middle;
    const label = (side) => ({ [LEFT]: "left", [RIGHT]: "right" })[side] ?? spoken(which);
    const found = [];
    const add = (name, make) => {
      const [stem, side] = base(name);
      if (stem === which) found.push({ name: label(side), colour: colour(side), side, ...make() });
    };
    if (what === "angle") {
      this.angles.forEach((each) => add(each.name, () => ({ values: each.values, sigma: each.sigma })));
    } else {
      this.joints.forEach((name, j) => add(name, () => ({ ...this.#curve(what, j), known: this.#known(j) })));
    }
    return found.sort((a, b) => (a.side < b.side ? -1 : 1));
  }

  #known(j) {
    return Array.from(this.valid, (valid, k) => valid && this.confidence[k * this.width + j] > 0);
  }

  #curve(what, j) {
    const shown = (k) => this.present(k);
    if (what === "speed") {
      const values = Array.from({ length: this.length }, (_, k) => {
        const a = Math.max(k - 1, 0), b = Math.min(k + 1, this.length - 1);
        if (a === b || !shown(a) || !shown(b)) return NaN;
        const p = this.joint(a, j), q = this.joint(b, j);
        return Math.hypot(q[0] - p[0], q[1] - p[1], q[2] - p[2]) / (this.times[b] - this.times[a]);
      });
      return { values };
    }
    const axis = { x: 0, y: 1, height: 2 }[what];
    const values = Array.from({ length: this.length }, (_, k) => (shown(k) ? this.joint(k, j)[axis] : NaN));
    const row = this.sigmaAxes.slice(3 * axis, 3 * axis + 3);
    const of = (k) => Math.hypot(...row.map((r, i) => r * this.sigma[3 * (k * this.width + j) + i]));
    return { values, sigma: this.sigma ? values.map((_, k) => of(k)) : null };
  }
}

/** Return the name of a joint or angle without its side, and the side. */
export function base(name) {
  const angle = name.match(/^(.*)_([lr])$/);
  if (angle) return [angle[1], angle[2].toUpperCase()];
  const joint = name.match(/^([LR])([A-Z].*)$/);
  return joint ? [joint[2], joint[1]] : [name, ""];
}

function spoken(name) {
  const words = name.replaceAll("_", " ").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
