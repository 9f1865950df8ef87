// Many capsules (two spheres of different radius and the cone between them) in one draw call.

import { BufferAttribute, BufferGeometry, Color, DynamicDrawUsage, Mesh, SRGBColorSpace } from "three";

const scratch = new Color();

/** Convert [r, g, b] of 0 to 255 to linear light, in place of `out`. */
export function linear(rgb, out = [0, 0, 0]) {
  scratch.setRGB(rgb[0] / 255, rgb[1] / 255, rgb[2] / 255, SRGBColorSpace);
  out[0] = scratch.r;
  out[1] = scratch.g;
  out[2] = scratch.b;
  return out;
}

export class Capsules {
  /**
   * @param material Its `vertexColors` must be true.
   * @param sides Corners of a ring.
   * @param rings Rings of each round end, beside its pole.
   */
  constructor(material, sides = 16, rings = 4) {
    this.template = [];
    for (const end of [0, 1]) {
      for (let r = 0; r <= rings; r++) {
        const angle = ((end ? rings - r : r) / rings) * (Math.PI / 2);
        const along = Math.cos(angle) * (end ? 1 : -1);
        for (let s = 0; s < sides; s++) {
          const turn = (2 * Math.PI * s) / sides;
          this.template.push([end, Math.sin(angle) * Math.cos(turn), Math.sin(angle) * Math.sin(turn), along]);
        }
      }
    }
    this.faces = [];
    for (let ring = 0; ring < 2 * rings + 1; ring++) {
      for (let s = 0; s < sides; s++) {
        const a = ring * sides + s;
        const b = ring * sides + ((s + 1) % sides);
        this.faces.push(a, b, b + sides, a, b + sides, a + sides);
      }
    }
    this.mesh = new Mesh(new BufferGeometry(), material);
    this.mesh.frustumCulled = false;
    this.room = 0;
    this.count = 0;
    this.#grow(32);
  }

  #grow(room) {
    const n = this.template.length;
    const old = this.mesh.geometry;
    const geometry = new BufferGeometry();
    for (const name of ["position", "normal", "color"]) {
      const array = new Float32Array(room * n * 3);
      if (this.room) array.set(old.getAttribute(name).array);
      geometry.setAttribute(name, new BufferAttribute(array, 3).setUsage(DynamicDrawUsage));
    }
    const index = new Uint32Array(room * this.faces.length);
    for (let i = 0; i < room; i++) {
      for (let f = 0; f < this.faces.length; f++) index[i * this.faces.length + f] = i * n + this.faces[f];
    }
    geometry.setIndex(new BufferAttribute(index, 1));
    old.dispose();
    this.mesh.geometry = geometry;
    this.room = room;
  }

  begin() {
    this.count = 0;
  }

  /** Add a capsule from `a` with radius `ra` to `b` with radius `rb`; `colour` is linear. */
  add(a, ra, b, rb, colour) {
    if (this.count === this.room) this.#grow(2 * this.room);
    const { position, normal, color } = this.mesh.geometry.attributes;
    let dx = b[0] - a[0], dy = b[1] - a[1], dz = b[2] - a[2];
    const length = Math.hypot(dx, dy, dz);
    if (length > 1e-9) [dx, dy, dz] = [dx / length, dy / length, dz / length];
    else [dx, dy, dz] = [0, 0, 1];
    // Two directions across the bone; the first avoids the axis nearest to it.
    let ux, uy, uz;
    if (Math.abs(dz) < 0.8) [ux, uy, uz] = [-dy, dx, 0];
    else [ux, uy, uz] = [0, -dz, dy];
    const across = Math.hypot(ux, uy, uz);
    [ux, uy, uz] = [ux / across, uy / across, uz / across];
    const vx = dy * uz - dz * uy, vy = dz * ux - dx * uz, vz = dx * uy - dy * ux;
    let o = this.count * this.template.length * 3;
    for (const [end, p, q, s] of this.template) {
      const at = end ? b : a, radius = end ? rb : ra;
      const nx = p * ux + q * vx + s * dx, ny = p * uy + q * vy + s * dy, nz = p * uz + q * vz + s * dz;
      position.array[o] = at[0] + radius * nx;
      position.array[o + 1] = at[1] + radius * ny;
      position.array[o + 2] = at[2] + radius * nz;
      normal.array[o] = nx;
      normal.array[o + 1] = ny;
      normal.array[o + 2] = nz;
      color.array[o] = colour[0];
      color.array[o + 1] = colour[1];
      color.array[o + 2] = colour[2];
      o += 3;
    }
    this.count++;
  }

  end() {
    const geometry = this.mesh.geometry;
    geometry.setDrawRange(0, this.count * this.faces.length);
    for (const attribute of Object.values(geometry.attributes)) {
      attribute.clearUpdateRanges();
      attribute.addUpdateRange(0, this.count * this.template.length * 3);
      attribute.needsUpdate = true;
    }
    this.mesh.visible = this.count > 0;
  }
}
