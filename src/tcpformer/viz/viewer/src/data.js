// Reading what the page holds: one gzip stream of a header and arrays.

/** Return the bytes of a base64 text. */
export async function bytesOf(text) {
  return (await fetch(`data:application/octet-stream;base64,${text.trim()}`)).arrayBuffer();
}

/** Return the header of a payload, with typed arrays in place of what it describes as arrays. */
export async function readPayload(text) {
  const packed = new Blob([await bytesOf(text)]).stream();
  const buffer = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return revive(header, buffer.slice(4 + length));
}

function revive(value, buffer) {
  if (Array.isArray(value)) return value.map((each) => revive(each, buffer));
  if (value === null || typeof value !== "object") return value;
  if (value.shape) return decode(value, buffer);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revive(each, buffer)]));
}

/** Undo `Packer.add_series` and `Packer.add_bytes` of payload.py. */
function decode({ type, offset, shape, step, start }, buffer) {
  const count = shape.reduce((a, b) => a * b, 1);
  if (type === "u1") return new Uint8Array(buffer, offset, count);
  const changes = type === "i2" ? new Int16Array(buffer, offset, count) : new Int32Array(buffer, offset, count);
  const width = count / Math.max(shape[0], 1);
  const result = new Float64Array(count), sum = Float64Array.from(start);
  for (let i = 0; i < count; i++) result[i] = step * (sum[i % width] += changes[i]);
  return result;
}
