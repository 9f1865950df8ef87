// The page of the service: send a file and follow its job, or send the camera and draw the answers.
"use strict";

const $ = (id) => document.getElementById(id);
const STAGES = { "": "Starting", reading: "Reading", detecting: "Finding people", drawing: "Drawing the overlay", page: "Making the page" };
const COLOURS = [[92, 98, 112], [150, 96, 60], [70, 120, 110], [120, 90, 140]];
const SEND_WIDTH = 640; // pixels: the detector sees 256 of a person, so more costs time and shows no more
const IN_FLIGHT = 2; // pictures that are sent before an answer comes
let job = null;
let socket = null;

function fail(text) {
  $("wrong").textContent = text;
  $("wrong").hidden = !text;
}

function show(name) {
  for (const each of ["work", "result", "live"]) $(each).hidden = each !== name;
  $("choose").classList.toggle("small", name === "result" || name === "live");
}

// The token of a server with one goes into a cookie of this origin, which frames and sockets send too.
async function askForToken() {
  $("ask").showModal();
  await new Promise((done) => $("ask").addEventListener("close", done, { once: true }));
  document.cookie = `tcpformer_token=${encodeURIComponent($("token").value)}; path=/; SameSite=Strict`;
}

async function call(address, options = {}) {
  const answer = await fetch(address, options);
  if (answer.status === 401) {
    await askForToken();
    return call(address, options);
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const detail = await answer.json().then((content) => content.detail, () => answer.statusText);
  throw new Error(typeof detail === "string" ? detail : "The request was not understood.");
}

const MEBI = 2 ** 20;

async function send(file) {
  fail("");
  stopCamera();
  show("work");
  $("bar").removeAttribute("value");
  $("state").textContent = `Sending ${(file.size / MEBI).toFixed(1)} MB`;
  const form = new FormData();
  form.append("file", file);
  try {
    job = await call("/v1/jobs", { method: "POST", body: form });
    follow(job.id);
  } catch (error) {
    show("");
    fail(error.message);
  }
}

function follow(id) {
  const events = new EventSource(`/v1/jobs/${id}/events`);
  events.onmessage = (event) => {
    job = JSON.parse(event.data);
    const busy = job.state === "queued" || job.state === "running";
    if (busy) return showProgress(job);
    events.close();
    if (job.state === "done") return showResult(job);
    show("");
    fail(job.state === "failed" ? `Not lifted: ${job.error}` : "");
  };
  events.addEventListener("gone", () => { events.close(); show(""); });
}

function showProgress({ state, stage, step, steps }) {
  const text = state === "queued" ? "Waiting for a worker" : (STAGES[stage] ?? stage);
  $("state").textContent = steps > 1 ? `${text}: ${step} of ${steps} frames` : text;
  if (steps > 1) $("bar").value = step / steps;
  else $("bar").removeAttribute("value");
}

function showResult({ id, files }) {
  show("result");
  const list = Object.entries(files).map(([name, bytes]) => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = `/v1/jobs/${id}/files/${name.split("/").map(encodeURIComponent).join("/")}`;
    link.textContent = name;
    link.download = name.replaceAll("/", "_");
    item.append(link, ` ${bytes > MEBI ? `${(bytes / MEBI).toFixed(1)} MB` : `${Math.ceil(bytes / 1024)} kB`}`);
    return item;
  });
  $("files").replaceChildren(...list);
  $("viewer").src = `/v1/jobs/${id}/files/view.html`;
}

