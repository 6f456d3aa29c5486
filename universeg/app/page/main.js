// Puts the parts of the page together, and shows what the session says.

import { Saver, imagePath, listen, post, put, request, sendKept, slicePath } from "./api.js";
import { setUpBetter, updateBetter } from "./better.js";
import { Controls } from "./controls.js";
import { openFolders, remember, setUpDialogs, updateExport } from "./dialogs.js";
import { Editor } from "./editor.js";
import { Labels } from "./labels.js";
import { List } from "./list.js";
import { grade, hasRest, isCurrent, isDone, session, sliceState, takeOver } from "./session.js";
import { Stage } from "./stage.js";

const byId = (id) => document.getElementById(id);
const SAMPLE = "A sample task of computer-made pictures: four examples, and drafts made from them. "
  + "Accept or correct a draft; then open your own folder.";
const PLANES_MS = 1500; // between pictures of the other planes while drafts come in
const ENOUGH = 16; // examples from which on more help little
const CHIPS = { none: "Not segmented", draft: "Draft", yours: "Being painted", done: "Accepted", example: "Example" };

const saver = new Saver({
  saved: (key, row, revision) => editor.saved(key, row, revision),
  conflict: (key, row, message) => {
    fail(message);
    if (key === editor.key && row === editor.row) editor.reload();
  },
  changed: () => showSaved(),
});
const stage = new Stage(byId("stage"), byId("canvas"), {
  look: () => ({ colours: editor.colours, draft: editor.source === "draft" }),
  begin: (point, erase) => (editor.canPaint ? editor.begin(point, erase) : sayWhyNot()),
  move: (point) => editor.move(point),
  end: () => editor.end(),
  close: () => closePolygon(),
  contrast: (dx, dy) => controls.drag(dx, dy),
  hasSlices: () => (editor.about?.count ?? 1) > 1,
  slices: (step) => showSlice(editor.row + step),
  hover: (point) => showReadout(point),
});
const editor = new Editor(stage, saver, () => showCurrent());
const list = new List(byId("list"), (key) => editor.show(key));
const labels = new Labels(byId("labels"), byId("add-label"), editor, fail);
labels.onPaint = () => controls.useTool("brush");
const controls = new Controls(stage, editor, {
  accept: () => mark(true, false), example: () => mark(true, true), next: () => go(1), previous: () => go(-1),
  rest: () => toggleRest(), open: () => openFolders(), slice: (step) => showSlice(editor.row + step),
  label: (number) => labels.chooseNumber(number), closePolygon: () => closePolygon(),
});
let failure = "", lost = false, connected = false;

function closePolygon() {
  const points = stage.points;
  stage.points = [];
  editor.fill(points);
}

// Moving between images and slices

function go(step) {
  const keys = list.keys, at = keys.indexOf(editor.key);
  if (keys.length) editor.show(keys[(at + step + keys.length) % keys.length]);
}

function showSlice(row) {
  if (!editor.about || row < 0 || row >= editor.about.count || row === editor.row) return;
  editor.show(editor.key, row);
}

/** After a slice is done: the next slice or image that needs the person. */
function advance(wasKey, wasRow) {
  const image = session.images.get(wasKey);
  if (image.volume && editor.about) {
    for (let row = wasRow + 1; row < editor.about.count; row++)
      if (!["done", "example"].includes(sliceState(image, row))) return editor.show(wasKey, row);
  }
  const open = session.keys.filter((key) => key !== wasKey && !isDone(session.images.get(key)) && !session.images.get(key).error);
  const needsMore = session.examples.count < session.examples.needed;
  const first = !needsMore && session.order.find((key) => open.includes(key));
  const after = open.find((key) => session.keys.indexOf(key) > session.keys.indexOf(wasKey));
  const next = first || after || open[0];
  if (next) editor.show(next);
}

// Actions

async function mark(done, example) {
  if (!editor.raster) return;
  const { key, row } = editor;
  editor.finish();
  if (done && editor.raster.isEmpty && editor.source !== "draft" && !sure(example)) return;
  try {
    await saver.done(key, row);
    await post(`${slicePath(key, row)}/mark`, { done, example });
    if (done && key === editor.key && row === editor.row) advance(key, row);
  } catch (problem) {
    fail(problem.message);
  }
}

