// The page: reads its payload, and wires the scene, the video, the curves and the controls.

import { Chart, drawTracks } from "./curves.js";
import { bytesOf, readPayload } from "./data.js";
import { Track } from "./people.js";
import { Player } from "./player.js";

const { createScene, createBody } = globalThis.TcpformerScene;
const $ = (id) => document.getElementById(id);
const SPEEDS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2];
const QUANTITIES = { angle: ["Angle", "°"], speed: ["Speed", "m/s"], height: ["Height", "m"], x: ["To the right", "m"], y: ["Away from the camera", "m"] };
const LAYERS = [
  ["body", "Skinned body", "B"], ["floor", "Floor", "L"], ["trails", "Trails", "T"], ["contacts", "Foot contacts", "K"],
  ["uncertainty", "Uncertainty, 1 sigma", "U"], ["camera", "Camera", "C"], ["labels", "Numbers", "N"],
];
const KEYS = [
  ["Space", "play, pause"], ["← →", "one frame"], ["Shift ← →", "one second"], ["Home End", "first, last frame"],
  ["− +", "slower, faster"], ["1 2 3", "side by side, overlay, 3D"], ["F", "follow"], ["G", "curves"], ["D", "dark, light"],
  ["M", "sound"], ["P", "next person"], ["R", "repeat"],
];

const state = { mode: "split", focus: 0, follow: true, layers: { body: false, floor: true, trails: false, contacts: true, uncertainty: false, camera: false, labels: true } };
let data, tracks, scene, player, chart, video;
let dirty = false;

