/** The network, run by ONNX Runtime's WebAssembly on one core or, where the page may, on several. */

import * as ort from "onnxruntime-web/wasm";

/** More threads than this gain nothing on this network. */
const MOST_THREADS = 4;

export interface Network {
  /** From frames, `width` numbers each, to the rows of `decode/rolls`. */
  activations(frames: Float32Array): Promise<Float32Array>;
}

/** How many threads a network may take here. */
export const threadsHere = (): number =>
  globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;

/**
 * @param graph an ONNX file from `frames` to `activations`
 * @param runtime the runtime's WebAssembly
 * @param loader address of the script that starts it
 */
export async function loadNetwork(
  graph: ArrayBuffer,
  runtime: ArrayBuffer,
  loader: string,
  shape: { nChannels: number; nBins: number },
  threads = threadsHere(),
): Promise<Network> {
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmBinary = runtime;
  ort.env.wasm.wasmPaths = { mjs: loader };
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(graph, {
    executionProviders: ["wasm"],
    enableCpuMemArena: false, // which takes memory in steps that double, and gives none back
    // Threads that wait sleep: the page and the reader of the sound need processors, too.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  delete ort.env.wasm.wasmBinary; // it is compiled by now
  const width = shape.nChannels * shape.nBins;
  return {
    async activations(frames) {
      const size = [1, frames.length / width, shape.nChannels, shape.nBins];
      const input = new ort.Tensor("float32", frames, size);
      const { activations } = await session.run({ frames: input });
      if (!activations) throw new Error("the network gave no activations");
      return (await activations.getData()) as Float32Array;
    },
  };
}
