"""Open a GLB in Blender 4.2 or later: people, rate and length, camera, and the video behind it.

blender --python examples/blender_import.py -- people.glb dance.mp4
"""

import json
import sys
from pathlib import Path

import bpy  # type: ignore[import-not-found]  # Blender has it


def main(path: str, video: str = "") -> None:
    data = Path(path).read_bytes()
    nodes = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])["nodes"]
    people = [node["extras"] for node in nodes if "fps" in node.get("extras", {})]
    rate, scene = people[0]["fps"], bpy.context.scene
    scene.render.fps = round(rate) or 1  # before the import, which counts frames by it
    scene.render.fps_base = scene.render.fps / rate
    bpy.ops.import_scene.gltf(filepath=path, disable_bone_shape=True)
    starts = [round(person["start"] * rate) for person in people]
    ends = [start + person["frames"] - 1 for start, person in zip(starts, people, strict=True)]
    scene.frame_start, scene.frame_end = min(starts), max(ends)
    scene.camera = bpy.data.objects.get("camera")  # none if it moved
    if scene.camera:
        scene.render.resolution_x, scene.render.resolution_y = map(int, scene.camera["size"])
    if scene.camera and video:
        lens = scene.camera.data
        lens.show_background_images = True
        behind = lens.background_images.new()
        behind.image = bpy.data.images.load(str(Path(video).resolve()))
        behind.image_user.frame_start = 0  # the video's first frame is Blender's frame 0
        behind.image_user.frame_duration = max(ends) + 1
    scene.frame_set(scene.frame_start)


if __name__ == "__main__":
    main(*sys.argv[sys.argv.index("--") + 1 :])
