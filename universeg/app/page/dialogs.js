// The dialogs: export, open a folder, help.

import { get, post } from "./api.js";
import { session } from "./session.js";

const byId = (id) => document.getElementById(id);

export const KEYS = [
  ["B", "brush"], ["X", "eraser"], ["G", "polygon"], ["T", "threshold brush"], ["H", "move the image"],
  ["[ ]", "smaller, larger brush"], ["1 … 9", "choose a label"], ["Right button", "erase"],
  ["Ctrl+Z", "undo"], ["Ctrl+Y", "redo"], ["A", "accept"], ["E", "add as example"],
  ["N, P", "next, previous image"], ["Page up, down", "slices of a volume"], ["R", "segment the rest"],
  ["M", "show or hide the mask"], ["W", "automatic contrast"], ["Shift+drag", "contrast, brightness"],
  ["Wheel", "zoom (slices of a volume; Ctrl+wheel zooms)"], ["F, +, −", "fit, zoom in, zoom out"],
  ["Arrows", "move the brush, Shift: faster"], ["Space", "put the brush down, lift it"],
  ["Enter", "close a polygon"], ["Esc", "give up a polygon"],
];

export function setUpDialogs(failed) {
  setUpExport();
  setUpFolders();
  const list = byId("keys");
  for (const [key, what] of KEYS) {
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.innerHTML = "<kbd></kbd>";
    term.firstChild.textContent = key;
    text.textContent = what;
    list.append(term, text);
  }
  byId("help").addEventListener("click", () => byId("help-dialog").showModal());
  byId("quit").addEventListener("click", async () => {
    await post("/api/quit").catch(() => {});
    byId("help-dialog").close();
    failed("universeg has ended. You may close this window.");
  });
}

function setUpExport() {
  byId("export").addEventListener("click", () => {
    byId("export-state").textContent = `The masks are written to ${session.path}/universeg-page/export.`;
    byId("export-dialog").showModal();
  });
  byId("export-start").addEventListener("click", async () => {
    byId("export-state").textContent = "Exporting …";
    try {
      await post("/api/export", { format: byId("format").value, drafts: byId("with-drafts").checked });
    } catch (problem) {
      byId("export-state").textContent = problem.message;
    }
  });
}

/** Show how far the export is. */
export function updateExport() {
  byId("format").querySelector("[value=seg]").hidden = !session.dicom;
  const { doing, done, total, problem, result } = session.export ?? {};
  byId("export-start").disabled = Boolean(doing);
  if (doing) byId("export-state").textContent = `Exporting ${done} of ${total} …`;
  else if (problem || result) byId("export-state").textContent = [result, problem].filter(Boolean).join("\n");
}

function setUpFolders() {
  const path = byId("path");
  byId("open").addEventListener("click", () => openFolders());
  byId("folder-close").addEventListener("click", () => byId("folder-dialog").close());
  path.addEventListener("change", () => listPlaces(path.value));
  byId("folder-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    byId("folder-state").textContent = "Opening …";
    try {
      await post("/api/folder", { path: path.value });
      byId("folder-dialog").close();
    } catch (problem) {
      byId("folder-state").textContent = problem.message;
    }
  });
}

const RECENT = "universeg recent", MOST_RECENT = 5;

function recent() {
  try {
    return JSON.parse(localStorage.getItem(RECENT) ?? "[]");
  } catch {
    return [];
  }
}

/** Keep the open folder in the list of those that were opened last. */
export function remember() {
  if (session.sample || !session.path || recent()[0] === session.path) return;
  const paths = [session.path, ...recent().filter((path) => path !== session.path)].slice(0, MOST_RECENT);
  try {
    localStorage.setItem(RECENT, JSON.stringify(paths));
  } catch {
    // The store of the browser is full or switched off: then the list stays as it is.
  }
}

export function openFolders() {
  byId("folder-dialog").showModal();
  listPlaces(session.sample ? "" : session.path ?? "");
}

async function listPlaces(where) {
  const list = byId("places");
  let found;
  try {
    found = await get(`/api/folders?path=${encodeURIComponent(where)}`);
  } catch (problem) {
    byId("folder-state").textContent = problem.message;
    return;
  }
  byId("path").value = found.path;
  byId("folder-state").textContent = found.images ? `${found.images} images directly in this folder` : "No images directly in this folder";
  const slash = found.path.includes("\\") ? "\\" : "/";
  const inner = found.folders.map((name) => [`${name}`, found.path.replace(/[\\/]$/, "") + slash + name]);
  const last = recent().filter((path) => path !== found.path).map((path) => [`Opened last: ${path}`, path]);
  const rows = [...last, ...(found.above === null ? [] : [["↑ one folder up", found.above]]), ...inner];
  list.replaceChildren(...rows.map(([name, target]) => {
    const item = document.createElement("li"), button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: name });
    button.addEventListener("click", () => listPlaces(target));
    item.append(button);
    return item;
  }));
  list.scrollTop = 0;
}
