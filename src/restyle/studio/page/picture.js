/** The picture that is made of the photo: quick first, then painted; its status, results and errors. */

import { maskOf } from "./areas.js";
import { keepPart } from "./store.js";
import { duration, explain, t } from "./texts.js";

const $ = (selector) => document.querySelector(selector);
const DWELL = 900; // ms that a quick picture stays before painting begins
const SOON = 160; // ms after the last change of a slider
const KEPT = 16; // results kept in memory

export class Picture {
  results = new Map(); // key of the settings to {key, blob, method, full, jobId}
  shown = null; // the result on the screen
  request = null; // the request of the result that is being saved

  constructor(app) {
    this.app = app;
    $("#cancel").addEventListener("click", () => this.cancel());
    $("#paint-again").addEventListener("click", () => this.refresh({ now: true, force: true }));
    for (const input of document.querySelectorAll("#methods input")) {
      input.addEventListener("change", () => {
        app.setMethod(input.value);
        this.refresh({ now: true });
      });
    }
  }

  get photo() {
    return this.app.photo;
  }

  /** The styles with weights, the less of two left out if it weighs nothing. */
  get styles() {
    const { styles, balance } = this.app.settings;
    const weights = styles.length === 2 ? [1 - balance, balance] : [1];
    return styles.map((name, index) => ({ name, weight: weights[index] })).filter(({ weight }) => weight > 0);
  }

  /** A look or the colors of a photo, which paint nothing; else null. */
  get photographic() {
    const style = this.app.styles.find(this.app.settings.styles[0]);
    return ["look", "reference"].includes(style?.kind) ? style : null;
  }

  /** How the picture is made: as the user wants it, but looks are always quick. */
  get method() {
    return this.photographic ? "fast" : this.app.method;
  }

  /** The request of a look, or of the colors of a photo. */
  get lookRequest() {
    const { strength, crop } = this.app.settings;
    const plain = { strength, crop, styleScale: 1, likeness: 0.5, keepColors: false, regions: [] };
    const { kind, name } = this.photographic;
    if (kind === "look") return { ...plain, method: "fast", look: name, styles: [] };
    return { ...plain, method: "photo", styles: [{ name, weight: 1 }] };
  }

  /** The request of the settings; masks are drawn here. */
  async requestFor(method) {
    if (this.photographic) return this.lookRequest;
    const { strength, likeness, styleScale, keepColors, regions, crop } = this.app.settings;
    const draw = async (area) => ({ mask: await maskOf(area, this.photo), style: area.style });
    const drawn = (await Promise.all(regions.map(draw))).filter(({ mask }) => mask);
    return { method, styles: this.styles, strength, likeness, styleScale, keepColors, crop, regions: drawn };
  }

  /** A request without what belongs to places of a photo, for the live camera; null without a style. */
  get plainRequest() {
    if (this.photographic) return { ...this.lookRequest, crop: null };
    const { strength, styleScale, keepColors } = this.app.settings;
    const { styles } = this;
    return styles.length ? { method: "fast", styles, strength, styleScale, keepColors, regions: [], crop: null } : null;
  }

  /** What decides the picture, as a text. */
  key(method) {
    if (this.photographic) return JSON.stringify([this.photo.id, this.lookRequest]);
    const { strength, likeness, styleScale, keepColors, regions, crop } = this.app.settings;
    const drawn = regions.filter((area) => area.strokes.length);
    const parts = [this.styles, strength, styleScale, keepColors, drawn, crop];
    return JSON.stringify([this.photo.id, method, method === "paint" ? likeness : 0, ...parts]);
  }

  get hasLook() {
    const { styles, regions } = this.app.settings;
    return styles.length > 0 || regions.some((area) => area.style !== "keep" && area.strokes.length);
  }

  get alt() {
    return t("altResult", { style: $("#style-title").textContent });
  }

  /** The picture must be made again: soon, or `now`; `reveal` draws it over the photo; `force` paints in any case. */
  refresh({ now = false, reveal = false, force = false } = {}) {
    this.stop();
    this.reveal ||= reveal;
    const turn = (this.work = new AbortController());
    this.timer = setTimeout(() => this.make(turn.signal, force), now ? 0 : SOON);
    return undefined;
  }

  clear() {
    this.shown = null;
    this.status("idle");
    return this.app.viewer.setResult(null);
  }

  stop() {
    clearTimeout(this.timer);
    this.work?.abort();
    this.work = null;
  }

  async make(signal, force) {
    const { photo, method } = this;
    keepPart(photo, "settings");
    if (!this.hasLook) return this.clear();
    try {
      const stored = this.stored(this.key(method));
      if (stored) {
        await this.display(stored);
        return this.status("done");
      }
      const request = await this.requestFor(method);
      if (signal.aborted) return undefined;
      const quick = this.stored(this.key("fast")) ?? (await this.quick(photo, request, signal));
      if (signal.aborted) return undefined;
      await this.display(quick);
      const wanted = method === "paint" && (force || this.cancelled !== this.key("paint"));
      if (!wanted) return this.status("done");
      this.status("painting");
      if (!this.job(photo)) await new Promise((resolve) => setTimeout(resolve, force ? 0 : DWELL));
      if (signal.aborted) return undefined;
      await this.paint(photo, request, signal);
      return signal.aborted ? undefined : this.status("done");
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return undefined;
      this.app.failed(error);
      return this.status("error", { error });
    }
  }

  stored(key) {
    const { result } = this.photo;
    return this.results.get(key) ?? (result?.key === key ? result : null);
  }

