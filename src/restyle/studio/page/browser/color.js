// Colors: as `restyle.images.color`, `images.statistics` and `methods.paint.cleanup`. Stages at the size of the
// photo have `height`, `width` and `readRows(y, out)`, `out` being three rows.

import { C } from "./constants.js";
import { fitSize, guidedFit, LUMA, Planes, resize, round, RowResizer } from "./pixels.js";

const FLOOR = 1e-10;

/** Read row `y` of the three channels of anything. */
export function readRows(source, y, out) {
  if (source.readRows) source.readRows(y, out);
  else out.forEach((row, c) => source.readRow(c, y, row));
}

const emptyRows = (width) => [0, 1, 2].map(() => new Float32Array(width));

/** The photo and the painting mixed: photo + strength (painting - photo). */
export class Mixed {
  constructor(photo, painted, strength) {
    Object.assign(this, { photo, painted, strength, height: photo.height, width: photo.width });
    this.own = emptyRows(photo.width);
  }

  readRows(y, out) {
    readRows(this.photo, y, this.own);
    readRows(this.painted, y, out);
    out.forEach((row, c) =>
      row.forEach((v, x) => {
        row[x] = this.own[c][x] + this.strength * (v - this.own[c][x]);
      }),
    );
  }
}

/** A photo in a photographic look: its colors interpolated in a table, as `images.color`. */
export class Graded {
  /** `table`: [side, side, side, 3] 16-bit numbers, by red, green and blue. */
  constructor(photo, table) {
    Object.assign(this, { photo, table, height: photo.height, width: photo.width });
    this.side = Math.round(Math.cbrt(table.length / 3));
  }

  readRows(y, out) {
    const { side, table, width } = this;
    const steps = [3 * side * side, 3 * side, 3];
    const [places, parts] = [[0, 0, 0], [0, 0, 0]];
    readRows(this.photo, y, out);
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const at = Math.min(1, Math.max(0, out[c][x])) * (side - 1);
        places[c] = Math.min(side - 2, Math.floor(at));
        parts[c] = at - places[c];
      }
      const corner = places[0] * steps[0] + places[1] * steps[1] + places[2] * steps[2];
      let [red, green, blue] = [0, 0, 0];
      for (let k = 0; k < 8; k++) {
        let [weight, from] = [1, corner];
        for (let c = 0; c < 3; c++) {
          const next = (k >> c) & 1;
          weight *= next ? parts[c] : 1 - parts[c];
          from += next * steps[c];
        }
        red += weight * table[from];
        green += weight * table[from + 1];
        blue += weight * table[from + 2];
      }
      [out[0][x], out[1][x], out[2][x]] = [red / 65535, green / 65535, blue / 65535];
    }
  }
}

/** The luma of anything, row by row. */
class Luma {
  constructor(source) {
    Object.assign(this, { source, channels: 1, height: source.height, width: source.width });
    this.rows = emptyRows(source.width);
  }

  readRow(_, y, out) {
    const [r, g, b] = this.rows;
    readRows(this.source, y, this.rows);
    for (let x = 0; x < this.width; x++) out[x] = LUMA[0] * r[x] + LUMA[1] * g[x] + LUMA[2] * b[x];
  }

  /** Mean and deviation. */
  moments() {
    const row = new Float32Array(this.width);
    let [sum, square] = [0, 0];
    for (let y = 0; y < this.height; y++) {
      this.readRow(0, y, row);
      for (const v of row) [sum, square] = [sum + v, square + v * v];
    }
    const count = this.height * this.width;
    return [sum / count, Math.sqrt(Math.max(0, square / count - (sum / count) ** 2))];
  }
}

