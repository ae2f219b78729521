// Regions: parts of a photo with their own style, as `restyle.images.masks`.

import { Planes, RowResizer, boxBlur, fitSize, resize, round } from "./pixels.js";
import { readRows } from "./color.js";

const MOST_SIDE = 2048; // px; shares of larger photos are computed at this size and enlarged
const FEATHER = 0.01; // width of the transition, of the longer side
const PASSES = 3;

/**
 * Shares of each region, then of the rest, in each pixel of a picture: planes of one channel that sum to 1.
 * `masks`: [Planes, kept] of the photo before its crop; `photo`: the photo; `picture`: the photo at the size of
 * the result.
 */
export function shares(masks, photo, picture) {
  const long = Math.min(MOST_SIDE, Math.max(picture.height, picture.width));
  const [height, width] = fitSize(picture.height, picture.width, { long });
  const soft = masks.map(([mask, kept]) => {
    const fitted = fit(mask, photo, height, width);
    const blurred = feather(fitted, height, width);
    return kept ? fitted.map((v, i) => Math.max(v, Math.min(1, 2 * blurred[i]))) : blurred;
  });
  const sum = (wanted) =>
    Float32Array.from({ length: height * width }, (_, i) =>
      soft.reduce((total, each, k) => total + (masks[k][1] === wanted ? each[i] : 0), 0),
    );
  const [kept, styled] = [sum(true), sum(false)];
  const parts = soft.map((each, k) =>
    masks[k][1]
      ? each.map((v, i) => v / Math.max(kept[i], 1))
      : each.map((v, i) => (v / Math.max(styled[i], 1)) * (1 - Math.min(kept[i], 1))),
  );
  parts.push(kept.map((v, i) => (1 - Math.min(v, 1)) * (1 - Math.min(styled[i], 1))));
  return parts.map((data) => new Planes(1, height, width, data));
}

/** Crop and resize a mask like its photo. */
function fit(mask, photo, height, width) {
  const [down, across] = [mask.height / photo.whole[0], mask.width / photo.whole[1]];
  const [left, top] = photo.corner;
  const right = Math.min(mask.width, (left + photo.width) * across);
  const bottom = Math.min(mask.height, (top + photo.height) * down);
  return resize(mask, height, width, "bilinear", [left * across, top * down, right, bottom]).clamp().data;
}

/** Replace hard edges by ramps. */
function feather(mask, height, width) {
  const ramp = FEATHER * Math.max(height, width);
  const radius = ramp >= 2 * PASSES ? round(ramp / (2 * PASSES)) : Number(ramp >= 1);
  let soft = mask;
  for (let pass = 0; pass < PASSES && radius; pass++) soft = boxBlur(soft, height, width, radius);
  return soft;
}

/** Several finished paintings, blended by their shares: [[Planes, picture], ...]; the rest is the photo. */
export class Blended {
  constructor(photo, parts) {
    const { height, width } = photo;
    Object.assign(this, { photo, height, width });
    this.parts = parts.map(([share, picture]) => [
      new RowResizer(share, 0, height, width, "bilinear"),
      picture,
    ]);
    this.share = new Float32Array(width);
    this.own = [0, 1, 2].map(() => new Float32Array(width));
    this.other = [0, 1, 2].map(() => new Float32Array(width));
  }

  readRows(y, out) {
    const { share, own, other } = this;
    readRows(this.photo, y, own);
    out.forEach((row, c) => row.set(own[c]));
    for (const [weights, picture] of this.parts) {
      weights.readRow(0, y, share);
      readRows(picture, y, other);
      out.forEach((row, c) => {
        for (let x = 0; x < row.length; x++) row[x] += share[x] * (other[c][x] - own[c][x]);
      });
    }
    out.forEach((row) => {
      for (let x = 0; x < row.length; x++) row[x] = Math.min(1, Math.max(0, row[x]));
    });
  }
}
