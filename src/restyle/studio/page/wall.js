/** The wall: every style painted on the photo, as thumbnails that come one by one; search; own artworks. */

import { scaled } from "./photos.js";
import { all, put, remove } from "./store.js";
import { describe, explain, language, t } from "./texts.js";

const SIDE = 256; // px, longest side of a thumbnail
const SENT = 512; // px, longest side of the copy of the photo that is sent
// The wall begins with what most people know; the others follow as the engine lists them.
const FIRST = (
  "great-wave starry-night water-lilies scream the-kiss sunflowers composition-viii la-grande-jatte red-fuji irises " +
  "woman-with-a-hat impression-sunrise thousand-li zodiac cafe-terrace goldfish plum-park mont-sainte-victoire"
).split(" ");
const REGISTERED = 45 * 60_000; // ms for which the engine surely remembers an own artwork

/** The styles: presets and own artworks, which are kept in the browser and handed to the engine when needed. */
export class Styles {
  constructor(engine) {
    Object.assign(this, { engine, presets: [], own: [], names: new Map() });
  }

  async load() {
    this.own = (await all("artworks")).sort((a, b) => b.added - a.added);
    for (const each of this.own) each.picture ??= URL.createObjectURL(each.thumbnail);
    const rank = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
    this.presets = (await this.engine.styles()).sort((a, b) => rank(a) - rank(b));
  }

  get paintings() {
    return this.of("own", "painting");
  }

  /** Photos whose colors can be taken, and looks. */
  get looks() {
    return this.of("reference", "look");
  }

  of(own, preset) {
    return [...this.own.filter(({ kind }) => kind === own), ...this.presets.filter(({ kind }) => kind === preset)];
  }

  get sounds() {
    return this.presets.filter((each) => each.kind === "sound");
  }

  find(name) {
    return [...this.own, ...this.presets].find((each) => each.name === name);
  }

  /** What a style is called in the name of a file. */
  fileName(name) {
    return (this.find(name)?.file ?? name).replace(/\.[^.]*$/, "");
  }

  artwork(style, size) {
    return style.picture ?? this.engine.artwork(style, size);
  }

  /** Keep a picture as a style: kind "own" is an artwork, "reference" a photo whose colors are taken. */
  async add(file, kind) {
    const thumbnail = await scaled(file, 512).catch(() => null);
    if (!thumbnail) throw new Error(t("errorNotPicture", { name: file.name }));
    const entry = await this.engine.addStyle(file);
    const same = (style) => style.kind === kind && this.names.get(style.name)?.name === entry.name;
    const known = this.own.find(same);
    if (known) return known;
    const name = `own-${Date.now().toString(36)}`;
    const title = file.name.replace(/\.[^.]*$/, "");
    const style = { id: name, name, kind, title, file: file.name, blob: file, thumbnail, added: Date.now() };
    this.names.set(name, { name: entry.name, at: Date.now() });
    await put("artworks", style);
    this.own.unshift({ ...style, picture: URL.createObjectURL(thumbnail) });
    return this.own[0];
  }

  async remove(style) {
    this.own = this.own.filter((each) => each !== style);
    await remove("artworks", style.id);
  }

  /** Run `call` with a function from the names of styles to the engine's names; own artworks are handed over
   * before, and again if the engine has forgotten them, as a server does when it starts. */
  async using(names, call) {
    const own = this.own.filter((style) => names.includes(style.name));
    const real = (name) => this.names.get(name)?.name ?? name;
    const hand = async (style) => {
      const { name } = await this.engine.addStyle(new File([style.blob], style.file, { type: style.blob.type }));
      this.names.set(style.name, { name, at: Date.now() });
    };
    for (const style of own) {
      if (Date.now() - (this.names.get(style.name)?.at ?? 0) > REGISTERED) await hand(style);
    }
    try {
      return await call(real);
    } catch (error) {
      if (own.length === 0 || ![404, 422].includes(error.status)) throw error;
      for (const style of own) await hand(style);
      return call(real);
    }
  }
}

