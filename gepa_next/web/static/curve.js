// The score curve: a dot for every candidate, a step line for the best so far.

import { byId, svg } from "./dom.js";
import { count, many, reasoned, score, usd } from "./words.js";
import { dot } from "./shapes.js";

const HEIGHT = 300;
const MARGIN = { left: 44, right: 14, top: 12, bottom: 34 };
const STEPS = [1, 2, 2.5, 5, 10];
const SPREAD = 0.6;

/** Draw the curve of a model by iteration, rollouts or cost; a click on a dot picks its candidate. */
export class Curve {
  constructor(onPick) {
    this.figure = byId("curve");
    this.figure.addEventListener("click", (event) => {
      const found = event.target.closest("[data-id]");
      if (found) onPick(Number(found.dataset.id));
    });
    this.figure.addEventListener("pointerover", ({ target }) => this.name(target));
  }

  /** Have a dot say what it is; of thousands only those that are asked. */
  name(dot) {
    const candidate = this.model?.candidates.get(Number(dot.dataset.id));
    if (!candidate || dot.firstChild) return;
    const on = candidate.compared ? ` on ${many(candidate.compared, "example")}` : "";
    const now = this.model.scoreOf(candidate) === candidate.score ? "" : ` (now ${score(candidate.now)})`;
    const why = candidate.reason ? `: ${reasoned(candidate.reason)}` : "";
    const about = `#${candidate.id} ${score(candidate.score)}${on}${now}, ${this.model.kindOf(candidate)}${why}`;
    dot.append(svg("title", {}, about));
  }

  draw(model, { by, picked }) {
    const width = Math.max(260, this.figure.clientWidth);
    const shown = [model.events.length, model.iterations, by, picked, width].join();
    if (shown === this.shown) return;
    Object.assign(this, { model, shown });
    const dots = [...model.candidates.values()].filter((each) => each.score !== null && each.x !== null && each.x[by] !== null);
    if (!dots.length) return;
    const scales = scalesOf(dots, model, by, width);
    const drawing = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": summary(model, dots) });
    drawing.append(...axes(scales, by, width), line(model, scales, by));
    const seats = by === "iteration" ? seatsOf(dots, model) : new Map();
    for (const each of dots.sort((a, b) => rank(model, a) - rank(model, b))) drawing.append(mark(model, each, scales, by, seats, picked));
    this.figure.replaceChildren(drawing);
  }
}

const rank = (model, candidate) => ["refused", "rejected", "undecided", "accepted", "frontier", "seed", "best"].indexOf(model.kindOf(candidate));

function summary(model, dots) {
  const accepted = dots.filter((each) => each.decision === "accepted").length;
  return `Scores of ${dots.length} candidates, ${accepted} of them accepted. Seed prompt ${score(model.seedScore)}, best ${score(model.bestScore)}.`;
}

function scalesOf(dots, model, by, width) {
  const scores = [...dots.map((each) => each.score), ...model.steps.map((each) => each.score).filter((each) => each !== null)];
  const low = Math.max(0, Math.floor((Math.min(...scores) - 0.03) * 10) / 10);
  const high = Math.min(1, Math.ceil((Math.max(...scores) + 0.03) * 10) / 10);
  const least = by === "iteration" ? Math.min(model.iterations, Math.max(model.iteration + 1, 3)) : 0;
  const most = Math.max(least, ...dots.map((each) => each.x[by]), ...model.steps.map((each) => each.x[by] || 0));
  const end = by === "iteration" ? most + 0.5 : most || 1;
  const [room, depth] = [width - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  return {
    low, high, end,
    x: (value) => MARGIN.left + (value / end) * room,
    y: (value) => MARGIN.top + depth - ((value - low) / (high - low || 1)) * depth,
  };
}

function ticks(low, high, most) {
  const rough = (high - low) / most;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = STEPS.map((each) => each * size).find((each) => each >= rough - 1e-12);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step + 0; at <= high + 1e-9; at += step) found.push(at);
  return found;
}

function axes({ x, y, low, high, end }, by, width) {
  const bottom = HEIGHT - MARGIN.bottom;
  const worded = { iteration: count, rollouts: count, cost: usd }[by];
  const across = ticks(0, end, Math.max(2, Math.min(10, width / 90))).filter((each) => by === "cost" || Number.isInteger(each));
  return [
    ...ticks(low, high, 5).flatMap((each) => [
      svg("path", { class: "axis", d: `M${MARGIN.left} ${y(each)}H${width - MARGIN.right}` }),
      svg("text", { x: MARGIN.left - 12, y: y(each) + 4, "text-anchor": "end" }, score(each)),
    ]),
    ...across.map((each) => svg("text", { x: x(each), y: bottom + 23, "text-anchor": "middle" }, worded(each))),
  ];
}

function line(model, { x, y }, by) {
  const steps = model.steps.filter((each) => each.score !== null && each.x[by] !== null);
  const parts = steps.map((each, place) => (place ? `H${x(each.x[by])}V${y(each.score)}` : `M${x(each.x[by])} ${y(each.score)}`));
  return svg("path", { class: "step", d: parts.join("") || "M0 0" });
}

/** Spread the candidates of one iteration out to the left of its step, on which one that became the best stands. */
function seatsOf(dots, model) {
  const won = new Set(model.steps.map((each) => each.id));
  const together = new Map();
  for (const each of dots) together.set(each.x.iteration, [...(together.get(each.x.iteration) || []), each]);
  const seats = new Map();
  for (const group of together.values()) {
    group.sort((a, b) => won.has(a.id) - won.has(b.id));
    group.forEach((each, place) => seats.set(each.id, ((place + 1) / group.length - 1) * SPREAD));
  }
  return seats;
}

function mark(model, candidate, { x, y }, by, seats, picked) {
  const kind = model.kindOf(candidate);
  const at = by === "iteration" && kind !== "seed" ? Math.max(0, candidate.x[by] + (seats.get(candidate.id) || 0)) : candidate.x[by];
  const names = ["dot", kind, candidate.reason === "outrun" && "outrun", candidate.id === picked && "picked"];
  return svg("path", {
    d: dot(kind),
    class: names.filter(Boolean).join(" "),
    transform: `translate(${x(at).toFixed(1)} ${y(candidate.score).toFixed(1)})`,
    "data-id": candidate.id,
  });
}
