// The event log, latest first; of a long one the latest part, and more on demand.

import { byId, el } from "./dom.js";
import { clock, kind, told } from "./words.js";

const PART = 200;

/** Show the events of a model. */
export class EventLog {
  constructor(onChange) {
    Object.assign(this, { most: PART, kinds: new Set(), seen: 0, onChange });
    byId("log-only").hidden = false;
    byId("log-only").addEventListener("change", onChange);
    byId("log-more").addEventListener("click", () => {
      this.most += PART * 5;
      onChange();
    });
  }

  draw(model) {
    const only = byId("log-only").value;
    this.offer(model, only);
    const found = [];
    let place = model.events.length - 1;
    for (; place >= 0 && found.length < this.most; place -= 1) {
      if (!only || kind(model.events[place]) === only) found.push(model.events[place]);
    }
    byId("log-more").hidden = place < 0;
    if (found.length) this.fill(found);
  }

  /** Put new lines in front of those that are there, if the rest is the same. */
  fill(found) {
    const list = byId("log");
    const first = Number(list.firstElementChild?.dataset.id || 0);
    const fresh = list.dataset.only === byId("log-only").value && list.childElementCount <= this.most ? found.filter((each) => each.id > first) : found;
    if (fresh.length === found.length || !first) list.replaceChildren(...found.map(line));
    else list.prepend(...fresh.map(line));
    while (list.childElementCount > found.length) list.lastElementChild.remove();
    if (list.childElementCount < found.length) list.append(...found.slice(list.childElementCount).map(line));
    list.dataset.only = byId("log-only").value;
  }

  offer(model, only) {
    const known = this.kinds.size;
    for (; this.seen < model.events.length; this.seen += 1) this.kinds.add(kind(model.events[this.seen]));
    if (this.kinds.size === known) return;
    byId("log-only").replaceChildren(el("option", { value: "" }, "all stages"), ...[...this.kinds].sort().map((each) => el("option", { value: each, selected: each === only }, each)));
  }
}

function line(event) {
  return el("li", { "data-id": event.id },
    el("span", { class: "quiet number" }, String(event.id)),
    el("time", { datetime: new Date(event.ts * 1000).toISOString() }, clock(event.ts)),
    el("b", {}, kind(event)),
    el("span", {}, told(event)));
}
