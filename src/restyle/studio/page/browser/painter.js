// The method paint: as `restyle.methods.paint`, where it is explained.

import { C } from "./constants.js";
import { activity, finish, recolor, tidy } from "./cleanup.js";
import { convert } from "./color.js";
import { Enlarged } from "./fast.js";
import { nearest, product, transposed } from "./matching.js";
import { Objects } from "./objects.js";
import { Planes, RowResizer, crop, fitSize, luma, reflected, resize, round } from "./pixels.js";
import { pause } from "./runtime.js";

const FEATURES = "models/painter_features.onnx";
const FORWARD = "models/painter_forward.onnx";
const GRADIENT = "models/painter_gradient.onnx";
const BACKWARD = "models/painter_backward.onnx";

/** Planned scales from coarse to fine: {side, rounds: [steps, ...]}; `sizes.scales` in Python. */
export function scales(side, effort = 1) {
  const sides = [side];
  while (sides[0] > C.painter.SMALLEST * 1.15)
    sides.unshift(Math.max(C.painter.SMALLEST, round(sides[0] / C.painter.RATIO)));
  return sides.map((each) => {
    let rounds = each > 640 ? [12] : each > 400 ? [14] : [14, 10];
    if (each <= 260) rounds = [16, 16];
    if (each <= 160) rounds = [20, 20];
    return { side: each, rounds: rounds.map((steps) => Math.max(4, round(effort * steps))) };
  });
}

/**
 * Paint a photo (read row by row) in the style of artworks [{pixels: Planes, weight, scale}].
 *
 * `progress(fraction, preview)` is called after every step; `preview()` gives the picture so far.
 * Gives the painting, about `side` px on its longer side; `enlarge` brings it to the size of the photo.
 */
export async function paint(
  runtime,
  photo,
  artworks,
  { side, likeness = 0.5, effort = 1, signal, progress },
) {
  const plan = scales(side, effort);
  const cost = ({ side: each, rounds }) => rounds.reduce((sum, steps) => sum + steps, 0) * each * each;
  const work = plan.reduce((sum, each) => sum + cost(each), 0);
  const small = resize(
    photo,
    ...fitSize(photo.height, photo.width, { long: Math.min(2 * side, Math.max(photo.height, photo.width)) }),
    "area",
  );
  let [picture, objects, styles, done] = [null, null, null, 0];
  for (const scale of plan) {
    const content = fitted(small, scale.side);
    objects = new Objects(content);
    styles = [];
    for (const artwork of artworks) styles.push(await prepare(runtime, artwork, scale.side));
    const looks = styles[0].pixels;
    picture = picture
      ? resize(picture, content.height, content.width, "bicubic").clamp()
      : recolor(content, looks, 1);
    for (const [index, steps] of scale.rounds.entries()) {
      const first = !index && scale === plan[0];
      const feed = await targets(runtime, objects, picture, styles, likeness, first, signal);
      const pyramid = new Pyramid(picture, steps);
      for (let step = 0; step < steps; step++) {
        await pause(signal);
        pyramid.step(await gradient(runtime, pyramid.picture(), feed));
        done += scale.side ** 2;
        const preview = () => finish(tidy(pyramid.picture(), objects, looks), objects, looks, likeness);
        await progress?.(done / work, preview);
      }
      picture = tidy(pyramid.picture(), objects, looks);
    }
  }
  return finish(picture, objects, styles[0].pixels, likeness);
}

/** A painting at the size of its photo; a larger photo adds its fine detail. */
export function enlarge(painted, photo) {
  const [long, longest] = [Math.max(painted.height, painted.width), Math.max(photo.height, photo.width)];
  if (long >= longest - 8) return resize(painted, photo.height, photo.width, "lanczos");
  const seen = resize(photo, ...fitSize(photo.height, photo.width, { long }), "area");
  return new Enlarged(painted, resize(seen, painted.height, painted.width, "bicubic"), photo);
}

/** Resize to about `side` px on the longer side, with sides that are multiples of 8. */
function fitted(picture, side) {
  const factor = side / Math.max(picture.height, picture.width);
  const [height, width] = [picture.height, picture.width].map((each) =>
    Math.max(C.painter.LEAST, round((each * factor) / 8) * 8),
  );
  return resize(picture, height, width, factor < 0.25 ? "area" : "lanczos");
}

