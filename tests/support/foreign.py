"""Other programs that read our files: Blender, the glTF validator, three.js. None is a dependency.

`TCPFORMER_FOREIGN_PYTHON` names a Python that has bpy, `TCPFORMER_NODE_MODULES` a folder
node_modules with gltf-validator, three and esbuild, `TCPFORMER_CHROMIUM` a browser for playwright.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BLENDER = """
import bpy, json, sys
kind, path, start, step, count = sys.argv[-5:]
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = 30, 1.0
{"glb": lambda: bpy.ops.import_scene.gltf(filepath=path),
 "fbx": lambda: bpy.ops.import_scene.fbx(filepath=path),
 "usd": lambda: bpy.ops.wm.usd_import(filepath=path)}[kind]()
found = {}
for frame in range(0, int(count), int(step)):
    scene.frame_set(frame + int(start))
    graph = bpy.context.evaluated_depsgraph_get()
    for thing in bpy.data.objects:
        if thing.type != "ARMATURE":
            continue
        name = thing.parent.name if kind == "usd" else thing.name
        seen = thing.evaluated_get(graph)
        for bone in seen.pose.bones:
            x, y, z = seen.matrix_world @ bone.head
            found.setdefault(name, {}).setdefault(bone.name.split("/")[-1], []).append((x, z, -y))
print("FOUND" + json.dumps(found))
"""


def blender_python() -> str:
    """Return the Python that has bpy, or skip the test."""
    python = os.environ.get("TCPFORMER_FOREIGN_PYTHON")
    if not python:
        pytest.skip("TCPFORMER_FOREIGN_PYTHON names no Python with bpy")
    return python


def heads_in_blender(kind: str, path: Path, start: int, step: int, count: int) -> dict[str, Any]:
    """Return, by person and bone, the heads at every ``step``-th frame, y up, as Blender has them.

    Args:
        kind: "glb", "fbx" or "usd".
        path: The file.
        start: Blender's frame at which the file's frame 0 is.
        step: Frames from one to the next that is looked at.
        count: Frames of the file.
    """
    arguments = [blender_python(), "-c", BLENDER, kind, path, start, step, count]
    done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    assert lines, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(lines[0].removeprefix("FOUND"))


def node_module(name: str) -> Path:
    """Return where a module for node is installed, or skip the test."""
    folder = os.environ.get("TCPFORMER_NODE_MODULES")
    if not folder or not shutil.which("node") or not (Path(folder) / name).exists():
        pytest.skip(f"no node, or TCPFORMER_NODE_MODULES has no {name}")
    return Path(folder) / name


def validate_gltf(path: Path) -> dict[str, Any]:
    """Return the issues that Khronos' validator finds in a file."""
    module = node_module("gltf-validator")
    script = (
        f"require({json.dumps(str(module))}).validateBytes(new Uint8Array(require('fs')"
        f".readFileSync({json.dumps(str(path))}))).then(r=>console.log(JSON.stringify(r.issues)))"
    )
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


THREE = """
import * as THREE from 'three';
import {GLTFLoader} from 'three/examples/jsm/loaders/GLTFLoader.js';
window.heads = async (base64, times) => {
  const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
  const file = await new Promise((ok, no) => new GLTFLoader().parse(bytes.buffer, '', ok, no));
  const mixer = new THREE.AnimationMixer(file.scene);
  for (const clip of file.animations) {
    const action = mixer.clipAction(clip).setLoop(THREE.LoopOnce);
    action.clampWhenFinished = true;  // the last frame stays
    action.play();
  }
  return times.map(time => {
    mixer.setTime(time);
    file.scene.updateMatrixWorld(true);
    const found = [];
    file.scene.traverse(o => o.isBone && found.push(o.getWorldPosition(new THREE.Vector3())));
    return found.map(v => v.toArray());
  });
};
"""


def heads_in_three(path: Path, times: list[float], folder: Path) -> list[Any]:
    """Return the heads of all bones at some times, as three.js has them, in the file's order."""
    import base64

    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = os.environ.get("TCPFORMER_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        pytest.skip("no chromium")
    esbuild = node_module("esbuild") / "bin" / "esbuild"
    (folder / "main.js").write_text(THREE)
    subprocess.run(
        [esbuild, folder / "main.js", "--bundle", f"--outfile={folder / 'bundle.js'}"],
        env={**os.environ, "NODE_PATH": str(node_module("three").parent)},
        capture_output=True,
        check=True,
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<body></body>")
        page.add_script_tag(path=folder / "bundle.js")
        data = base64.b64encode(path.read_bytes()).decode()
        found = page.evaluate("([data, times]) => heads(data, times)", [data, times])
        browser.close()
    return found


UFBX = """
import json, sys, ufbx
scene = ufbx.load_file(sys.argv[1])
nodes = [scene.nodes[i] for i in range(len(scene.nodes))]
stack = scene.anim_stacks[0]
found = {"fps": scene.settings.frames_per_second, "end": stack.time_end, "nodes": []}
for node in nodes:
    local = [ufbx.evaluate_transform(scene.anim, node, float(time)) for time in sys.argv[2:]]
    parent = node.parent.typed_id if node.parent else -1
    turns = [[q.x, q.y, q.z, q.w] for q in (each.rotation for each in local)]
    places = [[t.x, t.y, t.z] for t in (each.translation for each in local)]
    found["nodes"].append([node.name, node.typed_id, parent, places, turns])
print(json.dumps(found), flush=True)
"""


def read_in_ufbx(path: Path, times: list[float]) -> dict[str, Any]:
    """Return rate, end, and each node with its parent, places and turns at some times.

    In a process of its own: version 0.0.5 of the binding can end the process that uses it.
    """
    pytest.importorskip("ufbx", reason="ufbx is not installed")
    arguments = [sys.executable, "-c", UFBX, str(path), *map(str, times)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr[-2000:]
    return json.loads(done.stdout)


BVH_IN_BLENDER = """
import bpy, json, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_anim.bvh(
    filepath=sys.argv[-1], update_scene_fps=True, update_scene_duration=True
)
scene = bpy.context.scene
armature = bpy.context.object
end = int(armature.animation_data.action.frame_range[1])  # the scene is never made shorter
found = {"fps": scene.render.fps / scene.render.fps_base, "end": end, "bones": {}}
found["rest"] = {
    bone.name: [[*(armature.matrix_world @ end)] for end in (bone.head_local, bone.tail_local)]
    for bone in armature.data.bones
}
for frame in range(1, end + 1):
    scene.frame_set(frame)
    seen = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    for bone in seen.pose.bones:
        ends = [[*(seen.matrix_world @ end)] for end in (bone.head, bone.tail)]
        found["bones"].setdefault(bone.name, []).append(ends)
print("FOUND" + json.dumps(found))
"""


def bvh_in_blender(path: Path) -> dict[str, Any]:
    """Import a BVH file into Blender, with its defaults and the file's rate and length.

    Returns:
        "fps" and "end", the last frame of the motion, which starts at 1; "rest" and "bones": head
        and tail by name, z up, in the rest pose and in every frame.
    """
    arguments = [blender_python(), "-c", BVH_IN_BLENDER, str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    assert lines, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(lines[0].removeprefix("FOUND"))
