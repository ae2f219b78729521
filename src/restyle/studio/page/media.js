/** Videos and sounds: a file, a style, a job on the server, a player that compares, a download. */

import { download, stem } from "./output.js";
import { frameOf, Player } from "./player.js";
import { all, put, remove } from "./store.js";
import { describe, duration, explain, t } from "./texts.js";
import { Wall } from "./wall.js";

const $ = (selector) => document.querySelector(selector);
const ENDED = ["done", "failed", "cancelled"];

export class Media {
  constructor(app) {
    this.app = app;
    this.jobs = [];
    this.looks = { video: this.newLook(), audio: this.newLook() };
    this.player = new Player($("#player"));
    this.wall = new Wall(app, $("#media-styles"), {
      choose: (style) => this.choose(style),
      removed: (style) => app.forget(style),
    });
    this.input = $("#media-file");
    for (const button of document.querySelectorAll(".choose-media")) button.addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => {
      this.take([...this.input.files]);
      this.input.value = "";
    });
    $("#media-start").addEventListener("click", () => this.start());
    for (const name of ["strength", "keepColors"]) {
      $(`#media-${name}`).addEventListener("input", (event) => {
        this.look[name] = name === "strength" ? event.target.value / 100 : event.target.checked;
        this.drawLook();
      });
    }
    this.loading = this.load();
  }

  newLook() {
    return { file: null, style: null, strength: 1, keepColors: false, tiles: {} };
  }

  async load() {
    this.jobs = (await all("jobs")).sort((a, b) => b.added - a.added);
    for (const job of this.jobs) if (!ENDED.includes(job.state)) this.follow(job);
  }

  get look() {
    return this.looks[this.kind];
  }

  async open(kind) {
    this.player.close();
    this.kind = kind;
    $("#media-view").setAttribute("aria-labelledby", kind === "video" ? "tab-videos" : "tab-sounds");
    await this.loading;
    this.shown = this.jobs.find((job) => job.kind === kind && job.state === "done" && !this.look.file) ?? null;
    this.input.accept = kind === "video" ? "video/*,image/gif,.mkv" : "audio/*,video/*,.flac,.opus";
    this.draw();
    if (kind === "video" && this.look.file) this.paintWall();
  }

  /** A file was chosen, dropped or pasted. */
  async take(files) {
    const [file] = files;
    if (!file || !this.kind) return;
    Object.assign(this.look, { file, tiles: {}, frame: null });
    this.shown = null;
    $("#media-error").textContent = "";
    this.draw();
    if (this.kind === "video") this.paintWall();
  }

  async paintWall() {
    const { look } = this;
    look.frame ??= await frameOf(look.file);
    if (look.frame && look === this.look) this.wall.paint(look.frame, { done: look.tiles });
  }

  choose(style) {
    this.look.style = style.name;
    this.drawLook();
  }

  forget(style) {
    for (const look of Object.values(this.looks)) if (look.style === style.name) look.style = null;
    if (this.kind) this.drawLook();
  }

  /** Whether a style is a look, or the colors of a photo: frames keep their shapes. */
  photographic(name) {
    return ["look", "reference"].includes(this.app.styles.find(name)?.kind);
  }

  draw() {
    if (!this.kind) return;
    const video = this.kind === "video";
    for (const node of document.querySelectorAll(".choose-media .text")) node.textContent = t(video ? "chooseVideo" : "chooseSound");
    $("#media-hint").textContent = t(video ? "videoHint" : "soundHint");
    $("#jobs-title").textContent = t(video ? "jobs" : "soundJobs");
    $("#media-start").textContent = t(video ? "startVideo" : "startSound");
    $("#media-styles").hidden = !video;
    $("#sound-styles").hidden = video;
    if (video) this.drawWall();
    else this.drawSounds();
    this.drawLook();
    this.drawStage();
    this.drawJobs();
  }

  drawWall() {
    if (!this.wall.stale) return;
    this.wall.draw();
    // Looks have no artwork: before there is a video they are shown on the photo.
    const { done = {} } = this.app.photo?.tiles ?? {};
    for (const { name } of this.app.styles.looks) if (done[name]) this.wall.put(name, done[name]);
  }

  drawSounds() {
    $("#sound-styles").replaceChildren(
      ...this.app.styles.sounds.map((style) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        const { title, line } = describe(style);
        button.innerHTML = "<strong></strong><span></span>";
        button.firstChild.textContent = title;
        button.lastChild.textContent = line;
        button.dataset.name = style.name;
        button.addEventListener("click", () => this.choose(style));
        item.append(button);
        return item;
      }),
    );
  }

  drawLook() {
    const { file, style, strength, keepColors } = this.look;
    this.wall.mark(style ? [style] : []);
    for (const button of document.querySelectorAll("#sound-styles button")) {
      button.setAttribute("aria-pressed", button.dataset.name === style);
    }
    const slider = $("#media-strength");
    slider.value = Math.round(strength * 100);
    slider.style.setProperty("--part", strength);
    slider.parentElement.querySelector("output").textContent = `${slider.value} %`;
    $("#media-keepColors").checked = keepColors;
    $("#media-keepColors").closest("label").hidden = this.kind !== "video" || this.photographic(style);
    $(".media-look").hidden = !file;
    $("#media-start").disabled = !file || !style;
    $("#media-next").hidden = !file || Boolean(style);
  }

  drawStage() {
    const { file } = this.look;
    const { shown } = this;
    const original = shown ? shown.file : file;
    $("#dropzone").hidden = Boolean(original);
    $("#player").hidden = !original;
    $("#media-name").textContent = original?.name ?? "";
    if (original) this.player.open(this.kind, original, shown?.result);
  }

  drawJobs() {
    const jobs = this.jobs.filter((job) => job.kind === this.kind);
    $("#jobs-title").hidden = jobs.length === 0;
    $("#jobs").replaceChildren(...jobs.map((job) => this.card(job)));
  }

  card(job) {
    const node = document.createElement("li");
    node.className = "job";
    node.innerHTML = `<img alt="" hidden><div class="about"><strong></strong><span></span><p class="state" role="status"></p>
      <progress max="1" hidden></progress></div><div class="actions"></div>`;
    job.node = node;
    node.querySelector("strong").textContent = job.file.name;
    const style = this.app.styles.find(job.style);
    node.querySelector(".about > span").textContent = style ? describe(style).title : job.style;
    this.update(job);
    return node;
  }

  /** Show the state of a job on its card. */
  update(job) {
    const { node } = job;
    if (!node) return;
    const ended = ENDED.includes(job.state);
    const state = node.querySelector(".state");
    state.textContent = this.words(job);
    state.classList.toggle("error", job.state === "failed");
    const bar = node.querySelector("progress");
    bar.hidden = ended;
    if (job.progress) bar.value = job.progress;
    else bar.removeAttribute("value");
    const image = node.querySelector("img");
    if (job.preview && !image.dataset.busy && job.preview.type.startsWith("image/")) {
      URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(job.preview);
      image.hidden = false;
    }
    const actions = node.querySelector(".actions");
    if (actions.dataset.state === job.state) return;
    actions.dataset.state = job.state;
    const action = (key, act, kind = "quiet") => {
      const button = document.createElement("button");
      button.className = kind;
      button.textContent = t(key);
      button.addEventListener("click", act);
      return button;
    };
    const all = {
      done: () => [
        action("play", () => this.show(job)),
        action("download", () => download(job.result, `${stem(job.file.name)}-${this.app.styles.fileName(job.style)}${this.ending(job)}`), "primary"),
        action("remove", () => this.discard(job)),
      ],
      failed: () => [action("retry", () => this.again(job)), action("remove", () => this.discard(job))],
      cancelled: () => [action("retry", () => this.again(job)), action("remove", () => this.discard(job))],
    };
    actions.replaceChildren(...(all[job.state]?.() ?? [action("cancel", () => job.stop?.abort())]));
  }

  words(job) {
    if (job.state === "uploading") return t("uploading", { percent: Math.round((job.sent ?? 0) * 100) });
    if (job.state === "queued") return t("waiting", { position: job.position });
    if (job.state === "running") return job.left ? t("workingLeft", { time: duration(job.left) }) : t("working");
    return job.state === "failed" ? job.error : job.state === "cancelled" ? t("cancelled") : "";
  }

  ending(job) {
    const known = { "video/mp4": ".mp4", "video/webm": ".webm", "image/gif": ".gif", "audio/wav": ".wav", "audio/x-wav": ".wav" };
    const own = /\.[^.]*$/.exec(job.file.name)?.[0] ?? "";
    return job.result.type === job.file.type && own ? own : (known[job.result.type] ?? own);
  }

  show(job) {
    this.shown = job;
    this.drawStage();
    this.player.toggle();
    $("#player").scrollIntoView({ block: "nearest" });
  }

  async discard(job) {
    this.jobs = this.jobs.filter((each) => each !== job);
    if (this.shown === job) this.shown = null;
    await remove("jobs", job.id);
    this.drawStage();
    this.drawJobs();
  }

  start() {
    const { file, style, strength, keepColors } = this.look;
    const job = { id: crypto.randomUUID?.() ?? String(Date.now()), kind: this.kind, file, style, strength, keepColors, added: Date.now() };
    this.jobs.unshift(job);
    this.again(job);
  }

  again(job) {
    Object.assign(job, { jobId: null, error: null, state: "uploading", sent: 0, progress: 0 });
    this.keep(job);
    this.follow(job);
    this.drawJobs();
    job.node?.scrollIntoView({ block: "nearest" });
  }

  /** The request of a job; `real(name)` gives the engine's name of a style. */
  request({ kind, style, strength, keepColors }, real) {
    const known = this.app.styles.find(style);
    if (known?.kind === "look") return { look: style, strength };
    const request = { styles: [{ name: real(style), weight: 1 }], strength };
    if (known?.kind === "reference") return { ...request, options: { method: "photo" } };
    return kind === "video" ? { ...request, keepColors } : request;
  }

  /** Run a job to its end, or go on with one of before a reload. */
  async follow(job) {
    const { engine, styles } = this.app;
    job.stop = new AbortController();
    const set = (facts) => {
      Object.assign(job, facts);
      this.update(job);
    };
    const handlers = {
      signal: job.stop.signal,
      onUpload: (sent) => set({ sent }),
      onJob: (jobId) => {
        set({ jobId, state: "running" });
        this.keep(job);
      },
      onPosition: (position) => set({ state: "queued", position }),
      onProgress: (progress, left) => set({ state: "running", progress, left }),
      onPreview: (preview) => set({ preview }),
    };
    try {
      if (job.jobId) set({ result: await engine.resume(job.jobId, handlers), state: "done" });
      else {
        const result = await styles.using([job.style], (real) => {
          return engine.job(job.file, job.kind, this.request(job, real), handlers);
        });
        set({ result, state: "done" });
      }
      this.shown = job;
      if (job.kind === this.kind) this.drawStage();
    } catch (error) {
      if (error.code === "gone") this.app.failed(error);
      if (error.code === "gone" && job.jobId) return; // goes on when the server is back
      if (error.name === "AbortError") set({ state: "cancelled" });
      else set({ state: "failed", error: error.status === 404 ? t("jobGone") : explain(error) });
    }
    this.keep(job);
  }

  keep({ id, kind, file, style, strength, keepColors, added, jobId, state, error, result }) {
    put("jobs", { id, kind, file, style, strength, keepColors, added, jobId, state, error, result });
  }

  reconnect() {
    for (const job of this.jobs) if (job.jobId && !ENDED.includes(job.state)) this.follow(job);
  }
}
