// The fast method: as `restyle.methods.fast`, `models.arbitrary` and `images.resize`, where it is explained.

import {
  LUMA,
  Planes,
  RowResizer,
  boxBlur,
  crop,
  fitSize,
  joinPhases,
  luma,
  pad,
  resize,
  round,
  splitPhases,
} from "./pixels.js";
import { C } from "./constants.js";
import { pause } from "./runtime.js";

// Python takes 2.5 megapixels in one pass, some 800 MB: too much for phones.
const ONE_PASS_PIXELS = 1_200_000;
// Fine strokes in a large photo would need four phases of many megapixels: one is painted instead.
const MOST_GRID_PIXELS = 8_000_000;

/** The network: pictures and codes in, pictures out. */
export class Network {
  constructor(runtime) {
    this.runtime = runtime;
  }

  /** Encode a style picture (read row by row) to a code. */
  async encode(picture) {
    if (Math.min(picture.height, picture.width) < C.arbitrary.SMALLEST_STYLE)
      throw new Error("the style picture is too small: 8 px a side");
    const parts = windows(picture);
    const codes = [];
    for (const part of parts) {
      const shrink = C.model.style_size / Math.min(picture.height, picture.width);
      const [height, width] = [part.height, part.width].map((side) =>
        Math.max(C.arbitrary.SMALLEST_INPUT, round(side * shrink)),
      );
      const box = [part.left, part.top, part.left + part.width, part.top + part.height];
      const small = resize(picture, height, width, height < part.height ? "area" : "lanczos", box);
      const inputs = { style: [small.data, [1, 3, height, width]] };
      const { code } = await this.runtime.run("models/style_encoder.onnx", inputs, ["code"]);
      codes.push([code.data, height * width]);
    }
    return mixCodes(codes);
  }

  /** Stylize in one pass. Gives [picture, statistics]; with `stats`, `weight` of these are used. */
  async transfer(content, code, stats = null, weight = 1) {
    const [padded, top, left] = pad(content, C.model.stride, C.arbitrary.SMALLEST_INPUT);
    const { height, width } = padded;
    const inputs = {
      content: [padded.data, [1, 3, height, width]],
      code: [code, [1, code.length]],
      stats_in: [stats ?? new Float32Array(C.model.statistics), [1, C.model.statistics]],
      stats_weight: [new Float32Array([stats ? weight : 0]), [1, 1]],
    };
    const out = await this.runtime.run("models/transformer.onnx", inputs, ["picture", "stats"]);
    const picture = new Planes(3, height, width, out.picture.data);
    const whole = padded === content;
    return [whole ? picture : crop(picture, top, left, content.height, content.width), out.stats.data];
  }

  /** Stylize a picture of any size: in one pass, or in tiles with the statistics of a thumbnail. */
  async paint(content, code, signal) {
    await pause(signal);
    if (content.height * content.width <= ONE_PASS_PIXELS) {
      const [picture] = await this.transfer(content, code);
      return picture;
    }
    const scale = Math.sqrt(C.arbitrary.THUMBNAIL_PIXELS / (content.height * content.width));
    const thumbnail = resize(content, round(content.height * scale), round(content.width * scale), "area");
    const [, stats] = await this.transfer(thumbnail, code);
    const [padded, top, left] = pad(content, C.model.stride);
    const joined = new Joined(padded.height, padded.width);
    for (const tile of plan(padded.height, padded.width)) {
      await pause(signal);
      const [above, before] = [
        Math.max(0, tile.top - C.arbitrary.HALO),
        Math.max(0, tile.left - C.arbitrary.HALO),
      ];
      const height = Math.min(padded.height, tile.top + tile.height + C.arbitrary.HALO) - above;
      const width = Math.min(padded.width, tile.left + tile.width + C.arbitrary.HALO) - before;
      const [part] = await this.transfer(crop(padded, above, before, height, width), code, stats);
      joined.add(tile, part, tile.top - above, tile.left - before);
    }
    return crop(joined.picture(), top, left, content.height, content.width);
  }

