// The page of one job: its events come in, and what they change is drawn once a frame.

import { Actions } from "./actions.js";
import { ask } from "./api.js";
import { openCase } from "./case.js";
import { Curve } from "./curve.js";
import { byId, chosen, onChosen } from "./dom.js";
import { HeatMap } from "./heatmap.js";
import { EventLog } from "./log.js";
import { Matrix } from "./matrix.js";
import { Model } from "./model.js";
import { PromptPanel } from "./prompt.js";
import { Stream } from "./stream.js";
import { drawLessons, drawSummary, drawTime } from "./summary.js";
import { Tree } from "./tree.js";
import { localTimes } from "./words.js";

const CONNECTIONS = {
  connecting: "Connecting…",
  live: "Live",
  waiting: "No connection; trying again",
  paused: "Paused while hidden",
  ended: "The job has ended",
  refused: "The session is over: log in again",
  gone: "This job is deleted",
};
const SCORED = new Set(["seed", "evaluate", "iteration", "select"]);
const TICK_MS = 1000;
const SHARE = 4; // a page that takes long to draw is drawn so much less often

const { job, seedPrompt, lastEventId, stopReasons, needs } = JSON.parse(byId("given").textContent);
const model = new Model(job);
const view = { by: "iteration", picked: null, only: "all", rejected: true };
let [timer, next] = [null, 0];

const matrix = new Matrix(job.job_id, () => drawSoon());
const curve = new Curve(pick);
const tree = new Tree(pick);
const openHere = (candidate, example) => openCase(job.job_id, candidate, example).catch(missing);
const heat = new HeatMap(openHere);
const prompt = new PromptPanel(job.job_id, seedPrompt, pick, missing);
const log = new EventLog(() => drawSoon());
const actions = new Actions(needs, (state) => {
  Object.assign(model, { budget: state.budget, iterations: state.iterations, error: state.error, warnings: state.warnings });
  if (state.status === "queued") model.status = "queued";
  stream.wait = 0;
  stream.open();
  drawSoon();
}, missing);
const stream = new Stream(job.job_id, { onEvents: take, onConnection: connection });

onChosen("by", () => choose({ by: chosen("by") }));
onChosen("only", () => choose({ only: chosen("only") }));
byId("tree-rejected").addEventListener("change", (event) => choose({ rejected: event.target.checked }));
new ResizeObserver(() => drawSoon()).observe(byId("curve"));
setInterval(() => model.running && !document.hidden && drawTime(model), TICK_MS);
localTimes(document.querySelector(".facts"));
actions.draw(model, view);
stream.open();

function take(events) {
  for (const event of events) model.fold(event);
  if (stream.last < lastEventId) return; // until all that had happened is here, what the server has drawn is truer
  if (events.some(({ type, data }) => type !== "progress" || SCORED.has(data.stage))) matrix.refresh();
  drawSoon();
}

function choose(change) {
  Object.assign(view, change);
  drawSoon();
}

/** Show one candidate everywhere; null is the best so far. */
function pick(candidate) {
  choose({ picked: candidate === model.bestId ? null : candidate });
}

async function connection(state) {
  const shown = byId("connection");
  if (shown.dataset.state === state) return;
  if (state === "ended") await settle();
  if (state === "ended" && (stream.connected || stream.gone)) return; // another state has come meanwhile
  shown.dataset.state = state;
  shown.textContent = CONNECTIONS[state];
  if (matrix.wanted && (state === "live" || state === "ended")) matrix.refresh();
  byId("gone").hidden = state !== "gone";
  if (state === "gone") retire();
  if (state === "refused") {
    const link = Object.assign(document.createElement("a"), { href: `/login?next=${encodeURIComponent(location.pathname)}`, textContent: "log in" });
    shown.replaceChildren("The session is over: ", link);
  }
}

/** Offer nothing more of a job that is deleted. */
function retire() {
  for (const each of document.querySelectorAll(".actions, [popover]")) each.remove();
}

/** Find out, where something of the job is not there, whether the job itself is gone. */
async function missing(refusal) {
  if (refusal.status !== 404 || stream.gone) return;
  const status = await ask(`/v1/optimize/${job.job_id}`).then(() => 200, (refused) => refused.status);
  if (status === 404) stream.left();
}

/** Show all of a job that has ended, with the numbers of its state: what the last calls came to is in no event. */
async function settle() {
  const state = stream.last === lastEventId ? job : await ask(`/v1/optimize/${job.job_id}`).catch(() => null);
  if (state?.status === model.status) model.settle(state);
  drawNow();
}

function drawSoon() {
  timer ??= setTimeout(() => requestAnimationFrame(drawNow), Math.max(0, next - performance.now()));
}

function drawNow() {
  timer = null;
  const began = performance.now();
  if (model.events.length && stream.last >= lastEventId) draw();
  next = performance.now() + SHARE * (performance.now() - began);
}

function draw() {
  drawSummary(model, matrix, job, stopReasons, openHere);
  drawLessons(model, pick);
  actions.draw(model, view);
  curve.draw(model, view);
  tree.draw(model, matrix, view);
  heat.draw(model, matrix, view);
  prompt.draw(model, view);
  log.draw(model);
}
