// What the photo shows: as `restyle.methods.paint.objects`, where it is explained.

import { C } from "./constants.js";
import { convert } from "./color.js";
import { Planes, RowResizer, boxBlur, resize, round } from "./pixels.js";

/** The objects of one photo (planes). */
export class Objects {
  constructor(photo) {
    this.photo = photo;
    this.ycc = convert(photo, C.pyramid.YCC_FROM_RGB);
    this.colors = new Planes(3, photo.height, photo.width, this.ycc.data.slice());
    this.colors.data.forEach((v, i, all) => {
      if (i >= photo.height * photo.width) all[i] = 2 * v; // chroma counts double
    });
    this.people = this.#people();
    this.centers = this.#centers();
  }

  /** How likely each place is skin, or enclosed by it as eyes and mouth are. */
  #people() {
    const { height, width } = this.photo;
    const O = C.objects;
    const blur = (plane, radius) => boxBlur(plane, height, width, radius);
    const side = Math.max(height, width);
    const near = Math.max(1, Math.floor(side / 128));
    const luma = this.ycc.plane(0);
    const [mean, blue, red] = [0, 1, 2].map((c) => blur(this.ycc.plane(c), near));
    const texture = blur(
      luma.map((v, i) => (v - mean[i]) ** 2),
      2 * near,
    );
    const likely = luma.map((_, i) => {
      const chroma = Math.hypot(blue[i], red[i]);
      const hue = (Math.atan2(red[i], blue[i]) * 180) / Math.PI;
      const skin = Math.exp(-(((hue - O.SKIN_HUE) / O.SKIN_WIDTH) ** 4));
      const color = ramp(chroma / (mean[i] + 0.1), ...O.SKIN_CHROMA) * ramp(chroma, ...O.MOST_CHROMA);
      return (skin * color) / (1 + texture[i] / O.SKIN_TEXTURE ** 2);
    });
    const found = new Float32Array(likely.length);
    for (const part of O.PEOPLE_WINDOWS) {
      const radius = Math.max(2, round(side * part));
      const around = blur(blur(likely, radius), Math.max(1, Math.floor(radius / 2)));
      around.forEach((v, i) => (found[i] = Math.max(found[i], ramp(v, 0.3, 0.55))));
    }
    return blur(found, near);
  }

  /** Centers of clusters of the photo's colors (k-means), begun at colors far from each other. */
  #centers() {
    const points = small(this.colors);
    const [a, b, c] = [0, 1, 2].map((k) => points.plane(k));
    const apart = (center, i) => (a[i] - center[0]) ** 2 + (b[i] - center[1]) ** 2 + (c[i] - center[2]) ** 2;
    let centers = [[a, b, c].map((plane) => plane.reduce((sum, v) => sum + v, 0) / plane.length)];
    const far = a.map((_, i) => apart(centers[0], i));
    while (centers.length < C.objects.CLUSTERS) {
      const most = far.reduce((best, v, i) => (v > far[best] ? i : best), 0);
      const center = [a[most], b[most], c[most]];
      centers.push(center);
      far.forEach((v, i) => (far[i] = Math.min(v, apart(center, i))));
    }
    for (let turn = 0; turn < C.objects.CLUSTER_ROUNDS; turn++) {
      const sums = centers.map(() => [0, 0, 0, 0]);
      for (let i = 0; i < a.length; i++) {
        let [best, least] = [0, Infinity];
        centers.forEach((center, k) => {
          const distance = apart(center, i);
          if (distance < least) [best, least] = [k, distance];
        });
        [a[i], b[i], c[i], 1].forEach((v, k) => (sums[best][k] += v));
      }
      centers = centers.map((center, k) =>
        sums[k][3] ? center.map((_, j) => sums[k][j] / sums[k][3]) : center,
      );
    }
    return centers;
  }

  /** Mean of planes over places nearby that have like colors in the photo. */
  expected(planes) {
    const { height, width } = planes;
    const [coarse, colors] = [small(planes), small(this.colors)];
    const radius = Math.max(1, round(C.objects.NEARBY * Math.max(coarse.height, coarse.width)));
    const smooth = (plane) => {
      const once = boxBlur(plane, coarse.height, coarse.width, radius);
      return boxBlur(once, coarse.height, coarse.width, radius);
    };
    const shares = this.centers.map((center) => likeness(colors, center));
    const all = shares[0].map((_, i) => shares.reduce((sum, share) => sum + share[i], 1e-6));
    const total = new Float32Array(height * width).fill(1e-6);
    const sums = new Planes(3, height, width);
    const few = 1e-4; // where the cluster is not nearby, its color in the whole picture counts
    const row = new Float32Array(width);
    this.centers.forEach((center, k) => {
      const share = shares[k].map((v, i) => v / all[i]);
      const weight = smooth(share).map((v) => v + few);
      const mean = share.reduce((sum, v) => sum + v, 0) / share.length;
      const here = likeness(this.colors, center);
      here.forEach((v, i) => (total[i] += v));
      for (let c = 0; c < 3; c++) {
        const weighted = coarse.plane(c).map((v, i) => v * share[i]);
        const own = weighted.reduce((sum, v) => sum + v, 0) / weighted.length / (mean + 1e-6);
        const found = smooth(weighted).map((v, i) => (v + few * own) / weight[i]);
        const source = new Planes(1, coarse.height, coarse.width, found);
        const resizer = new RowResizer(source, 0, height, width, "bilinear");
        const out = sums.plane(c);
        for (let y = 0, i = 0; y < height; y++) {
          resizer.readRow(0, y, row);
          for (let x = 0; x < width; x++, i++) out[i] += here[i] * row[x];
        }
      }
    });
    sums.data.forEach((v, i, data) => (data[i] = v / total[i % total.length]));
    return sums;
  }

  /** Move people in a painting toward the photo: skin, lips and eyes keep hue and form. */
  keepPeople(picture, share) {
    const { height, width } = picture;
    const O = C.objects;
    const colors = convert(picture, C.pyramid.YCC_FROM_RGB);
    const radius = Math.max(2, round(Math.max(height, width) / 14));
    const [luma, light] = [colors.plane(0), this.ycc.plane(0)];
    const [mean, around] = [luma, light].map((plane) => boxBlur(plane, height, width, radius));
    for (let i = 0; i < luma.length; i++) {
      const people = share * this.people[i];
      const form = mean[i] + O.PEOPLE_CONTRAST * (light[i] - around[i]);
      luma[i] += O.PEOPLE_FORM * people * (form - luma[i]);
      const brighter = Math.min(2, Math.max(1, (luma[i] + 0.1) / (light[i] + 0.1)));
      for (const c of [1, 2]) {
        const plane = colors.plane(c);
        plane[i] += O.PEOPLE_COLOR * people * (brighter * this.ycc.plane(c)[i] - plane[i]);
      }
    }
    return convert(colors, C.pyramid.RGB_FROM_YCC).clamp();
  }

  /** Reduce patches of a painting that differ much from the color its object has nearby. */
  hold(picture) {
    const { height, width } = picture;
    const O = C.objects;
    const colors = convert(picture, C.pyramid.YCC_FROM_RGB);
    const radius = Math.max(1, round(Math.max(height, width) * O.PATCH));
    const wanted = this.expected(colors);
    const broad = [0, 1, 2].map((c) => {
      const expected = wanted.plane(c);
      const apart = colors.plane(c).map((v, i) => v - expected[i]);
      const blurred = boxBlur(boxBlur(apart, height, width, radius), height, width, radius);
      return blurred.map((v, i) => v + this.people[i] * (apart[i] - v));
    });
    const rest = (size, limit) => 1 - 1 / Math.sqrt(1 + (size / limit) ** 2);
    const [luma, blue, red] = [0, 1, 2].map((c) => colors.plane(c));
    for (let i = 0; i < luma.length; i++) {
      const limit = 1 - (1 - O.STRAY_PEOPLE) * this.people[i];
      luma[i] -= broad[0][i] * rest(Math.abs(broad[0][i]), O.STRAY_LUMA * limit);
      const less = rest(Math.hypot(broad[1][i], broad[2][i]), O.STRAY_CHROMA * limit);
      blue[i] -= broad[1][i] * less;
      red[i] -= broad[2][i] * less;
    }
    return convert(colors, C.pyramid.RGB_FROM_YCC).clamp();
  }
}

function small(planes) {
  const factor = Math.max(1, Math.floor(Math.max(planes.height, planes.width) / C.objects.CLUSTER_SIDE));
  return resize(planes, Math.floor(planes.height / factor), Math.floor(planes.width / factor), "area");
}

function likeness(colors, center) {
  const [a, b, c] = [0, 1, 2].map((k) => colors.plane(k));
  const scale = -0.5 / C.objects.CLUSTER_SPREAD ** 2;
  return a.map((v, i) =>
    Math.exp(scale * ((v - center[0]) ** 2 + (b[i] - center[1]) ** 2 + (c[i] - center[2]) ** 2)),
  );
}

const ramp = (value, none, full) => Math.min(1, Math.max(0, (value - none) / (full - none)));
