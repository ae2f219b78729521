/** Tools on the picture: a brush that paints the masks of areas, and the crop frame. */

import { canvasOf, toBlob } from "./photos.js";
import { describe, t } from "./texts.js";

const MASK_SIDE = 1024; // px, longest side of a mask
const AREAS = 4;
const MIN_CROP = 0.04; // smallest side of a crop, as a part
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Draw the strokes of an area: white on what is there. Points are parts of the photo, sizes of its longer side. */
function drawStrokes(context, strokes, { width, height }, color) {
  context.lineCap = context.lineJoin = "round";
  for (const { points, size, erase } of strokes) {
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
    Object.assign(this, { app, viewer, changed, pickStyle, index: 0, erase: false, history: [], cursor: [0.5, 0.5] });
    this.root = document.querySelector("#panel-areas");
    this.canvas = viewer.root.querySelector(".mask");
    this.ring = viewer.root.querySelector(".ring");
    this.size = this.root.querySelector("#brush-size");
    this.on("#area-keep", () => this.begin("keep"));
    this.on("#area-style", async () => {
      const style = await this.pickStyle("pickArea");
      if (style) this.begin(style.name);
    });
    this.on("#brush", () => this.setErase(false));
    this.on("#eraser", () => this.setErase(true));
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
    this.setErase(false);
    this.draw();
    this.changed();
  }

  showSize() {
    this.size.style.setProperty("--part", (this.size.value - this.size.min) / (this.size.max - this.size.min));
    this.size.parentElement.querySelector("output").textContent = `${this.size.value} %`;
  }

  setErase(erase) {
    this.erase = erase;
    this.root.querySelector("#brush").setAttribute("aria-pressed", !erase);
    this.root.querySelector("#eraser").setAttribute("aria-pressed", erase);
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
    const active = this.enabled && Boolean(this.area);
    this.root.querySelector("#brush-tools").hidden = !this.area;
    this.root.querySelector("#area-choices").hidden = this.areas.length >= AREAS;
    this.root.querySelector("#undo").disabled = this.history.length === 0;
    const list = this.root.querySelector("#areas");
    list.replaceChildren(...this.areas.map((area, index) => this.item(area, index)));
    this.viewer.tool = active ? this.tool() : null;
    this.viewer.root.classList.toggle("brushing", active);
    this.canvas.hidden = !active;
    this.ring.hidden = true;
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
  }

  /** From parts of what is shown to parts of the photo. */
  toPhoto([px, py]) {
    const [x, y, w, h] = this.app.settings.crop ?? [0, 0, 1, 1];
    const round = (value) => Math.round(clamp(value, 0, 1) * 1e4) / 1e4;
    return [round(x + px * w), round(y + py * h)];
  }

  tool() {
    let stroke = null;
    const down = (point) => {
      this.history.push(JSON.stringify(this.areas));
      stroke = { points: [this.toPhoto(point)], size: this.size.value / 100, erase: this.erase };
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
    const key = (event) => {
      const step = event.shiftKey ? 0.1 : 0.02;
      const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
      if (by) move([clamp(this.cursor[0] + by[0], 0, 1), clamp(this.cursor[1] + by[1], 0, 1)]);
      else if (event.key === " ") stroke ? up(false) : down(this.cursor);
      else if (event.key === "Escape" && stroke) up(false);
      else return false;
      if (event.key === " ") this.showRing(this.cursor);
      return true;
    };
    return { down, move, up, key, hover: (point) => this.showRing(point) };
  }

  showRing(point) {
    this.cursor = point;
    this.ring.hidden = !this.viewer.tool;
    const { width, height } = this.viewer.size;
    const [, , w, h] = this.app.settings.crop ?? [0, 0, 1, 1];
    const across = (this.size.value / 100) * Math.max(width / w, height / h);
    Object.assign(this.ring.style, {
      left: `${point[0] * width - across / 2}px`,
      top: `${point[1] * height - across / 2}px`,
      width: `${across}px`,
      height: `${across}px`,
    });
  }
}

export class Crop {
  /** `apply(crop)` gets [x, y, width, height] as parts of the photo, or null for all of it. */
  constructor(app, viewer, { apply }) {
    Object.assign(this, { app, viewer, apply, aspect: null, box: [0, 0, 1, 1] });
    this.frame = viewer.root.querySelector(".frame");
    this.root = document.querySelector("#panel-crop");
    this.corners = [...this.frame.querySelectorAll(".corner")];
    this.corners.forEach((corner, index) => {
      corner.addEventListener("pointerdown", (event) => this.grab(event, index));
      corner.addEventListener("keydown", (event) => this.key(event, index));
    });
    this.frame.addEventListener("pointerdown", (event) => event.target === this.frame && this.grab(event, null));
    this.frame.addEventListener("keydown", (event) => event.target === this.frame && this.key(event, null));
    this.root.querySelector("#aspects").addEventListener("change", (event) => this.setAspect(event.target.value));
    this.root.querySelector("#crop-apply").addEventListener("click", () => this.finish());
  }

  open() {
    this.active = true;
    this.box = [...(this.app.settings.crop ?? [0, 0, 1, 1])];
    this.aspect = null;
    this.root.querySelector("[value=free]").checked = true;
    this.frame.hidden = false;
    this.corners.forEach((corner, index) => corner.setAttribute("aria-label", t("cropCorner", { n: index + 1 })));
    this.place();
  }

  /** Leave the tool; what the frame shows is taken over. */
  finish() {
    if (!this.active) return;
    this.active = false;
    this.frame.hidden = true;
    const whole = this.box[2] > 0.999 && this.box[3] > 0.999;
    this.apply(whole ? null : this.box.map((side) => Math.round(side * 1e4) / 1e4));
  }

  /** Width over height of the photo as it is seen. */
  get shape() {
    return this.app.photo.width / this.app.photo.height;
  }

  setAspect(text) {
    if (text === "whole") {
      this.box = [0, 0, 1, 1];
      this.aspect = null;
    } else if (text === "free") this.aspect = null;
    else {
      const [across, down] = text.split(":").map(Number);
      this.aspect = across / down / this.shape; // in parts of the photo
      const [x, y, w, h] = this.box;
      const width = Math.min(1, Math.max(w, h * this.aspect), this.aspect);
      const size = [width, width / this.aspect];
      this.box = [
        clamp(x + w / 2 - size[0] / 2, 0, 1 - size[0]),
        clamp(y + h / 2 - size[1] / 2, 0, 1 - size[1]),
        ...size,
      ];
    }
    this.place();
  }

  place() {
    const [x, y, w, h] = this.box;
    const { width, height } = this.viewer.size;
    Object.assign(this.frame.style, {
      left: `${x * width}px`,
      top: `${y * height}px`,
      width: `${w * width}px`,
      height: `${h * height}px`,
    });
    const size = `${Math.round(w * this.app.photo.width)} × ${Math.round(h * this.app.photo.height)}`;
    this.root.querySelector("#crop-size").textContent = size;
  }

  grab(event, corner) {
    event.stopPropagation();
    event.preventDefault();
    const node = event.currentTarget;
    node.focus();
    node.setPointerCapture(event.pointerId);
    const start = this.viewer.locate(event);
    const box = [...this.box];
    const move = (next) => {
      const [px, py] = this.viewer.locate(next);
      this.drag(box, px - start[0], py - start[1], corner);
    };
    node.addEventListener("pointermove", move);
    const end = () => node.removeEventListener("pointermove", move);
    node.addEventListener("pointerup", end, { once: true });
    node.addEventListener("pointercancel", end, { once: true });
  }

  /** Move the box, or one of its corners: 0 top left, 1 top right, 2 bottom right, 3 bottom left. */
  drag([x, y, w, h], dx, dy, corner) {
    if (corner === null) {
      this.box = [clamp(x + dx, 0, 1 - w), clamp(y + dy, 0, 1 - h), w, h];
      return this.place();
    }
    const [left, top] = [corner === 0 || corner === 3, corner < 2];
    const room = [left ? x + w : 1 - x, top ? y + h : 1 - y];
    let width = clamp(left ? w - dx : w + dx, MIN_CROP, room[0]);
    let height = clamp(top ? h - dy : h + dy, MIN_CROP, room[1]);
    if (this.aspect) {
      width = Math.min(Math.max(width, height * this.aspect), room[0], room[1] * this.aspect);
      height = width / this.aspect;
    }
    this.box = [left ? x + w - width : x, top ? y + h - height : y, width, height];
    return this.place();
  }

  key(event, corner) {
    const step = 0.02;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (event.key === "Enter" && corner === null) return this.root.querySelector("#crop-apply").click();
    if (!by) return undefined;
    event.preventDefault();
    event.stopPropagation();
    return this.drag(this.box, ...by, corner === null && event.shiftKey ? 2 : corner);
  }
}
