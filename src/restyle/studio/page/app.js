/** The page: its state, and what happens when a photo or a style is chosen. */

import { Brush } from "./areas.js";
import { Mixer, Sliders, Tabs } from "./controls.js";
import { Crop } from "./crop.js";
import { Media } from "./media.js";
import { Saving } from "./output.js";
import { Camera, catchFiles, DEFAULTS, DISPLAY, Photos, scaled } from "./photos.js";
import { Picture } from "./picture.js";
import { keepPart, loadPhotos, openStore, setValue, value } from "./store.js";
import { chooseLanguage, describe, explain, language, t } from "./texts.js";
import { Viewer } from "./viewer.js";
import { Styles, Wall } from "./wall.js";

const $ = (selector) => document.querySelector(selector);
const ALIVE = 2000; // ms between questions whether the server is back

class App {
  sample = "page/sample.jpg";
  method = "paint";

  get photo() {
    return this.photos.current;
  }

  get settings() {
    return this.photo.settings;
  }

  async start() {
    await openStore();
    chooseLanguage(await value("language"));
    const { open } = await import(`./${$("meta[name=restyle-engine]").content}/engine.js`);
    this.engine = await open();
    this.styles = new Styles(this.engine);
    await this.styles.load().catch((error) => this.failed(error));
    this.method = this.engine.can.paint ? await value("method", "paint") : "fast";
    this.build();
    this.photos.list = await loadPhotos();
    for (const photo of this.photos.list) photo.settings = { ...DEFAULTS, ...photo.settings };
    if (this.photos.list.length === 0) await this.photos.addSample(this.sample);
    const last = await value("photo");
    this.wall.draw();
    this.photos.choose(this.photos.list.find((each) => each.id === last) ?? this.photos.list.at(-1));
    this.tabs.open("styles");
    this.views.open(await value("view", "photos"));
    document.body.classList.remove("loading");
  }

  build() {
    const { can } = this.engine;
    this.viewer = new Viewer($("#viewer"), { onZoom: (real, fitted) => this.zoomed(real, fitted) });
    this.photos = new Photos(this, { pick: (photo) => this.show(photo), say: (text) => this.say(text) });
    this.wall = new Wall(this, $("#panel-styles"), {
      choose: (style) => this.choose(style),
      removed: (style) => this.forget(style),
    });
    this.picture = new Picture(this);
    this.camera = new Camera(this, { take: (files) => this.photos.add(files), liveRequest: () => this.picture.plainRequest });
    this.sliders = new Sliders(this, $("#panel-adjust"), () => this.picture.refresh());
    this.mixer = new Mixer(this, { changed: () => this.restyle(), pickStyle: (why) => this.pickStyle(why, "mix") });
    this.brush = new Brush(this, this.viewer, {
      changed: () => this.picture.refresh(),
      pickStyle: (why) => this.pickStyle(why, "areas"),
    });
    this.crop = new Crop(this, this.viewer, { apply: (crop) => this.applyCrop(crop) });
    this.saving = new Saving(this, () => this.state());
    this.media = new Media(this);
    this.tabs = new Tabs($("#tools"), (name, before) => this.tabChanged(name, before));
    this.views = new Tabs($("#views"), (name) => this.viewChanged(name));
    $("#camera-open").hidden = !(can.camera && navigator.mediaDevices?.getUserMedia);
    for (const [tab, able] of [["videos", can.video], ["sounds", can.audio]]) $(`[data-tab=${tab}]`).hidden = !able;
    $("#views").hidden = !can.video && !can.audio;
    catchFiles((files) => this.take(files));
    this.listen();
  }