/** An artwork at one scale, with its features and Gram matrices. */
async function prepare(runtime, { pixels, weight, scale }, side) {
  const short = Math.min(pixels.height, pixels.width);
  const part = Math.min(1, C.painter.MAX_STYLE / scale);
  const [tall, wide] = [pixels.height, pixels.width].map((each) =>
    Math.min(each * part, short * C.painter.MAX_ASPECT),
  );
  const [top, left] = [round((pixels.height - tall) / 2), round((pixels.width - wide) / 2)];
  const shown = crop(pixels, top, left, Math.max(1, round(tall)), Math.max(1, round(wide)));
  const small = fitted(shown, round(side * Math.min(scale, C.painter.MAX_STYLE)));
  const found = await features(runtime, small);
  const grams = [];
  for (const { data, height, width } of found) {
    const [gram] = await product(runtime, data, data, height * width, ["scores"]);
    grams.push(gram.map((v) => v / (height * width)));
  }
  return { pixels: small, weight, features: found, grams };
}

/** Features of all layers: planes [C, height / stride, width / stride]. */
async function features(runtime, picture) {
  const { LAYERS, STRIDES, MARGIN } = C.network;
  const found = await runtime.run(FEATURES, { image: withMargin(picture) }, LAYERS);
  return LAYERS.map((layer, i) => {
    const { data, dims } = found[layer];
    const margin = MARGIN / STRIDES[i];
    return crop(
      new Planes(dims[1], dims[2], dims[3], data),
      margin,
      margin,
      dims[2] - 2 * margin,
      dims[3] - 2 * margin,
    );
  });
}

/** Gradient of the painting loss with respect to the picture; `PaintingNetwork.gradient` in Python, in one band. */
async function gradient(runtime, picture, { first, rest }) {
  const { MARGIN } = C.network;
  const image = withMargin(picture);
  const [, , height, width] = image[1];
  const inside = [new Float32Array(height).fill(1), [1, 1, height, 1]];
  const take = ({ data, dims }) => [data, dims];
  const { relu1_1, chosen, pooled, products } = await runtime.run(FORWARD, { image, inside }, [
    "relu1_1",
    "chosen",
    "pooled",
    "products",
  ]);
  const below = await runtime.run(GRADIENT, { pooled: take(pooled), products: take(products), ...rest }, [
    "apart",
    "gradient",
  ]);
  const { grad } = await runtime.run(
    BACKWARD,
    {
      relu1_1: take(relu1_1),
      chosen: take(chosen),
      gradient: take(below.gradient),
      apart: take(below.apart),
      inside,
      ...first,
    },
    ["grad"],
  );
  return crop(new Planes(3, height, width, grad.data), MARGIN, MARGIN, picture.height, picture.width);
}

function withMargin(picture) {
  const { MARGIN } = C.network;
  const [height, width] = [picture.height + 2 * MARGIN, picture.width + 2 * MARGIN];
  return [reflected(picture, MARGIN, MARGIN, height, width).data, [1, 3, height, width]];
}

/** Match the content with the artworks; gives inputs of the gradient graphs. */
async function targets(runtime, objects, picture, styles, likeness, first, signal) {
  const P = C.painter;
  const content = objects.photo;
  const own = await features(runtime, content);
  const light = luma(content);
  const busy = activity(light, content, content.height > 150 ? 4 : 2).map((v) => v / (v + P.BUSY));
  const [long, short] = [Math.max(content.height, content.width), Math.min(content.height, content.width)];
  const radius = Math.min(Math.floor(long / 20), Math.floor(short / 4));
  const held = activity(light, content, radius).map((v) => v / (v + P.BUSY));
  const total = styles.reduce((sum, each) => sum + each.weight, 0);
  let vectors = null;
  for (const style of styles) {
    const asked = recolor(content, style.pixels, P.MATCH_COLORS);
    if (!first) {
      const size = held.length;
      asked.data.forEach((v, i, all) => {
        const share = 0.5 + 0.5 * likeness - P.FREEDOM * (1 - held[i % size]);
        all[i] = share * v + (1 - share) * picture.data[i];
      });
    }
    const pictures = [recolor(content, style.pixels, 1), style.pixels];
    const found = await copied(runtime, await features(runtime, asked), style.features, pictures, signal);
    vectors = found.map((each, i) => scaled(unit(each), style.weight / total, vectors?.[i]));
  }
  for (const [layer, kept] of Object.entries(P.KEEP)) {
    const { height, width, channels, data } = vectors[layer];
    const wanted = held.map((v, i) => kept * v + P.KEEP_PEOPLE * objects.people[i]);
    const keep = resize(new Planes(1, content.height, content.width, wanted), height, width, "area").data;
    const ours = unit(own[layer]).data;
    const size = height * width;
    for (let i = 0; i < channels * size; i++) {
      const share = Math.min(1, 2 * likeness * keep[i % size]);
      data[i] = (1 - share) * data[i] + share * ours[i];
    }
  }
  return inputs(vectors.map(unit), new Planes(1, content.height, content.width, busy), styles, total);
}

