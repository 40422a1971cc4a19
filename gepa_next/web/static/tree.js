// The family tree: a column for each iteration, a node for each candidate, a ring with a part for each example.

import { byId, svg } from "./dom.js";
import { many, reasoned, score } from "./words.js";
import { node } from "./shapes.js";
import { VALIDATION } from "./matrix.js";

const [NARROWEST, WIDEST] = [58, 92];
const ROW = 46;
const EDGE = 30;
const RADIUS = 18.5;
const NEAR = 600; // pixels to either side of what is in sight
const SMALL_PART = 0.15;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEPT = new Set(["seed", "accepted", null]);

/** Draw the tree of a model; a click or Enter picks a candidate, arrow keys go from one to the next. */
export class Tree {
  constructor(onPick) {
    Object.assign(this, { figure: byId("tree"), onPick, places: new Map(), at: null, drawn: [0, 0] });
    this.figure.addEventListener("click", (event) => this.pick(event));
    this.figure.addEventListener("keydown", (event) => this.pressed(event));
    this.figure.addEventListener("scroll", () => this.scrolled());
    window.addEventListener("beforeprint", () => this.size && this.paint(Infinity));
  }

  draw(model, matrix, { picked, rejected }) {
    const wanted = [model.events.length, matrix.upto, picked, rejected, this.figure.clientWidth].join();
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    const shown = [...model.candidates.values()].filter((each) => rejected || KEPT.has(each.decision) || each.id === picked);
    if (!shown.length) return;
    const columns = columnsOf(shown, model);
    const step = Math.max(NARROWEST, Math.min(WIDEST, (this.figure.clientWidth - 2 * EDGE) / Math.max(1, columns.length - 1)));
    this.places = placesOf(columns, step);
    if (!this.places.has(this.at)) this.at = shown[0].id;
    const size = { width: (columns.length - 1) * step + 2 * EDGE, height: Math.max(...columns.map((each) => each.length)) * ROW + 2 * EDGE - 20 };
    const before = this.size;
    Object.assign(this, { shown, model, matrix, picked, size, edges: edgesOf(shown, this.places, lineageOf(model, picked)) });
    this.paint(NEAR);
    this.follow(before);
  }

  /** Begin with the best candidate of a job that has ended; else show the latest, unless the visitor looks at others. */
  follow(before) {
    const { scrollLeft: left, clientWidth: width } = this.figure;
    const best = this.places.get(this.model.bestId);
    if (!before && !this.model.running && best) return void (this.figure.scrollLeft = best.x - width / 2);
    if (before?.width === this.size.width || (before && left + width < before.width - EDGE)) return;
    this.figure.scrollLeft = this.size.width;
  }

  /** Put into the page what is so near to what is in sight, and the candidate that Tab reaches. */
  paint(near) {
    const { scrollLeft: left, scrollTop: top, clientWidth: width } = this.figure;
    const [from, to] = (this.drawn = [left - near, left + width + near]);
    const isNear = ({ id }) => id === this.at || (this.places.get(id).x >= from && this.places.get(id).x <= to);
    const drawing = svg("svg", { ...this.size, viewBox: `0 0 ${this.size.width} ${this.size.height}`, role: "group", "aria-label": many(this.shown.length, "candidate") });
    for (const [kind, edges] of Object.entries(this.edges)) drawing.append(drawnEdges(kind, edges.filter((each) => each.from.x <= to && each.to.x >= from)));
    const selecting = this.matrix.placesOf(VALIDATION);
    const node = (each) => drawn(each, this.places.get(each.id), this.model, each.id === this.picked, rings(this.matrix.rows.get(each.id), selecting));
    drawing.append(...this.shown.filter(isNear).map(node));
    const focused = this.figure.contains(document.activeElement);
    this.figure.replaceChildren(drawing);
    [this.figure.scrollLeft, this.figure.scrollTop] = [left, top];
    this.nodeOf(this.at).setAttribute("tabindex", "0");
    if (focused) this.nodeOf(this.at).focus({ preventScroll: true });
  }

  scrolled() {
    const { scrollLeft: left, clientWidth: width } = this.figure;
    const [from, to] = this.drawn;
    if (this.size && ((left < from && from > 0) || (left + width > to && to < this.size.width))) this.paint(NEAR);
  }

  pick(event) {
    const found = event.target.closest("[data-id]");
    if (!found) return;
    this.settle(Number(found.dataset.id));
    this.onPick(this.at);
  }

