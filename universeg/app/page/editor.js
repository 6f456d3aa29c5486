// The slice in view: loading, painting, undo, and saving after each stroke.

import { get, getMask, imagePath, request, slicePath } from "./api.js";
import { History } from "./history.js";
import { Raster, union } from "./raster.js";
import { session, sliceState } from "./session.js";

const KEPT = 6; // images that stay in memory, so that going back is quick

export class Editor {
  constructor(stage, saver, changed) {
    Object.assign(this, { stage, saver, changed, key: null, row: 0, raster: null, about: null, source: "none" });
    this.rows = new Map(); // the slice of each image that was seen last
    this.revisions = new Map();
    this.histories = new Map();
    this.windows = new Map();
    this.cache = new Map();
    this.label = 1;
    this.tool = "brush";
    this.tolerance = 12;
    this.opacity = 0.26;
    this.loading = 0;
  }

  get image() {
    return session.images.get(this.key);
  }

  get state() {
    return this.image ? sliceState(this.image, this.row) : "none";
  }

  /** Show a slice of an image. */
  async show(key, row = this.rows.get(key) ?? null) {
    const turn = ++this.loading, same = key === this.key && this.about;
    this.finish();
    let about, pixels, mask;
    try {
      about = await this.aboutOf(key);
      row = Math.max(0, Math.min(about.count - 1, row ?? Math.floor(about.count / 2)));
      request("POST", "/api/focus", { json: { key, row } }).catch(() => {});
      [pixels, mask] = await Promise.all([this.pixelsOf(key, row, about), getMask(key, row)]);
    } catch (problem) {
      if (turn !== this.loading) return;
      Object.assign(this, { key, row: row ?? 0, raster: null, about: null, problem: problem.message });
      this.stage.show(null);
      this.changed();
      return;
    }
    if (turn !== this.loading) return;
    if (key !== this.key) this.place = null;
    Object.assign(this, { key, row, about, problem: "" });
    this.rows.set(key, row);
    this.raster = new Raster(about, pixels);
    this.raster.drawImage(this.window);
    this.takeMask(mask);
    this.stage.show(this.raster, about.spacing[0] / about.spacing[1], same);
    this.changed();
  }

  takeMask({ values, source, revision }) {
    this.raster.mask = values;
    this.source = source;
    this.revisions.set(this.name, revision);
    this.redraw();
  }

  async reload() {
    if (!this.raster) return;
    const name = this.name, raster = this.raster, mask = await getMask(this.key, this.row);
    if (name !== this.name || raster !== this.raster || this.stroke || this.saver.isPending(this.key, this.row)) return;
    if (mask.values.some((value, at) => value !== raster.mask[at])) this.histories.delete(name);
    this.takeMask(mask);
    this.stage.draw();
    this.changed();
  }

  /** After an event: show a draft that has come, or a mask that another window changed. */
  follow() {
    if (!this.raster || !this.image || this.stroke || this.saver.isPending(this.key, this.row)) return;
    const own = this.image.slices[this.row];
    if ((own?.[2] ?? 0) < (this.revisions.get(this.name) ?? 0)) return; // told before the last stroke was saved
    const state = own ? "yours" : this.row in this.image.drafts ? "draft" : "none";
    const mark = own ? `own ${own[2]}` : `${state} ${this.image.drafts[this.row]}`;
    const mine = own ? `own ${this.revisions.get(this.name)}` : this.followed;
    if (state !== this.source || (mark !== mine && mark !== this.followed)) {
      this.followed = mark;
      this.reload();
    }
  }

  get name() {
    return `${this.key}/${this.row}`;
  }

  get history() {
    if (!this.histories.has(this.name)) this.histories.set(this.name, new History());
    return this.histories.get(this.name);
  }

  // Window and level

  get window() {
    const set = this.windows.get(this.key);
    if (set) return set;
    return this.about.axis === null ? [0, 65535] : this.raster.autoWindow();
  }

  setWindow(low, high) {
    if (!this.raster) return;
    this.windows.set(this.key, [low, Math.max(low + 1, high)]);
    this.raster.drawImage(this.window);
    this.stage.draw();
  }

  autoWindow() {
    if (this.raster) this.setWindow(...this.raster.autoWindow());
  }

  // Drawing

  get colours() {
    const table = new Uint32Array(256);
    for (const { value, colour: [red, green, blue] } of session.labels) table[value] = (blue << 16) | (green << 8) | red;
    return table;
  }

  /** Draw the mask again if the colours of labels changed. */
  recolour() {
    const now = session.labels.map((label) => label.colour).join();
    if (now !== this.coloured) this.redraw();
    this.coloured = now;
  }

  redraw(rect) {
    if (!this.raster) return;
    this.raster.drawMask(this.colours, this.opacity, this.source === "draft", rect);
    this.stage.draw();
  }