function sure(example) {
  return confirm(`Nothing is painted here. ${example ? "Add it as an example of" : "Accept it as"} an image without the structure?`);
}

async function discard() {
  await editor.discard().catch((problem) => fail(problem.message));
}

async function toggleRest() {
  await post("/api/rest", { wanted: !session.resting }).catch((problem) => fail(problem.message));
}

async function sendSettings() {
  const axis = byId("axis").value;
  const settings = { ...session.settings, intensity: byId("intensity").value, channel: byId("channel").value };
  settings.axis = axis === "" ? null : Number(axis);
  await put("/api/settings", { settings }).catch((problem) => fail(problem.message));
}

// Showing

function fail(message) {
  failure = message;
  showBanner();
}

function showBanner() {
  const lines = [];
  if (lost && connected) lines.push("The program does not answer. What you paint is kept in this window and saved as soon as it is back. "
    + "Start it again (universeg app), and open the address that it prints.");
  if (failure) lines.push(failure);
  if (session.work.problem) lines.push(`There are no drafts: ${session.work.problem}`);
  lines.push(...(session.notes ?? []), ...(session.findings ?? []).slice(0, 3));
  const text = lines.join("\n") || (session.sample ? SAMPLE : ""), banner = byId("banner");
  banner.classList.toggle("calm", text === SAMPLE);
  banner.hidden = !text || text === banner.dataset.closed;
  if (banner.dataset.text === text) return;
  banner.dataset.text = text;
  const words = document.createElement("span"), close = document.createElement("button");
  words.textContent = text;
  Object.assign(close, { type: "button", textContent: "Close" });
  close.addEventListener("click", () => {
    banner.dataset.closed = text;
    failure = "";
    banner.hidden = true;
  });
  banner.replaceChildren(words, close);
}

function sayWhyNot() {
  if (session.imported === false) fail("The masks of the folder are being read. Wait a moment.");
}

function showSaved() {
  const saved = byId("saved");
  saved.classList.toggle("bad", Boolean(saver.failing));
  saved.textContent = saver.failing ? "Not saved yet" : saver.pending ? "Saving …" : "Saved";
}

function showReadout(point) {
  const level = point && editor.intensity(point);
  byId("readout").textContent = level === null || level === undefined || !point ? ""
    : `x ${Math.floor(point.x)}, y ${Math.floor(point.y)}, intensity ${Number(level.toPrecision(4))}`;
}

function showCurrent() {
  const { image, state, about, raster } = editor;
  if (!image) return;
  byId("title").textContent = image.title;
  const chip = byId("chip");
  const expected = state === "draft" && image.expected !== null ? `, expected Dice ${Math.round(image.expected)}` : "";
  const old = state === "draft" && !isCurrent(image, editor.row) ? ", made with earlier examples" : "";
  chip.textContent = editor.problem ? "Cannot be used" : CHIPS[state] + (image.volume ? "" : expected) + old;
  chip.className = `chip ${editor.problem ? "bad" : state === "draft" ? "draft" : ["done", "example"].includes(state) ? "done" : ""}`;
  const few = session.examples.count < session.examples.needed;
  byId("accept").disabled = !raster || state === "done";
  byId("example").disabled = !raster || state === "example";
  byId("accept").classList.toggle("primary", !few && state === "draft");
  byId("example").classList.toggle("primary", few || state !== "draft");
  byId("reopen").hidden = !["done", "example"].includes(state);
  byId("discard").hidden = !image.slices[editor.row] || !(editor.row in image.drafts);
  byId("undo").disabled = !raster || !editor.history.past.length;
  byId("redo").disabled = !raster || !editor.history.future.length;
  const several = (about?.count ?? 1) > 1;
  byId("slice-row").hidden = !several;
  if (several) showSliceRow(image, about);
  const letters = about?.directions ?? "";
  for (const [at, side] of ["left", "right", "bottom", "top"].entries())
    document.querySelector(`.side.${side}`).textContent = letters[at] ?? "";
  byId("axis-field").hidden = !about || about.axis === null;
  byId("channel-field").hidden = !about?.colours;
  showPlanes(about);
  if (raster) controls.suit(raster);
  controls.showWindow();
  const doubts = state === "draft" ? image.doubts[editor.row] ?? [] : [];
  byId("said").textContent = doubts.length ? `Look closely: ${doubts.join("; ")}` : "";
  showHint(state, few);
  list.update(editor.key);
}

