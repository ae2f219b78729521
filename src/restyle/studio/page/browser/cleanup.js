// Keep a painting clean: as `restyle.methods.paint.cleanup`, where it is explained.

import { C } from "./constants.js";
import { convert, recolor as moveColors } from "./color.js";
import { boxBlur, guidedFit, luma, round } from "./pixels.js";

export const recolor = (picture, style, share) => moveColors(picture, style, share, C.cleanup.MAX_GAIN);

/** Smooth the chroma of a painting along the edges of the photo. */
function smoothColor(picture, photo, radius) {
  const colors = convert(picture, C.cleanup.YCC_FROM_RGB);
  const guide = guidedBy(luma(photo), photo, radius);
  for (const c of [1, 2]) colors.plane(c).set(guide(colors.plane(c), C.cleanup.EDGE));
  return convert(colors, C.cleanup.RGB_FROM_YCC).clamp();
}

/** Take broad color from the painting, and fine color in part from the photo in the painting's palette. */
function colorByObject(picture, photo, radius) {
  const colors = convert(picture, C.cleanup.YCC_FROM_RGB);
  const own = convert(recolor(photo, picture, 1), C.cleanup.YCC_FROM_RGB);
  const light = luma(photo);
  const [near, far] = [guidedBy(light, photo, radius), guidedBy(light, photo, 2 * radius)];
  for (const c of [1, 2]) {
    const [plane, ours] = [colors.plane(c), own.plane(c)];
    const fine = ours.map((v) => C.cleanup.OWN_COLOR * v);
    const smooth = near(
      plane.map((v, i) => v - fine[i]),
      C.cleanup.OBJECT_EDGE,
    ).map((v, i) => v + fine[i]);
    const toward = far(
      ours.map((v, i) => v - smooth[i]),
      C.cleanup.LIGHT_EDGE,
    );
    plane.set(smooth.map((v, i) => v + C.cleanup.BROAD_COLOR * toward[i]));
  }
  return convert(colors, C.cleanup.RGB_FROM_YCC).clamp();
}

/** Move the broad luma of a painting toward the photo's, in the style's range. */
function lightByObject(picture, photo, style, share, radius) {
  const colors = convert(picture, C.cleanup.YCC_FROM_RGB);
  const guide = luma(photo);
  const [mean, spread] = moments(guide);
  const [middle, range] = moments(luma(style));
  const gain = Math.max(range, C.cleanup.CONTRAST * spread) / Math.max(spread, 1e-3);
  const plane = colors.plane(0);
  const apart = guide.map((v, i) => Math.min(1, Math.max(0, (v - mean) * gain + middle)) - plane[i]);
  const broad = guidedBy(guide, photo, radius)(apart, C.cleanup.LIGHT_EDGE);
  for (let i = 0; i < plane.length; i++) plane[i] += share * broad[i];
  return convert(colors, C.cleanup.RGB_FROM_YCC).clamp();
}

/** Reduce the fine luma of a painting where the photo has no detail. */
function calm(picture, photo) {
  const colors = convert(picture, C.cleanup.YCC_FROM_RGB);
  const detail = activity(luma(photo), photo, 4);
  const plane = colors.plane(0);
  const base = guidedBy(plane, photo, 3)(plane, 2e-3);
  const flat = C.cleanup.FLAT_DETAIL;
  for (let i = 0; i < plane.length; i++) {
    const keep = flat + ((1 - flat) * detail[i]) / (detail[i] + C.cleanup.CALM);
    plane[i] = base[i] + (plane[i] - base[i]) * keep;
  }
  return convert(colors, C.cleanup.RGB_FROM_YCC).clamp();
}

/** Deviation of a plane around its local mean. */
export function activity(plane, { height, width }, radius) {
  const mean = boxBlur(plane, height, width, radius);
  const square = boxBlur(
    plane.map((v, i) => (v - mean[i]) ** 2),
    height,
    width,
    radius,
  );
  return square.map((v) => Math.sqrt(Math.max(0, v)));
}

/** Guided filter (He et al. 2010): gives a function of a plane and the variance from which an edge stops it. */
function guidedBy(guide, { height, width }, radius) {
  return (plane, edge) => {
    const [slope, offset] = guidedFit(guide, plane, height, width, radius, edge);
    return slope.map((v, i) => v * guide[i] + offset[i]);
  };
}

function moments(values) {
  let [sum, square] = [0, 0];
  for (const v of values) [sum, square] = [sum + v, square + v * v];
  const mean = sum / values.length;
  return [mean, Math.sqrt(Math.max(0, square / values.length - mean * mean))];
}

/** Clean up after a round of steps; `painter.tidy` in Python. */
export function tidy(picture, objects, style) {
  const { photo } = objects;
  const side = Math.max(photo.height, photo.width);
  const smooth = objects.hold(smoothColor(picture, photo, Math.max(2, round(side / 85))));
  return lightByObject(smooth, photo, style, C.painter.LIGHT, Math.max(2, round(side / 40)));
}

/** Settle the colors and clean up; `painter.finish` in Python. */
export function finish(picture, objects, style, likeness) {
  const { photo } = objects;
  const side = Math.max(photo.height, photo.width);
  const still = objects.hold(calm(picture, photo));
  const colored = colorByObject(still, photo, Math.max(4, round(side / 40)));
  const settled = recolor(colored, style, C.painter.FINAL_COLORS);
  const lit = lightByObject(settled, photo, style, C.painter.LIGHT, Math.max(4, round(side / 25)));
  return objects.keepPeople(lit, Math.min(1, 2 * likeness));
}
