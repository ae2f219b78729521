/** Plays a video or a sound and its result together, for comparison. */

import { canvasOf, scaled, toBlob } from "./photos.js";
import { t } from "./texts.js";

const COLUMNS = 300; // of a waveform
const LARGEST_WAVEFORM = 40e6; // bytes of a sound whose waveform is drawn

const clock = (seconds) => (Number.isFinite(seconds) ? `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}` : "0:00");

/** A picture of a video, near its beginning; null if the browser cannot play it. */
export async function frameOf(file) {
  const video = document.createElement("video");
  video.muted = true;
  video.src = URL.createObjectURL(file);
  const ready = (event) =>
    new Promise((resolve, reject) => {
      video.addEventListener(event, resolve, { once: true });
      video.addEventListener("error", reject, { once: true });
      setTimeout(reject, 8000);
    });
  try {
    await ready("loadeddata");
    video.currentTime = Math.min(1, video.duration / 3 || 0);
    await ready("seeked");
    const [canvas, context] = canvasOf(video.videoWidth, video.videoHeight);
    context.drawImage(video, 0, 0);
    return await scaled(await toBlob(canvas), 512);
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(video.src);
  }
}

/** Plays the original and the result together. */
export class Player {
  constructor(root) {
    this.root = root;
    this.screen = root.querySelector(".screen");
    this.seek = root.querySelector(".seek");
    this.button = root.querySelector(".play");
    this.wave = root.querySelector(".wave");
    this.split = root.querySelector(".split");
    this.button.addEventListener("click", () => this.toggle());
    this.seek.addEventListener("input", () => this.go(this.seek.value / 1000));
    this.split.addEventListener("input", () => this.setSplit(this.split.value / 100));
    this.screen.addEventListener("pointerdown", (event) => this.drag(event));
    this.screen.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    root.addEventListener("change", (event) => event.target.name === "listen" && this.listen(event.target.value));
  }

  /** Show a file and its result; without a result, the file alone. */
  async open(kind, original, result) {
    this.close();
    this.kind = kind;
    const tag = kind === "video" ? "video" : "audio";
    this.media = [original, result].filter(Boolean).map((blob) => {
      const node = document.createElement(tag);
      node.playsInline = true;
      node.src = URL.createObjectURL(blob);
      return node;
    });
    const main = this.media.at(-1);
    this.screen.replaceChildren(...(kind === "video" ? this.media : []));
    main.classList.add("after");
    main.addEventListener("timeupdate", () => this.tick());
    main.addEventListener("ended", () => this.show(false));
    main.addEventListener("loadedmetadata", () => {
      if (main.videoWidth) this.screen.style.setProperty("--ratio", main.videoWidth / main.videoHeight);
      this.tick();
    });
    main.addEventListener("error", () => this.root.classList.add("unplayable"));
    this.media[0].addEventListener("error", () => result && this.root.classList.add("no-original"));
    this.root.classList.remove("unplayable", "no-original");
    this.root.classList.toggle("compares", Boolean(result));
    this.root.classList.toggle("listens", kind === "audio");
    this.listen("result");
    const chosen = this.root.querySelector("[name=listen][value=result]");
    if (chosen) chosen.checked = true;
    this.split.value = result ? 50 : 0;
    this.setSplit(this.split.value / 100);
    this.wave.hidden = kind !== "audio";
    if (kind === "audio") await this.draw([original, result].filter(Boolean));
  }

  close() {
    for (const node of this.media ?? []) {
      node.pause();
      URL.revokeObjectURL(node.src);
    }
    this.media = [];
    this.show(false);
  }

  show(playing) {
    this.button.querySelector("use").setAttribute("href", `page/icons.svg#${playing ? "pause" : "play"}`);
    this.button.setAttribute("aria-label", t(playing ? "pause" : "play"));
  }

  toggle() {
    const main = this.media.at(-1);
    if (!main) return;
    if (main.paused) {
      for (const node of this.media) {
        node.currentTime = main.currentTime;
        node.play().catch(() => {});
      }
    } else for (const node of this.media) node.pause();
    this.show(!main.paused);
  }

  tick() {
    const main = this.media.at(-1);
    if (!main) return;
    for (const node of this.media) {
      if (node !== main && !main.paused && Math.abs(node.currentTime - main.currentTime) > 0.12) {
        node.currentTime = main.currentTime;
      }
    }
    const part = main.currentTime / main.duration || 0;
    this.seek.value = part * 1000;
    this.seek.style.setProperty("--part", part);
    this.seek.setAttribute("aria-valuetext", `${clock(main.currentTime)} / ${clock(main.duration)}`);
    this.root.querySelector(".time").textContent = `${clock(main.currentTime)} / ${clock(main.duration)}`;
  }

  go(part) {
    for (const node of this.media) if (node.duration) node.currentTime = part * node.duration;
  }

  listen(which) {
    this.media.forEach((node, index) => {
      node.muted = this.media.length > 1 && (which === "result") !== (index === 1);
    });
  }

  drag(event) {
    if (!this.root.classList.contains("compares")) return;
    const box = this.screen.getBoundingClientRect();
    this.split.value = Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100));
    this.setSplit(this.split.value / 100);
  }

  setSplit(part) {
    const main = this.media.at(-1);
    if (main) main.style.clipPath = `inset(0 0 0 ${part * 100}%)`;
    this.screen.style.setProperty("--split", part);
    this.split.style.setProperty("--part", part);
    this.split.setAttribute("aria-valuetext", t("dividerAt", { percent: Math.round(part * 100) }));
  }

  /** Draw the loudness over time: the original above, the result below. */
  async draw(blobs) {
    const context = this.wave.getContext("2d");
    Object.assign(this.wave, { width: COLUMNS * 2, height: 160 });
    const colors = getComputedStyle(this.wave);
    for (const [index, blob] of blobs.entries()) {
      if (blob.size > LARGEST_WAVEFORM) continue;
      const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(await blob.arrayBuffer()).catch(() => null);
      if (!sound) continue;
      const samples = sound.getChannelData(0);
      const step = Math.ceil(samples.length / COLUMNS);
      context.fillStyle = colors.getPropertyValue(index ? "--accent" : "--muted");
      for (let column = 0; column < COLUMNS; column++) {
        let peak = 0;
        for (let i = column * step; i < Math.min(samples.length, (column + 1) * step); i++) peak = Math.max(peak, Math.abs(samples[i]));
        const height = Math.max(1, peak * 38);
        context.fillRect(column * 2, 40 + index * 80 - height, 1.4, 2 * height);
      }
    }
  }
}
