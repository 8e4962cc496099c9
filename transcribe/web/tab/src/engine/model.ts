/** The network and all that goes with it, from the site's files. */

import { fetchAsset } from "./assets";
import { loadNetwork } from "./network";
import { settingsOf } from "./onnx-metadata";
import { readSafetensors } from "./safetensors";
import type { Model } from "./transcription";

/** Fetch it, and start the runtime; for workers, whose script lies beside these files. */
export async function loadModel(): Promise<Model> {
  const at = (name: string): URL => new URL(name, self.location.href);
  const [graph, features, runtime] = await Promise.all(
    ["model.onnx.gz", "features.safetensors.gz", "ort-wasm-simd-threaded.wasm.gz"].map((name) =>
      fetchAsset(at(name)),
    ) as [Promise<ArrayBuffer>, Promise<ArrayBuffer>, Promise<ArrayBuffer>],
  );
  const settings = settingsOf(new Uint8Array(graph));
  const network = await loadNetwork(graph, runtime, at("ort-wasm-simd-threaded.mjs").href, {
    nChannels: settings.features.phases.reduce((sum, each) => sum + each, 0),
    nBins: settings.features.n_bins,
  });
  return { settings, arrays: readSafetensors(features), network };
}
