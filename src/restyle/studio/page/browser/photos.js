// Photos: decoded into a canvas, read row by row, encoded again with the EXIF of the source.

import { Planes, resize } from "./pixels.js";
import { readRows } from "./color.js";

const BAND = 64; // rows read or written at a time
const HIDDEN = 1 / 510; // opacity below which 8 bits show nothing

/** A decoded photo: upright, sRGB. Only its canvas has its full size. */
export class Photo {
  /** `part`: [left, top, width, height] in 0..1, or null; `long`: resize to this longest side, or null. */
  static async open(blob, part = null) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(blob);
    } catch {
      throw new Error("this browser cannot read the picture");
    }
    const [x, y, w, h] = part ?? [0, 0, 1, 1];
    const [left, top] = [Math.round(x * bitmap.width), Math.round(y * bitmap.height)];
    const width = Math.max(1, Math.min(bitmap.width - left, Math.round(w * bitmap.width)));
    const height = Math.max(1, Math.min(bitmap.height - top, Math.round(h * bitmap.height)));
    const canvas = new OffscreenCanvas(width, height);
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    if (!pen) throw new Error(`a picture of ${width} x ${height} px is too large for this browser`);
    pen.drawImage(bitmap, -left, -top);
    const photo = new Photo(pen, height, width, [bitmap.height, bitmap.width], [left, top]);
    bitmap.close();
    if (blob.type !== "image/jpeg") photo.#separateAlpha();
    return photo;
  }

  constructor(pen, height, width, whole, corner) {
    Object.assign(this, { pen, height, width, whole, corner, channels: 3, alpha: null, filled: null });
    this.band = -1;
  }

  readRow(channel, y, out) {
    if (this.filled) this.filled.readRow(channel, y, out);
    else this.#bytes(channel, y, out);
  }

  #bytes(channel, y, out) {
    const band = Math.floor(y / BAND);
    if (band !== this.band) {
      const rows = Math.min(BAND, this.height - band * BAND);
      this.pixels = this.pen.getImageData(0, band * BAND, this.width, rows).data;
      this.band = band;
    }
    let i = (y - band * BAND) * this.width * 4 + channel;
    for (let x = 0; x < this.width; x++, i += 4) out[x] = this.pixels[i] / 255;
  }

  /** A transparent picture keeps its opacity apart; colors under full transparency are filled. */
  #separateAlpha() {
    const alpha = new Planes(1, this.height, this.width);
    let least = 1;
    const row = new Float32Array(this.width);
    for (let y = 0; y < this.height; y++) {
      this.#bytes(3, y, row);
      alpha.data.set(row, y * this.width);
      for (let x = 0; x < row.length; x++) least = Math.min(least, row[x]);
    }
    if (least === 1) return;
    this.alpha = alpha;
    this.filled = fillHidden(resize(this, this.height, this.width), alpha);
  }

  /** The picture at another size, all in memory. */
  resized(height, width, method = "lanczos") {
    const small = resize(this, height, width, method);
    small.alpha = this.alpha && resize(this.alpha, height, width, method);
    return small;
  }

  /** Free the canvas. */
  close() {
    this.pen.canvas.width = 0;
    this.pixels = null;
  }
}

/** Extend visible colors to pixels without opacity; see `images.resize.fill_hidden`. */
function fillHidden(picture, alpha) {
  const { height, width } = picture;
  if (!alpha.data.some((a) => a < HIDDEN)) return picture;
  if (alpha.data.every((a) => a < HIDDEN))
    return new Planes(
      3,
      height,
      width,
      picture.data.map(() => 0.5),
    );
  const size = [Math.ceil(height / 2), Math.ceil(width / 2)];
  const weight = resize(alpha, ...size, "area");
  const shown = new Planes(
    3,
    height,
    width,
    picture.data.map((v, i) => v * alpha.data[i % (height * width)]),
  );
  const colors = resize(shown, ...size, "area");
  colors.data.forEach((v, i, all) => {
    all[i] = Math.min(1, v / (weight.data[i % weight.data.length] || 1));
  });
  const rough = resize(fillHidden(colors, weight), height, width, "bilinear");
  picture.data.forEach((v, i, all) => {
    if (alpha.data[i % (height * width)] < HIDDEN) all[i] = rough.data[i];
  });
  return picture;
}