  /** Stylize a picture of any size at a strength of 0..1. */
  async stylize(content, code, strength, signal) {
    if (strength === 1) return this.paint(content, code, signal);
    const own = await this.encode(pad(content, 1, C.arbitrary.SMALLEST_INPUT)[0]);
    const between = own.map((value, i) => value + strength * (code[i] - value));
    const styled = await this.paint(content, between, signal);
    const rebuilt = await this.paint(content, own, signal);
    for (let i = 0; i < styled.data.length; i++) {
      styled.data[i] += (1 - strength) * (content.data[i] - rebuilt.data[i]);
    }
    return styled.clamp();
  }
}

/**
 * Stylize a photo (read row by row) with strokes `styleScale` times as wide as usual.
 * Gives what is read row by row: at the size of the photo, without an array of that size for large ones.
 */
export async function stylize(network, photo, code, { strength, styleScale, signal }) {
  const longest = Math.max(photo.height, photo.width);
  const side = Math.max(C.fast.MIN_SIDE, round(Math.min(longest, C.image.PHOTO_SIZE) / styleScale));
  const [height, width] = fitSize(photo.height, photo.width, { long: side });
  if (side >= longest) {
    const content = resize(photo, height, width, "lanczos");
    const painted = await network.stylize(content, code, strength, signal);
    return resize(painted, photo.height, photo.width, "area");
  }
  if (4 * height * width > MOST_GRID_PIXELS) {
    const small = resize(photo, height, width, "area");
    return new Enlarged(await network.stylize(small, code, strength, signal), small, photo, strength);
  }
  const shrinks = 2 * height <= photo.height && 2 * width <= photo.width;
  const phases = splitPhases(resize(photo, 2 * height, 2 * width, shrinks ? "area" : "lanczos"));
  const painted = [];
  for (const phase of phases) painted.push(await network.stylize(phase, code, strength, signal));
  return new Enlarged(joinPhases(painted), joinPhases(phases), photo, strength);
}

/** A small painting at the size of its photo, with the photo's fine detail; read row by row. */
export class Enlarged {
  constructor(painted, small, photo, strength = 1) {
    const { height, width } = photo;
    Object.assign(this, { photo, height, width, channels: 3, strength });
    const light = new Planes(1, small.height, small.width, luma(small));
    const gains = slopes(light, painted);
    const rows = (planes, c, method) => new RowResizer(planes, c, height, width, method);
    this.light = rows(light, 0, "bicubic");
    this.painted = [0, 1, 2].map((c) => rows(painted, c, "bicubic"));
    this.gains = [0, 1, 2].map((c) => rows(gains, c, "bilinear"));
    this.small = strength < 1 ? [0, 1, 2].map((c) => rows(small, c, "bicubic")) : null;
    this.fine = new Float32Array(width);
    this.gain = new Float32Array(width);
    this.own = [0, 1, 2].map(() => new Float32Array(width));
  }

  /** Read row `y` of the three channels. */
  readRows(y, out) {
    const { fine, gain, own, strength } = this;
    this.light.readRow(0, y, fine);
    own.forEach((row, c) => this.photo.readRow(c, y, row));
    for (let x = 0; x < fine.length; x++) {
      fine[x] = LUMA[0] * own[0][x] + LUMA[1] * own[1][x] + LUMA[2] * own[2][x] - fine[x];
    }
    out.forEach((row, c) => {
      this.painted[c].readRow(0, y, row);
      this.gains[c].readRow(0, y, gain);
      for (let x = 0; x < row.length; x++) row[x] += strength * gain[x] * fine[x];
      if (this.small) {
        this.small[c].readRow(0, y, gain);
        for (let x = 0; x < row.length; x++) row[x] += (1 - strength) * (own[c][x] - gain[x]);
      }
      for (let x = 0; x < row.length; x++) row[x] = Math.min(1, Math.max(0, row[x]));
    });
  }
}

/** How strongly each channel of a painting follows the photo's luma around each pixel. */
function slopes(light, painted) {
  const { height, width } = painted;
  const blur = (plane) => boxBlur(plane, height, width, C.resize.RADIUS);
  const guide = light.data;
  const mean = blur(guide);
  const square = blur(guide.map((v) => v * v));
  const middle = average(guide);
  const varianceAll = average(guide, (v) => (v - middle) ** 2);
  const out = new Planes(3, height, width);
  for (let c = 0; c < 3; c++) {
    const plane = painted.plane(c);
    const together = blur(plane.map((v, i) => v * guide[i]));
    const own = blur(plane);
    const slopeAll = average(plane, (v, i) => v * (guide[i] - middle)) / (varianceAll + C.resize.FLAT);
    const slope = own.map((v, i) => {
      const variance = Math.max(0, square[i] - mean[i] * mean[i]);
      return (
        (together[i] - mean[i] * v + C.resize.FLAT * C.resize.FLAT_SHARE * slopeAll) /
        (variance + C.resize.FLAT)
      );
    });
    out.plane(c).set(blur(slope).map((v) => Math.min(C.resize.MAX_GAIN, Math.max(0, v))));
  }
  return out;
}