function showSliceRow(image, about) {
  const slider = byId("slice");
  slider.max = about.count;
  slider.value = editor.row + 1;
  byId("slice-number").textContent = `${editor.row + 1} of ${about.count}`;
  const open = Object.keys(image.drafts).filter((row) => !image.slices[row]);
  byId("accept-all").disabled = !open.length;
  const ticks = byId("ticks"), context = ticks.getContext("2d");
  ticks.width = Math.max(about.count, ticks.clientWidth);
  const wide = ticks.width / about.count, style = getComputedStyle(document.body);
  for (let row = 0; row < about.count; row++) {
    const state = sliceState(image, row);
    if (state === "none") continue;
    context.fillStyle = style.getPropertyValue({ draft: "--partly", yours: "--soft" }[state] ?? "--good");
    context.fillRect(row * wide, state === "draft" ? 4 : 0, Math.max(1, wide - 0.5), 8);
  }
}

/** Of a volume: the two planes across the slice in view, through the place that was looked at last. */
function showPlanes(about) {
  const shown = Boolean(about && about.axis !== null && editor.raster);
  byId("planes").hidden = !shown;
  clearTimeout(showPlanes.later);
  if (!shown) return;
  const asked = byId("plane-0").dataset.source?.startsWith(slicePath(editor.key, editor.row));
  if (asked && performance.now() - showPlanes.last < PLANES_MS) {
    showPlanes.later = setTimeout(() => showPlanes(editor.about), PLANES_MS);
    return;
  }
  showPlanes.last = performance.now();
  const { width, height } = editor.raster, at = editor.place ?? { x: width / 2, y: height / 2 };
  const x = Math.max(0, Math.min(width - 1, Math.floor(at.x))), y = Math.max(0, Math.min(height - 1, Math.floor(at.y)));
  const names = ["Sagittal", "Coronal", "Axial"].filter((_, axis) => axis !== about.axis);
  for (const [across, name] of names.entries()) {
    const picture = byId(`plane-${across}`), look = JSON.stringify([editor.image.slices, editor.image.drafts]);
    const source = `${slicePath(editor.key, editor.row)}/across?plane=${across}&x=${x}&y=${y}&look=${hash(look)}`;
    if (picture.dataset.source === source) continue;
    picture.dataset.source = picture.src = source;
    picture.alt = `${name} plane through the volume`;
    picture.nextElementSibling.textContent = name;
  }
}

function hash(text) {
  let sum = 7;
  for (let at = 0; at < text.length; at++) sum = (sum * 31 + text.charCodeAt(at)) | 0;
  return sum;
}

function showHint(state, few) {
  const { count, needed } = session.examples, hint = byId("hint");
  let text = "";
  if (editor.problem) text = editor.problem;
  else if (few && state === "none") text = `Paint the structure, then press E to add it as an example (${count} of ${needed}).`;
  else if (few && state === "yours") text = `Press E when it is finished: then this is example ${count + 1} of ${needed}.`;
  else if (!few && state === "none" && editor.image.without) text = "There is no draft, since the examples are of another kind of image or of another plane.";
  else if (!few && state === "none" && session.work.doing !== "loading the network" && !session.work.problem) text = "The draft is being made …";
  hint.textContent = text;
  hint.hidden = !text || Boolean(editor.stroke);
}

function showMeter() {
  const { expected, examples } = session, dice = byId("dice");
  const sum = `${examples.count} ${examples.count === 1 ? "example" : "examples"}`;
  if (!expected) {
    dice.textContent = "–";
    dice.className = "figure";
    byId("verdict").textContent = "Expected Dice";
    byId("progress").textContent = examples.count < examples.needed
      ? `${sum}: add ${examples.needed - examples.count} more to get drafts`
      : session.measurable ? `${sum}: being measured …` : `${sum}: too few slices of one volume to measure it`;
    return;
  }
  dice.textContent = Math.round(expected.dice);
  dice.className = `figure ${grade(expected.dice)} ${expected.current ? "" : "old"}`;
  byId("verdict").textContent = `Expected Dice: ${expected.verdict}`;
  const advice = expected.dice < 85 && examples.count < ENOUGH ? ": more will help" : "";
  byId("progress").textContent = `${Math.round(expected.low)} to ${Math.round(expected.high)}, ${sum}${expected.current ? advice : ", measuring again …"}`;
  byId("meter").title = expected.told;
}