async function start() {
  data = await readPayload($("payload").textContent);
  $("payload").remove();
  tracks = data.people.map((person) => new Track(person, data.times, data.people.length === 1));
  video = await makeVideo();
  scene = createScene($("canvas"));
  scene.setRecordingCamera(data.camera);
  scene.setFloor(data.floor);
  player = new Player({ times: data.times, stamps: data.stamps, video, onframe: showFrame, onstate: showState });
  scene.onchange = redraw;
  if (video && (data.video.source === null || location.protocol.startsWith("http"))) scene.setVideo(video);
  makeBodies();
  makeControls();
  if (!video) for (const each of ["split", "over"]) $("modes").querySelector(`[data-mode=${each}]`).hidden = each === "split";
  setTheme(stored("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  setMode(video ? "split" : "space");
  lookFromStart();
  for (const layer of Object.keys(state.layers)) setLayer(layer, state.layers[layer]);
  $("curves").hidden = innerWidth < 760 || innerHeight < 560;
  new ResizeObserver(layout).observe($("stage"));
  new ResizeObserver(layout).observe($("curves"));
  layout();
  showFrame(0);
  if (data.notes.length) notify(data.notes.join(" "));
}

async function makeVideo() {
  const store = $("video-data");
  if (!data.video) return null;
  const element = document.createElement("video");
  Object.assign(element, { playsInline: true, preload: "auto" });
  element.setAttribute("aria-label", "The recorded video");
  const source = data.video.source ?? URL.createObjectURL(new Blob([await bytesOf(store.textContent)], { type: data.video.type }));
  store.remove();
  element.addEventListener("error", () => notify("The video cannot be played here; the figure can."));
  element.src = source;
  $("picture").append(element);
  return element;
}

function makeBodies() {
  const rigged = tracks.filter((track) => track.rig);
  for (const track of rigged) track.body = createBody(data.surface, track.rig, data.colours);
  if (!rigged.length) delete state.layers.body;
}

function stored(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(`tcpformer-${name}`, value);
    return localStorage.getItem(`tcpformer-${name}`);
  } catch {
    return null; // pages from the disk may have no storage
  }
}

function notify(text) {
  $("note").textContent = text;
  $("note").hidden = false;
  setTimeout(() => ($("note").hidden = true), 7000);
}

// -- drawing ------------------------------------------------------------------------------------

function redraw() {
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(() => {
    dirty = false;
    if (scene.render()) redraw();
  });
}

function peopleAt(k) {
  const shown = tracks.filter((track) => track.visible && track.present(k));
  return shown.map((track) => track.at(k, { trails: state.layers.trails, body: state.layers.body }));
}

function showFrame(k) {
  scene.setPeople(peopleAt(k));
  const path = tracks[state.focus]?.path ?? [];
  if (state.follow && path.length) scene.follow(path[Math.min(k, path.length - 1)]);
  $("slider").value = k;
  const total = data.times.length;
  $("time").innerHTML = "";
  const bold = document.createElement("b");
  bold.textContent = `${data.times[k].toFixed(2)} s`;
  $("time").append(bold, ` ${k} / ${total - 1}`);
  $("time").title = "Time, frame and last frame";
  $("slider").setAttribute("aria-valuetext", $("time").textContent);
  if (!$("curves").hidden) {
    chart.setFrame(Math.min(k, chart.times.length - 1));
    showValues();
  }
  redraw();
}

function showState() {
  document.body.toggleAttribute("data-playing", player.playing);
  $("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
}

function layout() {
  const stage = $("stage"), pane = state.mode === "over" ? stage : $("film");
  const [width, height] = data.camera.size;
  // The video gets the room that it fills, within bounds.
  const fill = { x: (stage.clientHeight * width) / height / stage.clientWidth, y: (stage.clientWidth * height) / width / stage.clientHeight };
  stage.style.setProperty("--film-x", `${100 * Math.min(Math.max(fill.x, 0.34), 0.6)}%`);
  stage.style.setProperty("--film-y", `${100 * Math.min(Math.max(fill.y, 0.2), 0.5)}%`);
  const room = { width: pane.clientWidth, height: pane.clientHeight };
  const scale = Math.min(room.width / width, room.height / height);
  const box = { width: width * scale, height: height * scale };
  const place = { width: `${box.width}px`, height: `${box.height}px`, left: `${(room.width - box.width) / 2}px`, top: `${(room.height - box.height) / 2}px` };
  Object.assign($("picture").style, place);
  Object.assign($("space").style, state.mode === "over" ? place : { width: "", height: "", left: "", top: "" });
  scene.setSize($("space").clientWidth, $("space").clientHeight, Math.min(devicePixelRatio || 1, 2));
  if (!$("curves").hidden) chart.refresh();
  drawTrackRows();
  redraw();
}

function drawTrackRows() {
  const track = tracks[state.focus];
  if (!track) return;
  const { joints, on } = track.contacts;
  const side = (letter) => joints.map((j, i) => [j, i]).filter(([j]) => track.joints[j][0] === letter).map(([, i]) => i);
  const stands = (columns) => Array.from({ length: track.length }, (_, k) => columns.some((i) => on[k * joints.length + i]));
  const feet = [["L", "left"], ["R", "right"]].map(([letter, name]) => ({ on: stands(side(letter)), colour: data.colours[name] }));
  drawTracks($("tracks"), { times: data.times, valid: track.valid, feet });
}

// -- controls -----------------------------------------------------------------------------------

function makeControls() {
  $("meta").textContent = [
    `${data.times.length} frames`, `${+data.fps.toFixed(2)} per second`, data.people.length === 1 ? "1 person" : `${data.people.length} people`,
  ].join(" · ");
  const slider = $("slider");
  slider.max = data.times.length - 1;
  slider.addEventListener("input", () => player.seek(+slider.value));
  $("play").addEventListener("click", () => player.toggle());
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  for (const speed of SPEEDS) $("speed").add(new Option(`${speed}×`, speed, speed === 1, speed === 1));
  $("speed").addEventListener("change", () => player.setSpeed(+$("speed").value));
  for (const button of $("modes").children) button.addEventListener("click", () => setMode(button.dataset.mode));
  for (const button of $("views").children) if (button.dataset.view) button.addEventListener("click", () => setView(button.dataset.view));
  $("follow").addEventListener("click", () => setFollow(!state.follow));
  $("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  $("about-open").addEventListener("click", () => $("about").showModal());
  $("curves-open").addEventListener("click", toggleCurves);
  makeCurves();
  makeLayers();
  makePeople();
  makeAbout();
  setFollow(true);
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", (event) => {
    if (!$("layers").contains(event.target)) $("layers").open = false;
  });
}

function step(frames) {
  player.pause();
  player.seek(player.frame + frames);
}

function setMode(mode) {
  state.mode = mode;
  $("stage").dataset.mode = mode;
  for (const button of $("modes").children) button.setAttribute("aria-pressed", button.dataset.mode === mode);
  scene.lookThrough(mode === "over");
  layout();
}

function setView(view) {
  const path = tracks[state.focus]?.path ?? [];
  const target = path[Math.min(player.frame, path.length - 1)] ?? [0, 0, 0.9];
  const look = { front: { azimuth: 0, elevation: 4 }, side: { azimuth: 90, elevation: 4 }, top: { azimuth: 0, elevation: 86 } }[view];
  if (look) scene.lookFrom({ target, radius: radiusAround(target), ...look }, 0.45);
  else scene.lookFromCamera(target, 0.45);
}

function lookFromStart() {
  const target = tracks[state.focus]?.path[0] ?? [0, 0, 0.9];
  scene.lookFrom({ target, radius: radiusAround(target) });
}

/** Return the radius of a ball that holds the people near a point in the present frame. */
function radiusAround([x, y]) {
  let radius = 1.45;
  for (const track of tracks) {
    if (!track.visible || !track.present(player.frame)) continue;
    const [px, py] = track.joint(player.frame, 0);
    const away = Math.hypot(px - x, py - y);
    if (away < 3.2) radius = Math.max(radius, 0.75 * away + 0.9);
  }
  return radius;
}

function setFollow(on) {
  state.follow = on;
  $("follow").setAttribute("aria-pressed", on);
  if (on) showFrame(player.frame);
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  stored("theme", name);
  scene.setTheme(name);
  if (chart) layout();
}

function setLayer(layer, on) {
  if (!(layer in state.layers)) return;
  state.layers[layer] = on;
  const box = $("layer-list").querySelector(`[data-layer=${layer}]`);
  if (box) box.checked = on;
  if (layer !== "body") scene.show(layer, on);
  showFrame(player.frame);
}

function makeLayers() {
  for (const [layer, name, key] of LAYERS) {
    const known = { body: "body" in state.layers, uncertainty: tracks.some((t) => t.sigma), labels: tracks.length > 1 };
    if (known[layer] === false) continue;
    const label = document.createElement("label"), box = document.createElement("input"), hint = document.createElement("kbd");
    Object.assign(box, { type: "checkbox", checked: state.layers[layer] });
    box.dataset.layer = layer;
    box.addEventListener("change", () => setLayer(layer, box.checked));
    hint.textContent = key;
    label.append(box, name, hint);
    $("layer-list").append(label);
  }
}

function makePeople() {
  if (tracks.length < 2) return;
  const eye = '<svg viewBox="0 0 24 24"><path class="on" d="M12 5c5 0 9 4 10 7-1 3-5 7-10 7S3 15 2 12c1-3 5-7 10-7zm0 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8z"/><path class="off" d="M3.4 2 2 3.4l4 4C4 8.800 2.500 10.500 2 12c1 3 5 7 10 7 1.700 0 3.200-.4 4.600-1.100L20.600 22 22 20.600zM12 5c5 0 9 4 10 7-.4 1.200-1.300 2.600-2.600 3.800L8.600 5.500C9.700 5.200 10.800 5 12 5z"/></svg>';
  tracks.forEach((track, i) => {
    const chip = document.createElement("div"), focus = document.createElement("button"), toggle = document.createElement("button");
    chip.className = "person";
    const dot = document.createElement("span");
    dot.className = "dot";
    dot.style.background = `rgb(${track.colour.map(Math.round)})`;
    dot.textContent = track.number;
    focus.append(dot, track.name);
    focus.title = "Follow this person and plot the curves";
    focus.addEventListener("click", () => setFocus(i));
    toggle.className = "eye";
    toggle.innerHTML = eye;
    toggle.setAttribute("aria-label", `Show ${track.name}`);
    toggle.addEventListener("click", () => setVisible(i, !track.visible));
    chip.append(focus, toggle);
    $("people").append(chip);
  });
  setFocus(0);
}

function setFocus(i) {
  state.focus = i;
  [...$("people").children].forEach((chip, j) => chip.toggleAttribute("data-focus", i === j));
  if (chart) fillWhat();
  drawTrackRows();
  showFrame(player.frame);
}

function setVisible(i, on) {
  tracks[i].visible = on;
  $("people").children[i]?.toggleAttribute("data-hidden", !on);
  $("people").children[i]?.querySelector(".eye").setAttribute("aria-pressed", on);
  showFrame(player.frame);
}

// -- curves -------------------------------------------------------------------------------------

function makeCurves() {
  chart = new Chart($("chart"), data.times, (k) => {
    player.pause();
    player.seek(k);
  });
  $("what").addEventListener("change", fillWhich);
  $("which").addEventListener("change", plot);
  fillWhat();
}

function fill(select, choices, wanted) {
  select.replaceChildren(...choices.map(([key, name]) => new Option(name, key)));
  const keys = choices.map(([key]) => key);
  select.value = [...wanted, keys[0]].find((key) => keys.includes(key)) ?? "";
}

function fillWhat() {
  const track = tracks[state.focus];
  if (!track) return;
  const choices = Object.entries(QUANTITIES).map(([key, [name]]) => [key, name]);
  const known = choices.filter(([key]) => key !== "angle" || track.angles.length);
  fill($("what"), known, [$("what").value, "angle", "speed"]);
  fillWhich();
}

function fillWhich() {
  const track = tracks[state.focus];
  fill($("which"), track.choices($("what").value), [$("which").value, "knee_flexion", "Ankle"]);
  plot();
}

function plot() {
  const what = $("what").value;
  chart.setSeries(tracks[state.focus].series(what, $("which").value, data.colours), QUANTITIES[what][1]);
  showValues();
}

function showValues() {
  const digits = $("what").value === "angle" ? 1 : 2;
  const shown = chart.series.map(({ name, colour, values, sigma }) => {
    const item = document.createElement("span"), swatch = document.createElement("i"), value = document.createElement("b");
    swatch.style.background = `rgb(${colour.map(Math.round)})`;
    const k = chart.frame, known = Number.isFinite(values[k]);
    value.textContent = known ? values[k].toFixed(digits) : "–";
    const unsure = known && sigma && Number.isFinite(sigma[k]) ? ` ± ${sigma[k].toFixed(digits)}` : "";
    item.append(swatch, name, value, `${unsure}${chart.unit === "°" ? "" : " "}${chart.unit}`);
    return item;
  });
  $("values").replaceChildren(...shown);
}

function toggleCurves() {
  $("curves").hidden = !$("curves").hidden;
  requestAnimationFrame(() => {
    layout();
    showFrame(player.frame);
  });
}

// -- about, keys --------------------------------------------------------------------------------

function heading(text) {
  const node = document.createElement("h2");
  node.textContent = text;
  return node;
}

function list(rows) {
  const node = document.createElement("dl");
  for (const [term, text] of rows) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    [dt.textContent, dd.textContent] = [term, text];
    node.append(dt, dd);
  }
  return node;
}

