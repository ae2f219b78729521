// What the photo shows: as `restyle.methods.paint.cleanup`, where it is explained.

import { activity } from "./cleanup.js";
import { C } from "./constants.js";
import { convert } from "./color.js";
import { average } from "./fast.js";
import { Planes, boxBlur, resize, round } from "./pixels.js";

/** The objects of one photo (planes). */
export class Objects {
  constructor(photo) {
    this.photo = photo;
    this.ycc = convert(photo, C.cleanup.YCC_FROM_RGB);
    this.colors = new Planes(3, photo.height, photo.width, this.ycc.data.slice());
    this.colors.data.forEach((v, i, all) => {
      if (i >= photo.height * photo.width) all[i] = 2 * v; // chroma counts double
    });
    this.people = this.#people();
    this.detail = this.#detail();
    this.centers = this.#centers();
  }

  /** Where the photo has detail. */
  #detail() {
    const { height, width } = this.photo;
    const radius = Math.max(2, Math.floor(Math.max(height, width) / 128));
    return activity(this.ycc.plane(0), this.photo, radius).map((v) => v / (v + C.cleanup.DETAIL));
  }

  /** How likely each place is skin, or enclosed by it as eyes and mouth are. */
  #people() {
    const { height, width } = this.photo;
    const O = C.cleanup;
    const blur = (plane, radius) => boxBlur(plane, height, width, radius);
    const side = Math.max(height, width);
    const near = Math.max(1, Math.floor(side / 128));
    const luma = this.ycc.plane(0);
    const [mean, blue, red] = [0, 1, 2].map((c) => blur(this.ycc.plane(c), near));
    const relative = luma.map((_, i) => Math.hypot(blue[i], red[i]) / (mean[i] + 0.1));
    const skin = luma.map((_, i) => {
      const chroma = Math.hypot(blue[i], red[i]);
      const hue = (Math.atan2(red[i], blue[i]) * 180) / Math.PI;
      const likely = Math.exp(-(((hue - O.SKIN_HUE) / O.SKIN_WIDTH) ** 4)) * ramp(chroma, O.MOST_CHROMA);
      return likely * ramp(relative[i], O.SKIN_CHROMA) * ramp(relative[i], O.MOST_RELATIVE);
    });
    const square = luma.map((v, i) => (v - mean[i]) ** 2);
    const texture = blur(square, 2 * near);
    const smooth = skin.map((v, i) => v / (1 + texture[i] / O.SKIN_TEXTURE ** 2));
    const found = new Float32Array(skin.length);
    for (const part of O.PEOPLE_WINDOWS) {
      const radius = Math.max(2, round(side * part));
      const around = blur(blur(smooth, radius), Math.max(1, Math.floor(radius / 2)));
      around.forEach((v, i) => (found[i] = Math.max(found[i], ramp(v, [0.3, 0.55]))));
    }
    const window = (plane, radius) => blur(blur(plane, radius), radius);
    const around = Math.max(2, Math.floor(side / 24));
    const amount = window(skin, around).map((v) => v + 0.02);
    const usual = (plane) => window(skin.map((v, i) => v * plane[i]), around).map((v, i) => v / amount[i]);
    const [usualLuma, usualChroma] = [usual(mean), usual(relative)];
    const eyes = found.map((v, i) => {
      const darker = (usualLuma[i] - mean[i]) / (usualLuma[i] + 0.05);
      const paler = ramp(usualChroma[i] - relative[i], [0, O.PALER]);
      return v * (1 - skin[i]) * ramp(v, [0.5, 0.9]) * ramp(darker, O.DARKER) * paler;
    });
    const radius = Math.max(2, round(side * O.FACE));
    const [seen, whole] = [window(eyes, radius), window(found, radius)];
    return blur(found.map((v, i) => v * ramp(seen[i] / (whole[i] + 0.02), O.EYES)), near);
  }

  /** Centers of clusters of the photo's colors (k-means), begun at colors far from each other. */
  #centers() {
    const points = small(this.colors);
    const [a, b, c] = [0, 1, 2].map((k) => points.plane(k));
    const apart = (center, i) => (a[i] - center[0]) ** 2 + (b[i] - center[1]) ** 2 + (c[i] - center[2]) ** 2;
    let centers = [[a, b, c].map((plane) => average(plane))];
    const far = a.map((_, i) => apart(centers[0], i));
    while (centers.length < C.cleanup.CLUSTERS) {
      const most = far.reduce((best, v, i) => (v > far[best] ? i : best), 0);
      const center = [a[most], b[most], c[most]];
      centers.push(center);
      far.forEach((v, i) => (far[i] = Math.min(v, apart(center, i))));
    }
    for (let turn = 0; turn < C.cleanup.CLUSTER_ROUNDS; turn++) {
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

  /** Mean of small planes over places nearby of like color in the photo. */
  #expected(planes) {
    const { height, width } = planes;
    const colors = small(this.colors);
    const radius = Math.max(1, round(C.cleanup.NEARBY * Math.max(height, width)));
    const window = (plane) => boxBlur(boxBlur(plane, height, width, radius), height, width, radius);
    const shares = this.centers.map((center) => likeness(colors, center));
    const total = shares[0].map((_, i) => shares.reduce((sum, share) => sum + share[i], 1e-6));
    const few = 1e-4; // where a cluster is not nearby, its color in the whole picture counts
    const out = new Planes(3, height, width);
    for (const each of shares) {
      const share = each.map((v, i) => v / total[i]);
      const weight = window(share);
      const mean = average(share) + 1e-6;
      for (let c = 0; c < 3; c++) {
        const weighted = planes.plane(c).map((v, i) => v * share[i]);
        const overAll = average(weighted) / mean;
        const found = window(weighted);
        const result = out.plane(c);
        for (let i = 0; i < result.length; i++) {
          result[i] += (share[i] * (found[i] + few * overAll)) / (weight[i] + few);
        }
      }
    }
    return out;
  }

  /** Move people in a painting toward the photo: skin, lips and eyes keep hue and form. */
  keepPeople(picture, share) {
    const { height, width } = picture;
    const O = C.cleanup;
    const colors = convert(picture, C.cleanup.YCC_FROM_RGB);
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
    return convert(colors, C.cleanup.RGB_FROM_YCC).clamp();
  }

  /** Reduce patches of a painting that differ much from the color its object has nearby. */
  hold(picture) {
    const { height, width } = picture;
    const O = C.cleanup;
    const colors = convert(picture, C.cleanup.YCC_FROM_RGB);
    const coarse = small(colors);
    const people = small(new Planes(1, height, width, this.people)).data;
    const detail = small(new Planes(1, height, width, this.detail)).data;
    const wanted = this.#expected(coarse);
    const radius = Math.max(1, round(Math.max(coarse.height, coarse.width) * O.PATCH));
    const patches = new Planes(3, coarse.height, coarse.width);
    const [luma, blue, red] = [0, 1, 2].map((c) => {
      const expected = wanted.plane(c);
      const apart = coarse.plane(c).map((v, i) => v - expected[i]);
      const once = boxBlur(apart, coarse.height, coarse.width, radius);
      const broad = boxBlur(once, coarse.height, coarse.width, radius);
      patches.plane(c).set(broad.map((v, i) => v + people[i] * (apart[i] - v)));
      return patches.plane(c);
    });
    const rest = (size, limit) => 1 - 1 / Math.sqrt(1 + (size / limit) ** 2);
    for (let i = 0; i < luma.length; i++) {
      const calm = (1 - people[i]) * (1 - detail[i]);
      const limit = 1 - (1 - O.STRAY_PEOPLE) * people[i] - (1 - O.STRAY_CALM) * calm;
      const share = rest(Math.hypot(blue[i], red[i]), O.STRAY_CHROMA * limit);
      luma[i] *= rest(Math.abs(luma[i]), O.STRAY_LUMA * limit);
      blue[i] *= share;
      red[i] *= share;
    }
    const less = resize(patches, height, width, "bilinear").data;
    colors.data.forEach((v, i, all) => (all[i] = v - less[i]));
    return convert(colors, C.cleanup.RGB_FROM_YCC).clamp();
  }
}

function small(planes) {
  const factor = Math.max(1, round(Math.max(planes.height, planes.width) / C.cleanup.CLUSTER_SIDE));
  return resize(planes, Math.floor(planes.height / factor), Math.floor(planes.width / factor), "area");
}

function likeness(colors, center) {
  const [a, b, c] = [0, 1, 2].map((k) => colors.plane(k));
  const scale = -0.5 / C.cleanup.CLUSTER_SPREAD ** 2;
  return a.map((v, i) =>
    Math.exp(scale * ((v - center[0]) ** 2 + (b[i] - center[1]) ** 2 + (c[i] - center[2]) ** 2)),
  );
}

const ramp = (value, [none, full]) => Math.min(1, Math.max(0, (value - none) / (full - none)));