$("cancel").onclick = () => job && call(`/v1/jobs/${job.id}`, { method: "DELETE" }).catch((error) => fail(error.message));
$("pick").onclick = () => $("file").click();
$("file").onchange = () => $("file").files[0] && send($("file").files[0]);
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
$("drop").addEventListener("dragover", () => $("drop").classList.add("over"));
$("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
$("drop").addEventListener("drop", (event) => {
  $("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
});

let scene = null;

function prepareScene() {
  scene ??= TcpformerScene.createScene($("canvas"));
  const { clientWidth, clientHeight } = $("canvas").parentElement;
  scene.setSize(clientWidth, clientHeight, devicePixelRatio);
  scene.setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  scene.onchange = () => requestAnimationFrame(() => scene.render());
  scene.render();
}

async function startCamera() {
  fail("");
  if (!navigator.mediaDevices) return fail("The browser gives the camera to pages of localhost or https alone.");
  try {
    await call("/openapi.json"); // asks for the token if there is one
    $("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
  } catch (error) {
    return fail(`The camera cannot be used: ${error.message}`);
  }
  show("live");
  await $("video").play();
  prepareScene();
  connect();
}

function connect() {
  const own = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1/live`);
  const state = { waiting: new Map(), sent: 0, answered: [], skeleton: null, middle: null };
  socket = own;
  $("figures").textContent = "Loading the network";
  own.onmessage = ({ data }) => {
    const answer = JSON.parse(data);
    if (answer.error) return fail(answer.error);
    if (answer.ready) {
      state.skeleton = answer.skeleton;
      sendPictures(own, state);
    } else draw(answer, state);
  };
  own.onclose = ({ code }) => {
    if (socket !== own) return;
    stopCamera();
    show("");
    if ($("wrong").hidden) fail(code === 1006 ? "All live places are taken, or the server is gone; try again later." : "The connection ended.");
  };
}

async function sendPictures(own, state) {
  const video = $("video"), picture = document.createElement("canvas");
  while (socket === own && own.readyState === WebSocket.OPEN) {
    if (state.waiting.size >= IN_FLIGHT || video.readyState < 2) {
      await new Promise((done) => setTimeout(done, 5));
      continue;
    }
    picture.width = Math.min(SEND_WIDTH, video.videoWidth);
    picture.height = Math.round((picture.width * video.videoHeight) / video.videoWidth);
    picture.getContext("2d").drawImage(video, 0, 0, picture.width, picture.height);
    const blob = await new Promise((done) => picture.toBlob(done, "image/jpeg", 0.85));
    if (socket !== own || own.readyState !== WebSocket.OPEN) return;
    state.waiting.set(state.sent++, performance.now());
    own.send(blob);
    await new Promise((done) => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(done) : setTimeout(done, 33)));
  }
}

function draw(answer, state) {
  const now = performance.now(), delay = now - state.waiting.get(answer.frame);
  for (const number of state.waiting.keys()) if (number <= answer.frame) state.waiting.delete(number);
  state.answered = [...state.answered.filter((time) => now - time < 2000), now];
  const seen = answer.people.filter((person) => person.seen);
  scene.setPeople(seen.map((person) => ({
    id: person.id, joints: person.xyz.flat(), skeleton: state.skeleton, colour: COLOURS[person.id % COLOURS.length],
    seen: person.confidence.map((value) => (value > 0.3 ? 1 : 0)),
  })));
  lookAt(seen.map((person) => person.xyz[0]), state);
  scene.render();
  $("figures").textContent = `${seen.length} ${seen.length === 1 ? "person" : "people"}, ${(state.answered.length / 2).toFixed(0)} fps, ${delay.toFixed(0)} ms`;
}

// Keep all people in the picture: slowly, and anew where they spread or gather.
function lookAt(hips, state) {
  if (!hips.length) return;
  const middle = [0, 1].map((axis) => hips.reduce((sum, hip) => sum + hip[axis], 0) / hips.length);
  const radius = 1.3 + Math.max(...hips.map((hip) => Math.hypot(hip[0] - middle[0], hip[1] - middle[1])));
  const height = hips.reduce((sum, hip) => sum + hip[2], 0) / hips.length;
  if (!state.middle || Math.abs(Math.log(radius / state.radius)) > 0.4) {
    Object.assign(state, { middle, radius, height });
    scene.lookFrom({ target: [...middle, height], radius });
  }
  state.middle = state.middle.map((before, axis) => before + 0.05 * (middle[axis] - before));
  state.height += 0.05 * (height - state.height);
  scene.follow([...state.middle, state.height]);
}

function stopCamera() {
  const own = socket;
  socket = null;
  own?.close();
  for (const track of $("video").srcObject?.getTracks() ?? []) track.stop();
  $("video").srcObject = null;
}

$("camera").onclick = startCamera;
$("stop").onclick = () => { stopCamera(); show(""); };
addEventListener("resize", () => scene && prepareScene());
