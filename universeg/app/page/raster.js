// One slice: its pixels, its mask, and what both look like. Painting changes rectangles only, so that it is fast.

const MOST_TRACED = 1 << 20; // pixels up to which outlines are lines; larger images show single pixels anyway

export class Raster {
  constructor(about, pixels) {
    [this.height, this.width] = about.shape;
    this.colours = about.colours;
    this.ends = about.ends;
    this.pixels = pixels; // Uint8Array (h, w, 3) or Uint16Array (h, w)
    this.grey = this.colours ? luminance(pixels) : pixels; // 0..65535
    this.mask = new Uint8Array(this.width * this.height);
    this.image = canvas(this.width, this.height);
    this.overlay = canvas(this.width, this.height);
    this.window = [0, 65535];
    this.outlines = null;
  }

  /** Low and high levels, 0..65535, that leave out the darkest and brightest half percent. */
  autoWindow() {
    const counts = new Uint32Array(1024);
    let seen = 0;
    const step = Math.max(1, Math.floor(this.grey.length / 200000));
    for (let i = 0; i < this.grey.length; i += step) {
      counts[this.grey[i] >> 6]++;
      seen++;
    }
    const at = (share) => {
      let sum = 0;
      for (let bin = 0; bin < counts.length; bin++) if ((sum += counts[bin]) >= share * seen) return bin * 64;
      return 65535;
    };
    const low = at(0.005), high = at(0.995) + 63;
    return high - low > 256 ? [low, high] : [0, 65535];
  }

  /** Draw the pixels with these levels as black and white. */
  drawImage([low, high]) {
    this.window = [low, high];
    const context = this.image.getContext("2d");
    const data = context.createImageData(this.width, this.height);
    const out = new Uint32Array(data.data.buffer);
    const table = new Uint8ClampedArray(65536);
    for (let i = 0; i < 65536; i++) table[i] = ((i - low) * 255) / Math.max(1, high - low);
    if (this.colours) {
      for (let i = 0, j = 0; i < out.length; i++, j += 3) {
        out[i] = 0xff000000 | (table[this.pixels[j + 2] * 257] << 16) | (table[this.pixels[j + 1] * 257] << 8)
          | table[this.pixels[j] * 257];
      }
    } else for (let i = 0; i < out.length; i++) out[i] = 0xff000000 | (table[this.pixels[i]] * 0x010101);
    context.putImageData(data, 0, 0);
  }

  /** Draw a part of the mask: filled, with a solid outline, or a dotted one for a draft. */
  drawMask(colours, opacity, draft, rect = this.all) {
    const x0 = Math.max(0, rect.x0 - 1), y0 = Math.max(0, rect.y0 - 1);
    const x1 = Math.min(this.width, rect.x1 + 1), y1 = Math.min(this.height, rect.y1 + 1);
    if (x1 <= x0 || y1 <= y0) return;
    const context = this.overlay.getContext("2d");
    const data = context.createImageData(x1 - x0, y1 - y0);
    const out = new Uint32Array(data.data.buffer), { mask, width, height } = this;
    const fill = Math.round(opacity * (draft ? 0.6 : 1) * 255) << 24, line = this.isTraced ? fill : 0xff000000;
    this.outlines = null;
    this.hidden = opacity === 0;
    let o = 0;
    for (let y = y0; y < y1; y++) {
      for (let x = x0, i = y * width + x0; x < x1; x++, i++, o++) {
        const value = mask[i];
        if (!value) continue;
        const edge = x === 0 || mask[i - 1] !== value || x === width - 1 || mask[i + 1] !== value
          || y === 0 || mask[i - width] !== value || y === height - 1 || mask[i + width] !== value;
        out[o] = colours[value] | (edge && opacity > 0 && !(draft && (x + y) & 2) ? line : fill);
      }
    }
    context.putImageData(data, x0, y0);
  }

  get isTraced() {
    return this.width * this.height <= MOST_TRACED;
  }

  /** Closed lines along the borders of the mask's pixels: [value, Path2D] of each label. */
  traced() {
    if (this.hidden || !this.isTraced) return [];
    this.outlines ??= [...this.borders()].map(([value, edges]) => [value, this.loops(edges)]);
    return this.outlines;
  }

