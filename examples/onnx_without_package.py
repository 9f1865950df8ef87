"""From pixels to metres with numpy and ONNX Runtime alone.

Usage: python onnx_without_package.py fast.onnx keypoints.npz HEIGHT_IN_METRES out.npz
keypoints.npz: xy (t, j, 2), confidence (t, j), size and focal in pixels; joints in the order of the
network; as many frames a second as the network takes, its fps over its frame_step.
"""

import json
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["tcpformer"])
assert about["spec"]["normalization"] == "centered-camera", about["spec"]
print(f"takes {about['spec']['fps'] / about['spec']['frame_step']:g} frames per second")
data, frames = np.load(sys.argv[2]), session.get_inputs()[0].shape[1]
t = len(data["xy"])
clips = np.minimum(np.arange(-(-t // frames) * frames), t - 1).reshape(-1, frames)
rays = (data["xy"] - data["size"] / 2) / data["focal"]
points = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)
axis = points[:, :17].mean(axis=1)  # a virtual camera looks at the person
x, y, z = (axis / np.linalg.norm(axis, axis=-1, keepdims=True)).T
k = 1 / (1 + z)
rows = [[1 - k * x * x, -k * x * y, -x], [-k * x * y, 1 - k * y * y, -y], [x, y, z]]
rotation = np.moveaxis(np.array(rows), -1, 0)
turned = np.einsum("tab,tjb->tja", rotation, points)
seen = (turned[..., :2] / turned[..., 2:])[clips]
seen /= np.sqrt((seen[:, :, :17] ** 2).sum(axis=-1).mean(axis=(1, 2)))[:, None, None, None]
xyc = np.concatenate([seen, data["confidence"][clips][..., None]], axis=-1).astype(np.float32)
pose = np.array(session.run(["xyz"], {"xyc": xyc})[0], dtype=float)
pose[..., :2] += 0.42 * (seen - seen[:, :, :1])  # the network adds depth and corrections to these
pose = np.einsum("tba,tjb->tja", rotation, pose.reshape(-1, *pose.shape[2:])[:t])
leg, trunk = ((1, 2), (2, 3), (4, 5), (5, 6)), ((0, 7), (7, 8), (8, 9), (9, 10))
long = {pair: np.linalg.norm(pose[:, pair[0]] - pose[:, pair[1]], axis=-1) for pair in leg + trunk}
stature = 1.07 * (sum(long[pair] for pair in leg) / 2 + sum(long[pair] for pair in trunk))
pose = (pose - pose[:, :1]) * float(sys.argv[3]) / np.median(stature)
np.savez(sys.argv[4], xyz=pose)  # metres from the pelvis: x right, y down, z away from the camera
