// The canvas: zoom, pan, pointer, and painting with the keyboard. It knows nothing of the server.

const LEAST = 0.05, MOST = 60; // pixels of the window for one of the image

export class Stage {
  /** `on` has: look() (colours of labels, and whether it is a draft), begin(point, erase), move(point), end(), vertex(point), close(), contrast(dx, dy), slices(step), hover(point). */
  constructor(element, canvas, on) {
    Object.assign(this, { element, canvas, on, scale: 1, x: 0, y: 0, aspect: 1, raster: null });
    this.tool = "brush";
    this.radius = 10; // in pixels of the image
    this.points = []; // of a polygon that is being drawn
    this.cursor = null;
    this.down = false;
    this.keyboardDown = false;
    new ResizeObserver(() => this.resize()).observe(element);
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "dblclick", "wheel"])
      element.addEventListener(name, (event) => this[name](event), { passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    this.draws = 0;
    this.frameMs = 0; // from the last pointer event to the drawn frame
  }

  show(raster, aspect, keepPlace) {
    this.raster = raster;
    this.aspect = aspect; // height of a pixel over its width
    this.points = [];
    this.down = this.keyboardDown = false;
    if (!keepPlace) this.fit();
    else this.draw();
  }

  resize() {
    const { clientWidth, clientHeight } = this.element, ratio = window.devicePixelRatio || 1;
    const fitted = this.isFitted;
    this.canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    if (fitted) this.fit();
    else this.draw();
  }

  fit() {
    this.isFitted = true;
    if (!this.raster) return this.draw();
    const { clientWidth: w, clientHeight: h } = this.element, { width, height } = this.raster;
    this.scale = Math.min(w / width, h / (height * this.aspect)) * 0.97;
    this.x = (w - width * this.scale) / 2;
    this.y = (h - height * this.aspect * this.scale) / 2;
    this.draw();
  }

  zoom(factor, at = { x: this.element.clientWidth / 2, y: this.element.clientHeight / 2 }) {
    const scale = Math.max(LEAST, Math.min(MOST, this.scale * factor));
    this.x = at.x - ((at.x - this.x) * scale) / this.scale;
    this.y = at.y - ((at.y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.isFitted = false;
    this.draw();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.isFitted = false;
    this.draw();
  }

  /** A place of an event on the canvas, and in the image. */
  place(event) {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  inImage(place) {
    return { x: (place.x - this.x) / this.scale, y: (place.y - this.y) / (this.scale * this.aspect) };
  }

  pointerdown(event) {
    if (!this.raster) return;
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const place = this.place(event);
    this.last = place;
    const dragging = event.button === 1 || (event.button === 0 && this.tool === "hand");
    if (dragging) this.mode = "pan";
    else if (event.button === 0 && event.shiftKey) this.mode = "contrast";
    else if (this.tool === "polygon" && event.button === 0) {
      const point = this.inImage(place), first = this.points[0];
      const near = first && Math.hypot((point.x - first.x) * this.scale, (point.y - first.y) * this.scale * this.aspect) < 9;
      if (near && this.points.length > 2) this.on.close();
      else this.points.push(point);
      this.mode = null;
      this.draw();
    } else if (event.button === 0 || event.button === 2) {
      this.mode = "paint";
      this.down = true;
      this.on.begin(this.inImage(place), event.button === 2 || event.altKey);
    }
    event.preventDefault();
  }

  pointermove(event) {
    const began = performance.now(), place = this.place(event);
    this.cursor = this.inImage(place);
    if (this.mode === "pan") this.pan(place.x - this.last.x, place.y - this.last.y);
    else if (this.mode === "contrast") this.on.contrast(place.x - this.last.x, place.y - this.last.y);
    else if (this.mode === "paint") {
      const steps = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const one of steps.length ? steps : [event]) this.on.move(this.inImage(this.place(one)));
      this.paintedAt = began;
    }
    this.last = place;
    this.on.hover(this.cursor);
    this.draw();
  }

  pointerup() {
    if (this.mode === "paint") this.on.end();
    this.mode = null;
    this.down = false;
    this.draw();
  }

  pointercancel() {
    this.pointerup();
  }

  pointerleave() {
    if (this.down) return;
    this.cursor = null;
    this.on.hover(null);
    this.draw();
  }

  dblclick() {
    if (this.tool === "polygon" && this.points.length > 2) this.on.close();
  }

  wheel(event) {
    event.preventDefault();
    if (this.on.hasSlices() && !event.ctrlKey) this.on.slices(Math.sign(event.deltaY));
    else this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.006 : 0.0016)), this.place(event));
  }

  /** Move the keyboard's cursor; it paints while it is down. */
  step(dx, dy, far) {
    if (!this.raster) return;
    const size = far ? Math.max(10, this.raster.width / 16) : Math.max(1, this.raster.width / 128);
    const from = this.cursor ?? { x: this.raster.width / 2, y: this.raster.height / 2 };
    this.cursor = {
      x: Math.max(0, Math.min(this.raster.width, from.x + dx * size)),
      y: Math.max(0, Math.min(this.raster.height, from.y + dy * size)),
    };
    if (this.keyboardDown) this.on.move(this.cursor);
    this.on.hover(this.cursor);
    this.draw();
  }

  press() {
    if (!this.raster) return;
    this.cursor ??= { x: this.raster.width / 2, y: this.raster.height / 2 };
    if (this.tool === "polygon") this.points.push(this.cursor);
    else if (this.keyboardDown) {
      this.keyboardDown = false;
      this.on.end();
    } else {
      this.keyboardDown = true;
      this.on.begin(this.cursor, false);
    }
    this.draw();
  }

  draw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.paint();
      this.draws++;
      if (this.paintedAt) {
        this.frameMs = performance.now() - this.paintedAt;
        this.paintedAt = 0;
      }
    });
  }

  paint() {
    const context = this.canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.raster) return;
    const { scale, aspect } = this;
    context.setTransform(scale * ratio, 0, 0, scale * aspect * ratio, this.x * ratio, this.y * ratio);
    context.imageSmoothingEnabled = scale < 6;
    context.imageSmoothingQuality = scale < 1 ? "high" : "low";
    context.drawImage(this.raster.image, 0, 0);
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(this.raster.overlay, 0, 0);
    this.paintOutlines(context);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paintPolygon(context);
    this.paintCursor(context);
  }

  paintOutlines(context) {
    const { colours, draft } = this.on.look();
    if (draft) context.setLineDash([6 / this.scale, 4 / this.scale]);
    context.lineJoin = "round";
    for (const [width, shade] of [[3.4, "rgb(0 0 0 / 35%)"], [1.9, null]]) {
      for (const [value, path] of this.raster.traced()) {
        const colour = colours[value];
        context.lineWidth = width / this.scale;
        context.strokeStyle = shade ?? `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
        context.stroke(path);
      }
    }
    context.setLineDash([]);
  }

  onStage(point) {
    return [this.x + point.x * this.scale, this.y + point.y * this.scale * this.aspect];
  }

  paintPolygon(context) {
    if (!this.points.length) return;
    context.beginPath();
    for (const point of this.points) context.lineTo(...this.onStage(point));
    if (this.cursor) context.lineTo(...this.onStage(this.cursor));
    context.lineWidth = 3;
    context.strokeStyle = "rgb(0 0 0 / 60%)";
    context.stroke();
    context.lineWidth = 1.5;
    context.strokeStyle = "#fff";
    context.stroke();
    for (const point of this.points) {
      const [x, y] = this.onStage(point);
      context.fillStyle = "#fff";
      context.fillRect(x - 3, y - 3, 6, 6);
    }
  }

  paintCursor(context) {
    if (!this.cursor || this.mode === "pan") return;
    const [x, y] = this.onStage(this.cursor);
    const radius = this.tool === "polygon" || this.tool === "hand" ? 0 : Math.max(2, this.radius * this.scale);
    for (const [width, colour] of [[3, "rgb(0 0 0 / 55%)"], [1.4, this.keyboardDown ? "#ffd166" : "#fff"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.beginPath();
      if (radius) context.arc(x, y, radius, 0, 7);
      else if (this.tool === "polygon") {
        context.moveTo(x - 8, y);
        context.lineTo(x + 8, y);
        context.moveTo(x, y - 8);
        context.lineTo(x, y + 8);
      }
      context.stroke();
    }
  }
}
