/** Tabs, sliders, and the pad that mixes two styles. */

import { DEFAULTS } from "./photos.js";
import { describe, t } from "./texts.js";

const clamp = (value) => Math.min(1, Math.max(0, value));

/** Tabs with arrow keys; `opened(name, before)` is called for each change. */
export class Tabs {
  constructor(root, opened) {
    this.tabs = [...root.querySelectorAll("[role=tab]")];
    this.opened = opened;
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.open(tab.dataset.tab));
      tab.addEventListener("keydown", (event) => this.key(event, tab));
    }
  }

  open(name) {
    const before = this.name;
    this.name = name;
    for (const tab of this.tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
    }
    const panel = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
    const shown = panel(this.tabs.find((tab) => tab.dataset.tab === name));
    for (const tab of this.tabs) panel(tab).hidden = panel(tab) !== shown;
    if (before !== name) this.opened(name, before);
  }

  key(event, tab) {
    const shown = this.tabs.filter((each) => !each.hidden);
    const index = shown.indexOf(tab);
    const next = {
      ArrowRight: shown[(index + 1) % shown.length],
      ArrowLeft: shown.at(index - 1),
      Home: shown[0],
      End: shown.at(-1),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    next.focus();
    this.open(next.dataset.tab);
  }
}

/** The sliders of a look. Stroke size runs by powers of two, -2 to 2. */
export class Sliders {
  constructor(app, root, changed) {
    Object.assign(this, { app, root, changed });
    this.inputs = Object.fromEntries(
      ["strength", "likeness", "styleScale"].map((name) => [name, root.querySelector(`[name=${name}]`)]),
    );
    this.colors = root.querySelector("[name=keepColors]");
    for (const [name, input] of Object.entries(this.inputs)) {
      input.addEventListener("input", () => {
        this.app.settings[name] = name === "styleScale" ? +(2 ** input.value).toFixed(3) : input.value / 100;
        this.show(name);
        this.changed();
      });
    }
    this.colors.addEventListener("change", () => {
      this.app.settings.keepColors = this.colors.checked;
      this.changed();
    });
    root.querySelector("#reset").addEventListener("click", () => {
      const { strength, likeness, styleScale, keepColors } = DEFAULTS;
      Object.assign(this.app.settings, { strength, likeness, styleScale, keepColors });
      this.draw();
      this.changed();
    });
  }

  draw() {
    const { strength, likeness, styleScale, keepColors } = this.app.settings;
    this.inputs.strength.value = Math.round(strength * 100);
    this.inputs.likeness.value = Math.round(likeness * 100);
    this.inputs.styleScale.value = Math.log2(styleScale);
    this.colors.checked = keepColors;
    for (const name of Object.keys(this.inputs)) this.show(name);
    const strokes = !this.app.picture.photographic;
    this.root.querySelector("#likeness-row").hidden = !strokes || !this.app.engine.can.paint;
    for (const row of ["#scale-row", "#colors-row"]) this.root.querySelector(row).hidden = !strokes;
  }

  show(name) {
    const input = this.inputs[name];
    const value = this.app.settings[name];
    const text = name === "styleScale" ? `${+value.toFixed(2)}×` : `${Math.round(value * 100)} %`;
    input.parentElement.querySelector("output").textContent = text;
    input.setAttribute("aria-valuetext", text);
    const part = (input.value - input.min) / (input.max - input.min);
    input.style.setProperty("--part", part);
  }
}

/** Two styles on a pad: sideways the balance, upward the strength. */
export class Mixer {
  constructor(app, { changed, pickStyle }) {
    Object.assign(this, { app, changed });
    this.root = document.querySelector("#panel-mix");
    this.pad = this.root.querySelector("#pad");
    this.dot = this.pad.querySelector(".dot");
    const add = async (index) => {
      const style = await pickStyle("pickSecond");
      if (style) this.take(style.name, index);
    };
    this.root.querySelector("#mix-add").addEventListener("click", () => add(1));
    for (const [index, slot] of [...this.root.querySelectorAll(".slot")].entries()) {
      slot.addEventListener("click", () => add(index));
    }
    this.root.querySelector("#mix-remove").addEventListener("click", () => {
      this.app.settings.styles.length = 1;
      this.draw();
      this.changed();
    });
    this.pad.addEventListener("pointerdown", (event) => {
      this.pad.setPointerCapture(event.pointerId);
      this.move(event);
    });
    this.pad.addEventListener("pointermove", (event) => this.pad.hasPointerCapture(event.pointerId) && this.move(event));
    this.dot.addEventListener("keydown", (event) => this.key(event));
  }

  take(name, index) {
    const styles = [...this.app.settings.styles];
    styles[Math.min(index, styles.length)] = name;
    this.app.settings.styles = [...new Set(styles)];
    this.draw();
    this.changed();
  }

  move(event) {
    const box = this.pad.getBoundingClientRect();
    this.set((event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
  }

  key(event) {
    const step = event.shiftKey ? 0.1 : 0.02;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    if (!by) return;
    event.preventDefault();
    this.set(this.app.settings.balance + by[0], this.app.settings.strength + by[1]);
  }

  set(balance, strength) {
    this.app.settings.balance = Math.round(clamp(balance) * 100) / 100;
    this.app.settings.strength = Math.round(clamp(strength) * 100) / 100;
    this.place();
    this.changed();
  }

  draw() {
    const styles = this.app.settings.styles.map((name) => this.app.styles.find(name)).filter(Boolean);
    const { photographic } = this.app.picture;
    const none = this.root.querySelector("#mix-none");
    none.hidden = styles.length > 0 && !photographic;
    none.textContent = t(photographic ? "onlyPaintings" : "needStyle");
    this.root.querySelector("#mix-one").hidden = styles.length !== 1 || Boolean(photographic);
    this.root.querySelector("#mix-two").hidden = styles.length !== 2;
    if (styles.length !== 2) return;
    styles.forEach((style, index) => {
      const { title } = describe(style);
      const slot = this.root.querySelectorAll(".slot")[index];
      slot.querySelector("img").src = this.app.styles.artwork(style, 256) ?? "";
      slot.querySelector("span").textContent = title;
      this.pad.querySelectorAll(":scope > img")[index].src = this.app.styles.artwork(style, 512) ?? "";
    });
    this.titles = styles.map((style) => describe(style).title);
    this.dot.setAttribute("aria-label", t("mixPad", { a: this.titles[0], b: this.titles[1] }));
    this.place();
  }

  place() {
    const { balance, strength } = this.app.settings;
    this.pad.style.setProperty("--balance", balance);
    this.pad.style.setProperty("--strength", strength);
    const [a, b] = this.titles;
    const percent = (part) => Math.round(part * 100);
    const values = { a, b, first: percent(1 - balance), second: percent(balance), strength: percent(strength) };
    this.dot.setAttribute("aria-valuenow", values.second);
    this.dot.setAttribute("aria-valuetext", t("mixAt", values));
    this.root.querySelector("#mix-values").textContent = t("mixAt", values);
  }
}
