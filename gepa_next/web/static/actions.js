// What a visitor may do to a job: stop, cancel, resume under larger limits.

import { ask } from "./api.js";
import { byId } from "./dom.js";

const LIMITS = ["max_rollouts", "max_calls", "max_tokens", "max_cost_usd", "max_seconds"];

/** Offer what the status of the job allows; call back once the server has done it. */
export class Actions {
  constructor(jobId, onDone) {
    Object.assign(this, { jobId, onDone, path: `/v1/optimize/${jobId}` });
    byId("actions").hidden = false;
    byId("stop").addEventListener("click", () => this.act(`${this.path}/stop`, { method: "POST" }, byId("stop")));
    byId("cancel").addEventListener("click", () => byId("sure").showModal());
    byId("sure").addEventListener("close", () => byId("sure").returnValue === "yes" && this.act(this.path, { method: "DELETE" }, byId("cancel")));
    byId("resume").addEventListener("click", () => this.offer());
    byId("raise").addEventListener("submit", (event) => this.raise(event));
  }

  draw(model) {
    for (const id of ["stop", "cancel"]) byId(id).hidden = !model.running;
    byId("resume").hidden = model.running;
    this.model = model;
  }

  async act(path, options, button) {
    button.disabled = true;
    try {
      this.onDone(await ask(path, options));
    } catch (refusal) {
      this.failed(refusal);
    }
    button.disabled = false;
  }

  failed(refusal) {
    byId("failure").hidden = false;
    byId("failure").textContent = `This did not work: ${refusal.message}.`;
  }

  /** Show the limits as they are, to be raised. */
  offer() {
    const { elements } = byId("raise").querySelector("form");
    elements.iterations.value = this.model.iterations;
    for (const name of LIMITS) elements[name].value = elements[name].defaultValue = this.model.budget[name] ?? "";
    elements.iterations.defaultValue = this.model.iterations;
    byId("raise-wrong").textContent = "";
    byId("raise").showModal();
  }

  async raise(event) {
    if (event.submitter?.value !== "yes") return;
    event.preventDefault();
    const { elements } = byId("raise").querySelector("form");
    const changed = (name) => elements[name].value !== elements[name].defaultValue;
    const number = (name) => (elements[name].value === "" ? null : Number(elements[name].value));
    const body = changed("iterations") ? { iterations: number("iterations") } : {};
    const budget = Object.fromEntries(LIMITS.filter(changed).map((name) => [name, number(name)]));
    if (Object.keys(budget).length) body.budget = budget;
    try {
      const job = await ask(`${this.path}/resume`, { method: "POST", body });
      byId("raise").close("done");
      this.onDone(job);
    } catch (refusal) {
      byId("raise-wrong").textContent = [refusal.message, ...refusal.details.map((each) => `${each.path}: ${each.message}`)].join("; ");
    }
  }
}
