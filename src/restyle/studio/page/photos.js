/** Photos: added by drop, paste, file chooser or camera; shown as a strip; kept in the browser. */

import { forgetPhoto, keepPhoto } from "./store.js";
import { explain, t } from "./texts.js";

export const DISPLAY = 1600; // px, longest side of the copy that is shown
const QUICK = 1024; // px, longest side of the copy that is sent for quick pictures: the size at which they are painted
const THUMBNAIL = 160;
const PLAIN = ["image/jpeg", "image/png", "image/webp"];

export const DEFAULTS = {
  styles: [],
  balance: 0.5,
  strength: 1,
  likeness: 0.5,
  styleScale: 1,
  keepColors: false,
  regions: [],
  crop: null,
};

/** A canvas of a size, and its context. */
export function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) });
  return [canvas, canvas.getContext("2d")];
}

export const toBlob = (canvas, type = "image/jpeg", quality = 0.93) =>
  new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("canvas"))), type, quality),
  );

/** The content of a blob as a `data:` URL. */
export const dataUrl = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/** A part of a picture (x, y, width, height as parts), its longest side at most `side` px; null: all of it.
 * `source` is a Blob or an ImageBitmap. */
export async function scaled(source, side, crop = null, type = "image/jpeg") {
  const bitmap = source instanceof Blob ? await createImageBitmap(source) : source;
  const [x, y, width, height] = crop ?? [0, 0, 1, 1];
  const cut = [x * bitmap.width, y * bitmap.height, width * bitmap.width, height * bitmap.height];
  const factor = Math.min(1, side / Math.max(cut[2], cut[3]));
  const [canvas, context] = canvasOf(cut[2] * factor, cut[3] * factor);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, ...cut, 0, 0, canvas.width, canvas.height);
  if (source !== bitmap) bitmap.close();
  return toBlob(canvas, type);
}

function isTransparent(bitmap) {
  const [canvas, context] = canvasOf(64, 64);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 === 3 && value < 250);
}

/** Make the record of a photo. Formats that the browser cannot show are shown as the engine decodes them. */
export async function makePhoto(file, engine, { sample = false } = {}) {
  const name = file.name || "photo.jpg";
  let shown = file;
  let bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) {
    if (!engine.can.anyFormat) throw new Error(t("errorNotPicture", { name }));
    const [style] = (await engine.styles()).filter((each) => each.kind === "painting");
    const request = { method: "fast", styles: [{ name: style.name, weight: 1 }], strength: 0, styleScale: 1 };
    shown = await engine.image(file, request).catch((error) => {
      if (error.code === "gone" || error.status === 413 || error.status === 429) throw error;
      throw new Error(t("errorNotPicture", { name }));
    });
    bitmap = await createImageBitmap(shown);
  }
  const { width, height } = bitmap;
  const alpha = file.type !== "image/jpeg" && isTransparent(bitmap);
  const copy = (side) => {
    const fits = Math.max(width, height) <= side && PLAIN.includes(shown.type);
    return fits ? shown : scaled(bitmap, side, null, alpha ? "image/png" : "image/jpeg");
  };
  const [preview, quick, thumbnail] = [await copy(DISPLAY), await copy(QUICK), await scaled(bitmap, THUMBNAIL)];
  bitmap.close();
  const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const pictures = { blob: file, preview, quick, thumbnail };
  return { id, name, sample, alpha, width, height, ...pictures, added: Date.now() };
}

/** The strip of photos and the ways into it. */
export class Photos {
  /** `pick(photo)` is called when another photo is chosen, `say(text)` with what went wrong. */
  constructor(app, { pick, say }) {
    Object.assign(this, { app, pick, say, list: [], current: null });
    this.strip = document.querySelector("#strip");
    this.input = document.querySelector("#photo-file");
    this.input.addEventListener("change", () => {
      this.add([...this.input.files]);
      this.input.value = "";
    });
    document.querySelector("#add-photo").addEventListener("click", () => this.input.click());
    this.strip.addEventListener("keydown", (event) => this.key(event));
  }

  /** Add files; the last one is chosen. What cannot be read is said; the others are added. */
  async add(files) {
    this.say("");
    const failures = [];
    this.strip.setAttribute("aria-busy", "true");
    for (const file of files) {
      try {
        const photo = await makePhoto(file, this.app.engine);
        photo.settings = this.inherited();
        const known = this.list.filter((each) => !each.sample);
        for (const sample of this.list.filter((each) => each.sample)) await forgetPhoto(sample);
        this.list = [...known, photo];
        if (!(await keepPhoto(photo))) failures.push(t("errorStore"));
        this.choose(photo);
      } catch (error) {
        failures.push(error.code ? explain(error) : error.message);
      }
    }
    this.strip.removeAttribute("aria-busy");
    if (failures.length) this.say(failures.join(" "));
  }

  /** A new photo takes over the look of the last one, but not what belongs to that photo's places. */
  inherited() {
    return { ...DEFAULTS, ...this.current?.settings, regions: [], crop: null };
  }

  async addSample(url) {
    const answer = await fetch(url);
    const file = new File([await answer.blob()], "raccoon.jpg", { type: "image/jpeg" });
    const photo = await makePhoto(file, this.app.engine, { sample: true });
    photo.settings = { ...DEFAULTS };
    this.list.push(photo);
    await keepPhoto(photo);
    return photo;
  }

  choose(photo) {
    this.current = photo;
    this.draw();
    this.pick(photo);
  }

