/** The engine of a page that `restyle studio` serves: every picture is painted by the server. */

import { EngineError, cropText } from "../contract.js";

const looks = new Set(); // names of the styles that are looks
const SILENCE = 20_000; // ms without any answer after which a job counts as lost

export async function open() {
  const options = await ask("v1/options").then((answer) => answer.json(), () => ({}));
  const can = { paint: true, photo: true, video: true, audio: true, camera: true, live: true, tiff: true, anyFormat: true };
  return {
    can: { ...can, boxes: Boolean(options.boxes) },
    alive,
    styles,
    artwork: (style, size) => (style.artwork ? `${style.artwork}?size=${size}` : null),
    addStyle,
    wall,
    image,
    paint,
    save,
    keeps: async (id) => Boolean(id) && fetch(`v1/jobs/${id}`).then((answer) => answer.ok, () => false),
    cutOut,
    job,
    resume: (id, handlers = {}) => follow({ id, events: `v1/jobs/${id}/events` }, handlers),
  };
}

async function alive() {
  try {
    return (await fetch("healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/** Fetch, with failures as `EngineError`. */
async function ask(url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new EngineError("gone", error.message);
  }
  if (!answer.ok) throw await failure(answer.status, answer.headers.get("Retry-After"), await answer.text());
  return answer;
}

function failure(status, retry, text) {
  let error = { code: `http-${status}`, message: text.slice(0, 200), field: null };
  try {
    error = JSON.parse(text).error ?? error;
  } catch {
    // a proxy answered, not the studio
  }
  return new EngineError(error.code, error.message, {
    status,
    field: error.field,
    retryAfter: Number(retry) || 0,
  });
}

async function styles() {
  const { styles: found } = await (await ask("v1/styles")).json();
  for (const { kind, name } of found) if (kind === "look") looks.add(name);
  return found;
}

async function cutOut(photo, [x, y, width, height]) {
  const percent = [x, y, width, height].map((part) => `${+(100 * part).toFixed(2)}%`);
  const form = new FormData();
  form.append("content", photo, "photo");
  form.append("box", `box:${percent.join(",")}`);
  return (await ask("v1/masks", { method: "POST", body: form })).blob();
}

async function addStyle(blob) {
  const form = new FormData();
  form.append("image", blob, blob.name ?? "artwork");
  return (await ask("v1/styles", { method: "POST", body: form })).json();
}

/** The fields of a request, as the API names them. */
function fields(file, request) {
  const form = new FormData();
  form.append("content", file, file.name ?? "photo");
  for (const { name, weight } of request.styles ?? []) {
    form.append("style", request.styles.length > 1 ? `${name}:${+weight.toFixed(3)}` : name);
  }
  const options = {
    method: request.look ? null : request.method,
    look: request.look ?? null,
    strength: request.strength,
    style_scale: request.styleScale,
    keep_colors: request.keepColors ? "luminance" : null,
    likeness: request.method === "paint" ? request.likeness : null,
    crop: request.crop ? cropText(request.crop) : null,
    size: request.size ?? null,
    ...request.options,
  };
  for (const [name, value] of Object.entries(options)) {
    if (value !== null && value !== undefined) form.append(name, String(value));
  }
  request.regions?.forEach(({ mask, style }, index) => {
    form.append("mask", mask, `mask-${index + 1}.png`);
    form.append("region", style);
  });
  return form;
}

async function wall(photo, names, { signal, size = 256, onTile } = {}) {
  const form = new FormData();
  form.append("content", photo, "photo");
  for (const name of names) form.append(looks.has(name) ? "look" : "style", name);
  form.append("size", String(size));
  const answer = await ask("v1/wall", { method: "POST", body: form, signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines.filter(Boolean)) {
        const { style, look, image: url } = JSON.parse(line);
        onTile(style ?? look, fromDataUrl(url));
      }
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof EngineError) throw error;
    throw new EngineError("gone", error.message);
  }
}

function fromDataUrl(url) {
  const [head, body] = url.split(",");
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5, head.indexOf(";")) });
}

