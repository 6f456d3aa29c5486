// Tools, sliders and keys.

const byId = (id) => document.getElementById(id);

const TOOLS = [
  ["brush", "Brush", "B", '<path d="M4 16c3 0 4-1 4-3l7-8 1 1-7 8c-1 1-2 3-5 2z"/>'],
  ["eraser", "Eraser", "X", '<path d="M8 16h8M4 13l7-8 5 4-6 7H7z"/>'],
  ["polygon", "Polygon", "G", '<path d="M4 8l6-4 6 5-3 7H6z"/><path d="M4 8h.01M10 4h.01M16 9h.01M13 16h.01M6 16h.01" stroke-width="3.500"/>'],
  ["threshold", "Threshold", "T", '<circle cx="10" cy="10" r="6"/><path d="M10 4a6 6 0 0 1 0 12z" fill="currentColor"/>'],
  ["hand", "Move", "H", '<path d="M10 3v14M3 10h14M10 3 8 5m2-2 2 2M10 17l-2-2m2 2 2-2M3 10l2-2m-2 2 2 2M17 10l-2-2m2 2-2 2"/>'],
];

export class Controls {
  constructor(stage, editor, actions) {
    Object.assign(this, { stage, editor, actions });
    for (const [name, title, key, drawing] of TOOLS) {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", title: `${title} (${key})` });
      button.dataset.tool = name;
      button.setAttribute("role", "radio");
      button.innerHTML = `<svg viewBox="0 0 20 20" aria-hidden="true">${drawing}</svg><span></span>`;
      button.lastChild.textContent = title;
      button.addEventListener("click", () => this.useTool(name));
      byId("tools").append(button);
    }
    byId("size").addEventListener("input", () => this.setSize(Number(byId("size").value)));
    byId("tolerance").addEventListener("input", () => {
      this.editor.tolerance = Number(byId("tolerance").value);
      byId("tolerance-out").textContent = this.editor.tolerance;
    });
    for (const id of ["level", "width"]) byId(id).addEventListener("input", () => this.readWindow());
    byId("opacity").addEventListener("input", () => this.setOpacity(Number(byId("opacity").value)));
    const clicks = {
      auto: () => this.auto(), fit: () => stage.fit(), "zoom-in": () => stage.zoom(1.25), "zoom-out": () => stage.zoom(0.8),
      undo: () => editor.undo(), redo: () => editor.redo(), clear: () => editor.eraseAll(),
    };
    for (const [id, click] of Object.entries(clicks)) byId(id).addEventListener("click", click);
    document.addEventListener("keydown", (event) => this.key(event));
    this.useTool("brush");
    this.setSize(20);
  }

  useTool(name) {
    this.stage.points = [];
    this.stage.tool = this.editor.tool = name;
    byId("stage").classList.toggle("grab", name === "hand");
    byId("tolerance-field").hidden = name !== "threshold";
    for (const button of byId("tools").children) {
      const chosen = button.dataset.tool === name;
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    this.stage.draw();
  }

  /** The brush's diameter in pixels of the image. */
  setSize(size) {
    const bounded = Math.max(1, Math.min(Number(byId("size").max), Math.round(size)));
    byId("size").value = bounded;
    byId("size-out").textContent = bounded;
    this.stage.radius = bounded / 2;
    this.stage.draw();
  }

  /** Suit the range of brush sizes to an image. */
  suit(raster) {
    const most = Math.max(24, Math.round(Math.max(raster.width, raster.height) / 4));
    if (Number(byId("size").max) !== most) {
      byId("size").max = most;
      this.setSize(most / 5);
    }
  }

  setOpacity(percent) {
    byId("opacity").value = percent;
    this.editor.opacity = percent / 100;
    this.editor.redraw();
  }

  toggleMask() {
    const now = Number(byId("opacity").value);
    this.setOpacity(now ? 0 : this.opacityBefore || 26);
    if (now) this.opacityBefore = now;
  }

  // Brightness is the middle of the window, contrast its narrowness; both are shares of the whole range.

  readWindow() {
    const level = 65535 * (1 - byId("level").value / 1000), width = 65535 * 2 ** ((500 - byId("width").value) / 83);
    this.editor.setWindow(level - width / 2, level + width / 2);
  }

  showWindow() {
    if (!this.editor.raster) return;
    const [low, high] = this.editor.window;
    byId("level").value = 1000 * (1 - (low + high) / 2 / 65535);
    byId("width").value = 500 - 83 * Math.log2((high - low) / 65535);
  }

  auto() {
    this.editor.autoWindow();
    this.showWindow();
  }

  drag(dx, dy) {
    if (!this.editor.raster) return;
    byId("level").value = Number(byId("level").value) - dy * 1.5;
    byId("width").value = Number(byId("width").value) + dx * 1.5;
    this.readWindow();
  }

  key(event) {
    const typing = event.target.matches?.("input[type=text], select") || document.querySelector("dialog[open]");
    if (typing || event.isComposing) return;
    const { actions, stage, editor } = this, onStage = event.target === byId("stage");
    const command = event.ctrlKey || event.metaKey, letter = event.key.toLowerCase();
    let done = true;
    if (command && letter === "z") event.shiftKey ? editor.redo() : editor.undo();
    else if (command && letter === "y") editor.redo();
    else if (command || event.altKey) return;
    else if (onStage && event.key.startsWith("Arrow")) this.arrow(event);
    else if (event.target.id !== "tools" && event.target.dataset?.tool && event.key.startsWith("Arrow")) this.nextTool(event.key);
    else if (onStage && event.key === " ") stage.press();
    else if (event.key === "Enter" && stage.points.length > 2) actions.closePolygon();
    else if (event.key === "Escape" && stage.points.length) {
      stage.points = [];
      stage.draw();
    } else if (event.key === "Backspace" && stage.points.length) {
      stage.points.pop();
      stage.draw();
    } else if (event.key === "PageUp") actions.slice(1);
    else if (event.key === "PageDown") actions.slice(-1);
    else if (/^[1-9]$/.test(event.key)) actions.label(Number(event.key));
    else done = this.letter(letter);
    if (done) event.preventDefault();
  }

  letter(letter) {
    const { actions, stage } = this, size = this.stage.radius * 2;
    const keys = {
      b: () => this.useTool("brush"), x: () => this.useTool("eraser"), g: () => this.useTool("polygon"),
      t: () => this.useTool("threshold"), h: () => this.useTool("hand"), "[": () => this.setSize(Math.min(size - 1, size * 0.8)),
      "]": () => this.setSize(Math.max(size + 1, size * 1.25)), a: actions.accept, e: actions.example, n: actions.next,
      p: actions.previous, r: actions.rest, m: () => this.toggleMask(), w: () => this.auto(), f: () => stage.fit(),
      "+": () => stage.zoom(1.25), "=": () => stage.zoom(1.25), "-": () => stage.zoom(0.8), o: actions.open,
      "?": () => byId("help").click(),
    };
    keys[letter]?.();
    return letter in keys;
  }

  arrow(event) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    this.stage.step(dx, dy, event.shiftKey);
  }

  nextTool(key) {
    const names = TOOLS.map(([name]) => name), step = ["ArrowRight", "ArrowDown"].includes(key) ? 1 : -1;
    const name = names[(names.indexOf(this.editor.tool) + step + names.length) % names.length];
    this.useTool(name);
    byId("tools").querySelector(`[data-tool=${name}]`).focus();
  }
}
