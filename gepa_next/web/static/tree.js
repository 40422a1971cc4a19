// The family tree: a column for each iteration, a node for each candidate, a ring with a part for each example.

import { byId, svg } from "./dom.js";
import { reasoned, score } from "./words.js";
import { node } from "./shapes.js";
import { VALIDATION } from "./matrix.js";

const [NARROWEST, WIDEST] = [58, 92];
const ROW = 46;
const EDGE = 30;
const RADIUS = 18.5;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEPT = new Set(["seed", "accepted", null]);

/** Draw the tree of a model; a click or Enter picks a candidate, arrow keys go from one to the next. */
export class Tree {
  constructor(onPick) {
    Object.assign(this, { figure: byId("tree"), onPick, places: new Map(), at: 0 });
    this.figure.addEventListener("click", (event) => this.pick(event));
    this.figure.addEventListener("keydown", (event) => this.pressed(event));
  }

  draw(model, matrix, { picked, rejected }) {
    const shown = [...model.candidates.values()].filter((each) => rejected || KEPT.has(each.decision) || each.id === picked);
    if (!shown.length) return;
    const columns = columnsOf(shown, model);
    const step = Math.max(NARROWEST, Math.min(WIDEST, (this.figure.clientWidth - 2 * EDGE) / Math.max(1, columns.length - 1)));
    this.places = placesOf(columns, step);
    const lineage = lineageOf(model, picked);
    const [width, height] = [(columns.length - 1) * step + 2 * EDGE, Math.max(...columns.map((each) => each.length)) * ROW + 2 * EDGE - 20];
    const drawing = svg("svg", { width, height, role: "group", "aria-label": `${shown.length} candidates` });
    drawing.append(...shown.flatMap((each) => edges(each, this.places, lineage)));
    drawing.append(...shown.map((each) => drawn(each, this.places.get(each.id), model, matrix, picked)));
    const focused = this.figure.contains(document.activeElement);
    const kept = [this.figure.scrollLeft, this.figure.scrollTop];
    this.figure.replaceChildren(drawing);
    [this.figure.scrollLeft, this.figure.scrollTop] = kept;
    this.settle(this.places.has(this.at) ? this.at : shown[0].id, focused);
  }

  pick(event) {
    const found = event.target.closest("[data-id]");
    if (!found) return;
    this.settle(Number(found.dataset.id), true);
    this.onPick(this.at);
  }

  pressed(event) {
    if (event.key === "Enter" || event.key === " ") this.pick(event);
    else if (ARROWS[event.key]) this.settle(this.next(ARROWS[event.key]), true);
    else return;
    event.preventDefault();
  }

  /** Return the nearest candidate in a direction. */
  next([right, down]) {
    const here = this.places.get(this.at);
    const distance = (place) => Math.abs(place.column - here.column) * (right ? 1 : 9) + Math.abs(place.row - here.row) * (down ? 1 : 2);
    const there = [...this.places.entries()].filter(([, place]) =>
      right ? Math.sign(place.column - here.column) === right : place.column === here.column && Math.sign(place.row - here.row) === down);
    return there.sort((a, b) => distance(a[1]) - distance(b[1]))[0]?.[0] ?? this.at;
  }

  /** Have one node, and no other, reached by Tab. */
  settle(id, focus) {
    this.figure.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    this.at = id;
    const found = this.figure.querySelector(`[data-id="${id}"]`);
    found?.setAttribute("tabindex", "0");
    if (focus) found?.focus({ preventScroll: false });
  }
}

function columnsOf(shown, model) {
  const order = ["best", "frontier", "seed", "accepted", "undecided", "rejected", "refused"];
  const iterations = [...new Set(shown.map((each) => each.iteration))].sort((a, b) => a - b);
  return iterations.map((iteration) =>
    shown
      .filter((each) => each.iteration === iteration)
      .sort((a, b) => order.indexOf(model.kindOf(a)) - order.indexOf(model.kindOf(b)) || a.id - b.id));
}

function placesOf(columns, step) {
  const places = new Map();
  columns.forEach((each, column) => each.forEach((candidate, row) => places.set(candidate.id, { column, row, x: EDGE + column * step, y: EDGE + row * ROW })));
  return places;
}

function lineageOf(model, picked) {
  const [found, waiting] = [new Set(), [picked ?? model.bestId]];
  while (waiting.length) {
    const id = waiting.pop();
    if (found.has(id)) continue;
    found.add(id);
    waiting.push(...(model.candidates.get(id)?.parents || []));
  }
  return found;
}

function edges(candidate, places, lineage) {
  const to = places.get(candidate.id);
  return candidate.parents.filter((id) => places.has(id)).map((id) => {
    const from = places.get(id);
    const kind = lineage.has(candidate.id) && lineage.has(id) ? "line" : KEPT.has(candidate.decision) ? "kept" : "";
    const middle = (from.x + to.x) / 2;
    return svg("path", { class: `edge ${kind}`, d: `M${from.x} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}` });
  });
}

function drawn(candidate, { x, y }, model, matrix, picked) {
  const kind = model.kindOf(candidate);
  const about = `Candidate ${candidate.id}, ${kind}, score ${score(candidate.score)}${candidate.reason ? `, ${reasoned(candidate.reason)}` : ""}, iteration ${candidate.iteration}, ${candidate.operator}`;
  return svg(
    "g",
    { class: `node ${kind}`, transform: `translate(${x} ${y})`, role: "button", tabindex: -1, "data-id": candidate.id, "aria-label": about, "aria-pressed": String(candidate.id === picked) },
    svg("title", {}, about),
    svg("circle", { class: "picked", r: RADIUS + 3.5 }),
    ...rings(matrix.rows.get(candidate.id), matrix.splits),
    svg("path", { class: "body", d: node(kind) }),
    kind === "refused" ? null : svg("text", { y: 3.5 }, candidate.score === null ? "…" : score(candidate.score).replace(/^0/, "")),
  );
}

/** Return the ring: a part for each example to select by, in four paths whatever their number. */
function rings(row, splits) {
  if (!row) return [];
  const places = [...splits.keys()].filter((place) => splits[place] === VALIDATION);
  const part = (2 * Math.PI) / places.length;
  const paths = { high: "", mid: "", low: "", failed: "" };
  places.forEach((place, turn) => {
    const value = row[place];
    if (value !== value) return;
    paths[value < 0 ? "failed" : value >= 0.75 ? "high" : value >= 0.25 ? "mid" : "low"] += arc(turn * part, part);
  });
  return Object.entries(paths).filter(([, path]) => path).map(([kind, path]) => svg("path", { class: `ring ${kind}`, d: path }));
}

function arc(start, length) {
  const gap = Math.min(0.1, length * 0.2);
  const [from, to] = [start - Math.PI / 2, start - Math.PI / 2 + Math.min(length, 2 * Math.PI - 0.01) - gap];
  const at = (angle) => `${(RADIUS * Math.cos(angle)).toFixed(1)} ${(RADIUS * Math.sin(angle)).toFixed(1)}`;
  return `M${at(from)}A${RADIUS} ${RADIUS} 0 ${to - from > Math.PI ? 1 : 0} 1 ${at(to)}`;
}
