// The numbers at the top: how far, how long, how much, how good.

import { byId, el, say } from "./dom.js";
import { clock, count, difference, duration, many, range, reasoned, score, trouble, usd } from "./words.js";

const PART = 100;
const REASONS = { disk_full: "the server's disk is full", rate_limited: "the provider limits the rate of calls", provider_down: "the provider does not answer" };

/** Show the numbers of a model. */
export function drawSummary(model, matrix, job, stopReasons, onCase) {
  byId("status").firstElementChild.dataset.status = model.status;
  byId("status").firstElementChild.textContent = model.status;
  say("why", stopReasons[model.stopReason] || "");
  for (const each of document.querySelectorAll("[data-shape=undecided]")) each.textContent = model.running ? "being run" : "not decided";
  document.title = `${title(model)} ${job.job_id}${job.simulated ? " (simulated)" : ""} · gepa-next`;
  say("iteration", `${model.iteration} / ${model.iterations}`);
  Object.assign(byId("iteration-bar"), { max: model.iterations, value: model.iteration });
  spent(model);
  faults(model);
  told(model.told);
  against(matrix.againstSeed(model.bestId), model);
  waiting(model);
  outcome(model, onCase);
  byId("warnings").replaceChildren(...model.warnings.map(warning));
  drawTime(model);
}

/** Show the time, which goes on without events. */
export function drawTime(model) {
  const now = Date.now() / 1000;
  const passed = model.timeSpent(now);
  say("elapsed", passed === null ? "not started" : duration(passed));
  const left = model.timeLeft(now);
  say("eta", left === null || model.waiting ? "" : range(left));
}

function title(model) {
  return model.status === "running" ? `${model.iteration}/${model.iterations} ${score(model.bestScore)}` : model.status;
}

function spent(model) {
  const { budget } = model;
  say("cost", usd(model.cost));
  say("cost-of", budget.max_cost_usd === null ? "no limit" : `of ${usd(budget.max_cost_usd)}`);
  say("rollouts", count(model.rollouts));
  say("rollouts-of", count(budget.max_rollouts));
  say("calls", count(model.calls) + (budget.max_calls === null ? "" : ` of ${count(budget.max_calls)}`));
  if (model.tokens) say("tokens", `${count(model.tokens[0])} tokens in, ${count(model.tokens[1])} out`);
}

function faults(model) {
  const all = model.errors + model.waits;
  say("faults", count(all));
  const parts = [
    model.errors ? `${many(model.errors, "rollout")} failed` : "",
    model.unscored ? `${count(model.unscored)} for the judge` : "",
    model.waits ? `waited ${many(model.waits, "time")}` : "",
  ];
  say("faults-of", parts.filter(Boolean).join(", ") || (model.running ? "none so far" : "none"));
}

function told({ seed, best, name, on, selected }) {
  say("best-name", name);
  say("best", score(best));
  say("seed", score(seed));
  say("gain", best === null || seed === null ? "" : difference(best - seed));
  say("best-on", on);
  say("selected", selected);
}

function against({ wins, losses, ties }, model) {
  if (wins + losses + ties === 0 || model.bestId === 0) return say("wins", model.bestId === 0 && model.seedScore !== null ? "none is better" : "–");
  say("wins", `${many(wins, "win")}, ${many(losses, "loss", "losses")}`);
  say("wins-of", `${many(ties, "tie")} on ${many(wins + losses + ties, "example")} to select by`);
}

function waits(data) {
  const where = trouble(data);
  const why = `${REASONS[data.reason] || reasoned(data.reason)}${where && ` (${where})`}`;
  const end = data.until ? `, and fails if that lasts until ${clock(data.until)}; then it can be resumed` : "";
  return `Waiting: ${why}. It goes on by itself when that is over${end}.`;
}

function waiting(model) {
  byId("waiting").hidden = model.waiting === null;
  if (model.waiting) say("waiting", waits(model.waiting));
  byId("failure").hidden = model.error === null;
  if (model.error) byId("failure").replaceChildren(el("b", {}, model.error.code), ` ${model.error.message}`);
}

function outcome(model, onCase) {
  const box = byId("outcome");
  box.hidden = !model.result;
  if (!model.result || box.dataset.of === String(model.events.length)) return;
  box.dataset.of = String(model.events.length);
  const { verdict, says, test, retest } = model.result;
  const { seed, best, on } = model.told;
  const found = test || retest;
  const words = found?.interval
    ? ` (difference ${difference(found.difference)}, 95 % between ${found.interval.map(difference).join(" and ")}; ${many(found.wins, "win")}, ${many(found.losses, "loss", "losses")})`
    : "";
  box.replaceChildren(el("p", {}, el("b", {}, reasoned(verdict)), `: ${score(seed)} → ${score(best)} ${on}${words}.`), el("p", {}, says), ...regressions(found, retest ? 1 : model.bestId, onCase));
}

const warning = ({ code, message }) => el("p", { class: "notice warning" }, el("b", {}, reasoned(code)), `: ${message}`);

function regressions(found, candidate, onCase) {
  if (!found?.lost?.length) return [];
  const buttons = found.lost.map((id) => {
    const button = el("button", { class: "plain" }, id);
    button.addEventListener("click", () => onCase(candidate, id));
    return button;
  });
  return [el("p", {}, "Scored lower than before on: ", ...buttons.flatMap((each, n) => (n ? [", ", each] : [each])), ".")];
}

/** Show the latest lessons of a model, and more of them on demand. */
export function drawLessons(model, onPick) {
  const [list, more] = [byId("lessons"), byId("lessons-more")];
  const most = more.dataset.wanted ? Infinity : PART;
  const shown = `${model.lessons.length} ${most}`;
  if (!model.lessons.length || list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  list.replaceChildren(...model.lessons.slice(-most).map((each) => lesson(each, onPick)).reverse());
  more.hidden = model.lessons.length <= most;
  more.onclick = () => {
    more.dataset.wanted = "all";
    drawLessons(model, onPick);
  };
}

function lesson(each, onPick) {
  const source = el("button", { class: "plain" }, `candidate ${each.candidate}`);
  source.addEventListener("click", () => onPick(each.candidate));
  return el("li", {}, el("span", {}, each.text), " ", el("small", {}, source, `iteration ${each.iteration}${each.gain === null ? "" : `, ${difference(each.gain)}`}`));
}
