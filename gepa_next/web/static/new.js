// The form for a new job: a quote first, then the job.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { readExamples } from "./examples.js";
import { count, difference, many, usd } from "./words.js";

const BUDGET = ["max_cost_usd", "max_rollouts", "max_seconds", "target_score", "patience"];
const NUMBERS = ["iterations", "population", "minibatch", "temperature", "seed"];
const ROLES = ["target", "judge", "reflector"];
const form = byId("new");
let key = crypto.randomUUID?.() || String(Math.random());

/** Return the body of the request; an Error if the examples cannot be read. */
function body() {
  const field = (name) => form.elements[name].value;
  const numbers = (names) => Object.fromEntries(names.filter((name) => field(name) !== "").map((name) => [name, Number(field(name))]));
  const tags = field("tags").split(",").map((each) => each.trim()).filter(Boolean);
  const keep = field("keep").split("\n").filter((each) => each.trim());
  return {
    prompt: field("prompt"),
    examples: readExamples(field("examples")),
    target_model_id: field("target_model_id"),
    metric: field("metric"),
    rubric: field("rubric"),
    ...numbers(NUMBERS),
    budget: numbers(BUDGET),
    ...(tags.length ? { bank: { tags } } : {}),
    ...(keep.length ? { constraints: { keep } } : {}),
  };
}

async function quote(event) {
  event.preventDefault();
  complain();
  const asked = read();
  if (!asked) return;
  byId("ask").disabled = true;
  try {
    const found = await ask("/v1/optimize/quote", { method: "POST", body: asked });
    byId("quote").replaceChildren(...shown(found));
    byId("start").disabled = false;
  } catch (refusal) {
    complain(refusal);
  }
  byId("ask").disabled = false;
}

async function start(event) {
  event.preventDefault();
  const asked = read();
  if (!asked) return;
  byId("start").disabled = true;
  try {
    const job = await ask("/v1/optimize", { method: "POST", body: asked, headers: { "Idempotency-Key": key } });
    location.assign(`/jobs/${job.job_id}`);
  } catch (refusal) {
    complain(refusal);
    byId("start").disabled = false;
  }
}

function read() {
  try {
    return body();
  } catch (error) {
    complain({ message: "the examples cannot be read", details: [{ path: "examples", message: error.message }] });
    return null;
  }
}

/** Say what is wrong beside the field it is about, the rest below; nothing clears it all. */
function complain(refusal = { message: "", details: [] }) {
  for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
  for (const each of form.querySelectorAll("[data-for]")) each.textContent = "";
  const rest = refusal.details.filter((each) => !beside(each));
  byId("wrong").textContent = !refusal.details.length ? refusal.message : rest.map((each) => `${each.path}: ${each.message}`).join("; ");
  form.querySelector("[aria-invalid]")?.focus();
}

function beside({ path, message }) {
  const name = path.replace(/^budget\./, "").split(".")[0];
  const field = form.elements[name];
  if (!field) return false;
  field.setAttribute("aria-invalid", "true");
  field.closest("details")?.setAttribute("open", "");
  const place = form.querySelector(`[data-for="${name}"]`);
  if (place) place.textContent = place.textContent ? `${place.textContent}; ${path}: ${message}` : `${path}: ${message}`;
  return Boolean(place);
}

/** Word a quote. */
function shown(found) {
  const rows = ROLES.filter((role) => found.per_call[role]).map((role) => row(`${role} ${found.per_call[role].model_id}`, found.expected.by_role[role], found.most.by_role[role]));
  const head = el("tr", {}, ...["", "calls", "tokens", "USD"].map((each) => el("th", { scope: "col", class: each && "number" }, each)));
  const { n, zero_or_one: least, graded, reason } = found.smallest_gain;
  return [
    el("table", { class: "quote" }, el("thead", {}, head), el("tbody", {}, ...rows, row("together", found.expected, found.most))),
    el("p", {}, `${many(found.expected.rollouts, "rollout")} expected, ${count(found.most.rollouts)} at most. ${found.split.train} examples to reflect on, ${found.split.val} to select by, ${n} held out.`),
    el("p", {}, least === null ? `No gain can be proved: ${reason}.` : `The smallest gain that could be shown: ${difference(least)} if scores are 0 or 1, ${difference(graded)} otherwise.`),
    ...found.warnings.map((each) => el("p", { class: "wrong" }, `${each.path}: ${each.message}`)),
    ...(found.unpriced_models.length ? [el("p", { class: "wrong" }, `No price is known of ${found.unpriced_models.join(", ")}.`)] : []),
    ...(found.simulated ? [el("p", {}, el("span", { class: "chip" }, "simulated"), " Nothing is spent.")] : []),
  ];
}

function row(name, expected, most) {
  const tokens = (each) => each.input_tokens + each.output_tokens;
  const pair = (worded, of) => el("td", { class: "number" }, worded(of(expected)), el("br"), el("small", {}, `at most ${worded(of(most))}`));
  return el("tr", {}, el("th", { scope: "row" }, name), pair(count, (each) => each.calls), pair(count, tokens), pair(usd, (each) => each.cost_usd));
}

function changed() {
  byId("start").disabled = true;
  key = crypto.randomUUID?.() || String(Math.random());
  if (byId("quote").querySelector("table")) byId("quote").replaceChildren(el("p", { class: "quiet" }, "The form has changed: get a new quote."));
}

function counted() {
  try {
    const found = readExamples(form.elements.examples.value);
    byId("examples-count").textContent = found.length ? many(found.length, "example") : "No examples: the reflector drafts 18 inputs from the prompt.";
  } catch (error) {
    byId("examples-count").textContent = `These cannot be read: ${error.message}`;
  }
}

form.addEventListener("input", changed);
form.elements.examples.addEventListener("input", counted);
byId("ask").addEventListener("click", quote);
byId("start").addEventListener("click", start);
form.addEventListener("submit", (event) => event.preventDefault());
byId("file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  form.elements.examples.value = await file.text();
  event.target.value = "";
  counted();
  changed();
});