/** `scale` x planes, added to others. */
function scaled(planes, scale, others) {
  planes.data.forEach((v, i, all) => {
    all[i] = scale * v + (others ? others.data[i] : 0);
  });
  return planes;
}

/** Targets as inputs of the gradient graphs: `first` those of the first block; the margin gets weight 0. */
function inputs(vectors, busy, styles, total) {
  const { LAYERS, STRIDES, MARGIN } = C.network;
  const P = C.painter;
  const first = {};
  const rest = { gram_weights: [Float32Array.from(P.GRAM_WEIGHTS), [P.GRAM_WEIGHTS.length]] };
  LAYERS.forEach((layer, i) => {
    const { channels, height, width } = vectors[i];
    const margin = MARGIN / STRIDES[i];
    const weight = new Planes(1, height, width, new Float32Array(height * width).fill(P.WEIGHTS[i]));
    if (i < 2) {
      const here = resize(busy, height, width, "area").data;
      weight.data.forEach((v, k, all) => {
        all[k] = v * (P.FLAT_WEIGHT + (1 - P.FLAT_WEIGHT) * here[k]);
      });
    }
    const gram = new Float32Array(channels * channels);
    for (const style of styles)
      style.grams[i].forEach((v, k) => {
        gram[k] += (style.weight / total) * v;
      });
    const shape = [height + 2 * margin, width + 2 * margin];
    const feed = i ? rest : first;
    const share = i ? 1 : 1 / (shape[0] * shape[1]);
    feed[`target_${layer}`] = [bordered(vectors[i], margin), [1, channels, ...shape]];
    feed[`weight_${layer}`] = [bordered(weight, margin).map((v) => share * v), [1, 1, ...shape]];
    rest[`gram_${layer}`] = [gram, [channels, channels]];
  });
  return { first, rest };
}

/** Planes with a border of zeros. */
function bordered({ channels, height, width, data }, margin) {
  const out = new Planes(channels, height + 2 * margin, width + 2 * margin);
  for (let row = 0; row < channels * height; row++) {
    const [c, y] = [Math.floor(row / height), row % height];
    out.data.set(
      data.subarray(row * width, (row + 1) * width),
      (c * out.height + y + margin) * out.width + margin,
    );
  }
  return out.data;
}

/** Features of the style at the places that match the content's. */
async function copied(runtime, content, style, pictures, signal) {
  const colors = (layer) => pictures.map((picture, k) => smallColors(picture, [content, style][k][layer]));
  const fine = await nearest(runtime, hypercolumns(content), hypercolumns(style), colors(2), signal);
  const deep = await nearest(runtime, vectorsOf(content[3]), vectorsOf(style[3]), colors(3), signal);
  return [
    blocks(style[0], fine, content[2], style[2].width, 4),
    blocks(style[1], fine, content[2], style[2].width, 2),
    blocks(style[2], fine, content[2], style[2].width, 1),
    blocks(style[3], deep, content[3], style[3].width, 1),
  ];
}

/** Luma, chroma and contrast at the size of a layer: [places, 4]. Contrast is the deviation around each place,
 * relative to that of the busiest places. */
function smallColors(picture, { height, width }) {
  const small = resize(convert(picture, C.cleanup.YCC_FROM_RGB), height, width, "area");
  const radius = Math.min(2, Math.floor(Math.min(height, width) / 4));
  const deviations = [0, 1, 2].map((c) => activity(small.plane(c), small, radius));
  const contrast = deviations[0].map((v, i) => Math.hypot(v, deviations[1][i], deviations[2][i]));
  const busiest = Math.max(quantile(contrast, 0.95), C.matching.LEAST_CONTRAST);
  const all = new Float32Array(4 * height * width);
  all.set(small.data);
  all.set(contrast.map((v) => Math.min(1, v / busiest)), 3 * height * width);
  return transposed(all, height * width);
}

/** The value below which a share of the values lies, interpolated. */
function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

/** Planes [depth, height, width] as vectors [places, depth]. */
function vectorsOf({ channels, height, width, data }) {
  return { height, width, depth: channels, data: transposed(data, height * width) };
}

/** relu3_1 with relu4_1 enlarged beside it, each scaled to mean square length 1. */
function hypercolumns(layers) {
  const [fine, deep] = [vectorsOf(layers[2]), vectorsOf(layers[3])];
  for (const { data, height, width } of [fine, deep]) {
    const square = data.reduce((sum, v) => sum + v * v, 0) / (height * width);
    const scale = 1 / Math.sqrt(square + 1e-8);
    data.forEach((v, i, all) => {
      all[i] = v * scale;
    });
  }
  const { height, width } = fine;
  const depth = fine.depth + deep.depth;
  const data = new Float32Array(height * width * depth);
  for (let place = 0; place < height * width; place++) {
    const [y, x] = [Math.floor(place / width), place % width];
    const below = (y >> 1) * deep.width + (x >> 1);
    data.set(fine.data.subarray(place * fine.depth, (place + 1) * fine.depth), place * depth);
    data.set(deep.data.subarray(below * deep.depth, (below + 1) * deep.depth), place * depth + fine.depth);
  }
  return { height, width, depth, data };
}