  async drop(photo) {
    const index = this.list.indexOf(photo);
    this.list.splice(index, 1);
    await forgetPhoto(photo);
    if (this.list.length === 0) await this.addSample(this.app.sample);
    if (this.current === photo) this.choose(this.list[Math.min(index, this.list.length - 1)]);
    else this.draw();
    this.strip.querySelector("[aria-current]")?.focus();
  }

  draw() {
    const own = this.list.some((photo) => !photo.sample);
    document.body.classList.toggle("only-sample", !own);
    const add = document.querySelector("#add-photo");
    add.querySelector(".text").textContent = t(own ? "addPhoto" : "yourPhoto");
    add.querySelector(".text").classList.toggle("hidden", own);
    add.classList.toggle("primary", !own);
    for (const node of this.strip.querySelectorAll(".photo")) {
      URL.revokeObjectURL(node.querySelector("img").src);
      node.remove();
    }
    this.strip.append(...this.list.map((photo) => this.item(photo)));
  }

  item(photo) {
    const node = document.createElement("li");
    node.className = "photo";
    const name = photo.sample ? t("sample") : photo.name;
    const button = document.createElement("button");
    button.setAttribute("aria-label", photo.sample ? name : t("photoNamed", { name }));
    button.title = name;
    if (photo === this.current) button.setAttribute("aria-current", "true");
    const image = new Image();
    image.alt = "";
    image.src = URL.createObjectURL(photo.thumbnail);
    button.append(image);
    button.addEventListener("click", () => photo !== this.current && this.choose(photo));
    node.append(button);
    if (!photo.sample) {
      const cross = document.createElement("button");
      cross.className = "remove icon";
      cross.setAttribute("aria-label", t("removePhoto", { name }));
      cross.innerHTML = '<svg aria-hidden="true"><use href="page/icons.svg#close"></use></svg>';
      cross.addEventListener("click", () => this.drop(photo));
      node.append(cross);
    }
    return node;
  }

  key(event) {
    const photo = this.list[[...this.strip.querySelectorAll(".photo")].indexOf(event.target.closest(".photo"))];
    if (!photo) return;
    const next = this.list[this.list.indexOf(photo) + { ArrowLeft: -1, ArrowRight: 1 }[event.key]];
    if (next) this.choose(next);
    else if (event.key === "Delete" && !photo.sample) this.drop(photo);
    else return;
    event.preventDefault();
    this.strip.querySelector("[aria-current]")?.focus();
  }
}

/** Files that are dropped on the page or pasted into it go to `take(files)`. */
export function catchFiles(take) {
  let depth = 0;
  const hint = (shown) => document.body.classList.toggle("dropping", shown);
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragenter", (event) => hasFiles(event) && hint(++depth > 0));
  addEventListener("dragleave", (event) => hasFiles(event) && hint(--depth > 0));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    hint(false);
    take([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
  });
}

/** The dialog of the camera: a snapshot, or the picture in the chosen style while it moves. */
export class Camera {
  constructor(app, { take, liveRequest }) {
    Object.assign(this, { app, take, liveRequest });
    this.dialog = document.querySelector("#camera");
    this.video = this.dialog.querySelector("video");
    this.painted = this.dialog.querySelector("canvas");
    this.live = this.dialog.querySelector("#camera-live");
    this.note = this.dialog.querySelector(".error");
    this.dialog.querySelector("#shoot").addEventListener("click", () => this.shoot());
    this.dialog.addEventListener("close", () => this.stop());
    this.live.addEventListener("change", () => this.paint());
  }

  async open() {
    this.note.textContent = "";
    this.dialog.showModal();
    const canLive = Boolean(this.app.engine.can.live && this.liveRequest());
    this.live.closest("label").hidden = !canLive;
    this.live.checked &&= canLive;
    try {
      const wanted = { video: { facingMode: "environment", width: { ideal: 4096 } }, audio: false };
      this.stream = await navigator.mediaDevices.getUserMedia(wanted);
      this.video.srcObject = this.stream;
      await this.video.play();
      this.paint();
    } catch (error) {
      this.note.textContent = t(error.name === "NotAllowedError" ? "cameraDenied" : "cameraNone");
    }
  }

  frame(side) {
    const { videoWidth, videoHeight } = this.video;
    const factor = Math.min(1, side / Math.max(videoWidth, videoHeight, 1));
    const [canvas, context] = canvasOf(videoWidth * factor, videoHeight * factor);
    context.drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  /** Paint one frame after another, each as soon as the one before is there. */
  async paint() {
    this.painted.hidden = !this.live.checked;
    if (this.painting) return;
    this.painting = true;
    while (this.live.checked && this.dialog.open && this.stream) {
      try {
        const frame = await toBlob(this.frame(320));
        const picture = await this.app.picture.withStyles(this.liveRequest(), (named) => this.app.engine.image(frame, named));
        const bitmap = await createImageBitmap(picture);
        Object.assign(this.painted, { width: bitmap.width, height: bitmap.height });
        this.painted.getContext("2d").drawImage(bitmap, 0, 0);
        bitmap.close();
      } catch (error) {
        this.note.textContent = explain(error);
        this.live.checked = false;
        this.painted.hidden = true;
      }
    }
    this.painting = false;
  }

  async shoot() {
    if (!this.video.videoWidth) return;
    const blob = await toBlob(this.frame(Infinity), "image/jpeg", 0.95);
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    this.dialog.close();
    this.take([new File([blob], `camera-${stamp}.jpg`, { type: "image/jpeg" })]);
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}
