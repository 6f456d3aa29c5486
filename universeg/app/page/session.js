// What the page knows of the session: the list of images and everything the server tells.

export const session = {
  version: -1,
  opened: -1,
  keys: [],
  images: new Map(),
  labels: [],
  settings: {},
  examples: { count: 0, needed: 3 },
  expected: null,
  order: [],
  work: {},
  export: {},
  findings: [],
  notes: [],
};

/** Take over what an event tells; true if another folder was opened. */
export function takeOver(told) {
  const isNew = told.opened !== session.opened;
  const { images = [], ...rest } = told;
  if (isNew) session.images = new Map();
  Object.assign(session, rest);
  if (isNew && told.keys === undefined) session.keys = [];
  for (const image of images) session.images.set(image.key, image);
  return isNew;
}

/** What is known of one slice: "none", "draft", "yours", "done" or "example". */
export function sliceState(image, row) {
  const own = image.slices[row];
  if (own) return own[1] ? "example" : own[0] ? "done" : "yours";
  return row in image.drafts ? "draft" : "none";
}

/** The state of a whole image, for the list. */
export function imageState(image) {
  if (image.error) return "error";
  if (!image.volume) return sliceState(image, 0);
  const own = Object.values(image.slices);
  if (own.some(([, example]) => example)) return "example";
  if (own.some(([done]) => !done)) return "yours";
  if (own.length) return "done";
  return Object.keys(image.drafts).length ? "draft" : "none";
}

/** Whether all of an image is done; of a volume only if each slice is. */
export function isDone(image) {
  if (!image.volume) return ["done", "example"].includes(sliceState(image, 0));
  const own = Object.values(image.slices);
  return image.count !== null && own.length >= image.count && own.every(([done]) => done);
}

/** Whether a draft was made with the present examples. */
export function isCurrent(image, row) {
  return image.drafts[row] === session.examples.number;
}

/** Whether "segment the rest" has something to do. */
export function hasRest() {
  return [...session.images.values()].some((image) => !image.error && (image.volume
    ? image.count === null || Object.keys(image.slices).length + Object.keys(image.drafts).length < image.count || !Object.keys(image.drafts).every((row) => image.slices[row] || isCurrent(image, row))
    : !image.slices[0] && !isCurrent(image, 0)));
}

export function grade(dice) {
  return dice >= 85 ? "well" : dice >= 60 ? "partly" : "yet";
}
