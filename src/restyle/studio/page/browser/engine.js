// The engine of the static page: every picture is painted in this browser, by worker.js.

import { EngineError } from "../contract.js";
import { fingerprint } from "./photos.js";

const PAINT_SIDE = 512; // px, longest side that the method paint paints, unless a request says otherwise
const ROOT = new URL("../../", import.meta.url).href;

export async function open() {
  const worker = new Client();
  const presets = await worker.presets;
  keepOffline();
  const own = new Map(); // name -> blob
  const blobs = (request) => Object.fromEntries([...own].filter(([name]) => names(request).includes(name)));
  return {
    can: { paint: true, camera: true, live: true },
    alive: async () => true,
    styles: async () => presets,
    artwork: (style) =>
      own.has(style.name) ? URL.createObjectURL(own.get(style.name)) : style.artwork && ROOT + style.artwork,

    async addStyle(blob) {
      const name = `own-${await fingerprint(blob)}`;
      await worker.call("addStyle", [name, blob]);
      own.set(name, blob);
      const title = (blob.name ?? "").replace(/\.[^.]*$/, "");
      return { name, title: title || name, artist: "", year: "", kind: "own", artwork: null };
    },

    wall: (photo, styles, { signal, size = 256, onTile } = {}) =>
      worker.call("wall", [photo, styles, Object.fromEntries(own), size], {
        signal,
        tile: (name, tile) => onTile(name, tile),
      }),

    image: (photo, request, { signal, type = "image/jpeg" } = {}) =>
      worker.call("image", [photo, request, blobs(request), type], { signal }),

    paint: (photo, request, { signal, type = "image/jpeg", onProgress, onPreview } = {}) =>
      worker.call("paint", [photo, request, blobs(request), type, request.paintSize ?? PAINT_SIDE], {
        signal,
        progress: onProgress,
        preview: onPreview,
      }),

    save(photo, request, type, { signal } = {}) {
      return request.method === "paint"
        ? this.paint(photo, request, { signal, type })
        : this.image(photo, request, { signal, type });
    },

    keeps: async () => true, // the painting on the screen is kept by the worker

    /** Threads, and on what each graph runs. */
    status: () => worker.call("status", []),
  };
}

const names = (request) => [
  ...request.styles.map(({ name }) => name),
  ...(request.regions ?? []).map(({ style }) => style),
];

/** Calls of the worker, which is started again after it has run out of memory. */
class Client {
  constructor() {
    this.pending = new Map();
    this.count = 0;
    this.presets = fetch(`${ROOT}models/engine.json`).then(async (answer) => {
      if (!answer.ok) throw new EngineError("gone", `models/engine.json: ${answer.status}`);
      const { presets, looks } = await answer.json();
      return [...presets, ...looks].map(({ code, table, ...style }) => style);
    });
    this.#start();
  }

  #start() {
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#answer(data);
    this.worker.onerror = (event) =>
      this.#restart(new EngineError("failed", event.message || "the worker failed"));
    this.call("open", [ROOT]).catch((error) => console.error(error));
  }

  #restart(error) {
    this.worker.terminate();
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    this.#start();
  }

  #answer({ id, event, value, result, error }) {
    const waiting = this.pending.get(id);
    if (!waiting) return;
    if (event) {
      waiting.handlers[event]?.(...(Array.isArray(value) ? value : [value]));
      return;
    }
    this.pending.delete(id);
    if (!error) waiting.resolve(result);
    else if (error.name === "AbortError") waiting.reject(new DOMException(error.message, "AbortError"));
    else {
      waiting.reject(new EngineError(error.code, error.message, { status: error.status }));
      if (error.code === "memory") this.#restart(new EngineError("memory", error.message));
    }
  }

  call(name, args, { signal, ...handlers } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new DOMException("cancelled", "AbortError"));
        return;
      }
      const id = ++this.count;
      this.pending.set(id, { resolve, reject, handlers });
      signal?.addEventListener("abort", () => this.worker.postMessage({ id, abort: true }));
      this.worker.postMessage({ id, call: name, args });
    });
  }
}

/** Keep the site in the browser; a new version takes over when the page is next opened. */
async function keepOffline() {
  if (!navigator.serviceWorker) return;
  try {
    const registration = await navigator.serviceWorker.register(`${ROOT}service-worker.js`, { scope: ROOT });
    if (!registration.waiting || !navigator.serviceWorker.controller) return;
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting.postMessage("take over");
  } catch (error) {
    console.warn("The page cannot be kept offline:", error);
  }
}