/** The photo's colors and broad light with the fine light of the painting; `color.keep_luminance` in Python. */
export class KeepLuminance {
  constructor(photo, painted) {
    const { height, width } = photo;
    Object.assign(this, { photo, painted, height, width });
    this.own = emptyRows(width);
    const [broad, light] = [new Luma(photo), new Luma(painted)];
    const [mean, deviation] = broad.moments();
    const [middle, spread] = light.moments();
    this.gain = Math.min(deviation / Math.max(spread, 1e-4), C.color.MAX_GAIN);
    this.offset = mean - middle * this.gain;
    const long = Math.max(height, width);
    const [h, w] = fitSize(height, width, { long: Math.min(long, C.color.BROAD_SIDE) });
    const radius = Math.max(2, round(C.color.BROAD * Math.max(h, w)));
    const guide = resize(broad, h, w, "area").data;
    const fine = resize(light, h, w, "area").data;
    const apart = fine.map((v, i) => guide[i] - (v * this.gain + this.offset));
    this.fits = guidedFit(guide, apart, h, w, radius, C.color.LIGHT_EDGE).map(
      (plane) => new RowResizer(new Planes(1, h, w, plane), 0, height, width, "bilinear"),
    );
    this.fitted = [0, 1].map(() => new Float32Array(width));
  }

  readRows(y, out) {
    const { own, fitted } = this;
    readRows(this.photo, y, own);
    readRows(this.painted, y, out);
    this.fits.forEach((fit, k) => fit.readRow(0, y, fitted[k]));
    for (let x = 0; x < this.width; x++) {
      const old = LUMA[0] * own[0][x] + LUMA[1] * own[1][x] + LUMA[2] * own[2][x];
      let light = LUMA[0] * out[0][x] + LUMA[1] * out[1][x] + LUMA[2] * out[2][x];
      light = light * this.gain + this.offset + fitted[0][x] * old + fitted[1][x];
      light = Math.min(1, Math.max(0, light));
      const growth = Math.min(C.color.MAX_CHROMA, Math.max(0, light / Math.max(old, 1e-3)));
      let share = 1;
      for (let c = 0; c < 3; c++) {
        const chroma = (own[c][x] - old) * growth;
        share = Math.min(share, (chroma > 0 ? 1 - light : light) / Math.max(Math.abs(chroma), 1e-6));
      }
      share = Math.max(0, share) * growth;
      for (let c = 0; c < 3; c++) out[c][x] = Math.min(1, Math.max(0, light + (own[c][x] - old) * share));
    }
  }
}

/** The painting with the photo's mean and covariance of colors. */
export class KeepStatistics {
  constructor(photo, painted) {
    Object.assign(this, { painted, height: photo.height, width: photo.width });
    const [wanted, wantedCovariance] = colorMoments(photo);
    const [mean, covariance] = colorMoments(painted);
    this.matrix = transportMap(covariance, wantedCovariance, C.color.MAX_GAIN);
    this.offset = wanted.map((v, c) => v - this.matrix[c].reduce((sum, m, k) => sum + m * mean[k], 0));
  }

  readRows(y, out) {
    readRows(this.painted, y, out);
    const { matrix, offset } = this;
    for (let x = 0; x < this.width; x++) {
      const [r, g, b] = [out[0][x], out[1][x], out[2][x]];
      for (let c = 0; c < 3; c++) {
        const value = matrix[c][0] * r + matrix[c][1] * g + matrix[c][2] * b + offset[c];
        out[c][x] = Math.min(1, Math.max(0, value));
      }
    }
  }
}

/** Apply a color mode: "luminance", "statistics" or nothing. */
export function keepColors(mode, photo, painted) {
  if (mode === "luminance") return new KeepLuminance(photo, painted);
  if (mode === "statistics") return new KeepStatistics(photo, painted);
  return painted;
}

