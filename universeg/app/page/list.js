// The list of images at the left, sorted by what needs a look first, or by name.

import { imagePath } from "./api.js";
import { grade, imageState, isDone, session } from "./session.js";

const WORDS = { none: "not segmented", draft: "draft", yours: "being painted", done: "accepted", example: "example" };

export class List {
  constructor(element, choose) {
    Object.assign(this, { element, choose, rows: new Map(), sort: "first", shown: "" });
  }

  /** The keys in the order that is shown. */
  get keys() {
    return this.groups.flatMap(([, keys]) => keys);
  }

  get groups() {
    if (this.sort === "name") return [["", session.keys]];
    const drafts = session.order.filter((key) => session.images.has(key));
    const seen = new Set(drafts);
    const open = [], done = [];
    for (const key of session.keys) {
      if (seen.has(key)) continue;
      (isDone(session.images.get(key)) ? done : open).push(key);
    }
    return [["Look at these first", drafts], ["To do", open], ["Done", done]].filter(([, keys]) => keys.length);
  }

  update(current) {
    const groups = this.groups, order = JSON.stringify([this.sort, groups]);
    if (order !== this.shown) {
      const parts = [];
      for (const [heading, keys] of groups) {
        if (heading) {
          const item = document.createElement("li");
          item.className = "heading";
          item.textContent = `${heading} (${keys.length})`;
          parts.push(item);
        }
        for (const key of keys) parts.push(this.row(key).item);
      }
      const focused = document.activeElement?.closest?.("#list button");
      this.element.replaceChildren(...parts);
      focused?.focus({ preventScroll: true });
      this.shown = order;
    }
    for (const key of session.keys) this.fill(key, key === current);
  }

  forget() {
    this.rows.clear();
    this.shown = "";
  }

  row(key) {
    let row = this.rows.get(key);
    if (!row) {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.innerHTML = '<span class="thumb"></span><span><span class="name"></span><span class="state"></span></span><span class="score"></span>';
      button.addEventListener("click", () => this.choose(key));
      item.append(button);
      row = { item, button, drawn: "" };
      this.rows.set(key, row);
    }
    return row;
  }

  fill(key, current) {
    const image = session.images.get(key), row = this.row(key);
    const drawn = `${image.changed} ${session.labels.map((label) => label.colour).join()}`;
    const look = JSON.stringify([image.slices, image.drafts, session.labels.map((label) => label.colour), session.opened]);
    if (current !== row.current) {
      row.button.setAttribute("aria-current", String(current));
      if (current) row.item.scrollIntoView({ block: "nearest" });
      row.current = current;
    }
    if (drawn === row.drawn) return;
    row.drawn = drawn;
    const part = (name) => row.button.querySelector(`.${name}`), state = imageState(image);
    part("name").textContent = image.title;
    part("state").textContent = stateWords(image, state);
    part("state").className = `state ${state === "error" ? "bad" : (image.volume ? isDone(image) : ["done", "example"].includes(state)) ? "good" : ""}`;
    const score = part("score");
    score.textContent = image.expected === null ? "" : Math.round(image.expected);
    score.className = `score ${image.expected === null ? "" : grade(image.expected)}`;
    row.button.title = image.error || (image.expected === null ? image.title : `${image.title}: expected Dice ${Math.round(image.expected)}`);
    const thumb = part("thumb");
    if (image.error) thumb.textContent = "!";
    else if (image.volume && !Object.keys(image.slices).length) thumb.textContent = "3-D";
    else if (look !== row.look) {
      row.look = look;
      const picture = thumb.querySelector("img") ?? document.createElement("img");
      picture.loading = "lazy";
      picture.alt = "";
      picture.src = `${imagePath(key)}/thumbnail?look=${encodeURIComponent(look)}`;
      thumb.replaceChildren(picture);
    }
  }
}

function stateWords(image, state) {
  if (state === "error") return "cannot be used";
  if (!image.volume) return WORDS[state];
  const own = Object.keys(image.slices).length, drafts = Object.keys(image.drafts).filter((row) => !image.slices[row]).length, of = image.count ?? "?";
  if (!own && !drafts) return image.count ? `${of} slices` : "volume";
  return `${own} of ${of} done${drafts ? `, ${drafts} ${drafts === 1 ? "draft" : "drafts"}` : ""}`;
}
