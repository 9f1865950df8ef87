// A skinned person: a surface that bones move.

import { Bone, BufferAttribute, BufferGeometry, Group, MeshStandardMaterial, Skeleton, SkinnedMesh } from "three";
import { linear } from "./capsules.js";

const GHOST = [150, 154, 162];

/**
 * @param surface Shared by all people: triangles, bones and weights of each vertex, four of both.
 * @param rig Of one person: names and parents of bones, offsets from the parent's head, vertices in
 *   the rest pose; metres, y up.
 * @param colours left and right, [r, g, b].
 */
export function createBody(surface, rig, colours) {
  return new Body(surface, rig, colours);
}

class Body {
  constructor({ triangles, bones, weights }, { names, parents, offsets, vertices }, colours) {
    const geometry = new BufferGeometry();
    const count = vertices.length / 3;
    geometry.setAttribute("position", new BufferAttribute(Float32Array.from(vertices), 3));
    geometry.setAttribute("color", new BufferAttribute(new Float32Array(3 * count), 3));
    geometry.setAttribute("skinIndex", new BufferAttribute(Uint16Array.from(bones), 4));
    geometry.setAttribute("skinWeight", new BufferAttribute(Float32Array.from(weights, (x) => x / 255), 4));
    geometry.setIndex(new BufferAttribute(Uint32Array.from(triangles), 1));
    geometry.computeVertexNormals();
    this.bones = names.map((name) => Object.assign(new Bone(), { name }));
    this.bones.forEach((bone, i) => {
      bone.position.set(offsets[3 * i], offsets[3 * i + 1], offsets[3 * i + 2]);
      if (parents[i] >= 0) this.bones[parents[i]].add(bone);
    });
    this.mesh = new SkinnedMesh(geometry, new MeshStandardMaterial({ vertexColors: true, roughness: 0.7 }));
    this.mesh.castShadow = this.mesh.receiveShadow = true;
    this.mesh.frustumCulled = false;
    this.mesh.normalizeSkinWeights();
    this.bones[0].updateMatrixWorld(true);
    this.mesh.bind(new Skeleton(this.bones), this.mesh.matrixWorld);
    this.object = new Group();
    this.object.rotation.x = Math.PI / 2; // from y up to z up
    this.object.add(this.bones[0], this.mesh);
    this.sides = names.map((name) => (/^left/i.test(name) ? colours.left : /^right/i.test(name) ? colours.right : null));
    // The bone that moves a vertex most gives it its colour.
    this.owner = Uint8Array.from({ length: count }, (_, v) => {
      const own = [0, 1, 2, 3].sort((a, b) => weights[4 * v + b] - weights[4 * v + a])[0];
      return bones[4 * v + own];
    });
  }

  /** Pose by `person.rig`: root in metres, quaternions x, y, z, w and whether each bone is seen. */
  pose(person, shift, pale) {
    const { root, rotations, seen } = person.rig;
    this.bones.forEach((bone, i) => bone.quaternion.set(...rotations.subarray(4 * i, 4 * i + 4)).normalize());
    this.bones[0].position.set(root[0], root[1], root[2]);
    this.object.position.set(...shift);
    const key = `${person.ghost} ${seen} ${pale}`;
    if (key === this.key) return;
    this.key = key;
    const painted = this.sides.map((side, i) => {
      const own = person.ghost ? GHOST : (side ?? person.colour);
      return linear(own.map((c, k) => c + (pale[k] - c) * (seen[i] ? 0.12 : 0.72)));
    });
    const color = this.mesh.geometry.getAttribute("color");
    this.owner.forEach((bone, v) => color.set(painted[bone], 3 * v));
    color.needsUpdate = true;
  }
}
