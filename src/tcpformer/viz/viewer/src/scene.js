// People in 3D, from joints given frame by frame. Knows no page, no video and no file.
//
//   const scene = TcpformerScene.createScene(canvas);
//   scene.setPeople([{ id: 0, joints, skeleton, colour }]);   // once a frame
//   scene.render();
//
// World: x right, y away from the recording camera, z up, floor at z = 0; metres. Colours are
// [r, g, b] of 0 to 255.

import {
  CanvasTexture, DirectionalLight, Group, HemisphereLight, InstancedMesh, Matrix4, Mesh,
  MeshBasicMaterial, MeshStandardMaterial, PerspectiveCamera, PlaneGeometry, Quaternion, RingGeometry,
  Scene, SphereGeometry, Sprite, SpriteMaterial, SRGBColorSpace, Color, PCFShadowMap, Vector3, VideoTexture, WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { Capsules, linear } from "./capsules.js";
import { Floor } from "./floor.js";

export { createBody } from "./body.js";

const VIEW = 30; // degrees across the shorter side of the picture, for the free camera
const UNSEEN = { thin: 0.45, pale: 0.66 }; // radius and share of grey of a limb that was not detected
const GHOST = [150, 154, 162];
const OVER_VIDEO = 0.5; // radius of limbs over the video: the body shows beside them
const LIMITS = { people: 64, marks: 2048 };

const THEMES = {
  light: { sky: "#f4f5f6", ground: "#e4e6ea", line: "#b4bac4", shadow: 0.26, pale: [214, 217, 222] },
  dark: { sky: "#14171c", ground: "#1d2229", line: "#3b434f", shadow: 0.5, pale: [84, 90, 99] },
};

/**
 * @typedef {object} Skeleton
 * @property {number[][]} bones Pairs of joints that a stroke joins.
 * @property {number[]} radii Metres, of the body at each joint.
 * @property {(number[]|null)[]} colours Of the stroke that ends in each joint; null is the person's.
 * @property {{from: number, to: number, shares: number[], radii: number[], nose: number|null}|null} head
 *
 * @typedef {object} Person
 * @property {number} id
 * @property {ArrayLike<number>} joints x, y, z of each joint.
 * @property {Skeleton} skeleton
 * @property {number[]} colour Of trunk and head.
 * @property {ArrayLike<number>} [seen] Of each joint: 0 if it was not detected.
 * @property {boolean} [ghost] The frame was bridged: drawn grey.
 * @property {ArrayLike<number>} [sigma] One standard deviation of each joint along three axes.
 * @property {number[]} [sigmaAxes] These axes in the world, as rows of nine numbers.
 * @property {number[]} [contacts] Joints that stand on the floor.
 * @property {{points: ArrayLike<number>, colour: number[]}[]} [trails]
 * @property {number[]} [shift] Added to the joints when seen through the recording camera.
 * @property {string} [label]
 * @property {object} [rig] root, rotations and seen of the bones of `body` in this frame.
 * @property {object} [body] Of `createBody`: drawn in place of the strokes.
 */

/** Draw people on a canvas; the page calls `render` after changes. */
export function createScene(canvas) {
  return new People(canvas);
}

class People {
  constructor(canvas) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true });
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = PCFShadowMap;
    this.scene = new Scene();
    this.free = new PerspectiveCamera(VIEW, 1, 0.05, 200);
    this.free.up.set(0, 0, 1);
    this.recording = new PerspectiveCamera(50, 1, 0.05, 500);
    this.recording.matrixAutoUpdate = false;
    this.through = null;
    this.ground = 0;
    this.controls = new OrbitControls(this.free, canvas);
    this.controls.enableDamping = false;
    this.controls.maxPolarAngle = 0.62 * Math.PI;
    this.controls.minDistance = 0.6;
    this.controls.maxDistance = 60;
    this.controls.addEventListener("change", () => this.onchange());
    this.controls.addEventListener("start", () => (this.flight = null));
    this.onchange = () => {};
    this.layers = { floor: true, trails: false, uncertainty: false, contacts: true, camera: false, labels: true };
    this.people = [];
    this.#light();
    this.#make();
    this.setTheme("light");
    this.lookFrom({ target: [0, 0, 0.9], radius: 1.3 });
  }

  #light() {
    this.sky = new HemisphereLight(0xffffff, 0x8a8f98, 1.9);
    this.sky.position.set(0, 0, 1);
    this.sun = new DirectionalLight(0xffffff, 2.2);
    this.sun.castShadow = true;
    this.sun.shadow.mapSize.set(1024, 1024);
    Object.assign(this.sun.shadow.camera, { left: -3.5, right: 3.5, top: 3.5, bottom: -3.5, near: 0.1, far: 20 });
    this.sun.shadow.radius = 4;
    this.sun.shadow.bias = -0.001;
    this.sun.shadow.normalBias = 0.02;
    this.scene.add(this.sky, this.sun, this.sun.target);
  }

  #make() {
    this.floor = new Floor();
    this.bodies = new Group();
    this.limbs = new Capsules(new MeshStandardMaterial({ vertexColors: true, roughness: 0.62 }));
    this.limbs.mesh.castShadow = true;
    this.lines = new Capsules(new MeshBasicMaterial({ vertexColors: true }), 6, 1);
    const cloud = new MeshBasicMaterial({ transparent: true, opacity: 0.2, depthWrite: false });
    this.clouds = new InstancedMesh(new SphereGeometry(1, 20, 14), cloud, LIMITS.marks);
    const mark = new MeshBasicMaterial({ transparent: true, opacity: 0.85, depthWrite: false });
    this.marks = new InstancedMesh(new RingGeometry(0.065, 0.09, 32), mark, LIMITS.marks);
    for (const mesh of [this.clouds, this.marks]) {
      mesh.frustumCulled = false;
      mesh.count = 0;
      mesh.setColorAt(0, new Color()); // makes the buffer of colours before the first compilation
    }
    this.labels = new Group();
    this.screen = new Mesh(new PlaneGeometry(1, 1), new MeshBasicMaterial({ color: 0xffffff, transparent: true, opacity: 0.9 }));
    this.screen.visible = false;
    this.scene.add(this.floor.grid, this.floor.shadow, this.bodies, this.limbs.mesh, this.lines.mesh);
    this.scene.add(this.clouds, this.marks, this.labels, this.screen);
  }

  /** Choose "light" or "dark". */
  setTheme(name) {
    this.theme = THEMES[name];
    this.#paint();
    this.#draw();
  }

  #paint() {
    const over = this.through !== null;
    const { sky, ground, line, shadow } = this.theme;
    this.renderer.setClearColor(sky, over ? 0 : 1);
    this.floor.paint(over ? "#ffffff" : ground, over ? "#ffffff" : line, over ? [0, 0.4] : [1, 1], over ? 0.35 : shadow);
  }

  /** Set size in CSS pixels, and pixels of the screen for each. */
  setSize(width, height, ratio = 1) {
    if (!(width > 0 && height > 0)) return;
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height, false);
    this.free.aspect = width / height;
    const half = Math.tan((VIEW * Math.PI) / 360);
    this.free.fov = (360 / Math.PI) * Math.atan(width < height ? (half * height) / width : half);
    this.free.updateProjectionMatrix();
  }

  /** Show or hide one of `layers`. */
  show(layer, on) {
    this.layers[layer] = on;
    this.#draw();
  }

  /** Give the people of the frame that `render` draws next. */
  setPeople(people) {
    this.people = people.slice(0, LIMITS.people);
    this.#draw();
  }

  /**
   * Describe the camera that recorded the people.
   * @param camera rotation: nine numbers, rows are the world's axes in those of the camera (x right,
   *   y down, z forward); position in the world; focal in pixels; size.
   */
  setRecordingCamera(camera) {
    const [a, b, c, d, e, f, g, h, i] = camera.rotation;
    this.recorded = camera;
    const [x, y, z] = camera.position;
    this.recording.matrix.set(a, -b, -c, x, d, -e, -f, y, g, -h, -i, z, 0, 0, 0, 1);
    this.recording.updateMatrixWorld(true);
    const [width, height] = camera.size;
    this.recording.fov = (360 / Math.PI) * Math.atan(height / 2 / camera.focal);
    this.recording.aspect = width / height;
    this.recording.updateProjectionMatrix();
    this.#draw();
  }

  /** Put the floor at a height, metres. */
  setFloor(height) {
    this.ground = height;
    this.#draw();
  }

  /** Look through the recording camera, over a transparent ground; or freely again. */
  lookThrough(on) {
    this.through = on && this.recorded ? this.recording : null;
    this.controls.enabled = this.through === null;
    this.#paint();
    this.#draw();
  }

  /** Show a video on the image plane of the recording camera. */
  setVideo(video) {
    const texture = new VideoTexture(video);
    texture.colorSpace = SRGBColorSpace;
    this.screen.material.map = texture;
    this.screen.material.needsUpdate = true;
    this.#draw();
  }

  /**
   * Look at a ball around `target`. The azimuth is that from the recording camera towards its right,
   * the elevation that above the horizon, in degrees. With `seconds`, the eye flies there.
   */
  lookFrom({ target, radius = 1.2, azimuth = 35, elevation = 13 }, seconds = 0) {
    const a = (azimuth * Math.PI) / 180, e = (elevation * Math.PI) / 180;
    const distance = radius / Math.sin((VIEW * Math.PI) / 360);
    const forward = new Vector3(-Math.sin(a) * Math.cos(e), Math.cos(a) * Math.cos(e), -Math.sin(e));
    this.#fly(new Vector3(...target).addScaledVector(forward, -distance), new Vector3(...target), seconds);
  }

  /** Look from where the recording camera stood towards a point. */
  lookFromCamera(target, seconds = 0) {
    const eye = new Vector3().setFromMatrixPosition(this.recording.matrixWorld);
    const axis = new Vector3().setFromMatrixColumn(this.recording.matrixWorld, 2).negate();
    const away = Math.max(new Vector3(...target).sub(eye).dot(axis), 0.5);
    this.#fly(eye, eye.clone().addScaledVector(axis, away), seconds);
  }

  #fly(eye, target, seconds) {
    const { position } = this.free;
    if (!seconds) {
      position.copy(eye);
      this.controls.target.copy(target);
      this.controls.update();
      return;
    }
    this.flight = { from: position.clone(), to: eye, was: this.controls.target.clone(), target, start: performance.now(), seconds };
    this.onchange();
  }

  #advance() {
    const { from, to, was, target, start, seconds } = this.flight;
    const share = Math.min((performance.now() - start) / 1000 / seconds, 1);
    const s = share * share * (3 - 2 * share);
    // Around the target rather than through it: blend distance and direction one by one.
    const a = from.clone().sub(was), b = to.clone().sub(target);
    const length = a.length() * (1 - s) + b.length() * s;
    const turn = new Quaternion().setFromUnitVectors(a.clone().normalize(), b.clone().normalize());
    const direction = a.normalize().applyQuaternion(new Quaternion().slerp(turn, s));
    this.controls.target.lerpVectors(was, target, s);
    this.free.position.copy(this.controls.target).addScaledVector(direction, length);
    this.flight = share < 1 ? this.flight : null;
    this.controls.update();
  }

  /** Move eye and target together, so that the target is at a point. */
  follow(point) {
    const step = new Vector3(...point).sub(this.controls.target);
    if (this.flight) {
      const move = new Vector3(...point).sub(this.flight.target);
      for (const each of ["from", "to", "was", "target"]) this.flight[each].add(move);
    }
    this.free.position.add(step);
    this.controls.target.add(step);
    this.controls.update();
  }

  #draw() {
    if (!this.limbs) return;
    for (const capsules of [this.limbs, this.lines]) capsules.begin();
    this.clouds.count = this.marks.count = 0;
    this.bodies.clear();
    for (const person of this.people) this.#drawPerson(person);
    this.#drawLabels();
    this.#drawCamera();
    for (const capsules of [this.limbs, this.lines]) capsules.end();
    for (const mesh of [this.clouds, this.marks]) {
      mesh.instanceMatrix.needsUpdate = true;
      if (mesh.instanceColor) mesh.instanceColor.needsUpdate = true;
    }
    this.floor.grid.visible = this.layers.floor;
    const seen = this.people.length ? this.#middle(this.people[0]) : this.controls.target.toArray();
    this.sun.target.position.set(seen[0], seen[1], this.ground);
    this.sun.position.set(seen[0] - 2.2, seen[1] - 3.2, 7);
    if (this.through) this.floor.moveTo(seen[0], seen[1], this.ground);
  }

  #shift(person) {
    return this.through && person.shift ? person.shift : [0, 0, 0];
  }

  #joint(person, j) {
    const [x, y, z] = this.#shift(person);
    return [person.joints[3 * j] + x, person.joints[3 * j + 1] + y, person.joints[3 * j + 2] + z];
  }

  #middle(person) {
    const n = person.skeleton.radii.length;
    const sum = [0, 0, 0];
    for (let j = 0; j < n; j++) this.#joint(person, j).forEach((x, i) => (sum[i] += x / n));
    return sum;
  }

  #colour(person, joint) {
    const own = person.skeleton.colours[joint] ?? person.colour;
    return person.ghost ? GHOST : own;
  }

  #drawPerson(person) {
    const { skeleton } = person;
    if (person.body) {
      person.body.pose(person, this.#shift(person), this.theme.pale);
      this.bodies.add(person.body.object);
    }
    const slim = (this.through ? OVER_VIDEO : 1) * (person.body ? 0 : 1);
    for (const [parent, child] of slim ? skeleton.bones : []) this.#drawBone(person, parent, child, slim);
    if (this.layers.uncertainty && person.sigma) this.#drawSigma(person);
    if (this.layers.contacts) for (const joint of person.contacts ?? []) this.#drawContact(person, joint);
    if (this.layers.trails) for (const trail of person.trails ?? []) this.#drawTrail(person, trail);
  }

  #drawBone(person, parent, child, slim) {
    const { skeleton, seen } = person;
    const unseen = seen ? seen[child] === 0 : false;
    const share = unseen ? UNSEEN.pale : 0;
    const rgb = this.#colour(person, child).map((c, i) => c + (this.theme.pale[i] - c) * share);
    let a = this.#joint(person, parent), b = this.#joint(person, child);
    let radii = [skeleton.radii[parent], skeleton.radii[child]];
    const head = skeleton.head;
    if (head && head.from === parent && head.to === child) {
      const at = (s) => a.map((x, i) => x + s * (b[i] - x));
      [a, b] = [at(head.shares[0]), at(head.shares[1])];
      radii = head.radii;
      if (head.nose !== null && seen?.[head.nose] !== 0) this.#drawNose(person, b, slim * radii[1], rgb);
    }
    const k = slim * (unseen ? UNSEEN.thin : 1);
    this.limbs.add(a, k * radii[0], b, k * radii[1], linear(rgb));
  }

  /** Draw a nose that sticks out of the skull towards its joint: it shows where the head looks. */
  #drawNose(person, skull, radius, rgb) {
    const nose = this.#joint(person, person.skeleton.head.nose);
    const way = nose.map((x, i) => x - skull[i]), length = Math.hypot(...way) || 1;
    const at = (distance) => skull.map((x, i) => x + (way[i] / length) * distance);
    this.limbs.add(at(0.8 * radius), 0.3 * radius, at(1.12 * radius), 0.2 * radius, linear(rgb));
  }

  #drawSigma(person) {
    const axes = person.sigmaAxes ?? [1, 0, 0, 0, 1, 0, 0, 0, 1];
    const turn = new Matrix4().set(axes[0], axes[1], axes[2], 0, axes[3], axes[4], axes[5], 0, axes[6], axes[7], axes[8], 0, 0, 0, 0, 1);
    for (let j = 0; j < person.skeleton.radii.length && this.clouds.count < LIMITS.marks; j++) {
      const size = [0, 1, 2].map((k) => Math.max(person.sigma[3 * j + k], 1e-4));
      const matrix = turn.clone().scale(new Vector3(...size)).setPosition(...this.#joint(person, j));
      this.clouds.setMatrixAt(this.clouds.count, matrix);
      this.clouds.setColorAt(this.clouds.count++, new Color(...linear(this.#colour(person, j))));
    }
  }

  #drawContact(person, joint) {
    if (this.marks.count === LIMITS.marks) return;
    const [x, y, z] = this.#joint(person, joint);
    const floor = this.#shift(person)[2] + this.ground;
    const at = z - floor < 0.25 ? floor + 0.006 : z - person.skeleton.radii[joint];
    this.marks.setMatrixAt(this.marks.count, new Matrix4().makeTranslation(x, y, at));
    this.marks.setColorAt(this.marks.count++, new Color(...linear(this.#colour(person, joint))));
  }

  #drawTrail(person, { points, colour }) {
    const n = points.length / 3, [x, y, z] = this.#shift(person);
    const at = (i) => [points[3 * i] + x, points[3 * i + 1] + y, points[3 * i + 2] + z];
    const sky = linear(this.through ? colour : [this.theme.pale[0], this.theme.pale[1], this.theme.pale[2]]);
    const own = linear(colour);
    for (let i = 1; i < n; i++) {
      const s = i / n;
      this.lines.add(at(i - 1), 0.004 + 0.006 * (s - 1 / n), at(i), 0.004 + 0.006 * s, own.map((c, k) => sky[k] + (c - sky[k]) * s));
    }
  }

  #drawLabels() {
    const shown = this.layers.labels ? this.people.filter((person) => person.label) : [];
    while (this.labels.children.length > shown.length) this.labels.remove(this.labels.children.at(-1));
    shown.forEach((person, i) => {
      const sprite = this.labels.children[i] ?? this.labels.add(new Sprite(new SpriteMaterial({ depthTest: false }))).children[i];
      const key = `${person.label} ${person.colour}`;
      if (sprite.name !== key) {
        sprite.material.map?.dispose();
        sprite.material.map = badge(person.label, person.colour);
        sprite.material.needsUpdate = true;
        sprite.name = key;
      }
      const [x, y] = this.#middle(person);
      let top = -Infinity;
      for (let j = 0; j < person.skeleton.radii.length; j++) top = Math.max(top, this.#joint(person, j)[2]);
      sprite.position.set(x, y, top + 0.24);
      sprite.scale.setScalar(0.17);
    });
  }

  #drawCamera() {
    const shown = this.layers.camera && this.recorded && !this.through;
    this.screen.visible = Boolean(shown && this.screen.material.map);
    if (!shown) return;
    const { focal, size } = this.recorded, depth = 0.7;
    const [w, h] = [(size[0] / 2 / focal) * depth, (size[1] / 2 / focal) * depth];
    const place = (x, y, z) => new Vector3(x, y, z).applyMatrix4(this.recording.matrixWorld).toArray();
    const eye = place(0, 0, 0);
    const corners = [place(-w, -h, -depth), place(w, -h, -depth), place(w, h, -depth), place(-w, h, -depth)];
    const colour = linear([120, 126, 138]);
    corners.forEach((corner, i) => {
      this.lines.add(eye, 0.006, corner, 0.006, colour);
      this.lines.add(corner, 0.006, corners[(i + 1) % 4], 0.006, colour);
    });
    this.lines.add(place(-0.12 * w, 1.06 * h, -depth), 0.006, place(0, 1.22 * h, -depth), 0.006, colour);
    this.lines.add(place(0.12 * w, 1.06 * h, -depth), 0.006, place(0, 1.22 * h, -depth), 0.006, colour);
    this.screen.matrixAutoUpdate = false;
    this.screen.matrix.copy(this.recording.matrixWorld);
    this.screen.matrix.multiply(new Matrix4().makeTranslation(0, 0, -depth)).scale(new Vector3(2 * w, 2 * h, 1));
  }

  /** Draw; return whether the eye is still flying, so that another call is needed. */
  render() {
    if (this.flight) this.#advance();
    if (!this.through) this.floor.moveTo(this.controls.target.x, this.controls.target.y, this.ground);
    this.renderer.render(this.scene, this.through ?? this.free);
    return Boolean(this.flight);
  }

  /** Project a point of the world through the camera in use, to shares of the canvas from top left. */
  project(point) {
    const { x, y } = new Vector3(...point).project(this.through ?? this.free);
    return [(x + 1) / 2, (1 - y) / 2];
  }
}

function badge(text, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 96;
  const pen = canvas.getContext("2d");
  pen.fillStyle = `rgb(${colour.map(Math.round)})`;
  pen.strokeStyle = "#ffffff";
  pen.lineWidth = 6;
  pen.beginPath();
  pen.arc(48, 48, 40, 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
  pen.fillStyle = "#ffffff";
  pen.font = "600 52px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, 48, 52);
  const texture = new CanvasTexture(canvas);
  texture.colorSpace = SRGBColorSpace;
  return texture;
}
