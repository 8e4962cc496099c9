/**
 * Builds what `transcribe site` copies: `node build.mjs`, into ../built.
 * `node build.mjs --checks FILE` builds the engine's rooms for tests in Node.js instead.
 *
 * The page is that of `transcribe serve`: its modules, with the tab in place of the server. The
 * weights, the piano and the list of files come from Python (`transcribe/web/site.py`).
 */

import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const statics = join(here, "../static");
const out = join(here, "../built");
const runtime = join(here, "node_modules/onnxruntime-web/dist");

const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; " +
  "connect-src 'self'; media-src 'self' blob:; img-src 'self' blob: data:; worker-src 'self'; " +
  "manifest-src 'self'; base-uri 'none'; form-action 'none'";

/** What the page is made of, for its "about"; what each does is the end of a key of texts. */
const PARTS = [
  ["onnxruntime-web", "network"],
  ["mediabunny", "reader"],
  ["fft.js", "fft"],
  ["idb", "library"],
  ["fflate", "archive"],
];

const [, version] = (await readFile(join(here, "../../version.py"), "utf8")).match(/__version__ = "(.+)"/);

const tabInPlaceOfServer = {
  name: "the tab in place of the server",
  setup(building) {
    building.onResolve({ filter: /^\.\/server\.js$/ }, ({ resolveDir }) =>
      resolve(resolveDir) === resolve(statics) ? { path: join(here, "src/server.ts") } : undefined,
    );
  },
};

const common = {
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome109", "firefox115", "safari16.4"],
  outdir: out,
  define: { VERSION: JSON.stringify(version) },
  conditions: ["onnxruntime-web-use-extern-wasm"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  plugins: [tabInPlaceOfServer],
};

if (process.argv[2] === "--checks") {
  const { outdir, ...rest } = common;
  const outfile = resolve(process.argv[3]);
  await build({ ...rest, entryPoints: [join(here, "src/checks.ts")], outfile, platform: "node" });
  process.exit();
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const source = (name) => join(here, "src", name);
await build({
  ...common,
  entryPoints: ["page", "library.worker", "transcriber.worker", "sound.worker", "live.worker"].map((name) => source(`${name}.ts`)),
});
await build({ ...common, entryPoints: [source("service-worker.ts")], format: "iife" });

// Texts of other languages than English are fetched by the page; those are in its bundle.
const languages = (await readdir(join(statics, "texts"))).filter((name) => name !== "en.js");
await build({
  ...common,
  bundle: false,
  outdir: join(out, "texts"),
  entryPoints: languages.map((name) => join(statics, "texts", name)),
});
await build({ ...common, bundle: false, entryPoints: [join(statics, "language.js")], format: "iife" });

let page = await readFile(join(statics, "index.html"), "utf8");
for (const [from, to] of [
  ['<script type="module" src="/static/main.js"></script>', '<script type="module" src="page.js"></script>'],
  [
    '<meta charset="utf-8">',
    `<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="${POLICY}">\n` +
      '<meta name="referrer" content="no-referrer">\n<link rel="manifest" href="manifest.webmanifest">',
  ],
]) {
  if (page.split(from).length !== 2) throw new Error(`index.html: expected ${from} once`);
  page = page.replace(from, to);
}
await writeFile(join(out, "index.html"), page.replaceAll('"/static/', '"'));
for (const name of await readdir(statics)) {
  if (/\.(css|svg)$/.test(name) || name === "live-sound.js") await cp(join(statics, name), join(out, name));
}
const icon = { src: "icon.svg", type: "image/svg+xml", sizes: "any", purpose: "any" };
const manifest = {
  name: "transcribe",
  short_name: "transcribe",
  description: "Turns piano recordings into notes, in the browser.",
  start_url: ".",
  scope: ".",
  display: "standalone",
  background_color: "#ffffff",
  theme_color: "#ffffff",
  icons: [icon],
};
await writeFile(join(out, "manifest.webmanifest"), JSON.stringify(manifest, null, 1));

const wasm = "ort-wasm-simd-threaded";
await cp(join(runtime, `${wasm}.mjs`), join(out, `${wasm}.mjs`));
const packed = gzipSync(await readFile(join(runtime, `${wasm}.wasm`)), { level: 9 });
await writeFile(join(out, `${wasm}.wasm.gz`), packed);

const parts = [];
const licences = [];
for (const [name, does] of PARTS) {
  const folder = join(here, "node_modules", name);
  const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  parts.push({ name: `${name} ${about.version}`, does, licence: about.license });
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
  const text = file ? await readFile(join(folder, file), "utf8") : `Licence: ${about.license}`;
  licences.push(`${name} ${about.version}\n${"=".repeat(name.length + 1 + about.version.length)}\n\n${text.trim()}\n`);
}
await writeFile(join(out, "licences.json"), JSON.stringify(parts, null, 1));
await writeFile(join(out, "licences.txt"), licences.join("\n\n"));
