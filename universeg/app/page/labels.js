// The labels at the right: names, colours, and which one the brush paints.

import { put } from "./api.js";
import { session } from "./session.js";

const PALETTE = ["#ff8c00", "#1e90ff", "#2ecc71", "#e056fd", "#f9ca24", "#eb4d4b", "#22d3c5", "#8e7cff"];
export const hex = ([r, g, b]) => `#${[r, g, b].map((level) => level.toString(16).padStart(2, "0")).join("")}`;
const rgb = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));

export class Labels {
  constructor(element, addButton, editor, failed) {
    Object.assign(this, { element, editor, failed, shown: "" });
    addButton.addEventListener("click", () => this.add());
  }

  update() {
    if (!session.labels.some((label) => label.value === this.editor.label) && session.labels.length)
      this.editor.label = session.labels[0].value;
    const shown = JSON.stringify([session.labels, this.editor.label]);
    if (shown === this.shown || this.element.contains(document.activeElement) && this.isTyping) return;
    this.shown = shown;
    this.element.replaceChildren(...session.labels.map((label, at) => this.row(label, at)));
  }

  get isTyping() {
    return document.activeElement?.type === "text" || document.activeElement?.type === "color";
  }

  row(label, at) {
    const item = document.createElement("li"), colour = document.createElement("input");
    const name = document.createElement("input"), use = document.createElement("button");
    item.className = label.value === this.editor.label ? "chosen" : "";
    Object.assign(colour, { type: "color", value: hex(label.colour), title: `Colour of ${label.name}` });
    colour.setAttribute("aria-label", `Colour of ${label.name}`);
    colour.addEventListener("change", () => this.change(at, { colour: rgb(colour.value) }));
    Object.assign(name, { type: "text", value: label.name, maxLength: 80, spellcheck: false });
    name.setAttribute("aria-label", `Name of label ${at + 1}`);
    name.addEventListener("change", () => this.change(at, { name: name.value.trim() || label.name }));
    name.addEventListener("focus", () => this.choose(label.value));
    name.addEventListener("focus", () => this.choose(label.value));
    name.addEventListener("keydown", (event) => event.key === "Enter" && name.blur());
    Object.assign(use, { type: "button", className: "use", textContent: at < 9 ? String(at + 1) : "use" });
    use.title = `Paint ${label.name}${at < 9 ? ` (${at + 1})` : ""}`;
    use.setAttribute("aria-label", `Paint ${label.name}`);
    use.setAttribute("aria-pressed", String(label.value === this.editor.label));
    use.addEventListener("click", () => this.choose(label.value));
    item.append(colour, name, use);
    if (session.labels.length > 1) item.append(this.remover(label));
    return item;
  }

  remover(label) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "use remove", textContent: "×", title: `Remove ${label.name}` });
    button.setAttribute("aria-label", `Remove ${label.name}`);
    button.addEventListener("click", () => this.send(session.labels.filter((one) => one.value !== label.value)));
    return button;
  }

  choose(value) {
    this.editor.label = value;
    if (this.editor.tool === "eraser") this.onPaint?.();
    for (const [at, item] of [...this.element.children].entries()) {
      const chosen = session.labels[at].value === value;
      item.className = chosen ? "chosen" : "";
      item.querySelector(".use").setAttribute("aria-pressed", String(chosen));
    }
  }

  chooseNumber(number) {
    const label = session.labels[number - 1];
    if (label) this.choose(label.value);
  }

  add() {
    const value = Math.max(0, ...session.labels.map((label) => label.value)) + 1;
    const colour = rgb(PALETTE[session.labels.length % PALETTE.length]);
    this.send([...session.labels, { value, name: `label ${value}`, colour }]);
    this.editor.label = value;
  }

  change(at, what) {
    const labels = session.labels.map((label) => ({ ...label }));
    Object.assign(labels[at], what);
    session.labels = labels;
    this.editor.redraw();
    this.send(labels);
  }

  async send(labels) {
    try {
      await put("/api/labels", { labels });
    } catch (problem) {
      this.failed(problem.message);
    }
  }
}
