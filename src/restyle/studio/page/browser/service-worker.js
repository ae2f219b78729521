// Keeps the site in the browser, so that it works offline; and isolates the page, so that WebAssembly has
// threads also where the host cannot send the headers for it. `restyle studio --static` fills in the version.

const VERSION = "development";
const OURS = `restyle ${self.registration.scope} `; // other sites of this origin have their own
const CACHE = OURS + VERSION;
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", ({ data }) => data === "take over" && self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

const address = (path) => new URL(path, self.registration.scope).href;

/** Fetch every file of the manifest; those that an older version has too are copied. */
async function install() {
  const manifest = await (await fetch(address("manifest.json"), { cache: "no-store" })).json();
  if (manifest.version !== VERSION) throw new Error("the site is being replaced");
  const cache = await caches.open(CACHE);
  const kept = await olderFiles();
  for (const { path, sha256, optional } of manifest.files) {
    if (optional === "webgpu" && !self.navigator.gpu) continue;
    const old = kept.get(sha256);
    const found = old ?? (await fetch(address(path), { cache: "no-cache" }));
    if (!found.ok) throw new Error(`${path}: ${found.status}`);
    await cache.put(address(path), found);
  }
  await cache.put(address("manifest.json"), new Response(JSON.stringify(manifest)));
}

/** Hash -> answer of the files that older versions keep. */
async function olderFiles() {
  const found = new Map();
  for (const name of await caches.keys()) {
    if (!name.startsWith(OURS) || name === CACHE) continue;
    const cache = await caches.open(name);
    const manifest = await (await cache.match(address("manifest.json")))?.json();
    for (const { path, sha256 } of manifest?.files ?? []) {
      const answer = await cache.match(address(path));
      if (answer) found.set(sha256, answer);
    }
  }
  return found;
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith(OURS) && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const url = request.url.split(/[?#]/)[0];
  const found =
    (await cache.match(url === address("") ? address("index.html") : url)) ?? (await fetch(request));
  if (found.status !== 200) return found;
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(found.body, { status: 200, headers });
}
