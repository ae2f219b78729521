/** Areas of the picture: a brush that paints their masks, and a box that selects a subject. */

import { canvasOf, dataUrl, toBlob } from "./photos.js";
import { describe, explain, t } from "./texts.js";

const MASK_SIDE = 1024; // px, longest side of a mask
const AREAS = 4;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const subjects = new Map(); // data URL of a mask -> canvas whose opacity it is

/** Decode the masks of subjects among strokes, so that they can be drawn; gives whether any was new. */
async function decodeSubjects(strokes) {
  const missing = strokes.map(({ subject }) => subject).filter((url) => url && !subjects.has(url));
  for (const url of missing) {
    const image = new Image();
    image.src = url;
    await image.decode();
    const [canvas, context] = canvasOf(image.naturalWidth, image.naturalHeight);
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < pixels.data.length; i += 4) pixels.data[i + 3] = pixels.data[i];
    context.putImageData(pixels, 0, 0);
    subjects.set(url, canvas);
  }
  return missing.length > 0;
}

/** The mask of a subject in a color. */
function tinted(mask, color) {
  const [canvas, context] = canvasOf(mask.width, mask.height);
  context.drawImage(mask, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = color;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Draw the strokes of an area: white on what is there. Points are parts of the photo, sizes of its longer side;
 * a subject is the mask of all of it. */
function drawStrokes(context, strokes, { width, height }, color) {
  context.lineCap = context.lineJoin = "round";
  for (const { points, size, erase, subject } of strokes) {
    if (subject) {
      if (subjects.has(subject)) context.drawImage(tinted(subjects.get(subject), color), 0, 0, width, height);
      continue;
    }
    context.globalCompositeOperation = erase ? "destination-out" : "source-over";
    context.strokeStyle = color;
    context.lineWidth = size * Math.max(width, height);
    context.beginPath();
    const [[x, y], ...rest] = points;
    context.moveTo(x * width, y * height);
    for (const [px, py] of rest.length ? rest : [[x, y + 1e-4]]) context.lineTo(px * width, py * height);
    context.stroke();
  }
  context.globalCompositeOperation = "source-over";
}

/** The mask of an area as a PNG: white on black, as large as the photo's shape at 1024 px; null if nothing is white. */
export async function maskOf(area, photo) {
  const factor = Math.min(1, MASK_SIDE / Math.max(photo.width, photo.height));
  const [layer, strokes] = canvasOf(photo.width * factor, photo.height * factor);
  await decodeSubjects(area.strokes);
  drawStrokes(strokes, area.strokes, layer, "#fff");
  const { data } = strokes.getImageData(0, 0, layer.width, layer.height);
  if (!data.some((value, index) => index % 4 === 3 && value > 127)) return null;
  const [mask, context] = canvasOf(layer.width, layer.height);
  context.fillStyle = "#000";
  context.fillRect(0, 0, mask.width, mask.height);
  context.drawImage(layer, 0, 0);
  return toBlob(mask, "image/png");
}

export class Brush {
  /** `changed()` is called after a stroke is finished; `pickStyle()` gives a style or null. */
  constructor(app, viewer, { changed, pickStyle }) {
    Object.assign(this, { app, viewer, changed, pickStyle, index: 0, mode: "brush", history: [], cursor: [0.5, 0.5] });
    this.root = document.querySelector("#panel-areas");
    this.canvas = viewer.root.querySelector(".mask");
    this.ring = viewer.root.querySelector(".ring");
    this.size = this.root.querySelector("#brush-size");
    this.on("#area-keep", () => this.begin("keep"));
    this.on("#area-style", async () => {
      const style = await this.pickStyle("pickArea");
      if (style) this.begin(style.name);
    });
    this.box = viewer.root.querySelector(".box");
    this.modes = [...this.root.querySelectorAll("[data-tool]")];
    for (const button of this.modes) button.addEventListener("click", () => this.setMode(button.dataset.tool));
    this.on("#undo", () => this.undo());
    this.on("#clear-area", () => this.change(() => (this.area.strokes = [])));
    this.size.addEventListener("input", () => {
      this.showSize();
      this.showRing(this.cursor);
    });
    this.showSize();
    document.addEventListener("keydown", (event) => {
      const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
      if (undo && !this.root.hidden && !event.target.matches("input[type=search]")) {
        event.preventDefault();
        this.undo();
      }
    });
  }

  on(selector, act) {
    this.root.querySelector(selector).addEventListener("click", act);
  }

  get areas() {
    return this.app.settings.regions;
  }

  get area() {
    return this.areas[this.index];
  }

  /** Turn the brush on or off. It works while there is an area. */
  enable(enabled) {
    this.enabled = enabled;
    this.history = enabled ? this.history : [];
    this.draw();
  }

  begin(style) {
    const empty = this.areas.findIndex((area) => area.strokes.length === 0);
    if (empty >= 0) this.areas[empty].style = style;
    else this.areas.push({ style, strokes: [] });
    this.index = empty >= 0 ? empty : this.areas.length - 1;
    this.setMode("brush");
    this.draw();
    this.changed();
  }

  showSize() {
    this.size.style.setProperty("--part", (this.size.value - this.size.min) / (this.size.max - this.size.min));
    this.size.parentElement.querySelector("output").textContent = `${this.size.value} %`;
  }

  /** "brush", "erase", or "box": a box around a subject, which the engine cuts out. */
  setMode(mode) {
    this.mode = mode;
    for (const button of this.modes) button.setAttribute("aria-pressed", button.dataset.tool === mode);
    this.root.querySelector("#brush-size").closest(".row").hidden = mode === "box";
    this.note(mode === "box" ? "subjectHint" : null);
    this.viewer.root.classList.toggle("boxing", mode === "box");
  }

  note(key, error = "") {
    this.root.querySelector("#subject-note").textContent = key ? t(key) : "";
    this.root.querySelector("#area-error").textContent = error;
  }

  /** Change the areas so that undo leads back. */
  change(act) {
    this.history.push(JSON.stringify(this.areas));
    act();
    this.index = clamp(this.index, 0, Math.max(0, this.areas.length - 1));
    this.draw();
    this.changed();
  }

  undo() {
    if (this.history.length === 0) return;
    this.app.settings.regions = JSON.parse(this.history.pop());
    this.index = clamp(this.index, 0, Math.max(0, this.areas.length - 1));
    this.draw();
    this.changed();
  }

  draw() {
    const photographic = Boolean(this.app.picture.photographic);
    const active = this.enabled && Boolean(this.area) && !photographic;
    const hint = this.root.querySelector(".hint");
    hint.textContent = t(photographic ? "noAreas" : "areasHint");
    hint.classList.toggle("known", this.areas.length > 0 && !photographic);
    this.root.querySelector("#areas").hidden = photographic;
    this.root.querySelector("#brush-tools").hidden = !this.area || photographic;
    this.root.querySelector("#area-choices").hidden = this.areas.length >= AREAS || photographic;
    this.root.querySelector("#subject").hidden = !this.app.engine.can.boxes;
    this.root.querySelector("#undo").disabled = this.history.length === 0;
    const list = this.root.querySelector("#areas");
    list.replaceChildren(...this.areas.map((area, index) => this.item(area, index)));
    this.viewer.tool = active ? this.tool() : null;
    this.viewer.root.classList.toggle("brushing", active);
    this.canvas.hidden = !active;
    this.ring.hidden = this.box.hidden = true;
    if (active) this.paint();
  }

  item(area, index) {
    const node = document.createElement("li");
    node.innerHTML = `<button class="area"><span class="swatch"></span><span></span></button><button class="remove icon">
      <svg aria-hidden="true"><use href="page/icons.svg#close"></use></svg></button>`;
    const [choose, cross] = node.querySelectorAll("button");
    choose.querySelector(".swatch").classList.add(`swatch-${index + 1}`);
    const style = this.app.styles.find(area.style);
    const label = area.style === "keep" ? t("areaKept") : style ? describe(style).title : area.style;
    choose.lastElementChild.textContent = `${t("area", { n: index + 1 })}: ${label}`;
    choose.setAttribute("aria-pressed", index === this.index);
    choose.addEventListener("click", () => {
      this.index = index;
      this.draw();
    });
    cross.setAttribute("aria-label", t("removeArea", { n: index + 1 }));
    cross.addEventListener("click", () => this.change(() => this.areas.splice(index, 1)));
    return node;
  }

  /** Show the masks over the picture, which may be a crop of the photo. */
  paint() {
    const { width, height } = this.viewer.size;
    const factor = Math.min(1, MASK_SIDE / Math.max(width, height));
    Object.assign(this.canvas, { width: Math.round(width * factor), height: Math.round(height * factor) });
    const context = this.canvas.getContext("2d");
    const [x, y, w, h] = this.app.settings.crop ?? [0, 0, 1, 1];
    const whole = { width: this.canvas.width / w, height: this.canvas.height / h };
    const style = getComputedStyle(this.root);
    this.areas.forEach((area, index) => {
      const [layer, strokes] = canvasOf(this.canvas.width, this.canvas.height);
      strokes.translate(-x * whole.width, -y * whole.height);
      drawStrokes(strokes, area.strokes, whole, style.getPropertyValue(`--area-${index + 1}`));
      context.globalAlpha = index === this.index ? 0.6 : 0.3;
      context.drawImage(layer, 0, 0);
    });
    decodeSubjects(this.areas.flatMap((area) => area.strokes)).then((found) => found && this.paint());
  }

  /** From parts of what is shown to parts of the photo. */
  toPhoto([px, py]) {
    const [x, y, w, h] = this.app.settings.crop ?? [0, 0, 1, 1];
    const round = (value) => Math.round(clamp(value, 0, 1) * 1e4) / 1e4;
    return [round(x + px * w), round(y + py * h)];
  }

  tool() {
    const [brush, box] = [this.brushTool(), this.boxTool()];
    const chosen = () => (this.mode === "box" ? box : brush);
    const names = ["down", "move", "up", "key", "hover"];
    return Object.fromEntries(names.map((name) => [name, (...values) => chosen()[name](...values)]));
  }

  /** Moves of the cursor by arrow keys, and Space, which puts it down and lifts it. */
  keys({ down, move, up, isDown }) {
    return (event) => {
      const step = event.shiftKey ? 0.1 : 0.02;
      const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
      if (by) move([clamp(this.cursor[0] + by[0], 0, 1), clamp(this.cursor[1] + by[1], 0, 1)]);
      else if (event.key === " " && !event.repeat) isDown() ? up(false) : down(this.cursor);
      else if (event.key === "Escape" && isDown()) up(this.mode === "box");
      else return false;
      if (event.key === " ") this.showRing(this.cursor);
      return true;
    };
  }

  /** A box that is drawn from one corner to the other; what stands out in it becomes part of the area. */
  boxTool() {
    let corner = null;
    const sides = (point) => {
      const [left, top] = [0, 1].map((i) => clamp(Math.min(corner[i], point[i]), 0, 1));
      const [right, bottom] = [0, 1].map((i) => clamp(Math.max(corner[i], point[i]), 0, 1));
      return [left, top, right - left, bottom - top];
    };
    const down = (point) => {
      corner = point;
      move(point);
    };
    const move = (point) => {
      this.showRing(point);
      this.box.hidden = !corner;
      if (!corner) return;
      const [left, top, width, height] = sides(point).map((part) => `${100 * part}%`);
      Object.assign(this.box.style, { left, top, width, height });
    };
    const up = (aborted) => {
      const box = corner && sides(this.cursor);
      corner = null;
      this.box.hidden = true;
      if (!aborted && box && box[2] > 0.02 && box[3] > 0.02) this.selectSubject(box);
    };
    return { down, move, up, key: this.keys({ down, move, up, isDown: () => corner }), hover: move };
  }

  /** Add what stands out in a box, given as parts of what is shown, to the area. */
  async selectSubject([left, top, width, height]) {
    const { photo } = this.app;
    const area = this.area;
    const [[x, y], [right, bottom]] = [this.toPhoto([left, top]), this.toPhoto([left + width, top + height])];
    this.note("subjectBusy");
    this.root.setAttribute("aria-busy", "true");
    try {
      const mask = await this.app.engine.cutOut(photo.preview, [x, y, right - x, bottom - y]);
      const subject = await dataUrl(mask);
      if (photo !== this.app.photo || !this.areas.includes(area)) return;
      this.change(() => area.strokes.push({ subject }));
      this.setMode("brush");
    } catch (error) {
      this.note("subjectHint", error.code === "bad_input" ? t("subjectFailed") : explain(error));
      this.app.failed(error);
    } finally {
      this.root.removeAttribute("aria-busy");
    }
  }

  brushTool() {
    let stroke = null;
    const down = (point) => {
      this.history.push(JSON.stringify(this.areas));
      stroke = { points: [this.toPhoto(point)], size: this.size.value / 100, erase: this.mode === "erase" };
      this.area.strokes.push(stroke);
      this.showRing(point);
      this.paint();
    };
    const move = (point) => {
      this.showRing(point);
      if (!stroke) return;
      stroke.points.push(this.toPhoto(point));
      this.paint();
    };
    const up = (aborted) => {
      if (!stroke) return;
      if (aborted) {
        this.area.strokes.pop();
        this.history.pop();
      }
      stroke = null;
      this.draw();
      if (!aborted) this.changed();
    };
    return { down, move, up, key: this.keys({ down, move, up, isDown: () => stroke }), hover: (point) => this.showRing(point) };
  }

  showRing(point) {
    this.cursor = point;
    this.ring.hidden = !this.viewer.tool;
    this.ring.classList.toggle("cross", this.mode === "box");
    const { width, height } = this.viewer.size;
    const [, , w, h] = this.app.settings.crop ?? [0, 0, 1, 1];
    const box = this.mode === "box";
    const across = box ? 14 / this.viewer.view.scale : (this.size.value / 100) * Math.max(width / w, height / h);
    Object.assign(this.ring.style, {
      left: `${point[0] * width - across / 2}px`,
      top: `${point[1] * height - across / 2}px`,
      width: `${across}px`,
      height: `${across}px`,
    });
  }
}