/** Mean and covariance of the three channels. */
export function colorMoments(source) {
  const rows = emptyRows(source.width);
  const sums = [0, 0, 0];
  const squares = [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
  ];
  for (let y = 0; y < source.height; y++) {
    readRows(source, y, rows);
    for (let c = 0; c < 3; c++) {
      const a = rows[c];
      let sum = 0;
      for (let x = 0; x < a.length; x++) sum += a[x];
      sums[c] += sum;
      for (let k = c; k < 3; k++) {
        const b = rows[k];
        let product = 0;
        for (let x = 0; x < a.length; x++) product += a[x] * b[x];
        squares[c][k] += product;
      }
    }
  }
  const count = source.height * source.width;
  const mean = sums.map((v) => v / count);
  const covariance = squares.map((row, c) =>
    row.map((_, k) => squares[Math.min(c, k)][Math.max(c, k)] / count - mean[c] * mean[k]),
  );
  return [mean, covariance];
}

/** The matrix that gives points of one covariance another one and moves them least (Monge-Kantorovich). */
export function transportMap(source, target, maxGain) {
  const root = spectral(source, (v) => Math.sqrt(Math.max(v, 0)));
  const inverse = spectral(source, (v) => 1 / Math.sqrt(Math.max(v, FLOOR)));
  const middle = spectral(product(product(root, target), root), (v) => Math.sqrt(Math.max(v, 0)));
  return spectral(product(product(inverse, middle), inverse), (v) => Math.min(Math.max(v, 0), maxGain));
}

const product = (a, b) => a.map((row) => b[0].map((_, k) => row.reduce((sum, v, j) => sum + v * b[j][k], 0)));

/** Apply a function to the eigenvalues of a symmetric 3x3 matrix (Jacobi's rotations). */
function spectral(matrix, of) {
  const a = matrix.map((row, i) => row.map((_, j) => (matrix[i][j] + matrix[j][i]) / 2));
  const vectors = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  for (let sweep = 0; sweep < 30; sweep++) {
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ]) {
      if (a[p][q] === 0) continue;
      const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
      const cosine = 1 / Math.hypot(t, 1);
      const sine = t * cosine;
      for (let k = 0; k < 3; k++) {
        [a[k][p], a[k][q]] = [cosine * a[k][p] - sine * a[k][q], sine * a[k][p] + cosine * a[k][q]];
      }
      for (let k = 0; k < 3; k++) {
        [a[p][k], a[q][k]] = [cosine * a[p][k] - sine * a[q][k], sine * a[p][k] + cosine * a[q][k]];
        [vectors[k][p], vectors[k][q]] = [
          cosine * vectors[k][p] - sine * vectors[k][q],
          sine * vectors[k][p] + cosine * vectors[k][q],
        ];
      }
    }
  }
  const values = [0, 1, 2].map((i) => of(a[i][i]));
  return vectors.map((row) =>
    vectors.map((other) => row.reduce((sum, v, i) => sum + v * values[i] * other[i], 0)),
  );
}

/** Apply a 3x3 matrix to the channels of a picture. */
export function convert(picture, matrix) {
  const out = new Planes(3, picture.height, picture.width);
  const [r, g, b] = [0, 1, 2].map((c) => picture.plane(c));
  matrix.forEach(([x, y, z], c) => {
    const plane = out.plane(c);
    for (let i = 0; i < plane.length; i++) plane[i] = x * r[i] + y * g[i] + z * b[i];
  });
  return out;
}

/** Move the colors of a picture toward another's mean and covariance, by a share of 0..1. */
export function recolor(picture, style, share, maxGain) {
  const [mean, covariance] = colorMoments(picture);
  const [wanted, wantedCovariance] = colorMoments(style);
  for (let c = 0; c < 3; c++) {
    covariance[c][c] += 1e-5; // a picture of one color has no covariance
    wantedCovariance[c][c] += 1e-5;
  }
  const map = transportMap(covariance, wantedCovariance, maxGain);
  const matrix = map.map((row, c) => row.map((v, k) => share * v + (c === k ? 1 - share : 0)));
  const offset = wanted.map((v, c) => share * (v - map[c].reduce((sum, m, k) => sum + m * mean[k], 0)));
  const out = convert(picture, matrix);
  offset.forEach((v, c) => {
    const plane = out.plane(c);
    for (let i = 0; i < plane.length; i++) plane[i] += v;
  });
  return out.clamp();
}
