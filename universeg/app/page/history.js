// Undo and redo of one slice: the part of the mask that each change replaced.

const MOST_CHANGES = 200, MOST_BYTES = 1 << 26;

export class History {
  constructor() {
    this.past = [];
    this.future = [];
  }

  /** `before` is the whole mask before the change; only the changed rectangle of it is kept. */
  add(raster, before, rect) {
    const after = raster.mask;
    raster.mask = before;
    const old = raster.cut(rect);
    raster.mask = after;
    this.past.push({ rect, old, new: raster.cut(rect) });
    this.future = [];
    let bytes = this.past.reduce((sum, change) => sum + 2 * change.old.length, 0);
    while (this.past.length > MOST_CHANGES || (bytes > MOST_BYTES && this.past.length > 1))
      bytes -= 2 * this.past.shift().old.length;
  }

  undo(raster) {
    return this.move(raster, this.past, this.future, "old");
  }

  redo(raster) {
    return this.move(raster, this.future, this.past, "new");
  }

  /** The changed rectangle, or null if there is nothing to undo or redo. */
  move(raster, from, to, which) {
    const change = from.pop();
    if (!change) return null;
    raster.paste(change.rect, change[which]);
    to.push(change);
    return change.rect;
  }
}