  keep(key, result) {
    const kept = { ...result, key };
    this.results.delete(key);
    this.results.set(key, kept);
    if (this.results.size > KEPT) this.results.delete(this.results.keys().next().value);
    return kept;
  }

  /** Run a call with a request whose styles have the engine's names. */
  withStyles(request, call) {
    const names = [...request.styles, ...request.regions.map(({ style }) => ({ name: style }))].map(({ name }) => name);
    return this.app.styles.using(names, (real) =>
      call({
        ...request,
        styles: request.styles.map(({ name, weight }) => ({ name: real(name), weight })),
        regions: request.regions.map(({ mask, style }) => ({ mask, style: real(style) })),
      }),
    );
  }

  async quick(photo, request, signal) {
    this.status("styling");
    const key = this.key("fast");
    const handlers = { signal, type: photo.alpha ? "image/png" : "image/jpeg" };
    const call = (named) => this.app.engine.image(photo.quick, named, handlers);
    const blob = await this.withStyles(request, call);
    return this.keep(key, { blob, method: "fast", full: photo.quick === photo.blob });
  }

  /** Real pixels of a quick picture, made from the original file when somebody zooms in. */
  async sharpen() {
    const { photo, shown } = this;
    if (!shown || shown.full || shown.sharpening) return;
    shown.sharpening = true;
    const busy = $("#status").dataset.state === "done";
    if (busy) this.status("sharpening");
    try {
      const request = await this.requestFor("fast");
      const type = photo.alpha ? "image/png" : "image/jpeg";
      const blob = await this.withStyles(request, (named) => this.app.engine.save(photo.blob, named, type));
      const better = this.keep(shown.key, { blob, method: "fast", full: true });
      if (this.shown === shown) await this.display(better);
    } catch (error) {
      this.app.failed(error);
    } finally {
      if (busy && $("#status").dataset.state === "sharpening") this.status("done");
    }
  }

  /** The job on the server that paints these settings, after a reload. */
  job(photo) {
    return photo.job?.key === this.key("paint") ? photo.job : null;
  }

  async paint(photo, request, signal) {
    const key = this.key("paint");
    this.cancelled = null;
    const handlers = {
      signal,
      type: photo.alpha ? "image/png" : "image/jpeg",
      onJob: (id) => {
        photo.job = { id, key };
        keepPart(photo, "job");
      },
      onPosition: (position) => this.status("painting", { position }),
      onProgress: (part, left) => this.status("painting", { part, left }),
      onPreview: (blob) => !signal.aborted && this.app.viewer.setResult(blob, { alt: this.alt }),
    };
    const start = () => this.withStyles(request, (named) => this.app.engine.paint(photo.blob, named, handlers));
    try {
      const blob = await this.resumed(photo, handlers, start);
      photo.result = this.keep(key, { blob, method: "paint", full: true, jobId: photo.job?.id });
      photo.job = null;
      keepPart(photo, "result");
      if (!signal.aborted) await this.display(photo.result);
    } catch (error) {
      if (error.code !== "gone") photo.job = null;
      throw error;
    } finally {
      keepPart(photo, "job");
    }
  }

  /** Follow the job of before a reload, if the server still has it; else start one. */
  async resumed(photo, handlers, start) {
    const known = this.job(photo);
    if (!known || !this.app.engine.resume) return start();
    try {
      return await this.app.engine.resume(known.id, handlers);
    } catch (error) {
      if (error.status !== 404) throw error;
      return start();
    }
  }

  async display(result) {
    const { reveal } = this;
    this.reveal = false;
    this.shown = result;
    await this.app.viewer.setResult(result.blob, { alt: this.alt, reveal });
    this.app.viewer.tellZoom();
  }

  cancel() {
    this.cancelled = this.key("paint");
    this.stop();
    if (this.shown) this.app.viewer.setResult(this.shown.blob, { alt: this.alt });
    this.status("done");
    $("#paint-again").focus();
  }

  /** The quick picture is shown while the painted one is wanted. */
  get unfinished() {
    return this.method === "paint" && this.shown?.method === "fast";
  }

  status(state, { part, left, position, error } = {}) {
    const root = $("#status");
    const texts = {
      styling: () => t("styling"),
      sharpening: () => t("sharpening"),
      painting: () => {
        if (position) return t("waiting", { position });
        return left ? t("paintingLeft", { time: duration(left) }) : t("painting");
      },
      error: () => (error.code === "gone" ? t("errorNoAnswer") : explain(error)), // a banner says the rest
    };
    root.dataset.state = state;
    $("#status-text").textContent = texts[state]?.() ?? "";
    const bar = $("#progress");
    bar.hidden = !["styling", "sharpening", "painting"].includes(state);
    if (part) bar.value = part;
    else bar.removeAttribute("value");
    this.buttons();
    clearTimeout(this.retry);
    if (error?.retryAfter) this.retry = setTimeout(() => this.refresh({ now: true }), error.retryAfter * 1000);
  }

  buttons() {
    const { state } = $("#status").dataset;
    const missing = state === "done" && this.unfinished;
    $("#cancel").hidden = state !== "painting";
    $("#paint-again").hidden = !(missing || state === "error");
    $("#paint-again").textContent = t(missing ? "paintAgain" : "retry");
    $("#save").disabled = !this.shown;
    $("#methods").hidden = !this.app.engine.can.paint || Boolean(this.photographic);
    for (const input of document.querySelectorAll("#methods input")) input.checked = input.value === this.app.method;
  }
}
