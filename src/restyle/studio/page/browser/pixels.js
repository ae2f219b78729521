// Pictures as planes of floats, and what is done to them: resize, pad, blur. The same arithmetic as
// `restyle.images.resize`, `images.geometry` and `images.statistics`, so that results equal those of Python.
//
// Everything that is read row by row has `height`, `width`, `channels` and `readRow(channel, y, out)`; large
// photos are only ever read like that, so that no array of floats has their size.

/** A picture of float planes, [channels, height, width], range 0..1. */
export class Planes {
  constructor(channels, height, width, data = new Float32Array(channels * height * width)) {
    Object.assign(this, { channels, height, width, data });
  }

  plane(channel) {
    const size = this.height * this.width;
    return this.data.subarray(channel * size, (channel + 1) * size);
  }

  readRow(channel, y, out) {
    const start = (channel * this.height + y) * this.width;
    out.set(this.data.subarray(start, start + this.width));
  }

  clamp() {
    const { data } = this;
    for (let i = 0; i < data.length; i++) data[i] = data[i] < 0 ? 0 : data[i] > 1 ? 1 : data[i];
    return this;
  }
}

/** Round half to even, as Python does. */
export function round(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/** [height, width] of a picture when its longest or shortest side is given, at the same aspect. */
export function fitSize(height, width, { long, short }) {
  const scale = long ? long / Math.max(height, width) : short / Math.min(height, width);
  return [Math.max(1, round(height * scale)), Math.max(1, round(width * scale))];
}

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const FILTERS = {
  area: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, (x) => cubic(Math.abs(x))],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

function cubic(x) {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** Weights of source pixels for each pixel of a side, as Pillow computes them. */
function weights(from, start, end, to, method) {
  const [reach, filter] = FILTERS[method];
  const scale = (end - start) / to;
  const widen = Math.max(1, scale);
  const support = reach * widen;
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const values = new Float64Array(to * most);
  for (let i = 0; i < to; i++) {
    const center = start + (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - support + 0.5));
    const high = Math.min(from, Math.trunc(center + support + 0.5));
    let sum = 0;
    for (let j = low; j < high; j++) sum += values[i * most + j - low] = filter((j - center + 0.5) / widen);
    for (let j = 0; j < high - low; j++) values[i * most + j] /= sum || 1;
    first[i] = low;
    count[i] = high - low;
  }
  return { first, count, values, most };
}

/** Resizes one channel row by row; rows are cheapest in ascending order. */
export class RowResizer {
  /** `box` is [left, top, right, bottom] of the source; default: everything. */
  constructor(source, channel, height, width, method, box) {
    const [left, top, right, bottom] = box ?? [0, 0, source.width, source.height];
    Object.assign(this, { source, channel, height, width, channels: 1, clamps: method === "lanczos" });
    const across = width !== source.width || left !== 0 || right !== source.width;
    const down = height !== source.height || top !== 0 || bottom !== source.height;
    this.across = across ? weights(source.width, left, right, width, method) : null;
    this.down = down ? weights(source.height, top, bottom, height, method) : null;
    this.rows = new Map();
    this.next = 0; // the first source row that was not read yet
    this.sum = new Float64Array(width);
    this.buffer = new Float32Array(source.width);
  }

  readRow(_, y, out) {
    if (!this.down) {
      this.#sourceRow(y, out);
    } else {
      this.#sum(y);
      out.set(this.sum);
    }
    if (this.clamps) for (let x = 0; x < out.length; x++) out[x] = Math.min(1, Math.max(0, out[x]));
  }

  #sum(y) {
    const { first, count, values, most } = this.down;
    const [low, high] = [first[y], first[y] + count[y]];
    if (low < this.next - this.rows.size) this.rows.clear();
    if (!this.rows.size) this.next = low;
    this.sum.fill(0);
    const spare = [];
    for (const [row, pixels] of this.rows) {
      if (row >= low) continue;
      this.rows.delete(row);
      spare.push(pixels);
    }
    for (; this.next < high; this.next++) {
      if (this.next < low) continue;
      const pixels = spare.pop() ?? new Float32Array(this.width);
      this.#sourceRow(this.next, pixels);
      this.rows.set(this.next, pixels);
    }
    for (let j = low; j < high; j++) {
      const pixels = this.rows.get(j);
      const weight = values[y * most + j - low];
      for (let x = 0; x < this.width; x++) this.sum[x] += weight * pixels[x];
    }
  }

  #sourceRow(y, out) {
    if (!this.across) return this.source.readRow(this.channel, y, out);
    const { first, count, values, most } = this.across;
    const { buffer } = this;
    this.source.readRow(this.channel, y, buffer);
    for (let x = 0; x < this.width; x++) {
      const start = first[x];
      const n = count[x];
      let sum = 0;
      for (let j = 0; j < n; j++) sum += values[x * most + j] * buffer[start + j];
      out[x] = sum;
    }
    return undefined;
  }
}

/** Resize anything that is read row by row to exact [height, width]. */
export function resize(source, height, width, method = "lanczos", box = undefined) {
  const out = new Planes(source.channels, height, width);
  const same = height === source.height && width === source.width && !box;
  const rows = Array.from({ length: source.channels }, (_, c) =>
    same ? source : new RowResizer(source, c, height, width, method, box),
  );
  for (let y = 0; y < height; y++) {
    for (let c = 0; c < source.channels; c++) {
      const start = (c * height + y) * width;
      rows[c].readRow(c, y, out.data.subarray(start, start + width));
    }
  }
  return out;
}