  listen() {
    const click = (selector, act) => $(selector).addEventListener("click", act);
    click("#camera-open", () => this.camera.open());
    click("#save", () => this.save());
    click("#zoom-in", () => this.viewer.zoom(1.5));
    click("#zoom-out", () => this.viewer.zoom(1 / 1.5));
    click("#zoom-real", () => this.viewer.toggleReal());
    click("#pick-cancel", () => this.picked(null));
    click("#banner button", () => this.reconnect());
    click("#language", async () => {
      const next = language() === "zh" ? "en" : "zh";
      await setValue("language", next);
      chooseLanguage(next);
      this.redraw();
    });
    for (const button of document.querySelectorAll("dialog .close")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
    addEventListener("online", () => this.reconnect());
    addEventListener("offline", () => this.failed({ code: "gone" }));
  }

  /** Files that were dropped or pasted: videos and sounds open their view. */
  take(files) {
    const { can } = this.engine;
    const kind = files[0]?.type.split("/")[0];
    if (kind === "video" && can.video && this.views.name !== "sounds") this.views.open("videos");
    else if (kind === "audio" && can.audio) this.views.open("sounds");
    else if (kind === "image" && files[0].type !== "image/gif") this.views.open("photos");
    if (this.views.name === "photos") this.photos.add(files);
    else this.media.take(files);
  }

  /** Say what is wrong with a photo, where photos are added. */
  say(text) {
    $("#photo-error").textContent = text;
    if (text) $("#photo-error").scrollIntoView({ block: "center" });
  }

  setMethod(method) {
    this.method = method;
    setValue("method", method);
  }

  async save() {
    this.picture.request = await this.picture.requestFor(this.picture.shown.method);
    this.saving.open();
  }

  redraw() {
    this.photos.draw();
    this.wall.draw();
    this.wall.resume();
    this.drawTools();
    this.media.draw();
    this.viewer.setSplit(this.viewer.split);
    this.title();
  }

  // Photos

  async show(photo) {
    this.picture.stop();
    this.viewer.root.setAttribute("aria-busy", "true");
    setValue("photo", photo.id);
    if (this.crop.active) this.tabs.open("styles");
    this.brush.history = [];
    await this.picture.clear();
    await this.showPhoto();
    if (photo !== this.photo) return; // another one was chosen meanwhile
    this.viewer.root.removeAttribute("aria-busy");
    this.wall.mark(this.settings.styles);
    this.wall.showKind(this.picture.photographic ? "look" : this.wall.kind);
    this.drawTools();
    this.title();
    this.paintWall();
    this.picture.refresh({ now: true, reveal: true });
  }

  /** Show the photo, cropped unless the crop frame needs all of it. */
  async showPhoto() {
    const { photo } = this;
    const crop = this.crop.active ? null : this.settings.crop;
    const [, , w, h] = crop ?? [0, 0, 1, 1];
    const side = Math.min(1, DISPLAY / Math.max(photo.width, photo.height));
    const blob = crop ? await scaled(photo.preview, DISPLAY, crop, photo.alpha ? "image/png" : "image/jpeg") : photo.preview;
    if (photo !== this.photo) return;
    const [width, height] = [photo.width * w * side, photo.height * h * side];
    await this.viewer.setPhoto(blob, { width, height, full: photo.width * w });
  }

  paintWall() {
    const { photo } = this;
    const crop = this.settings.crop;
    const key = JSON.stringify(crop);
    if (photo.tiles?.crop !== key) photo.tiles = { crop: key, done: {} };
    const finished = () => keepPart(photo, "tiles");
    this.wall.paint(photo.quick, { crop, done: photo.tiles.done, finished });
  }

  applyCrop(crop) {
    const same = JSON.stringify(crop) === JSON.stringify(this.settings.crop);
    this.settings.crop = crop;
    if (this.tabs.name === "crop") this.tabs.open("adjust");
    if (!same) this.paintWall();
    this.showPhoto().then(() => this.picture.refresh({ now: true, reveal: true }));
  }

  // Styles

  /** A style was tapped: for the picture, or for a tool that waits for one. */
  choose(style) {
    if (this.waiting) return this.picked(style);
    const { styles } = this.settings;
    if (styles.length === 1 && styles[0] === style.name) return undefined;
    this.settings.styles = [style.name];
    this.restyle({ reveal: true, now: true });
    this.drawTools();
    return undefined;
  }

  drawTools() {
    this.sliders.draw();
    this.mixer.draw();
    this.brush.draw();
  }

  restyle(how) {
    this.wall.mark(this.settings.styles);
    this.title();
    this.picture.refresh(how);
  }

  /** Let the user choose a style on the wall for a tool; gives the style, or null. */
  pickStyle(why, back) {
    this.picked(null);
    $("#pick-text").textContent = t(why);
    return new Promise((resolve) => {
      this.tabs.open("styles");
      this.wall.showKind("painting", true);
      $("#pick").hidden = false;
      this.waiting = { resolve, back };
      this.wall.grid.querySelector(".tile:not(.add) button")?.focus({ preventScroll: true });
    });
  }

  picked(style) {
    const { waiting } = this;
    this.waiting = null;
    $("#pick").hidden = true;
    this.wall.showKind(this.wall.kind);
    if (!waiting) return;
    this.tabs.open(waiting.back);
    waiting.resolve(style);
  }

  forget(style) {
    for (const photo of this.photos.list) {
      photo.settings.styles = photo.settings.styles.filter((name) => name !== style.name);
      photo.settings.regions = photo.settings.regions.filter((each) => each.style !== style.name);
    }
    this.media.forget(style);
    this.drawTools();
    this.restyle({ now: true });
  }

  title() {
    const chosen = this.settings.styles.map((name) => this.styles.find(name)).filter(Boolean);
    const [first, second] = chosen.map(describe);
    $("#style-title").textContent = second ? `${first.title} + ${second.title}` : (first?.title ?? t("tapStyle"));
    $("#style-artist").textContent = second ? `${first.artist} + ${second.artist}` : (first?.line ?? "");
    this.picture.buttons();
  }

  // Tabs and views

  tabChanged(name, before) {
    // On a phone the panel begins below the picture, wherever the last one was scrolled to.
    if (before) scrollTo({ top: Math.min(scrollY, $("#strip").closest(".source").getBoundingClientRect().bottom + scrollY) });
    this.viewer.margin = name === "crop" ? 28 : 0;
    if (before === "crop") this.crop.finish();
    if ([name, before].includes("crop")) this.viewer.fit();
    if (name !== "styles" && this.waiting) this.picked(null);
    this.brush.enable(name === "areas");
    $("#viewer").classList.toggle("cropping", name === "crop");
    if (name === "crop") {
      this.crop.active = true;
      this.showPhoto().then(() => this.crop.open());
    }
    if (name === "mix") this.mixer.draw();
  }

  viewChanged(name) {
    setValue("view", name);
    document.body.dataset.view = name;
    if (name !== "photos") this.media.open(name === "videos" ? "video" : "audio");
    else if (this.photo && this.wall.stale) {
      this.wall.draw();
      this.wall.resume();
    }
  }

  zoomed(real, fitted) {
    $("#zoom-real").title = t("realPixels");
    $("#zoom-real").textContent = fitted ? t("fit") : `${Math.round(real * 100)} %`;
    if (!fitted && real > 0.5) this.picture?.sharpen();
  }

  /** What the dialog that saves needs to know about the picture that is shown. */
  state() {
    const styleName = this.settings.styles.map((name) => this.styles.fileName(name)).join("-") || "areas";
    const { shown, request } = this.picture;
    return { photo: this.photo, request, result: shown, jobId: shown.jobId, painting: this.picture.unfinished, styleName };
  }

  // Errors

  /** Something failed somewhere: a server that is gone gets a banner, and is asked until it is back. */
  failed(error) {
    if (error.code !== "gone" || this.asking) return;
    $("#banner").hidden = false;
    $("#banner span").textContent = explain(error);
    this.asking = setInterval(() => this.reconnect(), ALIVE);
  }

  async reconnect() {
    if (!this.asking || !(await this.engine.alive())) return;
    clearInterval(this.asking);
    this.asking = null;
    $("#banner").hidden = true;
    if (this.styles.presets.length === 0) await this.styles.load();
    this.wall.draw(); // artworks that did not come
    this.styles.names.clear(); // a new server does not know them
    this.wall.resume();
    this.picture.refresh({ now: true });
    this.media.reconnect();
  }
}

const app = new App();
app.start().catch((error) => {
  document.querySelector("#banner").hidden = false;
  document.querySelector("#banner span").textContent = String(error.message ?? error);
  throw error;
});
