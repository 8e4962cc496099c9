/**
 * Keeps the page in the browser, so that it opens and works without a network.
 *
 * `transcribe site` puts the list of the site's files before this script; another list, with
 * another name, is another version of the site, which takes over when all its pages are closed.
 * Files come from what is kept, with the headers that let the page use several processor cores.
 */

interface Site {
  /** Changes with every file. */
  name: string;
  /** Paths of all files, relative to this script. */
  files: string[];
}

declare const SITE: Site;
const worker = self as unknown as ServiceWorkerGlobalScope;
const PREFIX = "transcribe-site-";
const cacheName = `${PREFIX}${SITE.name}`;
const address = (path: string): string => new URL(path, worker.location.href).href;
const HOME = address("./");
const FILES = new Set(SITE.files.map(address));

worker.addEventListener("install", (event) => {
  event.waitUntil(keepAll());
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  url.search = url.hash = "";
  const wanted = url.href === HOME ? address("index.html") : url.href;
  // What lies beside the site, or in folders below it, is no part of it.
  if (request.method === "GET" && FILES.has(wanted)) event.respondWith(keptOrFetched(wanted, request));
});

async function keepAll(): Promise<void> {
  const cache = await worker.caches.open(cacheName);
  await cache.addAll(SITE.files.map((path) => new Request(address(path), { cache: "no-cache" })));
}

async function forgetOthers(): Promise<void> {
  const names = await worker.caches.keys();
  const others = names.filter((name) => name.startsWith(PREFIX) && name !== cacheName);
  await Promise.all(others.map((name) => worker.caches.delete(name)));
}

async function keptOrFetched(wanted: string, request: Request): Promise<Response> {
  const cache = await worker.caches.open(cacheName);
  const kept = await cache.match(wanted);
  return isolated(kept ?? (await fetch(request)));
}

/** The answer with the headers of a page that shares memory with nobody. */
function isolated(answer: Response): Response {
  if (answer.type === "opaque" || answer.status === 0) return answer;
  const headers = new Headers(answer.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = answer;
  return new Response(answer.body, { status, statusText, headers });
}