/** Copy a rectangle. */
export function crop(picture, top, left, height, width) {
  const out = new Planes(picture.channels, height, width);
  for (let c = 0; c < picture.channels; c++) {
    for (let y = 0; y < height; y++) {
      const start = (c * picture.height + top + y) * picture.width + left;
      out.data.set(picture.data.subarray(start, start + width), (c * height + y) * width);
    }
  }
  return out;
}

/** Pad by reflection to multiples of `multiple` px and at least `minimum`; gives [padded, top, left]. */
export function pad(picture, multiple, minimum = 1) {
  const sides = [picture.height, picture.width].map((side) => {
    const wanted = Math.ceil(Math.max(side, minimum) / multiple) * multiple;
    return [wanted, Math.floor((wanted - side) / 2)];
  });
  const [[height, top], [width, left]] = sides;
  if (height === picture.height && width === picture.width) return [picture, 0, 0];
  return [reflected(picture, top, left, height, width), top, left];
}

/** Extend by reflection: `top` rows and `left` columns before, to [height, width]. */
export function reflected(picture, top, left, height, width) {
  const out = new Planes(picture.channels, height, width);
  const columns = Int32Array.from({ length: width }, (_, x) => mirror(x - left, picture.width));
  for (let c = 0; c < picture.channels; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * picture.height + mirror(y - top, picture.height)) * picture.width;
      const to = (c * height + y) * width;
      for (let x = 0; x < width; x++) out.data[to + x] = picture.data[from + columns[x]];
    }
  }
  return out;
}

function mirror(index, side) {
  if (side === 1) return 0;
  const period = 2 * (side - 1);
  const place = ((index % period) + period) % period;
  return Math.min(place, period - place);
}

/** Mean of a plane over (2 radius + 1)^2 px; borders repeat the last pixel. */
export function boxBlur(plane, height, width, radius) {
  const rows = new Float32Array(plane.length);
  blurRows(plane, rows, height, width, radius);
  const out = new Float32Array(plane.length);
  blurColumns(rows, out, height, width, radius);
  return out;
}

function blurRows(plane, out, height, width, radius) {
  const share = 1 / (2 * radius + 1);
  for (let start = 0; start < height * width; start += width) {
    const at = (x) => plane[start + clampIndex(x, width)];
    let sum = 0;
    for (let k = -radius; k <= radius; k++) sum += at(k);
    for (let x = 0; x < width; x++) {
      out[start + x] = sum * share;
      sum += at(x + radius + 1) - at(x - radius);
    }
  }
}

function blurColumns(plane, out, height, width, radius) {
  const share = 1 / (2 * radius + 1);
  const sums = new Float64Array(width);
  const add = (row, sign) => {
    const start = clampIndex(row, height) * width;
    for (let x = 0; x < width; x++) sums[x] += sign * plane[start + x];
  };
  for (let k = -radius; k <= radius; k++) add(k, 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) out[y * width + x] = sums[x] * share;
    add(y + radius + 1, 1);
    add(y - radius, -1);
  }
}

const clampIndex = (index, length) => (index < 0 ? 0 : index >= length ? length - 1 : index);

/** Slope and offset of a plane by a guide (guided filter, He et al. 2010); `statistics.guided_fit` in Python. */
export function guidedFit(guide, plane, height, width, radius, edge) {
  const blur = (values) => boxBlur(values, height, width, radius);
  const [mean, own] = [blur(guide), blur(plane)];
  const variance = blur(guide.map((v) => v * v)).map((v, i) => v - mean[i] * mean[i]);
  const together = blur(plane.map((v, i) => v * guide[i]));
  const slope = together.map((v, i) => (v - mean[i] * own[i]) / (variance[i] + edge));
  return [blur(slope), blur(own.map((v, i) => v - slope[i] * mean[i]))];
}

export const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601

/** Luma of a picture of three planes. */
export function luma(picture) {
  const [r, g, b] = [0, 1, 2].map((c) => picture.plane(c));
  return Float32Array.from(r, (_, i) => LUMA[0] * r[i] + LUMA[1] * g[i] + LUMA[2] * b[i]);
}

const PHASES = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];

/** Halve a picture of even sides at four offsets of one pixel (cycle spinning; `images.resize`). */
export function splitPhases(picture) {
  const { channels, height, width } = picture;
  return PHASES.map(([top, left]) => {
    const out = new Planes(channels, height / 2 + 1 - top, width / 2 + 1 - left);
    const column = (x) => clampIndex(2 * x + left - 1, width);
    for (let c = 0; c < channels; c++) {
      const plane = picture.plane(c);
      for (let y = 0, i = c * out.height * out.width; y < out.height; y++) {
        const upper = clampIndex(2 * y + top - 1, height) * width;
        const lower = clampIndex(2 * y + top, height) * width;
        for (let x = 0; x < out.width; x++, i++) {
          const [a, b] = [column(x), clampIndex(2 * x + left, width)];
          out.data[i] = (plane[upper + a] + plane[lower + a] + plane[upper + b] + plane[lower + b]) / 4;
        }
      }
    }
    return out;
  });
}

/** Enlarge the phases of `splitPhases` by two, and average them at their offsets. */
export function joinPhases(parts) {
  const height = 2 * (parts[0].height - 1);
  const width = 2 * (parts[0].width - 1);
  const out = new Planes(parts[0].channels, height, width);
  parts.forEach((part, index) => {
    const [top, left] = PHASES[index];
    for (let c = 0; c < out.channels; c++) {
      const plane = part.plane(c);
      for (let y = 0, i = c * height * width; y < height; y++) {
        const row = ((y + 1 - top) >> 1) * part.width;
        for (let x = 0; x < width; x++, i++) out.data[i] += plane[row + ((x + 1 - left) >> 1)] / 4;
      }
    }
  });
  return out;
}
