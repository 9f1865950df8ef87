// A skinned person from a GLB, posed bone by bone.

import { Group, Quaternion } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { linear } from "./capsules.js";

const GHOST = [150, 154, 162];

/**
 * Read a GLB of one skinned person.
 * @param {ArrayBuffer} glb
 * @param {string[]} bones Names of the nodes that `person.rig.rotations` turns, root first.
 */
export async function loadBody(glb, bones) {
  const gltf = await new GLTFLoader().parseAsync(glb, "");
  return new Body(gltf.scene, bones);
}

class Body {
  constructor(scene, bones) {
    this.object = new Group();
    this.object.rotation.x = Math.PI / 2; // from y up to z up
    this.object.add(scene);
    const named = new Map();
    scene.traverse((node) => {
      named.set(node.name, node);
      if (node.isMesh) {
        node.castShadow = true;
        node.frustumCulled = false;
        this.material = node.material;
      }
    });
    this.bones = bones.map((name) => named.get(name.replace(/[\s.:/[\]]/g, "")) ?? named.get(name));
    if (this.bones.some((bone) => !bone)) throw new Error("the body lacks a bone of the rig");
    this.turn = new Quaternion();
  }

  /** Pose by `person.rig`: root in metres and unit quaternions x, y, z, w of each bone; y up. */
  pose(person, shift, ghost) {
    const { root, rotations } = person.rig;
    this.bones.forEach((bone, i) => bone.quaternion.set(rotations[4 * i], rotations[4 * i + 1], rotations[4 * i + 2], rotations[4 * i + 3]).normalize());
    this.bones[0].position.set(root[0], root[1], root[2]);
    this.object.position.set(...shift);
    const rgb = (ghost ? GHOST : person.colour).map((c) => (ghost ? c : 150 + 0.35 * (c - 90)));
    this.material.color.setRGB(...linear(rgb));
  }
}