function showWork() {
  const { doing, done, total } = session.work;
  const bar = byId("work-bar");
  bar.hidden = !doing;
  if (total) [bar.max, bar.value] = [total, done];
  else bar.removeAttribute("value");
  byId("work-text").textContent = doing ? doing[0].toUpperCase() + doing.slice(1) + (total > 1 ? `: ${Math.floor(done)} of ${total}` : total ? `: ${Math.floor(100 * done)} %` : " …") : "";
  byId("rest").textContent = session.resting ? "Stop" : "Segment the rest";
  const few = session.examples.count < session.examples.needed;
  byId("rest").disabled = !session.resting && (few || !hasRest());
  byId("rest").title = few ? `After ${session.examples.needed} examples` : byId("rest").disabled ? "All images are segmented" : "Make all drafts (R)";
}

function showSettings() {
  for (const name of ["intensity", "channel", "axis"]) {
    const control = byId(name);
    if (document.activeElement !== control) control.value = String(session.settings[name] ?? "");
  }
}

// What the server tells

let axis, isNew = false;

async function hear(told) {
  connected = true;
  isNew = takeOver(told) || isNew;
  if (!session.keys.length || !session.imported) {
    showWork();
    byId("hint").textContent = `${byId("work-text").textContent || "Opening …"}`;
    byId("hint").hidden = false;
    showBanner();
    return;
  }
  if (isNew) {
    isNew = false;
    list.forget();
    editor.forgetAll();
    axis = session.settings.axis;
    await sendKept(session.path);
  }
  byId("folder").textContent = session.sample ? "Open your folder …" : session.folder;
  byId("open").classList.toggle("primary", session.sample);
  byId("open").title = `${session.path} (open another folder: O)`;
  const done = [...session.images.values()].filter(isDone).length;
  byId("count").textContent = `${session.sample ? "Sample task: " : ""}${session.keys.length} ${session.keys.length === 1 ? "image" : "images"}, ${done} done`;
  document.title = `${session.sample ? "Sample task" : session.folder} – universeg`;
  labels.update();
  showMeter();
  showWork();
  showSettings();
  updateExport();
  updateBetter();
  remember();
  showBanner();
  if (!editor.key) {
    await editor.show(firstKey());
  } else if (axis !== session.settings.axis) {
    axis = session.settings.axis;
    editor.cache.clear();
    await editor.show(editor.key);
  } else editor.follow();
  editor.recolour();
  showCurrent();
  showSaved();
}

function firstKey() {
  return session.order[0] || session.keys.find((key) => !isDone(session.images.get(key))) || session.keys[0];
}

byId("previous").addEventListener("click", () => go(-1));
byId("next").addEventListener("click", () => go(1));
byId("accept").addEventListener("click", () => mark(true, false));
byId("example").addEventListener("click", () => mark(true, true));
byId("reopen").addEventListener("click", () => mark(false, false));
byId("discard").addEventListener("click", discard);
byId("rest").addEventListener("click", toggleRest);
byId("slice").addEventListener("input", () => showSlice(Number(byId("slice").value) - 1));
byId("accept-all").addEventListener("click", () => post(`${imagePath(editor.key)}/accept`).catch((problem) => fail(problem.message)));
byId("sort").addEventListener("change", () => {
  list.sort = byId("sort").value;
  list.update(editor.key);
});
for (const id of ["intensity", "channel", "axis"]) byId(id).addEventListener("change", sendSettings);
window.addEventListener("beforeunload", (event) => {
  if (saver.pending) event.preventDefault();
});
setUpDialogs(fail);
setUpBetter();
history.replaceState(null, "", "/");
listen(hear, (gone) => {
  if (gone === lost) return;
  lost = gone;
  showBanner();
});
window.universegPage = { editor, stage, session, saver, sliceState }; // for tests