/** For every matched place of a coarse layer, copy the factor x factor block of a finer one. */
function blocks(source, index, { height, width }, across, factor) {
  const out = new Planes(source.channels, height * factor, width * factor);
  for (let c = 0; c < source.channels; c++) {
    const [from, to] = [source.plane(c), out.plane(c)];
    for (let y = 0, i = 0; y < out.height; y++) {
      const row = Math.floor(y / factor);
      for (let x = 0; x < out.width; x++, i++) {
        const match = index[row * width + Math.floor(x / factor)];
        const [below, beside] = [
          Math.floor(match / across) * factor + (y % factor),
          (match % across) * factor + (x % factor),
        ];
        to[i] = from[below * source.width + beside];
      }
    }
  }
  return out;
}

/** Scale the vectors of planes to length 1, as new planes. */
function unit({ channels, height, width, data }) {
  const size = height * width;
  const lengths = new Float32Array(size);
  for (let i = 0; i < data.length; i++) lengths[i % size] += data[i] * data[i];
  const scale = lengths.map((v) => 1 / (Math.sqrt(v) + 1e-6));
  return new Planes(
    channels,
    height,
    width,
    data.map((v, i) => v * scale[i % size]),
  );
}

/** A picture and corrections to it on several levels, moved by Adam; `pyramid.Pyramid` in Python. */
class Pyramid {
  constructor(picture, steps) {
    this.start = convert(picture, C.cleanup.YCC_FROM_RGB);
    const { height, width } = picture;
    const empty = () =>
      Array.from({ length: C.painter.LEVELS }, (_, level) => new Planes(3, height >> level, width >> level));
    [this.levels, this.first, this.second] = [empty(), empty(), empty()];
    [this.steps, this.taken] = [steps, 0];
  }

  picture() {
    const { height, width, data } = this.start;
    const total = new Planes(
      3,
      height,
      width,
      data.map((v, i) => v + this.levels[0].data[i]),
    );
    const row = new Float32Array(width);
    for (const level of this.levels.slice(1)) {
      for (let c = 0; c < 3; c++) {
        const resizer = new RowResizer(level, c, height, width, "bilinear");
        const plane = total.plane(c);
        for (let y = 0; y < height; y++) {
          resizer.readRow(0, y, row);
          for (let x = 0; x < width; x++) plane[y * width + x] += row[x];
        }
      }
    }
    return convert(total, C.cleanup.RGB_FROM_YCC).clamp();
  }

  step(slope) {
    const {
      RATE,
      DECAY,
      FINEST_RATE,
      CHROMA_RATE,
      BETAS: [beta1, beta2],
      RGB_FROM_YCC,
    } = C.painter;
    this.taken++;
    const rate = RATE * (1 - (DECAY * this.taken) / this.steps);
    let gradients = convert(
      slope,
      RGB_FROM_YCC[0].map((_, k) => RGB_FROM_YCC.map((row) => row[k])),
    );
    this.levels.forEach((level, index) => {
      if (index) gradients = halved(gradients);
      const size = (rate * (index ? 1 : FINEST_RATE)) / (1 - beta1 ** this.taken);
      for (let c = 0; c < 3; c++) {
        const [values, g] = [level.plane(c), gradients.plane(c)];
        const [first, second] = [this.first[index].plane(c), this.second[index].plane(c)];
        const mean = g.reduce((sum, v) => sum + v * v, 0) / g.length;
        const speed = size * (c ? CHROMA_RATE : 1);
        for (let i = 0; i < g.length; i++) {
          first[i] += (1 - beta1) * (g[i] - first[i]);
          second[i] += (1 - beta2) * (0.5 * g[i] * g[i] + 0.5 * mean - second[i]);
          values[i] -= (speed * first[i]) / (Math.sqrt(second[i] / (1 - beta2 ** this.taken)) + 1e-12);
        }
      }
    });
  }
}

/** Sum of every 2x2 block. */
function halved({ channels, height, width, data }) {
  const out = new Planes(channels, height >> 1, width >> 1);
  for (let c = 0, i = 0; c < channels; c++) {
    for (let y = 0; y < out.height; y++) {
      for (let x = 0; x < out.width; x++, i++) {
        const at = (c * height + 2 * y) * width + 2 * x;
        out.data[i] = data[at] + data[at + 1] + data[at + width] + data[at + width + 1];
      }
    }
  }
  return out;
}