export function average(values, of = (v) => v) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += of(values[i], i);
  return sum / values.length;
}

/** Average codes [[code, weight], ...] by their weights. */
export function mixCodes(codes) {
  const total = codes.reduce((sum, [, weight]) => sum + weight, 0);
  if (!(total > 0)) throw new Error("no style has a weight above 0");
  const out = new Float32Array(codes[0][0].length);
  for (const [code, weight] of codes)
    code.forEach((value, i) => {
      out[i] += (weight / total) * value;
    });
  return out;
}

/** Divide a long scroll along its long side; of many windows, some at even steps. */
function windows({ height, width }) {
  const short = C.model.style_size;
  const scale = short / Math.min(height, width);
  const long = Math.max(height, width);
  const pixels = Math.max(C.arbitrary.STYLE_PIXELS, 4 * short * short);
  const count = Math.min(long, Math.ceil((height * width * scale * scale) / pixels));
  const starts = Array.from(
    { length: count + 1 },
    (_, i) => i * Math.floor(long / count) + Math.min(i, long % count),
  );
  const most = Math.min(count, C.arbitrary.MOST_WINDOWS[0]);
  return Array.from({ length: most }, (_, k) => {
    const index = most === 1 ? 0 : round((k * (count - 1)) / (most - 1));
    const [start, length] = [starts[index], starts[index + 1] - starts[index]];
    return width > height
      ? { left: start, top: 0, width: length, height }
      : { left: 0, top: start, width, height: length };
  });
}

/** Tiles that cover a picture, all of one size, at multiples of the stride. */
function plan(height, width) {
  const starts = (side) => {
    if (side <= C.arbitrary.TILE) return [[0], side];
    const [units, tile, overlap] = [
      side / C.model.stride,
      C.arbitrary.TILE / C.model.stride,
      C.arbitrary.FEATHER / C.model.stride,
    ];
    const count = Math.ceil((units - overlap) / (tile - overlap));
    return [
      Array.from({ length: count }, (_, i) => C.model.stride * round((i * (units - tile)) / (count - 1))),
      C.arbitrary.TILE,
    ];
  };
  const [tops, tall] = starts(height);
  const [lefts, wide] = starts(width);
  return tops.flatMap((top) => lefts.map((left) => ({ top, left, height: tall, width: wide })));
}

/** Tiles, cross-faded into one picture. */
class Joined {
  constructor(height, width) {
    this.out = new Planes(3, height, width);
    this.total = new Float32Array(height * width);
  }

  add(tile, part, row, column) {
    const { height, width } = this.out;
    const rows = ramp(tile.height, tile.top > 0, tile.top + tile.height < height);
    const columns = ramp(tile.width, tile.left > 0, tile.left + tile.width < width);
    for (let c = 0; c < 3; c++) {
      const [from, to] = [part.plane(c), this.out.plane(c)];
      for (let y = 0; y < tile.height; y++) {
        const source = (row + y) * part.width + column;
        const target = (tile.top + y) * width + tile.left;
        for (let x = 0; x < tile.width; x++) {
          const weight = rows[y] * columns[x];
          to[target + x] += weight * from[source + x];
          if (c === 0) this.total[target + x] += weight;
        }
      }
    }
  }

  picture() {
    for (let c = 0; c < 3; c++)
      this.out.plane(c).forEach((v, i, all) => {
        all[i] = v / this.total[i];
      });
    return this.out;
  }
}

function ramp(length, before, after) {
  const weight = new Float32Array(length).fill(1);
  for (let i = 0; i < Math.min(C.arbitrary.FEATHER, length); i++) {
    const rise = (i + 0.5) / C.arbitrary.FEATHER;
    if (before) weight[i] = rise;
    if (after) weight[length - 1 - i] = Math.min(weight[length - 1 - i], rise);
  }
  return weight;
}
