/** Arrays by name from a safetensors file. */

interface Described {
  dtype: string;
  data_offsets: [number, number];
}

const KINDS = { F32: Float32Array, I32: Int32Array } as const;

export type Arrays = Map<string, Float32Array | Int32Array>;

export function readSafetensors(content: ArrayBuffer): Arrays {
  const size = Number(new DataView(content).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 8, size))) as Record<
    string,
    Described
  >;
  const found: Arrays = new Map();
  for (const [name, { dtype, data_offsets: [start, stop] }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const kind = KINDS[dtype as keyof typeof KINDS];
    if (!kind) throw new Error(`${name}: expected F32 or I32, found ${dtype}`);
    found.set(name, new kind(content.slice(8 + size + start, 8 + size + stop)));
  }
  return found;
}