  /** Of each label, at each corner of pixels, the directions of its borders: 1 right, 2 down, 4 left, 8 up. */
  borders() {
    const found = new Map(), { mask, width, height } = this, wide = width + 1;
    let value = 0, edges = null;
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0, corner = y * wide; x < width; x++, i++, corner++) {
        if (!mask[i]) continue;
        if (mask[i] !== value) {
          value = mask[i];
          if (!found.has(value)) found.set(value, new Uint8Array(wide * (height + 1)));
          edges = found.get(value);
        }
        if (!y || mask[i - width] !== value) edges[corner] |= 1;
        if (x === width - 1 || mask[i + 1] !== value) edges[corner + 1] |= 2;
        if (y === height - 1 || mask[i + width] !== value) edges[corner + wide + 1] |= 4;
        if (!x || mask[i - 1] !== value) edges[corner + wide] |= 8;
      }
    }
    return found;
  }

  /** The borders joined to closed lines, so that dashes run along them. */
  loops(edges) {
    const path = new Path2D(), wide = this.width + 1, steps = [1, wide, -1, -wide];
    for (let start = 0; start < edges.length; start++) {
      while (edges[start]) {
        let corner = start, way = Math.log2(edges[start] & -edges[start]), last = -1;
        while (edges[corner] & (1 << way)) {
          edges[corner] &= ~(1 << way);
          if (way !== last) path[last < 0 ? "moveTo" : "lineTo"](corner % wide, Math.floor(corner / wide));
          last = way;
          corner += steps[way];
          way = [1, 0, 3].map((turn) => (way + turn) & 3).find((next) => edges[corner] & (1 << next)) ?? way;
        }
        path.closePath();
      }
    }
    return path;
  }

  get all() {
    return { x0: 0, y0: 0, x1: this.width, y1: this.height };
  }

  get isEmpty() {
    return !this.mask.some((value) => value !== 0);
  }

  /** Paint a thick line of `value` from one point to another; `allow(i)` says which pixels may change. */
  paintLine(from, to, radius, aspect, value, allow) {
    const ry = radius / aspect;
    const rect = this.clipped(Math.min(from.x, to.x) - radius, Math.min(from.y, to.y) - ry,
      Math.max(from.x, to.x) + radius, Math.max(from.y, to.y) + ry);
    const dx = to.x - from.x, dy = (to.y - from.y) * aspect, length = dx * dx + dy * dy;
    const reach = Math.max(radius, 0.5) ** 2;
    for (let y = rect.y0; y < rect.y1; y++) {
      const py = (y + 0.5 - from.y) * aspect;
      for (let x = rect.x0, i = y * this.width + rect.x0; x < rect.x1; x++, i++) {
        const px = x + 0.5 - from.x;
        const t = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
        const ex = px - t * dx, ey = py - t * dy;
        if (ex * ex + ey * ey <= reach && (!allow || allow(i))) this.mask[i] = value;
      }
    }
    return rect;
  }

  /** Fill a polygon of points {x, y} by the even-odd rule at the centres of pixels. */
  fillPolygon(points, value) {
    const xs = points.map((p) => p.x), ys = points.map((p) => p.y);
    const rect = this.clipped(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys));
    for (let y = rect.y0; y < rect.y1; y++) {
      const cuts = [], centre = y + 0.5;
      points.forEach((p, k) => {
        const q = points[(k + 1) % points.length];
        if (p.y <= centre !== q.y <= centre) cuts.push(p.x + ((centre - p.y) / (q.y - p.y)) * (q.x - p.x));
      });
      cuts.sort((a, b) => a - b);
      for (let k = 0; k + 1 < cuts.length; k += 2) {
        const start = Math.max(rect.x0, Math.ceil(cuts[k] - 0.5)), end = Math.min(rect.x1, Math.ceil(cuts[k + 1] - 0.5));
        if (end > start) this.mask.fill(value, y * this.width + start, y * this.width + end);
      }
    }
    return rect;
  }

  clipped(x0, y0, x1, y1) {
    return {
      x0: Math.max(0, Math.floor(x0) - 1), y0: Math.max(0, Math.floor(y0) - 1),
      x1: Math.min(this.width, Math.ceil(x1) + 1), y1: Math.min(this.height, Math.ceil(y1) + 1),
    };
  }

  /** The mask within a rectangle, and back. */
  cut({ x0, y0, x1, y1 }) {
    const part = new Uint8Array((x1 - x0) * (y1 - y0));
    for (let y = y0; y < y1; y++) part.set(this.mask.subarray(y * this.width + x0, y * this.width + x1), (y - y0) * (x1 - x0));
    return part;
  }

  paste({ x0, y0, x1, y1 }, part) {
    for (let y = y0; y < y1; y++) this.mask.set(part.subarray((y - y0) * (x1 - x0), (y - y0 + 1) * (x1 - x0)), y * this.width + x0);
  }
}

export function union(a, b) {
  if (!a) return b;
  return { x0: Math.min(a.x0, b.x0), y0: Math.min(a.y0, b.y0), x1: Math.max(a.x1, b.x1), y1: Math.max(a.y1, b.y1) };
}

function canvas(width, height) {
  const made = document.createElement("canvas");
  made.width = width;
  made.height = height;
  return made;
}

function luminance(pixels) {
  const grey = new Uint16Array(pixels.length / 3);
  for (let i = 0, j = 0; i < grey.length; i++, j += 3)
    grey[i] = (pixels[j] * 0.299 + pixels[j + 1] * 0.587 + pixels[j + 2] * 0.114) * 257;
  return grey;
}