  pressed(event) {
    if (event.key === "Enter" || event.key === " ") this.pick(event);
    else if (ARROWS[event.key]) this.settle(this.next(ARROWS[event.key]));
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

  /** Go to a node, which Tab reaches from now on, and no other. */
  settle(id) {
    this.at = id;
    if (!this.nodeOf(id)) this.paint(NEAR);
    this.figure.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    this.nodeOf(id).setAttribute("tabindex", "0");
    this.nodeOf(id).focus();
  }

  nodeOf(id) {
    return this.figure.querySelector(`[data-id="${id}"]`);
  }
}

function columnsOf(shown, model) {
  const order = ["best", "frontier", "seed", "accepted", "undecided", "rejected", "refused"];
  const columns = new Map();
  for (const each of shown) columns.set(each.iteration, [...(columns.get(each.iteration) || []), { rank: order.indexOf(model.kindOf(each)), id: each.id }]);
  const iterations = [...columns.keys()].sort((a, b) => a - b);
  return iterations.map((iteration) => columns.get(iteration).sort((a, b) => a.rank - b.rank || a.id - b.id));
}

function placesOf(columns, step) {
  const places = new Map();
  columns.forEach((each, column) => each.forEach(({ id }, row) => places.set(id, { column, row, x: EDGE + column * step, y: EDGE + row * ROW })));
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

/** Return the edges by how they are drawn, those on top last. */
function edgesOf(shown, places, lineage) {
  const found = { "": [], kept: [], line: [] };
  for (const each of shown) {
    for (const parent of each.parents.filter((id) => places.has(id))) {
      const kind = lineage.has(each.id) && lineage.has(parent) ? "line" : each.decision === "accepted" ? "kept" : "";
      found[kind].push({ from: places.get(parent), to: places.get(each.id) });
    }
  }
  return found;
}

function drawnEdges(kind, edges) {
  const paths = edges.map(({ from, to }) => {
    const middle = (from.x + to.x) / 2;
    return `M${from.x} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
  });
  return svg("path", { class: `edge ${kind}`, d: paths.join("") || null });
}

function drawn(candidate, { x, y }, model, picked, ring) {
  const kind = model.kindOf(candidate);
  const about = `Candidate ${candidate.id}, ${kind}, score ${score(model.scoreOf(candidate))}${candidate.reason ? `, ${reasoned(candidate.reason)}` : ""}, iteration ${candidate.iteration}, ${candidate.operator}`;
  return svg(
    "g",
    { class: `node ${kind}`, transform: `translate(${x} ${y})`, role: "button", tabindex: -1, "data-id": candidate.id, "aria-label": about, "aria-pressed": String(picked) },
    svg("title", {}, about),
    svg("circle", { class: "picked", r: RADIUS + 3.5 }),
    ...ring,
    svg("path", { class: "body", d: node(kind) }),
    kind === "refused" ? null : svg("text", { y: 3.5 }, candidate.score === null ? "…" : score(model.scoreOf(candidate)).replace(/^0/, "")),
  );
}

/** Return the ring: a part for each example to select by, in four paths whatever their number. */
function rings(row, places) {
  if (!row) return [];
  const part = (2 * Math.PI) / places.length;
  const kinds = places.map((place) => kindOf(row[place]));
  const paths = { high: "", mid: "", low: "", failed: "" };
  for (let turn = 0, next; turn < kinds.length; turn = next) {
    next = turn + 1;
    while (part < SMALL_PART && kinds[next] === kinds[turn]) next += 1; // with many examples, equal neighbours are one
    if (kinds[turn]) paths[kinds[turn]] += arc(turn * part, (next - turn) * part, part);
  }
  return Object.entries(paths).filter(([, path]) => path).map(([kind, path]) => svg("path", { class: `ring ${kind}`, d: path }));
}

function kindOf(value) {
  if (value !== value) return null;
  if (value < 0) return "failed";
  return value >= 0.75 ? "high" : value >= 0.25 ? "mid" : "low";
}

function arc(start, length, part) {
  const gap = Math.min(0.1, part * 0.2);
  const [from, to] = [start - Math.PI / 2, start - Math.PI / 2 + Math.min(length, 2 * Math.PI - 0.01) - gap];
  const at = (angle) => `${(RADIUS * Math.cos(angle)).toFixed(1)} ${(RADIUS * Math.sin(angle)).toFixed(1)}`;
  return `M${at(from)}A${RADIUS} ${RADIUS} 0 ${to - from > Math.PI ? 1 : 0} 1 ${at(to)}`;
}
