/** Saving, copying, and the command and Python code that make the same picture. */

import { cropText } from "./contract.js";
import { explain, t } from "./texts.js";

const TYPES = { jpeg: "image/jpeg", png: "image/png", webp: "image/webp", tiff: "image/tiff" };
const ENDINGS = { jpeg: "jpg", png: "png", webp: "webp", tiff: "tif" };

/** Hand a file to the browser's downloads. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const stem = (name) => name.replace(/\.[^.]*$/, "") || "photo";

/** A word for a POSIX shell. */
const quoted = (word) => (/^[\w./:=%+@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const literal = (value) => (typeof value === "string" ? JSON.stringify(value) : String(value));

/** The method of a request and the options that differ from the defaults, named as in Python. */
function optionsOf({ method, look, strength, styleScale, keepColors, likeness, crop }) {
  return Object.entries({
    method: method === "paint" || look ? null : method,
    look: look ?? null,
    strength: strength === 1 ? null : strength,
    style_scale: styleScale === 1 ? null : styleScale,
    keep_colors: keepColors ? "luminance" : null,
    likeness: method === "paint" && likeness !== 0.5 ? likeness : null,
    crop: crop ? cropText(crop) : null,
  }).filter(([, value]) => value !== null);
}

/** The command line and the Python code of a request. `file(name)` gives the file of an own artwork, or a preset's name. */
export function recipe(photoName, request, output, file) {
  const { styles, regions } = request;
  const rounded = ({ name, weight }) => [file(name), +weight.toFixed(3)];
  const words = ["restyle", "image", photoName];
  for (const style of styles) {
    const [name, weight] = rounded(style);
    words.push("--style", styles.length > 1 ? `${name}:${weight}` : name);
  }
  regions.forEach(({ style }, index) => words.push("--region", `mask-${index + 1}.png=${file(style)}`));
  for (const [name, value] of optionsOf(request)) words.push(`--${name.replaceAll("_", "-")}`, String(value));
  words.push("-o", output);

  const mixed = styles.map(rounded);
  const style = mixed.length === 1 ? literal(mixed[0][0]) : `[${mixed.map(([n, w]) => `(${literal(n)}, ${w})`).join(", ")}]`;
  const lines = [`    ${literal(photoName)},`];
  if (styles.length) lines.push(`    style=${style},`);
  if (regions.length) {
    const pairs = regions.map((each, index) => `("mask-${index + 1}.png", ${literal(file(each.style))})`);
    lines.push(`    regions=[${pairs.join(", ")}],`);
  }
  for (const [name, value] of optionsOf(request)) lines.push(`    ${name}=${literal(value)},`);
  lines.push(`    output=${literal(output)},`);
  return {
    command: words.map(quoted).join(" "),
    python: `import restyle\n\nrestyle.image(\n${lines.join("\n")}\n)`,
  };
}

/** Copy text; gives whether the browser allowed it. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

async function copyPicture(blob) {
  const png = async () => {
    const bitmap = await createImageBitmap(blob);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
  };
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png() })]);
}

/** The dialog that saves. */
export class Saving {
  /** `state()` gives {photo, request, result, jobId, painting, styleName} of the picture that is shown. */
  constructor(app, state) {
    Object.assign(this, { app, state });
    this.dialog = document.querySelector("#save-dialog");
    this.note = this.dialog.querySelector(".error");
    this.done = this.dialog.querySelector(".done");
    this.button = this.dialog.querySelector("#save-file");
    this.button.addEventListener("click", () => this.save());
    this.dialog.querySelector("#copy-picture").addEventListener("click", () => this.copy());
    for (const button of this.dialog.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", async () => {
        const ok = await copyText(this.dialog.querySelector(button.dataset.copy).textContent);
        button.textContent = t(ok ? "copied" : "copyFailed");
        setTimeout(() => (button.textContent = t("copy")), 2000);
      });
    }
    this.dialog.addEventListener("change", () => this.draw());
    this.dialog.addEventListener("close", () => this.stop?.abort());
  }

  get format() {
    return this.dialog.querySelector("[name=format]:checked").value;
  }

  get fileName() {
    const { photo, styleName } = this.state();
    return `${stem(photo.name)}-${styleName}.${ENDINGS[this.format]}`;
  }

  async open() {
    this.note.textContent = this.done.textContent = "";
    const { photo, result, jobId } = this.state();
    const native = { "image/png": "png", "image/webp": "webp", "image/tiff": "tiff" }[photo.blob.type] ?? "jpeg";
    const tiff = this.dialog.querySelector("[value=tiff]");
    tiff.closest("label").hidden = !this.app.engine.can.tiff;
    const wanted = this.dialog.querySelector(`[value=${native}]`);
    (wanted.closest("label").hidden ? this.dialog.querySelector("[value=png]") : wanted).checked = true;
    this.kept = true;
    this.draw();
    this.dialog.showModal();
    if (result.method !== "paint") return;
    this.kept = await this.app.engine.keeps(jobId);
    this.draw();
  }

  draw() {
    const { photo, request, result, painting } = this.state();
    const [, , w, h] = request.crop ?? [0, 0, 1, 1];
    const size = { width: Math.round(photo.width * w), height: Math.round(photo.height * h) };
    this.dialog.querySelector("#save-size").textContent = t("saveSize", size);
    const again = result.method === "paint" && result.blob.type !== TYPES[this.format] && !this.kept;
    const note = this.dialog.querySelector("#save-note");
    note.hidden = !painting && !again;
    note.textContent = painting ? t("saveQuick") : again ? t("saveAgain") : "";
    const file = (name) => this.app.styles.find(name)?.file ?? name;
    const { command, python } = recipe(photo.name, request, this.fileName, file);
    this.dialog.querySelector("#command").textContent = command;
    this.dialog.querySelector("#python").textContent = python;
    this.dialog.querySelector("#masks").replaceChildren(
      ...request.regions.map(({ mask }, index) => {
        const button = document.createElement("button");
        button.className = "quiet";
        button.textContent = t("maskFile", { n: index + 1 });
        button.addEventListener("click", () => download(mask, `mask-${index + 1}.png`));
        return button;
      }),
    );
  }

  async save() {
    const { photo, request, result, jobId } = this.state();
    const type = TYPES[this.format];
    const name = this.fileName;
    this.note.textContent = "";
    this.done.textContent = t("saving");
    this.button.disabled = true;
    this.stop = new AbortController();
    try {
      const full = result && result.full && result.blob.type === type ? result.blob : null;
      const make = (named) => this.app.engine.save(photo.blob, named, type, { signal: this.stop.signal, jobId });
      download(full ?? (await this.app.picture.withStyles(request, make)), name);
      this.done.textContent = t("saved", { name });
    } catch (error) {
      this.done.textContent = "";
      if (error.name !== "AbortError") this.note.textContent = explain(error);
    } finally {
      this.button.disabled = false;
    }
  }

  async copy() {
    this.note.textContent = this.done.textContent = "";
    try {
      await copyPicture(this.state().result.blob);
      this.done.textContent = t("copied");
    } catch {
      this.note.textContent = t("copyFailed");
    }
  }
}