function makeAbout() {
  const facts = [];
  if (data.notes.length) facts.push(heading("Notes"), ...data.notes.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  for (const track of tracks) facts.push(heading(track.name), list(Object.entries(track.facts)));
  facts.push(heading("Keys"), list([...KEYS, ...LAYERS.filter(([layer]) => layer in state.layers).map(([, name, key]) => [key, name.toLowerCase()])]));
  facts.push(Object.assign(document.createElement("p"), { textContent: data.made }));
  $("facts").append(...facts);
}

function changeSpeed(by) {
  const i = SPEEDS.indexOf(+$("speed").value) + by;
  $("speed").selectedIndex = Math.max(0, Math.min(SPEEDS.length - 1, i));
  player.setSpeed(+$("speed").value);
}

const ACTIONS = {
  " ": () => player.toggle(),
  ArrowLeft: (event) => step(event.shiftKey ? -Math.round(data.fps) : -1),
  ArrowRight: (event) => step(event.shiftKey ? Math.round(data.fps) : 1),
  Home: () => player.seek(0),
  End: () => player.seek(data.times.length - 1),
  "-": () => changeSpeed(-1),
  "+": () => changeSpeed(1),
  "=": () => changeSpeed(1),
  1: () => video && setMode("split"),
  2: () => setMode("over"),
  3: () => setMode("space"),
  f: () => setFollow(!state.follow),
  g: toggleCurves,
  d: () => $("theme").click(),
  m: () => video && (video.muted = !video.muted),
  p: () => setFocus((state.focus + 1) % tracks.length),
  r: () => notify((player.loop = !player.loop) ? "Repeats." : "Stops at the end."),
  "?": () => $("about").showModal(),
  ...Object.fromEntries(LAYERS.map(([layer, , key]) => [key.toLowerCase(), () => setLayer(layer, !state.layers[layer])])),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("about").open) return;
  if (event.target.tagName === "SELECT") return;
  if (event.target.tagName === "BUTTON" && event.key === " ") return; // it presses the button
  const action = ACTIONS[event.key] ?? ACTIONS[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action(event);
}

// -- for tests ----------------------------------------------------------------------------------

globalThis.tcpformer = {
  ready: start(),
  state,
  get player() {
    return player;
  },
  get scene() {
    return scene;
  },
  setMode,
  setTheme,
  setLayer,
  setVisible,
  setFocus,
  setView,
  /** Show a frame; resolve when the video shows it too. */
  async seek(k) {
    player.seek(k);
    while (player.wanted !== null || (video && player.shown !== k)) await new Promise((done) => setTimeout(done, 10));
    return player.frame;
  },
  /** Return the people that are drawn: number and joints. */
  drawn: () => scene.people.map(({ id, joints, ghost, shift }) => ({ id, joints: [...joints], ghost, shift })),
  /** Return where the joints of a drawn person lie in the picture, in pixels of the video. */
  project(id) {
    const person = scene.people.find((each) => each.id === id), [width, height] = data.camera.size;
    const shift = state.mode === "over" ? person.shift : [0, 0, 0];
    return Array.from({ length: person.joints.length / 3 }, (_, j) => {
      const [x, y] = scene.project([0, 1, 2].map((k) => person.joints[3 * j + k] + shift[k]));
      return [x * width, y * height];
    });
  },
  /** Return the mean milliseconds to show and draw a frame, until the picture is complete. */
  measure(count) {
    const gl = scene.renderer.getContext(), pixel = new Uint8Array(4), was = player.frame;
    const begin = performance.now();
    for (let i = 0; i < count; i++) {
      showFrame(Math.floor((i * (data.times.length - 1)) / count));
      scene.render();
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    }
    const mean = (performance.now() - begin) / count;
    showFrame(was);
    return mean;
  },
};
globalThis.tcpformer.ready.catch((error) => {
  console.error(error);
  notify(`The page cannot show this motion: ${error.message}`);
});