/** Encode what is read row by row; `source`: the blob whose EXIF is kept; `alpha`: planes or null. */
export async function encode(
  picture,
  { type = "image/jpeg", quality = 0.92, alpha = null, source = null, pause } = {},
) {
  const { height, width } = picture;
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error(`a picture of ${width} x ${height} px is too large for this browser`);
  const rows = [0, 1, 2].map(() => new Float32Array(width));
  const band = pen.createImageData(width, BAND);
  for (let top = 0; top < height; top += BAND) {
    for (let y = 0, i = 0; y < Math.min(BAND, height - top); y++) {
      readRows(picture, top + y, rows);
      for (let x = 0; x < width; x++, i += 4) {
        band.data[i] = 255 * rows[0][x];
        band.data[i + 1] = 255 * rows[1][x];
        band.data[i + 2] = 255 * rows[2][x];
        band.data[i + 3] = alpha ? 255 * alpha.data[(top + y) * width + x] : 255;
      }
    }
    pen.putImageData(band, 0, top);
    await pause?.();
  }
  const blob = await canvas.convertToBlob({ type, quality });
  canvas.width = 0;
  if (blob.type !== type) throw new Error(`this browser cannot write ${type}; choose PNG or JPEG`);
  return source ? withExif(blob, await readExif(source)) : blob;
}

/** 16 hexadecimal digits that differ where the content of a blob differs (FNV-1a, not against forgery). */
export async function fingerprint(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x85ebca6b);
  }
  return [a, b].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
}

/** EXIF of a JPEG, PNG or WebP: bytes that begin with II or MM; null if there is none. */
export async function readExif(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const found = exifPlace(bytes, view);
  if (!found) return null;
  const exif = bytes.slice(...found);
  try {
    settle(exif);
  } catch (error) {
    if (error instanceof RangeError) return null; // damaged
    throw error;
  }
  return exif;
}

const name = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

function exifPlace(bytes, view) {
  if (bytes.length < 16) return null;
  if (view.getUint16(0) === 0xffd8) {
    for (let at = 2; at + 10 < bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda;) {
      const length = view.getUint16(at + 2);
      if (bytes[at + 1] === 0xe1 && name(bytes, at + 4) === "Exif") return [at + 10, at + 2 + length];
      at += 2 + length;
    }
  } else if (name(bytes, 0) === "\x89PNG") {
    for (let at = 8; at + 8 < bytes.length; at += 12 + view.getUint32(at)) {
      if (name(bytes, at + 4) === "eXIf") return [at + 8, at + 8 + view.getUint32(at)];
    }
  } else if (name(bytes, 0) === "RIFF") {
    for (let at = 12; at + 8 < bytes.length;) {
      const length = view.getUint32(at + 4, true);
      if (name(bytes, at) === "EXIF") return [at + 8, at + 8 + length];
      at += 8 + length + (length % 2);
    }
  }
  return null;
}

/** The result is upright and has no thumbnail of the photo: set orientation 1, and drop the second directory. */
function settle(exif) {
  const view = new DataView(exif.buffer);
  const little = exif[0] === 0x49;
  const first = view.getUint32(4, little);
  const count = view.getUint16(first, little);
  for (let i = 0; i < count; i++) {
    const entry = first + 2 + 12 * i;
    if (view.getUint16(entry, little) === 0x0112) view.setUint16(entry + 8, 1, little);
  }
  view.setUint32(first + 2 + 12 * count, 0, little);
}

/** Put EXIF into a JPEG or PNG; other formats stay as they are. */
async function withExif(blob, exif) {
  if (!exif) return blob;
  if (blob.type === "image/jpeg" && exif.length < 65_000) {
    const head = new Uint8Array([
      0xff,
      0xe1,
      (exif.length + 8) >> 8,
      (exif.length + 8) & 255,
      69,
      120,
      105,
      102,
      0,
      0,
    ]);
    return new Blob([blob.slice(0, 2), head, exif, blob.slice(2)], { type: blob.type });
  }
  if (blob.type === "image/png") {
    const chunk = new Uint8Array(exif.length + 12);
    const view = new DataView(chunk.buffer);
    view.setUint32(0, exif.length);
    chunk.set([101, 88, 73, 102], 4); // eXIf
    chunk.set(exif, 8);
    view.setUint32(exif.length + 8, crc32(chunk.subarray(4, exif.length + 8)));
    return new Blob([blob.slice(0, 33), chunk, blob.slice(33)], { type: blob.type }); // after IHDR
  }
  return blob;
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ -1) >>> 0;
}