  // Painting

  get canPaint() {
    return this.raster && session.imported && !this.problem;
  }

  begin(point, erase) {
    if (!this.canPaint) return;
    const value = erase || this.tool === "eraser" ? 0 : this.label;
    this.own();
    this.stroke = { before: this.raster.mask.slice(), rect: null, last: point, value };
    if (this.tool === "threshold" && value) this.stroke.allow = this.similarTo(point);
    this.move(point);
  }

  move(point) {
    if (!this.stroke) return;
    const { last, value, allow } = this.stroke;
    const rect = this.raster.paintLine(last, point, this.stage.radius, this.stage.aspect, value, allow);
    this.stroke.last = point;
    this.stroke.rect = union(this.stroke.rect, rect);
    this.redraw(rect);
  }

  end() {
    if (!this.stroke) return;
    const { before, rect, last } = this.stroke;
    this.stroke = null;
    this.place = last; // where the other planes of a volume are shown
    this.commit(before, rect);
  }

  fill(points) {
    if (!this.canPaint || points.length < 3) return;
    this.own();
    const before = this.raster.mask.slice();
    this.place = points[0];
    this.commit(before, this.raster.fillPolygon(points, this.label));
  }

  eraseAll() {
    if (!this.canPaint || this.raster.isEmpty) return;
    this.own();
    const before = this.raster.mask.slice();
    this.raster.mask.fill(0);
    this.commit(before, this.raster.all);
  }

  /** A draft becomes the person's mask with the first stroke, and gets a solid outline. */
  own() {
    if (this.source !== "yours") {
      this.source = "yours";
      this.redraw();
    }
  }

  commit(before, rect) {
    this.history.add(this.raster, before, rect);
    this.redraw(rect);
    this.save();
  }

  undo() {
    this.travel("undo");
  }

  redo() {
    this.travel("redo");
  }

  travel(way) {
    if (!this.raster || this.stroke) return;
    const rect = this.history[way](this.raster);
    if (!rect) return;
    this.redraw(rect);
    this.save();
  }

  save() {
    const name = this.name;
    this.saver.save(session.path, this.key, this.row, this.raster.mask, () => this.revisions.get(name) ?? 0);
    this.changed();
  }

  saved(key, row, revision) {
    this.revisions.set(`${key}/${row}`, revision);
    const image = session.images.get(key), [done, example] = image?.slices[row] ?? [false, false];
    if (image) image.slices[row] = [done, example, revision];
  }

  /** Give up the person's mask of a slice; its draft is shown again. */
  async discard() {
    const { key, row, name } = this;
    await this.saver.done(key, row);
    await request("DELETE", `${slicePath(key, row)}/mask`);
    this.revisions.set(name, 0);
    delete session.images.get(key).slices[row];
    await this.reload();
  }

  /** End what is being drawn, before another slice is shown. */
  finish() {
    this.stage.points = [];
    this.stage.keyboardDown = false;
    this.end();
  }

  similarTo({ x, y }) {
    const { raster } = this, [low, high] = this.window;
    const at = Math.max(0, Math.min(raster.grey.length - 1, Math.floor(y) * raster.width + Math.floor(x)));
    const middle = raster.grey[at], reach = ((high - low) * this.tolerance) / 100;
    return (i) => Math.abs(raster.grey[i] - middle) <= reach;
  }

  /** The intensity under a point, in the unit of the file. */
  intensity(point) {
    const x = Math.floor(point.x), y = Math.floor(point.y), { raster } = this;
    if (!raster || x < 0 || y < 0 || x >= raster.width || y >= raster.height) return null;
    const level = raster.grey[y * raster.width + x] / 65535;
    return raster.ends[0] + level * (raster.ends[1] - raster.ends[0]);
  }

  // Reading

  forgetAll() {
    this.finish();
    for (const map of [this.rows, this.revisions, this.histories, this.windows, this.cache]) map.clear();
    Object.assign(this, { key: null, raster: null, about: null, followed: "", place: null });
  }

  async aboutOf(key) {
    return this.kept(`about ${key} ${session.settings.axis}`, () => get(imagePath(key)));
  }

  async pixelsOf(key, row, about) {
    return this.kept(`pixels ${key} ${row} ${about.axis}`, async () => {
      const bytes = await (await request("GET", `${slicePath(key, row)}/pixels`)).arrayBuffer();
      return about.colours ? new Uint8Array(bytes) : new Uint16Array(bytes);
    });
  }

  async kept(name, read) {
    if (!this.cache.has(name)) {
      this.cache.set(name, await read());
      while (this.cache.size > 4 * KEPT) this.cache.delete(this.cache.keys().next().value);
    }
    return this.cache.get(name);
  }
}
