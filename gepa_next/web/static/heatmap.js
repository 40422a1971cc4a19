// The heat map: candidates × examples on a canvas, of which only what is in sight is drawn.

import { byId, el } from "./dom.js";
import { count, difference, many, score } from "./words.js";
import { SPLITS } from "./matrix.js";

const CELL = { width: 15, height: 18 };
const HEAD = { width: 80, height: 22 };
const HIGHEST = 420;
const [LEAST_LABEL, GAP] = [45, 6];
const MOVES = {
  ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
  Home: [0, -Infinity], End: [0, Infinity], PageUp: [-15, 0], PageDown: [15, 0],
};
const NAMES = ["--text", "--quiet", "--line", "--surface", "--sunk", "--scale", "--scale-low", "--worse", "--accent"];

/** Draw the map; a click or Enter opens a case, arrow keys move about, and what is under them is said. */
export class HeatMap {
  constructor(onOpen) {
    Object.assign(this, { figure: byId("heat"), onOpen, rows: [], places: [], at: [0, 0], picked: null, matrix: null, model: null });
    this.canvas = el("canvas", {
      tabindex: 0,
      role: "application",
      "aria-roledescription": "heat map",
      "aria-label": "Scores of candidates by example. Arrow keys move, Enter opens the case.",
      "aria-describedby": "heat-about",
    });
    this.room = el("div", { class: "room" });
    this.figure.addEventListener("scroll", () => this.paintSoon());
    this.canvas.addEventListener("pointermove", (event) => this.over(event));
    this.canvas.addEventListener("click", (event) => this.over(event) && this.open());
    this.canvas.addEventListener("keydown", (event) => this.pressed(event));
    this.canvas.addEventListener("focus", () => this.tell());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paintSoon());
  }

  draw(model, matrix, { only, picked }) {
    const about = picked ?? model.bestId;
    Object.assign(this, { model, matrix, picked: about, places: matrix.places(only, about), rows: [...matrix.rows.keys()].sort((a, b) => a - b) });
    if (!this.rows.length) return;
    this.only = only;
    if (!this.canvas.isConnected) this.figure.replaceChildren(this.room, this.canvas);
    this.room.style.width = `${HEAD.width + this.places.length * CELL.width + 8}px`;
    this.room.style.height = `${HEAD.height + this.rows.length * CELL.height + 8}px`;
    this.figure.style.height = `${Math.min(HIGHEST, HEAD.height + this.rows.length * CELL.height + 28)}px`;
    this.paintSoon();
    if (document.activeElement !== this.canvas) this.summarise();
  }

  summarise() {
    const words = {
      failures: "scores below 0.50 or failed",
      changed: "differs from the seed prompt",
      regressions: "is worse than the seed prompt",
    };
    const all = this.matrix.examples.length;
    const rest = this.places.length < all ? ` of ${count(all)}; the others were not run` : "";
    const examples = many(this.places.length, "example");
    byId("heat-about").textContent =
      this.only === "all"
        ? `${many(this.rows.length, "candidate")} on ${examples}${rest}`
        : `${examples} on which #${this.picked} ${words[this.only]}`;
  }

  paintSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  paint() {
    const [width, height, ratio] = [this.figure.clientWidth, this.figure.clientHeight, window.devicePixelRatio];
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
      Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    const style = getComputedStyle(this.figure);
    const colours = Object.fromEntries(NAMES.map((name) => [name.slice(2), style.getPropertyValue(name)]));
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = colours.surface;
    pen.fillRect(0, 0, width, height);
    pen.font = "11px system-ui, sans-serif";
    this.paintCells(pen, colours, this.inSight(width, height));
  }

  inSight(width, height) {
    const { scrollLeft: left, scrollTop: top } = this.figure;
    const [column, row] = [Math.floor(left / CELL.width), Math.floor(top / CELL.height)];
    const columns = Math.ceil((width - HEAD.width) / CELL.width) + 1;
    const rows = Math.ceil((height - HEAD.height) / CELL.height) + 1;
    const lastRow = Math.min(this.rows.length, row + rows);
    const lastColumn = Math.min(this.places.length, column + columns);
    return { left, top, row, column, lastRow, lastColumn, width, height };
  }

  paintCells(pen, colours, sight) {
    for (let row = sight.row; row < sight.lastRow; row += 1) {
      const y = HEAD.height + row * CELL.height - sight.top;
      const scores = this.matrix.rows.get(this.rows[row]);
      for (let column = sight.column; column < sight.lastColumn; column += 1) {
        paintCell(pen, colours, HEAD.width + column * CELL.width - sight.left, y, scores[this.places[column]]);
      }
    }
    this.paintCursor(pen, colours, sight);
    this.paintHeads(pen, colours, sight);
  }

  paintCursor(pen, colours, { left, top }) {
    if (document.activeElement !== this.canvas && !this.pointed) return;
    pen.strokeStyle = colours.accent;
    pen.lineWidth = 2;
    pen.strokeRect(HEAD.width + this.at[1] * CELL.width - left - 1, HEAD.height + this.at[0] * CELL.height - top, CELL.width + 1, CELL.height);
  }

  paintHeads(pen, colours, { left, top, row, lastRow, width, height }) {
    pen.fillStyle = colours.surface;
    pen.fillRect(0, 0, HEAD.width, height);
    pen.fillRect(0, 0, width, HEAD.height);
    pen.fillStyle = colours.quiet;
    for (const { split, from, to } of this.sections()) {
      const [x, end] = [from, to].map((column) => HEAD.width + column * CELL.width - left);
      const room = end - Math.max(x, HEAD.width) - GAP; // a label stays in sight as long as its examples are
      if (room >= LEAST_LABEL) pen.fillText(SPLITS[split], Math.max(x, HEAD.width), 14, room);
    }
    pen.fillText("#", 6, 14);
    pen.save();
    pen.beginPath();
    pen.rect(0, HEAD.height, HEAD.width, height);
    pen.clip();
    for (let each = row; each < lastRow; each += 1) {
      const id = this.rows[each];
      const candidate = this.model.candidates.get(id);
      const kind = candidate ? this.model.kindOf(candidate) : "";
      pen.fillStyle = id === this.picked ? colours.accent : colours.text;
      pen.font = `${kind === "best" || id === this.picked ? "bold " : ""}11px system-ui, sans-serif`;
      const y = HEAD.height + each * CELL.height - top + 13;
      pen.fillText(`${id}`, 6, y);
      pen.fillText({ best: "★", seed: "■", frontier: "◎", accepted: "●", rejected: "×" }[kind] || "", 32, y);
      pen.fillText(score(candidate && this.model.scoreOf(candidate)), 46, y);
    }
    pen.restore();
  }

  /** Return the runs of columns that serve the same. */
  sections() {
    const found = [];
    this.places.forEach((place, column) => {
      const split = this.matrix.splits[place];
      if (found.at(-1)?.split === split) found.at(-1).to = column + 1;
      else found.push({ split, from: column, to: column + 1 });
    });
    return found;
  }

  over(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - HEAD.width + this.figure.scrollLeft) / CELL.width);
    const row = Math.floor((event.clientY - box.top - HEAD.height + this.figure.scrollTop) / CELL.height);
    this.pointed = row >= 0 && column >= 0 && row < this.rows.length && column < this.places.length;
    if (this.pointed && (row !== this.at[0] || column !== this.at[1])) {
      this.at = [row, column];
      this.tell();
    }
    this.paintSoon();
    return this.pointed;
  }

  pressed(event) {
    if (event.key === "Enter" || event.key === " ") this.open();
    else if (MOVES[event.key]) this.move(MOVES[event.key]);
    else return;
    event.preventDefault();
  }

  move([down, right]) {
    const within = (value, count) => Math.max(0, Math.min(count - 1, value));
    this.at = [within(this.at[0] + down, this.rows.length), within(this.at[1] + right, this.places.length)];
    const [y, x] = [this.at[0] * CELL.height, this.at[1] * CELL.width];
    const { clientWidth: width, clientHeight: height } = this.figure;
    const [left, top] = [this.figure.scrollLeft, this.figure.scrollTop];
    this.figure.scrollLeft = Math.min(x, Math.max(left, x + HEAD.width + CELL.width - width + 4));
    this.figure.scrollTop = Math.min(y, Math.max(top, y + HEAD.height + CELL.height - height + 4));
    this.tell();
    this.paintSoon();
  }

  tell() {
    const [id, place] = [this.rows[this.at[0]], this.places[this.at[1]]];
    if (id === undefined || place === undefined) return this.summarise();
    const [mine, seed, example] = [this.matrix.rows.get(id)[place], this.matrix.rows.get(0)?.[place], this.matrix.examples[place]];
    const gained = id && mine >= 0 && seed >= 0 ? ` (${difference(mine - seed)} against the seed)` : "";
    byId("heat-about").textContent = `#${id} on ${example.id} (${SPLITS[this.matrix.splits[place]]}): ${worded(mine)}${gained} · ${example.beginning}`;
  }

  open() {
    const [id, place] = [this.rows[this.at[0]], this.places[this.at[1]]];
    if (id !== undefined && place !== undefined) this.onOpen(id, this.matrix.examples[place].id);
  }
}

const worded = (value) => (value !== value ? "not run" : value < 0 ? "failed" : score(value));

function paintCell(pen, colours, x, y, value) {
  const [width, height] = [CELL.width - 2, CELL.height - 3];
  if (value !== value) {
    pen.fillStyle = colours.line;
    pen.fillRect(x + width / 2 - 1, y + height / 2, 2, 2);
    return;
  }
  pen.fillStyle = colours["scale-low"];
  pen.fillRect(x, y + 1, width, height);
  if (value < 0) {
    pen.strokeStyle = colours.worse;
    pen.lineWidth = 1.5;
    pen.stroke(new Path2D(`M${x + 3} ${y + 4}l${width - 6} ${height - 6}m0 ${6 - height}l${6 - width} ${height - 6}`));
    return;
  }
  const filled = Math.round(height * value);
  pen.fillStyle = colours.scale;
  pen.globalAlpha = 0.45 + 0.55 * value;
  pen.fillRect(x, y + 1 + height - filled, width, filled);
  pen.globalAlpha = 1;
}
