/** The crop frame. */

import { t } from "./texts.js";

const LEAST = 0.04; // smallest side of a crop, as a part
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

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
    let width = clamp(left ? w - dx : w + dx, LEAST, room[0]);
    let height = clamp(top ? h - dy : h + dy, LEAST, room[1]);
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
