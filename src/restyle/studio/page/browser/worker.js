// The engine's work, in a Web Worker: answers the calls of engine.js.

import { C, define } from "./constants.js";
import { Graded, keepColors, Mixed } from "./color.js";
import { Network, mixCodes, stylize } from "./fast.js";
import { enlarge, paint } from "./painter.js";
import { Photo, encode, fingerprint } from "./photos.js";
import { Planes, fitSize, resize } from "./pixels.js";
import { Blended, shares } from "./regions.js";
import { Runtime, pause } from "./runtime.js";

const PREVIEW_SECONDS = 1.5; // between pictures of an unfinished painting
const PREVIEW_PAUSE = 10; // times as long as the last one took
const TILE_QUALITY = 0.85;
const OWN_SIDE = 2048; // px, short side of an own artwork that is kept
const EFFORTS = { draft: 0.5, fine: 1, finest: 2 };

let [runtime, network, presets, looks] = [null, null, null, null];
let opening = null;
const codes = new Map(); // of own artworks
let last = { key: "", paintings: new Map() }; // of the last photo, so that saving one does not paint it again

const calls = { wall, image, paint: paintPhoto, addStyle, status };
const running = new Map();

self.onmessage = async ({ data: { id, call, args, abort } }) => {
  if (abort) return running.get(id)?.abort(new DOMException("cancelled", "AbortError"));
  const control = new AbortController();
  running.set(id, control);
  const tell = (event, value) => self.postMessage({ id, event, value });
  try {
    if (call === "open") opening = open(...args);
    await opening;
    await pause(control.signal);
    const result = call === "open" ? null : await calls[call](...args, { signal: control.signal, tell });
    self.postMessage({ id, result });
  } catch (error) {
    self.postMessage({ id, error: described(error) });
  } finally {
    running.delete(id);
  }
  return undefined;
};

function described(error) {
  const message = String(error?.message ?? error);
  // WebAssembly throws numbers and plain texts when its memory is used up.
  const memory = typeof error === "number" || /alloc|memory|out of bounds/i.test(message);
  return {
    name: error?.name ?? "Error",
    code: memory ? "memory" : "failed",
    message,
    status: error?.status ?? 0,
  };
}

async function open(root) {
  runtime = new Runtime(root, PROBES);
  network = new Network(runtime);
  const description = JSON.parse(new TextDecoder().decode(await runtime.fetch("models/engine.json")));
  define(description.constants);
  presets = new Map(
    description.presets.map(({ name, code, artwork }) => [name, { code: decode(code), artwork }]),
  );
  looks = new Map(description.looks.map(({ name, table }) => [name, { file: table, table: null }]));
  await runtime.open();
}

/** The table of a look, loaded when it is first asked for. */
async function tableOf(name) {
  const look = looks.get(name);
  if (!look) throw Object.assign(new Error(`no look is called '${name}'`), { status: 404 });
  look.table ??= new Uint16Array((await runtime.fetch(look.file)).buffer);
  return look.table;
}

