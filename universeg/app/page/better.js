// The dialog "Better results": what the program finds out from the examples, and what of it is in use.

import { post } from "./api.js";
import { session } from "./session.js";

const byId = (id) => document.getElementById(id);
const NAMES = { quick: "Quick", normal: "Normal", best: "Best" };

export function setUpBetter() {
  byId("better").addEventListener("click", () => {
    byId("better-failed").textContent = "";
    const now = session.better?.searching ?? session.better?.effort ?? "quick";
    byId("better-form").elements.effort.value = now;
    updateBetter();
    byId("better-dialog").showModal();
  });
  byId("better-form").addEventListener("change", updateBetter);
  byId("better-start").addEventListener("click", () => {
    const effort = session.better.searching ? null : byId("better-form").elements.effort.value;
    post("/api/better", { effort }).catch((problem) => (byId("better-failed").textContent = problem.message));
  });
}

/** Show what is in use, and how far the search is. */
export function updateBetter() {
  const { effort, adapted, lines, examples, searching } = session.better ?? { effort: "quick", lines: [] };
  const few = session.examples.count < session.examples.needed, button = byId("better");
  button.disabled = few || !session.measurable;
  button.title = few ? `After ${session.examples.needed} examples` : session.measurable ? "Find out what improves the drafts"
    : "After more slices of the volume, or slices of another one";
  button.textContent = searching ? "Improving …" : effort === "quick" ? "Improve…" : `Improved (${NAMES[effort]})`;
  const wanted = byId("better-form").elements.effort.value, start = byId("better-start");
  for (const choice of byId("better-form").elements.effort) choice.disabled = Boolean(searching);
  start.textContent = searching ? "Stop" : wanted !== "quick" ? "Start" : "Use one pass";
  start.disabled = !searching && wanted === "quick" && effort === "quick";
  const { doing, done } = session.work, bar = byId("better-bar");
  bar.hidden = !searching;
  if (searching && doing) bar.value = done;
  const items = lines.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  });
  byId("better-lines").replaceChildren(...items);
  byId("better-state").textContent = searching ? "You can go on painting. The drafts improve when this has ended."
    : effort === "quick" ? "In use: one pass for each image."
    : `In use: what was found with ${examples} examples${adapted ? ", and weights that were adapted to them" : ""}. `
      + (examples === session.examples.count ? "" : "The examples have changed since then: you can start again.");
}
