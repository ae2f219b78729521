// Nearest neighbors: for every place of the content, the place of the style whose features are most alike.
// As `restyle.methods.paint.matching`, where it is explained; products of matrices run on onnxruntime-web.

import { C } from "./constants.js";
import { boxBlur, round } from "./pixels.js";
import { pause } from "./runtime.js";

const GRAPH = "page/browser/product.onnx";
const BLOCK = 1024; // content vectors compared at a time
const MOST_SCORES = 1 << 24; // at a time: 64 MB
const POWERS = 6; // of the covariance, to find its principal directions

/** a b^T + bias: `a` [n, k] and `b` [m, k]. `outputs`: scores [n, m], index [n] and best [n] of the rows. */
export async function product(runtime, a, b, depth, outputs, bias = null) {
  const [n, m] = [a.length / depth, b.length / depth];
  const inputs = { a: [a, [n, depth]], b: [b, [m, depth]], bias: [bias ?? new Float32Array(m), [m]] };
  const found = await runtime.run(GRAPH, inputs, outputs);
  return outputs.map((each) => found[each].data);
}

/**
 * Match every place of the content with one of the style.
 *
 * `content`, `style`: {height, width, depth, data: [height * width, depth]}; `colors`: luma, chroma
 * and contrast [places, 4] of both. Gives indices into the places of the style, one per place of the content.
 */
export async function nearest(runtime, content, style, colors, signal) {
  const vectors = { wanted: content.data.slice(), known: style.data.slice(), depth: content.depth };
  center(vectors);
  await reduce(runtime, vectors);
  unit(vectors.wanted, vectors.depth);
  unit(vectors.known, vectors.depth);
  const penalty = addColors(vectors, colors);
  const { wanted, known, depth } = vectors;
  const bias = await balance(runtime, vectors, penalty, content, style);
  const places = content.height * content.width;
  const index = new Int32Array(places);
  const similarity = new Float32Array(places);
  const block = Math.max(1, Math.min(BLOCK, Math.floor(MOST_SCORES / bias.length)));
  for (let start = 0; start < places; start += block) {
    const part = wanted.subarray(start * depth, Math.min(places, start + block) * depth);
    const [places_, best] = await product(runtime, part, known, depth, ["index", "best"], bias);
    index.set(places_, start);
    similarity.set(best, start);
    await pause(signal);
  }
  return propagate(index, similarity, vectors, bias, content, style);
}

function means(data, depth) {
  const out = new Float64Array(depth);
  for (let i = 0; i < data.length; i += depth) for (let d = 0; d < depth; d++) out[d] += data[i + d];
  return out.map((v) => (v * depth) / data.length);
}

function center({ wanted, known, depth }) {
  const own = means(wanted, depth);
  const mean = means(known, depth);
  const away = own.map((v, d) => C.matching.CENTER * v + (1 - C.matching.CENTER) * mean[d]);
  for (const [data, shift] of [
    [wanted, away],
    [known, mean],
  ]) {
    for (let i = 0; i < data.length; i += depth) for (let d = 0; d < depth; d++) data[i + d] -= shift[d];
  }
}

/**
 * Project centered vectors to the style's principal components. These are found by powers of the covariance
 * on random vectors (subspace iteration); only the space they span counts.
 */
async function reduce(runtime, vectors) {
  const { wanted, known, depth } = vectors;
  const wide = C.matching.DIMENSIONS;
  if (depth <= wide || (wanted.length / depth) * (known.length / depth) < C.matching.FEW) return;
  const across = transposed(known, depth);
  const [covariance] = await product(runtime, across, across, known.length / depth, ["scores"]);
  let axes = orthonormal(randomVectors(wide * depth), depth);
  for (let turn = 0; turn < POWERS; turn++) {
    const [next] = await product(runtime, axes, covariance, depth, ["scores"]);
    axes = orthonormal(next.slice(), depth);
  }
  [vectors.wanted] = await product(runtime, wanted, axes, depth, ["scores"]);
  [vectors.known] = await product(runtime, known, axes, depth, ["scores"]);
  vectors.depth = wide;
}

export function transposed(data, depth) {
  const rows = data.length / depth;
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let d = 0; d < depth; d++) out[d * rows + i] = data[i * depth + d];
  return out;
}

/** The same values each time, roughly normal. */
function randomVectors(count) {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => uniform() + uniform() + uniform());
}

/** Gram-Schmidt on the rows [n, depth], in place. */
function orthonormal(rows, depth) {
  for (let i = 0; i < rows.length; i += depth) {
    for (let j = 0; j < i; j += depth) {
      let along = 0;
      for (let d = 0; d < depth; d++) along += rows[i + d] * rows[j + d];
      for (let d = 0; d < depth; d++) rows[i + d] -= along * rows[j + d];
    }
    unit(rows.subarray(i, i + depth), depth, 1e-30);
  }
  return rows;
}

/** Scale vectors [n, depth] to length 1, in place. */
function unit(data, depth, tiny = 1e-6) {
  for (let i = 0; i < data.length; i += depth) {
    let sum = 0;
    for (let d = 0; d < depth; d++) sum += data[i + d] * data[i + d];
    const scale = 1 / (Math.sqrt(sum) + tiny);
    for (let d = 0; d < depth; d++) data[i + d] *= scale;
  }
}

