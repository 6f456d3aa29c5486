// Talks to the server: requests, events, and saving of masks that never gives up.

const RETRY_MS = 1500;

export class Problem extends Error {
  constructor(status, text) {
    super(text);
    this.status = status; // 0 if the server did not answer
  }
}

export async function request(method, path, { json, body, headers } = {}) {
  const options = { method, headers: { ...headers }, cache: method === "GET" ? "default" : "no-store" };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers["Content-Type"] = "application/json";
  } else if (body !== undefined) options.body = body;
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem(0, "The program does not answer.");
  }
  if (!answer.ok) throw new Problem(answer.status, (await answer.text()).trim());
  return answer;
}

export const get = async (path) => (await request("GET", path)).json();
export const post = (path, json = {}) => request("POST", path, { json });
export const put = (path, json) => request("PUT", path, { json });
export const imagePath = (key) => `/api/images/${encodeURIComponent(key)}`;
export const slicePath = (key, row) => `${imagePath(key)}/slices/${row}`;

export async function getMask(key, row) {
  const answer = await request("GET", `${slicePath(key, row)}/mask`);
  const values = new Uint8Array(await answer.arrayBuffer());
  return { values, source: answer.headers.get("X-Source"), revision: Number(answer.headers.get("X-Revision")) };
}

/** Calls `tell` with each change of the session, and `lost` with whether the server is gone. */
export function listen(tell, lost) {
  const events = new EventSource("/api/events");
  events.onmessage = (event) => {
    lost(false);
    tell(JSON.parse(event.data));
  };
  events.onopen = () => lost(false);
  events.onerror = () => {
    lost(true);
    if (events.readyState === EventSource.CLOSED) {
      events.close();
      setTimeout(() => listen(tell, lost), RETRY_MS);
    }
  };
}

async function zipped(values) {
  const stream = new Blob([values]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Sends masks one after the other; the newest of each slice wins. What is not saved yet is also kept in the browser. */
export class Saver {
  constructor({ saved, conflict, changed }) {
    this.told = { saved, conflict, changed };
    this.waiting = new Map(); // slice -> {key, row, values, revision}
    this.busy = false;
    this.failing = "";
  }

  get pending() {
    return this.waiting.size + (this.busy ? 1 : 0);
  }

  isPending(key, row) {
    return this.waiting.has(`${key}/${row}`) || this.sending === `${key}/${row}`;
  }

  /** Wait until a slice is saved. */
  async done(key, row) {
    while (this.isPending(key, row)) await new Promise((resolve) => setTimeout(resolve, 30));
  }

  /** `revision()` gives the revision that the server has of this slice, when it is sent. */
  save(folder, key, row, values, revision) {
    const name = `${key}/${row}`;
    this.waiting.set(name, { folder, key, row, values: values.slice(), revision });
    this.told.changed();
    this.run();
  }

  async run() {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.size) {
      const [name, job] = this.waiting.entries().next().value;
      this.waiting.delete(name);
      this.sending = name;
      const body = await zipped(job.values);
      keep(job, body);
      const headers = { "X-Revision": String(job.revision()) };
      try {
        const answer = await request("PUT", `${slicePath(job.key, job.row)}/mask`, { body, headers });
        this.failing = "";
        forget(job);
        this.told.saved(job.key, job.row, (await answer.json()).revision);
      } catch (problem) {
        if (problem.status !== 0 && problem.status !== 403) {
          forget(job);
          this.told.conflict(job.key, job.row, problem.message);
        } else {
          if (!this.waiting.has(name)) this.waiting.set(name, job);
          this.failing = problem.message;
          this.told.changed();
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
      this.sending = "";
    }
    this.busy = false;
    this.told.changed();
  }
}

// Unsaved strokes survive in the browser if both the program and the browser are killed.
const place = (job) => `universeg ${job.folder} ${job.key} ${job.row}`;

function keep(job, body) {
  try {
    let text = "";
    for (const byte of body) text += String.fromCharCode(byte);
    localStorage.setItem(place(job), JSON.stringify({ revision: job.revision(), body: btoa(text) }));
  } catch {
    // The store of the browser is full or switched off: then the stroke is on its way to the program only.
  }
}

function forget(job) {
  try {
    localStorage.removeItem(place(job));
  } catch {
    // as above
  }
}

/** Send what an earlier window could not save. A mask that changed since then is left as it is. */
export async function sendKept(folder) {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(`universeg ${folder} `));
  for (const name of names) {
    const [row, key] = name.slice(`universeg ${folder} `.length).split(" ").reverse();
    const { revision, body } = JSON.parse(localStorage.getItem(name));
    const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
    try {
      await request("PUT", `${slicePath(key, row)}/mask`, { body: bytes, headers: { "X-Revision": String(revision) } });
    } catch (problem) {
      if (problem.status === 0) return;
    }
    localStorage.removeItem(name);
  }
}
