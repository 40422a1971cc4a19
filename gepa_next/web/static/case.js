// The case view: one example, what the seed prompt and a candidate made of it, and what the judge said.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { difference, reasoned, score } from "./words.js";

/** Open the case of a candidate on an example; Refusal, which the case says, if it cannot be had. */
export async function openCase(jobId, candidate, exampleId) {
  const [dialog, body] = [byId("case"), byId("case-body")];
  byId("case-title").textContent = `Candidate ${candidate} on ${exampleId}`;
  body.replaceChildren(el("p", { class: "quiet" }, "Loading…"));
  if (!dialog.open) dialog.showModal();
  try {
    const found = await ask(`/jobs/${jobId}/case/${candidate}/${encodeURIComponent(exampleId)}`);
    body.replaceChildren(...shown(found, candidate));
  } catch (refusal) {
    body.replaceChildren(el("p", { class: "wrong" }, `This cannot be shown: ${refusal.message}.`));
    throw refusal;
  }
}

function shown({ example, rollouts }, candidate) {
  const of = (id) => rollouts.find((each) => each.candidate_id === id);
  const [seed, mine] = [of(0), of(candidate)];
  const gained = candidate && seed?.score != null && mine?.score != null ? difference(mine.score - seed.score) : null;
  const sides = candidate ? [side("Seed prompt", seed), side(`Candidate ${candidate}`, mine, gained)] : [side("Seed prompt", seed)];
  return [
    el("div", { class: "case" },
      el("div", { class: "pair" },
        el("div", {}, el("h3", {}, "Input"), text(example.input)),
        el("div", {}, el("h3", {}, "Ideal answer"), example.ideal === null ? el("p", { class: "quiet" }, "None was given.") : text(example.ideal))),
      el("div", { class: "pair" }, ...sides)),
  ];
}

function side(name, rollout, gained = null) {
  if (!rollout) return el("div", {}, el("h3", {}, name), el("p", { class: "quiet" }, "Not run on this example."));
  const result = rollout.score === null ? `failed: ${reasoned(rollout.error)}` : score(rollout.score);
  return el("div", {},
    el("h3", {}, `${name}: ${result}${gained ? ` (${gained})` : ""}`),
    rollout.output ? text(rollout.output) : el("p", { class: "quiet" }, "No output."),
    el("h3", {}, "What was said of it"),
    rollout.feedback ? text(rollout.feedback) : el("p", { class: "quiet" }, "Nothing."),
    rollout.flags.length ? el("p", { class: "quiet" }, rollout.flags.map(reasoned).join(", ")) : null);
}

const text = (content) => el("div", { class: "text", tabindex: 0 }, content);