export class Wall {
  /** `choose(style)` is called for a tap, `removed(style)` after an own artwork is gone. */
  constructor(app, root, { choose, removed }) {
    Object.assign(this, { app, root, choose, removed, tiles: new Map(), selected: [], kind: "painting" });
    this.grid = root.querySelector(".grid");
    this.note = root.querySelector(".note");
    this.count = root.querySelector(".count");
    this.search = root.querySelector("input[type=search]");
    this.input = root.querySelector("input[type=file]");
    this.search.addEventListener("input", () => this.filter());
    this.input.addEventListener("change", () => {
      this.addOwn([...this.input.files]);
      this.input.value = "";
    });
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.kinds = root.querySelector(".kinds");
    this.kinds.addEventListener("change", (event) => this.showKind(event.target.value));
  }

  /** Show artworks ("painting") or photographic looks ("look"); `only` offers no choice between them. */
  showKind(kind, only = false) {
    this.kind = kind;
    this.only = only;
    this.kinds.hidden = only || this.app.styles.looks.length === 0;
    this.kinds.querySelector(`[value=${kind}]`).checked = true;
    this.filter();
  }

  /** Whether styles were added or removed since it was drawn, as on the wall of another view. */
  get stale() {
    const { paintings, looks } = this.app.styles;
    return [...paintings, ...looks].map(({ name }) => name).join() !== [...this.tiles.keys()].join();
  }

  draw() {
    for (const tile of this.tiles.values()) if (tile.url) URL.revokeObjectURL(tile.url);
    this.tiles.clear();
    const { paintings, looks } = this.app.styles;
    const items = [this.adding("painting"), ...paintings.map((style) => this.tile(style))];
    if (this.app.engine.can.photo) items.push(this.adding("look"));
    items.push(...looks.map((style) => this.tile(style)));
    this.grid.replaceChildren(...items);
    this.mark(this.selected);
    this.showKind(this.kind, this.only);
  }

  /** The tile that adds an artwork, or a photo whose colors are taken. */
  adding(kind) {
    const node = document.createElement("li");
    node.className = "tile add";
    node.dataset.kind = kind;
    node.innerHTML = `<button><span class="art"><svg aria-hidden="true"><use href="page/icons.svg#plus"></use></svg></span>
      <span class="title"></span><span class="artist"></span></button>`;
    node.querySelector(".title").textContent = t(kind === "look" ? "ownReference" : "ownArtwork");
    node.querySelector(".artist").textContent = t(kind === "look" ? "ownReferenceHint" : "ownArtworkHint");
    node.querySelector("button").addEventListener("click", () => this.input.click());
    return node;
  }

  tile(style) {
    const node = document.createElement("li");
    node.className = "tile";
    node.dataset.kind = ["look", "reference"].includes(style.kind) ? "look" : "painting";
    node.classList.toggle("plain", style.kind === "reference"); // it is not painted on the photo
    node.innerHTML = `<button aria-pressed="false"><span class="art"><img class="artwork" alt="" loading="lazy">
      <img class="mine" alt="" hidden></span><span class="title"></span><span class="artist"></span></button>`;
    const { title, line } = describe(style);
    node.querySelector(".title").textContent = title;
    node.querySelector(".artist").textContent = line;
    const button = node.querySelector("button");
    button.title = [title, line].filter(Boolean).join(", ");
    const artwork = this.app.styles.artwork(style, SIDE);
    if (artwork) node.querySelector(".artwork").src = artwork;
    else node.querySelector(".artwork").remove();
    button.addEventListener("click", () => this.choose(style));
    if (["own", "reference"].includes(style.kind)) {
      const cross = document.createElement("button");
      cross.className = "remove icon";
      cross.setAttribute("aria-label", t("removeArtwork", { name: title }));
      cross.innerHTML = '<svg aria-hidden="true"><use href="page/icons.svg#close"></use></svg>';
      cross.addEventListener("click", async () => {
        await this.app.styles.remove(style);
        node.remove();
        this.tiles.delete(style.name);
        this.removed(style);
      });
      node.append(cross);
    }
    const words = [style.name, style.title, style.artist, style.year, title, line].join(" ");
    this.tiles.set(style.name, { node, button, words: plain(words), url: null, wanted: style.kind !== "reference" });
    return node;
  }

  /** Show which styles are chosen. */
  mark(names) {
    this.selected = names;
    for (const [name, { button }] of this.tiles) button.setAttribute("aria-pressed", names.includes(name));
  }

