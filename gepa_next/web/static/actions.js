// What a visitor may ask of a job: the forms of the page, sent without leaving it.

import { byId } from "./dom.js";
import { problem, sent } from "./forms.js";

const SHOWN = { running: (model) => model.running, ended: (model) => !model.running, scored: (model) => model.seedScore !== null };

/** Offer what the job allows as it stands; call back with its state once the server has done what was asked, or with an answer that refuses it. */
export class Actions {
  constructor(needs, onDone, onRefusal) {
    Object.assign(this, { needs, onDone, onRefusal, stopping: false, picked: null });
    for (const form of document.querySelectorAll("[data-asks]")) form.addEventListener("submit", (event) => this.ask(event));
    byId("raise")?.addEventListener("beforetoggle", (event) => event.newState === "open" && this.offer());
  }

  /** Show what can be asked by now; a candidate that is picked is the one to pin or to fork from. */
  draw(model, { picked }) {
    for (const each of document.querySelectorAll("[data-when]")) each.hidden = !SHOWN[each.dataset.when](model);
    this.stopping &&= model.running;
    const stop = document.querySelector("[action$='/stop'] button");
    if (stop) Object.assign(stop, { disabled: this.stopping, textContent: this.stopping ? "Stopping…" : "Stop" });
    const fork = document.querySelector("a[href*='/fork']");
    if (fork) fork.search = picked === null ? "" : `?candidate_id=${picked}`;
    if (this.picked !== picked && byId("pin")) byId("pin").querySelector("[name=candidate_id]").value = picked ?? "";
    Object.assign(this, { model, picked });
  }

  /** Show the limits as they are by now, and which of them is to be raised. */
  offer() {
    const { iterations, budget, stopReason } = this.model;
    byId("need").textContent = this.needs[stopReason] || "";
    for (const each of byId("raise").querySelectorAll("input")) {
      each.value = { iterations }[each.name] ?? budget[each.name.replace("budget.", "")] ?? "";
    }
  }

  async ask(event) {
    event.preventDefault();
    const form = event.target;
    this.say(form, "");
    const { answer, page } = await sent(form);
    const given = page?.getElementById("given");
    if (answer?.ok && given) this.done(form, page, JSON.parse(given.textContent));
    else if (answer?.redirected) location.assign(answer.url); // the session is over
    else this.refused(form, page, answer);
  }

  refused(form, page, answer) {
    this.say(form, problem(page));
    if (answer) this.onRefusal(answer);
  }

  done(form, page, given) {
    form.closest("[popover]")?.hidePopover();
    byId("relations").replaceWith(document.adoptNode(page.getElementById("relations")));
    this.stopping = form.matches("[action$='/stop']");
    this.onDone(given.job);
    this.draw(this.model, this);
  }

  /** Say what went wrong where the visitor looks: in the form, or for want of room above the numbers. */
  say(form, text) {
    const place = form.querySelector(".wrong") || byId("failure");
    place.textContent = text;
    if (place.id) place.hidden = !text;
  }
}
