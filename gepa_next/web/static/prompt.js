// The prompt panel: a candidate's text in full, against its parent or the seed prompt, and since when each line is there.

import { ask } from "./api.js";
import { byId, chosen, el, onChosen } from "./dom.js";
import { blame, wordDifferences } from "./diff.js";
import { difference, reasoned, score } from "./words.js";

const LONGEST_LIST = 2000;

/** Show the text of the picked candidate; choosing another one in the list picks it. */
export class PromptPanel {
  constructor(jobId, seedPrompt, onPick, onRefusal) {
    Object.assign(this, { jobId, seedPrompt, onRefusal, families: new Map(), shown: null, model: null, listed: "" });
    byId("candidate").addEventListener("change", (event) => onPick(event.target.value === "best" ? null : Number(event.target.value)));
    onChosen("as", () => this.show());
    byId("copy").addEventListener("click", () => this.copy());
    byId("download").addEventListener("click", () => this.download());
    for (const id of ["candidate", "prompt-as", "prompt-tools"]) byId(id).hidden = false;
  }

  draw(model, { picked }) {
    const decided = [...model.candidates.values()].filter((each) => each.decision !== null);
    const id = picked ?? model.bestId;
    this.list(model, decided, picked);
    if (id === this.id && this.family) return this.about(model);
    Object.assign(this, { id, model });
    this.load(id, model.candidates.get(id)?.decision != null);
  }

  list(model, decided, picked) {
    const key = `${decided.length} ${model.bestId} ${model.bestScore} ${[...model.frontier].join()} ${picked}`;
    if (key === this.listed) return;
    this.listed = key;
    const option = (value, selected, text) => el("option", { value, selected }, text);
    const worded = (each) => `#${each.id} ${score(model.scoreOf(each))} ${model.kindOf(each)}`;
    const options = decided.slice(-LONGEST_LIST).reverse().map((each) => option(each.id, each.id === picked, worded(each)));
    const first = option("best", picked === null, `${model.retest ? "pinned" : "best"} (#${model.bestId})`);
    byId("candidate").replaceChildren(first, ...options);
  }

  async load(id, decided) {
    this.family = this.families.get(id) || null;
    if (!this.family && decided) {
      const found = await ask(`/jobs/${this.jobId}/ancestry/${id}`).catch((refusal) => void this.onRefusal(refusal));
      if (found) this.families.set(id, found.items);
      if (id !== this.id) return;
      this.family = found?.items || null;
    }
    this.about(this.model);
    this.show();
  }

  about(model) {
    const candidate = model.candidates.get(this.id);
    const parts = candidate?.decision ? about(candidate, model) : [];
    byId("prompt-about").textContent = parts.filter(Boolean).join(" · ");
  }

  get text() {
    return this.family ? this.family[0].text : this.seedPrompt;
  }

  /** Return the seed candidate, from which a pinned prompt does not descend. */
  get first() {
    const first = this.family.at(-1);
    return first.id ? { id: 0, text: this.seedPrompt } : first;
  }

  show() {
    const as = this.family ? chosen("as") : "full";
    const parent = this.family?.find((each) => each.id === this.family[0].parent_ids[0]);
    const box = byId("prompt");
    if (as === "full") box.replaceChildren(this.text);
    else if (as === "since") box.replaceChildren(since(this.family));
    else box.replaceChildren(...compared(as === "seed" ? this.first : parent, this.family[0]));
  }

  async copy() {
    await navigator.clipboard.writeText(this.text);
    byId("copy").textContent = "Copied";
    setTimeout(() => (byId("copy").textContent = "Copy"), 1500);
  }

  download() {
    const url = URL.createObjectURL(new Blob([this.text], { type: "text/plain" }));
    el("a", { href: url, download: `${this.jobId}-${this.id}.txt` }).click();
    URL.revokeObjectURL(url);
  }
}

function about(candidate, model) {
  const { id, iteration, operator, parents, difference: gained } = candidate;
  const origin = parents.length ? `${operator} of ${parents.map((each) => `#${each}`).join(" and ")}` : operator;
  return [
    `#${id}`,
    model.kindOf(candidate),
    reasoned(candidate.reason),
    id ? `iteration ${iteration}` : "",
    id ? origin : "",
    `score ${score(model.scoreOf(candidate))}`,
    gained != null ? `${difference(gained)} on ${candidate.compared} examples beside its parent` : "",
  ];
}

function compared(before, after) {
  if (!before || before.id === after.id) return [el("p", { class: "quiet" }, "There is nothing before it."), after.text];
  return wordDifferences(before.text, after.text).map(([sign, text]) => (sign === "=" ? text : el(sign === "+" ? "ins" : "del", {}, text)));
}

function since(family) {
  const rows = blame(family).flatMap(([origin, line]) => [
    el("span", { title: `candidate ${origin.id}` }, origin.id ? `iteration ${origin.iteration}` : "seed"),
    el("span", {}, line || " "),
  ]);
  return el("div", { class: "since" }, ...rows);
}
