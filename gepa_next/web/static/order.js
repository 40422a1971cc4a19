// A form that orders jobs. The server reads it, checks it and words the quote; its answer takes the form's place.

import { byId, el } from "./dom.js";
import { problem, sent } from "./forms.js";

const STALE = "The form has changed: this quote is for what it said before.";

/** Send the form as the browser would, and put what comes back where it stands. */
async function send(form, act) {
  const { answer, page } = await sent(form, { act });
  if (answer?.redirected) return location.assign(answer.url);
  const fresh = page?.querySelector("[data-order]");
  if (fresh) replace(form, document.adoptNode(fresh));
  else failed(form, problem(page));
}

function replace(form, fresh) {
  for (const each of form.querySelectorAll("details[open]")) fresh.querySelector(`#${each.id}`).open = true;
  form.replaceWith(fresh);
  fresh.querySelector("[autofocus]")?.focus();
}

function failed(form, said) {
  byId("answer")?.removeAttribute("id");
  const box = el("div", { id: "answer", class: "notice bad", role: "alert", tabindex: -1 }, said);
  form.prepend(box);
  box.focus();
}

/** Take the quote for what it is once the form says something else. */
function changed({ target }) {
  const start = byId("start");
  if (!start || start.disabled || !target.closest("[data-order]")) return;
  start.disabled = true;
  start.closest("p").before(el("p", { class: "wrong", role: "status" }, STALE));
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-order]")) return;
  event.preventDefault();
  send(event.target, event.submitter?.value || "quote");
});
document.addEventListener("input", changed);