function decode(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

const ramp = (count) => Float32Array.from({ length: count }, (_, i) => 0.5 + 0.5 * Math.sin(0.37 * i));
const PROBES = {
  "models/transformer.onnx": () => [
    {
      content: [ramp(3 * 64 * 64), [1, 3, 64, 64]],
      code: [presets.values().next().value.code, [1, presets.values().next().value.code.length]],
      stats_in: [new Float32Array(C.model.statistics), [1, C.model.statistics]],
      stats_weight: [new Float32Array(1), [1, 1]],
    },
    "picture",
  ],
  "models/style_encoder.onnx": () => [{ style: [ramp(3 * 64 * 64), [1, 3, 64, 64]] }, "code"],
  "models/painter_features.onnx": () => [
    { image: [ramp(3 * 64 * 64), [1, 3, 64, 64]] },
    C.network.LAYERS.at(-1),
  ],
  "page/browser/product.onnx": () => [
    { a: [ramp(64 * 32), [64, 32]], b: [ramp(48 * 32), [48, 32]], bias: [ramp(48), [48]] },
    "scores",
  ],
};

async function status() {
  return { threads: runtime.threads, gpu: runtime.gpu, providers: runtime.providers };
}

async function codeOf(name, own) {
  if (presets.has(name)) return presets.get(name).code;
  if (!codes.has(name)) codes.set(name, await network.encode(await artwork(name, own)));
  return codes.get(name);
}

/** The picture of a style, in memory. */
async function artwork(name, own) {
  const preset = presets.get(name);
  if (!preset && !own[name]) throw Object.assign(new Error(`no style is called '${name}'`), { status: 404 });
  const blob = preset ? new Blob([await runtime.fetch(preset.artwork)], { type: "image/jpeg" }) : own[name];
  const photo = await Photo.open(blob);
  const { height, width } = photo;
  const pixels =
    Math.min(height, width) > OWN_SIDE
      ? resize(photo, ...fitSize(height, width, { short: OWN_SIDE }), "area")
      : resize(photo, height, width);
  photo.close();
  return pixels;
}

/** Encode an own artwork. */
async function addStyle(name, blob) {
  await codeOf(name, { [name]: blob });
}

/** A thumbnail of a photo in each style. */
async function wall(blob, styles, own, size, { signal, tell }) {
  const photo = await Photo.open(blob);
  const small = photo.resized(...fitSize(photo.height, photo.width, { long: size }));
  photo.close();
  for (const name of styles) {
    const picture = looks.has(name)
      ? new Graded(small, await tableOf(name))
      : await network.paint(small, await codeOf(name, own), signal);
    await pause(signal);
    tell("tile", [name, await encode(picture, { quality: TILE_QUALITY, alpha: null })]);
  }
}

/** A photo in a style, in one pass. */
async function image(blob, request, own, type, context) {
  return picture(blob, request, type, context, async (base, styles) => {
    if (request.look) {
      const graded = new Graded(base, await tableOf(request.look));
      return (request.strength ?? 1) < 1 ? new Mixed(base, graded, request.strength) : graded;
    }
    const found = [];
    for (const { name, weight } of styles) found.push([await codeOf(name, own), weight ?? 1]);
    const options = {
      strength: request.strength ?? 1,
      styleScale: request.styleScale ?? 1,
      signal: context.signal,
    };
    return stylize(network, base, mixCodes(found), options);
  });
}

/** A photo, painted at `side` px; the painting is kept until another one is asked for. */
async function paintPhoto(blob, request, own, type, side, context) {
  const { crop, size, styleScale = 1, likeness = 0.5, effort = "fine", strength = 1 } = request;
  const key = JSON.stringify([await fingerprint(blob), crop, size, styleScale, likeness, effort, side]);
  if (last.key !== key) last = { key, paintings: new Map() };
  const { paintings } = last;
  const progress = followed(context);
  return picture(blob, request, type, context, async (base, styles, place, places) => {
    const look = JSON.stringify(styles);
    if (!paintings.has(look)) {
      const artworks = [];
      for (const { name, weight } of styles) {
        artworks.push({ pixels: await artwork(name, own), weight: weight ?? 1, scale: styleScale });
      }
      paintings.set(
        look,
        await paint(runtime, base, artworks, {
          side: Math.min(side, Math.max(base.height, base.width)),
          likeness,
          effort: EFFORTS[effort],
          signal: context.signal,
          progress: (fraction, preview) => progress((place + fraction) / places, preview),
        }),
      );
    }
    const painted = enlarge(paintings.get(look), base);
    return strength < 1 ? new Mixed(base, painted, strength) : painted;
  });
}

/** Tell the progress of a painting, and show it now and then. */
function followed({ tell }) {
  const began = performance.now();
  let [shown, took] = [began, 0];
  return async (fraction, preview) => {
    const now = performance.now();
    tell("progress", [fraction, ((now - began) / 1000) * (1 / fraction - 1)]);
    if (now - shown < Math.max(PREVIEW_SECONDS * 1000, PREVIEW_PAUSE * took)) return;
    tell("preview", await encode(preview(), { quality: TILE_QUALITY }));
    shown = performance.now();
    took = shown - now;
  };
}

/** Everything around a method: crop, size, regions, colors, encoding. */
async function picture(blob, request, type, { signal }, method) {
  const photo = await Photo.open(blob, request.crop);
  try {
    const { height, width } = photo;
    const base = request.size ? photo.resized(...fitSize(height, width, { long: request.size })) : photo;
    const mode = request.keepColors === true ? "luminance" : request.keepColors;
    const parts = request.strength === 0 ? [] : await groups(request, photo, base);
    const finished = [];
    for (const [place, { share, styles }] of parts.entries()) {
      finished.push([share, keepColors(mode, base, await method(base, styles, place, parts.length))]);
    }
    const whole = finished.length && !finished[0][0] ? finished[0][1] : new Blended(base, finished);
    return await encode(whole, { type, alpha: base.alpha, source: blob, pause: () => pause(signal) });
  } finally {
    photo.close();
  }
}

/** The styles of a request and their shares of the picture: [{share: Planes or null, styles}]. */
async function groups({ look, styles, regions }, photo, base) {
  if (!regions?.length) {
    if (!styles.length && !look) throw new Error("no style is given");
    return [{ share: null, styles }];
  }
  const masks = [];
  for (const { mask, style } of regions) masks.push([await readMask(mask), style === "keep"]);
  const parts = shares(masks, photo, base);
  const looks = [
    ...regions.map(({ style }) => (style === "keep" ? [] : [{ name: style, weight: 1 }])),
    styles,
  ];
  return parts
    .map((share, i) => ({ share, styles: looks[i] }))
    .filter((each) => each.styles.length && each.share.data.some((v) => v > 0));
}

/** A mask: its alpha if it has any transparency, else its lightness. */
async function readMask(blob) {
  const photo = await Photo.open(blob);
  const { height, width } = photo;
  const mask = photo.alpha ?? resize(photo, height, width);
  photo.close();
  if (mask.channels === 1) return mask;
  const [r, g, b] = [0, 1, 2].map((c) => mask.plane(c));
  return new Planes(
    1,
    height,
    width,
    r.map((v, i) => (v + g[i] + b[i]) / 3),
  );
}
