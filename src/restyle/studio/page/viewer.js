/** The large picture: before and after with a divider, zoom to real pixels, pan, and layers of tools on top. */

import { t } from "./texts.js";

const STILL = 5; // px that a finger may move without dragging
const HOLD = 320; // ms after which a finger that rests shows the photo
const LOUPE = 2.5; // times as large as on the screen
const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export class Viewer {
  /** `onZoom(pixelsPerPicturePixel)` is called when the zoom changes; `root` holds the markup of index.html. */
  constructor(root, { onZoom } = {}) {
    this.root = root;
    this.sheet = root.querySelector(".sheet");
    this.images = { before: root.querySelector(".before"), after: root.querySelector(".after") };
    this.divider = root.querySelector(".divider");
    this.onZoom = onZoom;
    this.size = { width: 3, height: 2 };
    this.full = 3; // width in real pixels
    this.view = { scale: 1, x: 0, y: 0 };
    this.fitted = true;
    this.split = 0;
    this.margin = 0; // px around a picture that fits
    this.tool = null; // {down, move, up}: takes the first finger
    this.pointers = new Map();
    this.urls = {};
    new ResizeObserver(() => (this.fitted ? this.fit() : this.place(this.view))).observe(root);
    root.addEventListener("pointerdown", (event) => this.down(event));
    root.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) root.addEventListener(kind, (event) => this.up(event));
    root.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    root.addEventListener("dblclick", (event) => {
      if (!this.tool && !event.target.closest("button")) this.toggleReal(event);
    });
    root.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("keyup", (event) => event.key === " " && this.peek(false));
    root.addEventListener("blur", () => this.peek(false));
    root.addEventListener("contextmenu", (event) => this.pointers.size && event.preventDefault()); // of a long press
    this.loupe = root.querySelector(".loupe");
  }

  /** Show another photo. `width` and `height` are of the shown picture, `full` is the real width in px. */
  async setPhoto(blob, { width, height, full }) {
    const same = this.size.width * height === this.size.height * width;
    Object.assign(this, { size: { width, height }, full });
    await this.show("before", blob);
    this.images.before.alt = t("altPhoto");
    if (!same || this.fitted) this.fit();
    else this.place(this.view);
  }

  /** Show a result, or none. `reveal` draws it over the photo from the right. */
  async setResult(blob, { alt = "", reveal = false } = {}) {
    await this.show("after", blob);
    this.images.after.alt = alt;
    this.root.classList.toggle("has-result", Boolean(blob));
    if (reveal && blob && !CALM.matches) this.sweep();
    else if (reveal) this.setSplit(0);
  }

  async show(layer, blob) {
    const image = this.images[layer];
    const turn = (this[`turn-${layer}`] = {});
    const url = blob ? URL.createObjectURL(blob) : "";
    if (url) {
      const waiting = new Image();
      waiting.src = url;
      await waiting.decode().catch(() => {});
    }
    if (this[`turn-${layer}`] !== turn) return URL.revokeObjectURL(url); // a later picture was faster
    if (this.urls[layer]) URL.revokeObjectURL(this.urls[layer]);
    this.urls[layer] = url;
    if (url) image.src = url;
    else image.removeAttribute("src");
    image.hidden = !url;
    return undefined;
  }

  sweep() {
    const began = performance.now();
    const step = (now) => {
      const part = Math.min(1, (now - began) / 700);
      this.setSplit((1 - part) ** 3);
      if (part < 1) this.sweeping = requestAnimationFrame(step);
    };
    cancelAnimationFrame(this.sweeping);
    this.sweeping = requestAnimationFrame(step);
  }

  /** Move the divider: 0 shows the result alone, 1 the photo alone. */
  setSplit(split) {
    this.split = clamp(split, 0, 1);
    this.images.after.style.clipPath = `inset(0 0 0 ${this.split * 100}%)`;
    const { x, scale } = this.view;
    const place = clamp(x + this.split * this.size.width * scale, 0, this.root.clientWidth);
    this.divider.style.transform = `translateX(${place}px)`;
    const percent = Math.round(this.split * 100);
    this.divider.setAttribute("aria-valuenow", percent);
    this.divider.setAttribute("aria-valuetext", t("dividerAt", { percent }));
    this.root.classList.toggle("at-start", this.split < 0.02);
  }

  get fitScale() {
    const [width, height] = [this.root.clientWidth - 2 * this.margin, this.root.clientHeight - 2 * this.margin];
    return Math.max(1e-3, Math.min(width / this.size.width, height / this.size.height)) || 1;
  }

  /** Small photos are enlarged to fit, and can be seen smaller, at their real pixels. */
  get lowest() {
    return Math.min(this.fitScale, this.realScale);
  }

  get realScale() {
    return this.full / this.size.width / devicePixelRatio;
  }

  fit() {
    this.place({ scale: this.fitScale, x: 0, y: 0 });
  }

  place({ scale, x, y }) {
    const { clientWidth, clientHeight } = this.root;
    const fit = this.fitScale;
    scale = clamp(scale, this.lowest, Math.max(fit * 4, this.realScale * 8));
    const [width, height] = [this.size.width * scale, this.size.height * scale];
    x = width <= clientWidth + 1 ? (clientWidth - width) / 2 : clamp(x, clientWidth - width, 0);
    y = height <= clientHeight + 1 ? (clientHeight - height) / 2 : clamp(y, clientHeight - height, 0);
    this.view = { scale, x, y };
    this.fitted = Math.abs(scale / fit - 1) < 0.001;
    this.root.classList.toggle("zoomed", !this.fitted);
    this.root.classList.toggle("pixels", scale > this.realScale * 2.5);
    Object.assign(this.sheet.style, {
      width: `${this.size.width}px`,
      height: `${this.size.height}px`,
      transform: `translate(${x}px, ${y}px) scale(${scale})`,
    });
    this.sheet.style.setProperty("--unscale", 1 / scale);
    this.setSplit(this.split);
    this.tellZoom();
  }

  tellZoom() {
    this.onZoom?.(this.view.scale / this.realScale, this.fitted);
  }

  /** Zoom by a factor around a point of the window, the middle if none. */
  zoom(factor, at) {
    const box = this.root.getBoundingClientRect();
    const [px, py] = at ? [at.clientX - box.left, at.clientY - box.top] : [box.width / 2, box.height / 2];
    const { scale, x, y } = this.view;
    const next = Math.max(scale * factor, this.lowest);
    this.place({ scale: next, x: px - ((px - x) * next) / scale, y: py - ((py - y) * next) / scale });
  }

  toggleReal(at) {
    if (this.fitted) this.zoom(this.realScale / this.view.scale, at);
    else this.fit();
  }

  /** A place of the window as parts of the shown picture, 0..1 inside it. */
  locate(event) {
    const box = this.root.getBoundingClientRect();
    const { scale, x, y } = this.view;
    return [
      (event.clientX - box.left - x) / scale / this.size.width,
      (event.clientY - box.top - y) / scale / this.size.height,
    ];
  }

  down(event) {
    if (event.button > 0 || event.target.closest("button:not(.divider), .corner")) return;
    if (this.pointers.size === 0) this.mode = this.decide(event);
    this.pointers.set(event.pointerId, event);
    this.rest(event);
    this.root.setPointerCapture(event.pointerId);
    if (this.pointers.size === 2) {
      if (this.mode === "tool") this.tool?.up?.(true);
      this.mode = "pinch";
    }
    cancelAnimationFrame(this.sweeping);
    if (this.mode === "tool") this.tool.down(this.locate(event), event);
    if (this.mode === "tool") this.magnify(event);
  }

  /** Wait whether a finger moves, or rests: then the photo is shown until it is lifted. */
  rest(event) {
    clearTimeout(this.resting);
    this.start = this.pointers.size === 1 ? event : null;
    if (this.start && this.urls.after && this.mode !== "tool") this.resting = setTimeout(() => this.peek(true), HOLD);
  }

  /** Show the photo alone for a while. */
  peek(shown) {
    clearTimeout(this.resting);
    this.peeking = shown && Boolean(this.urls.after);
    this.root.classList.toggle("peeking", this.peeking);
  }

  decide(event) {
    if (this.tool) return "tool";
    if (event.target.closest(".divider")) return "split";
    return this.fitted && this.urls.after ? "split" : "pan";
  }

  move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return this.tool?.hover?.(this.locate(event));
    if (this.start && this.mode !== "tool") {
      if (Math.hypot(event.clientX - this.start.clientX, event.clientY - this.start.clientY) < STILL) return undefined;
      this.start = null; // it moves
      clearTimeout(this.resting);
    }
    if (this.peeking) return undefined;
    const dx = event.clientX - last.clientX;
    const dy = event.clientY - last.clientY;
    if (this.mode === "pinch" && this.pointers.size === 2) {
      const other = [...this.pointers.values()].find((each) => each.pointerId !== event.pointerId);
      const spread = (each) => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY);
      const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
      this.place({ ...this.view, x: this.view.x + dx / 2, y: this.view.y + dy / 2 });
      this.zoom(spread(event) / Math.max(1, spread(last)), middle);
    } else if (this.mode === "pan") {
      this.place({ ...this.view, x: this.view.x + dx, y: this.view.y + dy });
    } else if (this.mode === "split") this.drag(event);
    else if (this.mode === "tool") {
      this.tool?.move(this.locate(event), event);
      this.magnify(event);
    }
    this.pointers.set(event.pointerId, event);
    return undefined;
  }

  /** Show what is under a finger that draws beside it, enlarged. */
  magnify(event) {
    this.loupe.hidden = event.pointerType !== "touch" || this.mode !== "tool";
    if (this.loupe.hidden) return;
    const box = this.root.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { width, height } = this.loupe;
    const context = this.loupe.getContext("2d");
    const side = this.loupe.clientWidth || 120;
    const zoom = (width / side) * LOUPE;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(zoom, 0, 0, zoom, width / 2 - zoom * x, height / 2 - zoom * y);
    const { scale } = this.view;
    const place = [this.view.x, this.view.y, this.size.width * scale, this.size.height * scale];
    const layers = [this.images.before, this.images.after, this.sheet.querySelector(".mask")];
    for (const layer of layers) if (!layer.hidden && (layer.naturalWidth ?? layer.width)) context.drawImage(layer, ...place);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.strokeStyle = "#fff";
    context.lineWidth = 2;
    context.beginPath();
    const ring = this.sheet.querySelector(".ring");
    const radius = ring.hidden ? 3 : (zoom * scale * parseFloat(ring.style.width)) / 2;
    context.arc(width / 2, height / 2, Math.min(radius, width), 0, 7);
    context.stroke();
    const left = x < side + 24 ? box.width - side - 12 : 12; // in the corner that the finger is not in
    this.loupe.style.transform = `translate(${left}px, 12px)`;
  }

  drag(event) {
    const [part] = this.locate(event);
    this.setSplit(part);
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.mode === "tool") this.tool?.up?.(false);
    if (this.mode === "split" && this.start && !this.peeking && event.type === "pointerup") this.drag(event);
    this.peek(false);
    this.start = null;
    this.loupe.hidden = true;
    if (this.mode === "split" && this.split < 0.03) this.setSplit(0);
    if (this.pointers.size === 0) this.mode = null;
  }

  wheel(event) {
    event.preventDefault();
    const step = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    this.zoom(Math.exp(-clamp(step, -200, 200) * (event.ctrlKey ? 0.01 : 0.0022)), event);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (event.target === this.divider) {
      const step = (event.shiftKey ? 0.1 : 0.02) * (arrow ? arrow[0] - arrow[1] : 0);
      if (arrow) this.setSplit(this.split + step);
      else if (event.key === "Home") this.setSplit(0);
      else if (event.key === "End") this.setSplit(1);
      else return;
    } else if (event.target === this.root) {
      if (this.tool?.key?.(event)) return event.preventDefault();
      const far = event.shiftKey ? 240 : 60;
      if (arrow) this.place({ ...this.view, x: this.view.x - arrow[0] * far, y: this.view.y - arrow[1] * far });
      else if (event.key === "+" || event.key === "=") this.zoom(1.4);
      else if (event.key === "-") this.zoom(1 / 1.4);
      else if (event.key === "0") this.fit();
      else if (event.key === " ") this.peek(true);
      else if (event.key === "1") this.zoom(this.realScale / this.view.scale);
      else return;
    } else return;
    event.preventDefault();
  }
}