  /** Paint the wall for a photo: what `done` holds (name to Blob) is shown at once, the rest is asked for. */
  async paint(photo, { crop = null, done, finished = () => {} }) {
    this.stop();
    const turn = (this.turn = new AbortController());
    const { signal } = turn;
    this.last = [photo, { crop, done, finished }];
    for (const tile of this.tiles.values()) this.clear(tile);
    for (const [name, blob] of Object.entries(done)) this.put(name, blob);
    const rank = (name) => Number(this.tiles.get(name).node.dataset.kind !== this.kind);
    const missing = [...this.tiles.keys()]
      .filter((name) => !done[name] && this.tiles.get(name).wanted)
      .sort((a, b) => rank(a) - rank(b)); // those that are seen first
    this.say("");
    this.tell();
    if (missing.length === 0) return;
    this.grid.setAttribute("aria-busy", "true");
    try {
      const small = await scaled(photo, SENT, crop);
      await this.app.styles.using(missing, (real) => {
        const names = new Map(missing.filter((name) => !done[name]).map((name) => [real(name), name]));
        const onTile = (name, blob) => {
          if (signal.aborted) return;
          done[names.get(name)] = blob;
          this.put(names.get(name), blob);
          this.tell();
        };
        return this.app.engine.wall(small, [...names.keys()], { signal, size: SIDE, onTile });
      });
      finished();
    } catch (error) {
      if (signal.aborted) return;
      if (error.code !== "gone") this.say(explain(error), () => this.resume());
      this.app.failed(error);
    } finally {
      if (this.turn === turn) this.grid.removeAttribute("aria-busy");
    }
  }

  resume() {
    if (this.last) this.paint(...this.last);
  }

  stop() {
    this.turn?.abort();
  }

  clear(tile) {
    if (tile.url) URL.revokeObjectURL(tile.url);
    tile.url = null;
    tile.node.classList.remove("painted");
    tile.node.querySelector(".mine").hidden = true;
  }

  put(name, blob) {
    const tile = this.tiles.get(name);
    if (!tile) return;
    this.clear(tile);
    tile.url = URL.createObjectURL(blob);
    const image = tile.node.querySelector(".mine");
    image.src = tile.url;
    image.hidden = false;
    tile.node.classList.add("painted");
  }

  tell() {
    const wanted = [...this.tiles.values()].filter((tile) => tile.wanted);
    const [done, total] = [wanted.filter((tile) => tile.url).length, wanted.length];
    const busy = done < total;
    this.count.textContent = busy ? t("wallProgress", { done, total }) : "";
    this.count.classList.toggle("busy", busy);
  }

  say(text, again) {
    this.note.replaceChildren(text);
    this.note.hidden = !text;
    if (again) {
      const button = document.createElement("button");
      button.textContent = t("retry");
      button.addEventListener("click", again);
      this.note.append(" ", button);
    }
  }

  async addOwn(files) {
    this.say("");
    for (const file of files) {
      try {
        const style = await this.app.styles.add(file, this.kind === "look" ? "reference" : "own");
        this.search.value = "";
        const shown = Object.fromEntries(Object.entries(this.last?.[1].done ?? {}));
        this.draw();
        for (const [name, blob] of Object.entries(shown)) this.put(name, blob);
        this.choose(style);
        this.resume();
      } catch (error) {
        this.say(error.code ? explain(error) : error.message);
      }
    }
  }

  filter() {
    const query = plain(this.search.value.trim());
    let shown = 0;
    for (const { node, words } of this.tiles.values()) {
      const matches = query.split(/\s+/).every((word) => words.includes(word));
      node.hidden = !matches || (node.dataset.kind !== this.kind && (!query || this.only)); // a search finds both
      shown += !node.hidden;
    }
    for (const node of this.grid.querySelectorAll(".add")) node.hidden = Boolean(query) || node.dataset.kind !== this.kind;
    const none = this.root.querySelector(".none");
    none.hidden = shown > 0 || !query;
    none.textContent = none.hidden ? "" : t("noMatch", { query: this.search.value.trim() });
  }

  /** Arrow keys move in the grid as the eye sees it. */
  key(event) {
    const buttons = [...this.grid.querySelectorAll(".tile:not([hidden]) > button:first-child")];
    const index = buttons.indexOf(event.target);
    if (index < 0) return;
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const next = event.key === "Home" ? buttons[0] : event.key === "End" ? buttons.at(-1) : buttons[index + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

/** Lower case without accents, for search. */
const plain = (text) =>
  text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase(language() === "zh" ? "zh" : "en");
