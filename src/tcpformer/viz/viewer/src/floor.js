// The floor: a grid that fades out around its middle, and the shadows on it.

import { Color, Mesh, PlaneGeometry, ShaderMaterial, ShadowMaterial } from "three";

const VERTEX = `
varying vec2 place;
void main() {
  vec4 world = modelMatrix * vec4(position, 1.0);
  place = world.xy;
  gl_Position = projectionMatrix * viewMatrix * world;
}`;

const FRAGMENT = `
uniform vec3 ground;
uniform vec3 line;
uniform vec2 middle;
uniform float radius;
uniform vec2 opacity;
varying vec2 place;
float grid(float cell, float width) {
  vec2 step = fwidth(place) / cell;
  vec2 off = abs(fract(place / cell - 0.5) - 0.5);
  vec2 on = 1.0 - smoothstep(0.5 * width * step, (0.5 * width + 1.0) * step, off);
  // Where cells are smaller than pixels, the mean of the lines.
  on = mix(on, vec2(0.0), smoothstep(0.2, 0.6, step));
  return max(on.x, on.y);
}
void main() {
  float far = clamp(distance(place, middle) / radius, 0.0, 1.0);
  float fade = pow(1.0 - far * far, 1.6);
  float lines = max(0.45 * grid(0.5, 0.6), grid(1.0, 1.0));
  gl_FragColor = vec4(mix(ground, line, lines), fade * mix(opacity.x, opacity.y, 0.85 * lines));
  #include <colorspace_fragment>
}`;

export class Floor {
  constructor(radius = 9) {
    this.radius = radius;
    this.material = new ShaderMaterial({
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      transparent: true,
      depthWrite: false,
      uniforms: {
        ground: { value: new Color() },
        line: { value: new Color() },
        middle: { value: [0, 0] },
        radius: { value: radius },
        opacity: { value: [1, 1] }, // of the ground, of the lines
      },
    });
    const plane = new PlaneGeometry(2 * radius, 2 * radius);
    this.grid = new Mesh(plane, this.material);
    this.grid.renderOrder = -2;
    this.shadow = new Mesh(plane, new ShadowMaterial({ opacity: 0.3, depthWrite: false }));
    this.shadow.position.z = 0.002;
    this.shadow.receiveShadow = true;
    this.shadow.renderOrder = -1;
  }

  moveTo(x, y, z) {
    this.grid.position.set(x, y, z);
    this.shadow.position.set(x, y, z + 0.002);
    this.material.uniforms.middle.value = [x, y];
  }

  paint(ground, line, opacity, shadow) {
    this.material.uniforms.ground.value.set(ground);
    this.material.uniforms.line.value.set(line);
    this.material.uniforms.opacity.value = opacity;
    this.shadow.material.opacity = shadow;
  }
}