async function image(photo, request, { signal, type = "image/jpeg" } = {}) {
  const body = fields(photo, { ...request, method: request.method === "paint" ? "fast" : request.method });
  return (await ask("v1/images", { method: "POST", body, signal, headers: { Accept: type } })).blob();
}

/** The picture at full size in a format: of a finished painting if `jobId` is one, else made for it. */
async function save(photo, request, type, { signal, jobId } = {}) {
  const headers = { Accept: type };
  if (jobId) {
    try {
      return await (await ask(`v1/jobs/${jobId}/result`, { headers, signal })).blob();
    } catch (error) {
      if (error.status !== 404) throw error; // the server keeps it for an hour
    }
  }
  return (await ask("v1/images", { method: "POST", body: fields(photo, request), signal, headers })).blob();
}

async function paint(photo, request, handlers = {}) {
  const body = fields(photo, { ...request, method: "paint" });
  const headers = { Accept: handlers.type ?? "image/jpeg", Prefer: "respond-async" };
  const answer = await ask("v1/images", { method: "POST", body, headers, signal: handlers.signal });
  const job = await answer.json();
  handlers.onJob?.(job.id);
  return follow(job, handlers);
}

async function job(file, kind, request, handlers = {}) {
  const body = fields(file, request);
  const made = await upload(kind === "video" ? "v1/videos" : "v1/audio", body, handlers);
  handlers.onJob?.(made.id);
  return follow(made, handlers);
}

/** POST with the progress of the upload, which `fetch` does not tell. */
function upload(url, body, { signal, onUpload } = {}) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", url);
    sending.upload.onprogress = (event) => onUpload?.(event.loaded / event.total);
    sending.onerror = () => reject(new EngineError("gone", "no answer"));
    sending.onabort = () => reject(new DOMException("", "AbortError"));
    sending.onload = () => {
      if (sending.status < 300) resolve(JSON.parse(sending.responseText));
      else reject(failure(sending.status, sending.getResponseHeader("Retry-After"), sending.responseText));
    };
    signal?.addEventListener("abort", () => sending.abort());
    sending.send(body);
  });
}

/** Wait for a job by its events; an abort cancels it on the server. */
function follow(job, { signal, onProgress, onPreview, onPosition }) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(job.events ?? `v1/jobs/${job.id}/events`);
    let lost = null;
    const finish = (settle, value) => {
      clearTimeout(lost);
      events.close();
      settle(value);
    };
    const tell = (state) => {
      clearTimeout(lost);
      lost = null;
      if (state.state === "queued") onPosition?.(state.position);
      else onProgress?.(state.progress, state.seconds_left);
    };
    let ended = false;
    const end = async (state) => {
      if (ended) return undefined; // the end of the stream is told as an error, too
      ended = true;
      events.close();
      if (state.state === "cancelled") return finish(reject, new DOMException("", "AbortError"));
      if (state.state === "failed") {
        return finish(reject, new EngineError(state.error?.code ?? "failed", state.error?.message ?? ""));
      }
      try {
        return finish(resolve, await (await ask(state.result ?? `v1/jobs/${job.id}/result`)).blob());
      } catch (error) {
        return finish(reject, error);
      }
    };
    events.addEventListener("progress", (event) => tell(JSON.parse(event.data)));
    events.addEventListener("preview", async (event) => {
      const answer = await fetch(JSON.parse(event.data).url).catch(() => null);
      if (answer?.ok) onPreview?.(await answer.blob());
    });
    for (const last of ["done", "failed", "cancelled"]) {
      events.addEventListener(last, (event) => end(JSON.parse(event.data)));
    }
    events.onerror = async () => {
      lost ??= setTimeout(() => finish(reject, new EngineError("gone", "no events")), SILENCE);
      try {
        const state = await (await ask(`v1/jobs/${job.id}`)).json();
        if (["done", "failed", "cancelled"].includes(state.state)) await end(state);
      } catch (error) {
        if (error.code !== "gone" || events.readyState === EventSource.CLOSED) finish(reject, error);
      }
    };
    signal?.addEventListener("abort", () => {
      fetch(`v1/jobs/${job.id}`, { method: "DELETE", keepalive: true }).catch(() => {});
      finish(reject, new DOMException("", "AbortError"));
    });
  });
}