/** Append colors to the vectors; with the penalty, their product loses the squared difference of colors. */
function addColors(vectors, [ours, theirs]) {
  const { depth } = vectors;
  const { TONE, HUE, CALM } = C.matching;
  const scale = [TONE, HUE, HUE, CALM].map(Math.sqrt);
  const wide = scale.length;
  const middle = means(theirs, wide);
  const put = (data, colors, factor) => {
    const count = data.length / depth;
    const out = new Float32Array(count * (depth + wide));
    for (let i = 0; i < count; i++) {
      out.set(data.subarray(i * depth, (i + 1) * depth), i * (depth + wide));
      for (let c = 0; c < wide; c++) {
        out[i * (depth + wide) + depth + c] = factor * scale[c] * (colors[wide * i + c] - middle[c]);
      }
    }
    return out;
  };
  vectors.wanted = put(vectors.wanted, ours, 2);
  vectors.known = put(vectors.known, theirs, 1);
  vectors.depth = depth + wide;
  return Float32Array.from({ length: theirs.length / wide }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < wide; c++) sum += vectors.known[i * (depth + wide) + depth + c] ** 2;
    return -sum;
  });
}

/** Penalty plus the bias with which all parts of the style are used about equally. */
async function balance(runtime, { wanted, known, depth }, penalty, content, style) {
  const count = penalty.length;
  const samples = Math.min(C.matching.SAMPLES, Math.floor(MOST_SCORES / count));
  const step = Math.max(1, round(Math.sqrt((content.height * content.width) / Math.max(1, samples))));
  const chosen = [];
  for (let y = step >> 1; y < content.height; y += step) {
    for (let x = step >> 1; x < content.width; x += step) chosen.push(y * content.width + x);
  }
  const sample = new Float32Array(chosen.length * depth);
  chosen.forEach((place, i) => sample.set(wanted.subarray(place * depth, (place + 1) * depth), i * depth));
  const [scores] = await product(runtime, sample, known, depth, ["scores"], penalty);
  const bias = new Float32Array(count);
  const radius = Math.max(1, Math.floor(Math.max(style.height, style.width) / 16));
  for (let turn = 0; turn < C.matching.BALANCE_ROUNDS; turn++) {
    const used = new Float32Array(count);
    for (let start = 0; start < scores.length; start += count) {
      let [best, where] = [-Infinity, 0];
      for (let j = 0; j < count; j++) {
        const score = scores[start + j] + bias[j];
        if (score > best) [best, where] = [score, j];
      }
      used[where]++;
    }
    const smooth = boxBlur(
      used,
      style.height,
      style.width,
      Math.min(radius, style.height - 1, style.width - 1),
    );
    const mean = smooth.reduce((sum, v) => sum + v, 0) / count;
    for (let j = 0; j < count; j++) {
      const more = Math.min(1, Math.max(-1, smooth[j] / mean - 1));
      bias[j] = Math.min(
        C.matching.BALANCE,
        Math.max(-C.matching.BALANCE, bias[j] - C.matching.BALANCE_RATE * more),
      );
    }
  }
  return bias.map((v, j) => v + penalty[j]);
}

const NEIGHBORS = [
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
];

/** Trade matches for those that continue the match of a neighbor, where that is nearly as similar. */
function propagate(index, similarity, { wanted, known, depth }, bias, content, style) {
  const { height, width } = content;
  const proposals = new Int32Array(NEIGHBORS.length);
  const likeness = (place, match) => {
    let sum = bias[match];
    for (let d = 0; d < depth; d++) sum += wanted[place * depth + d] * known[match * depth + d];
    return sum;
  };
  const votes = (match) => {
    let count = 0;
    for (let k = 0; k < proposals.length; k++) count += Number(proposals[k] === match);
    return C.matching.COHERENCE * count;
  };
  for (let turn = 0; turn < C.matching.ROUNDS; turn++) {
    const [next, nextSimilarity] = [index.slice(), similarity.slice()];
    for (let y = 0, place = 0; y < height; y++) {
      for (let x = 0; x < width; x++, place++) {
        NEIGHBORS.forEach(([down, across], k) => {
          const [row, column] = [y + down, x + across];
          proposals[k] =
            row < 0 || row >= height || column < 0 || column >= width
              ? index[place]
              : beside(index[row * width + column], -down, -across, style);
        });
        let best = similarity[place] + votes(index[place]);
        for (let k = 0; k < proposals.length; k++) {
          if (proposals[k] === index[place]) continue;
          const its = likeness(place, proposals[k]);
          const score = its + votes(proposals[k]);
          if (score <= best) continue;
          [best, next[place], nextSimilarity[place]] = [score, proposals[k], its];
        }
      }
    }
    [index, similarity] = [next, nextSimilarity];
  }
  return index;
}

/** The place of the style at an offset from another, inside its borders. */
function beside(match, down, across, { height, width }) {
  const row = Math.min(height - 1, Math.max(0, Math.floor(match / width) + down));
  const column = Math.min(width - 1, Math.max(0, (match % width) + across));
  return row * width + column;
}
