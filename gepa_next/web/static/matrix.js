// Hold every candidate's score on every example, fetched as it grows.

import { ask } from "./api.js";

export const FAILED = -1;
export const [TRAIN, VALIDATION, TEST] = [0, 1, 2];
export const SPLITS = ["to reflect on", "to select by", "held out"];
const UNIT = 10000;
const EVEN = 1e-9;
const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30000;
const FINAL = new Set([401, 404]); // without a session or the job there is no going on

export class Matrix {
  constructor(jobId, onChange) {
    document.addEventListener("visibilitychange", () => this.wanted && this.refresh());
    Object.assign(this, { jobId, onChange, examples: [], splits: [], run: [], rows: new Map(), upto: 0, asking: false, wanted: false });
  }

  /** Fetch what is new, once it has been a second since the last time; less often while that fails. */
  async refresh() {
    this.wanted = true;
    if (this.asking) return;
    this.asking = true;
    let pause = PAUSE_MS;
    while (this.wanted && !document.hidden) {
      this.wanted = false;
      const refusal = await this.fetch().catch((error) => error);
      this.wanted ||= Boolean(refusal);
      if (FINAL.has(refusal?.status)) break; // as the stream finds out, too
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = refusal ? Math.min(2 * pause, LONGEST_PAUSE_MS) : PAUSE_MS;
    }
    this.asking = false;
  }

  async fetch() {
    const after = this.examples.length ? this.upto : 0;
    const found = await ask(`/jobs/${this.jobId}/scores?after=${after}`);
    if (!after) {
      this.examples = found.examples.map(([id, beginning]) => ({ id, beginning }));
      this.splits = new Uint8Array(this.examples.length).fill(TRAIN);
      this.run = new Uint8Array(this.examples.length);
      this.rows.clear();
    }
    for (const outcome of found.outcomes) this.take(...outcome);
    this.upto = found.upto;
    if (found.outcomes.length || !after) this.onChange();
  }

  take(candidate, split, places, scores) {
    const row = this.row(candidate);
    places.forEach((place, turn) => {
      row[place] = scores[turn] < 0 ? FAILED : scores[turn] / UNIT;
      this.run[place] = 1;
      this.splits[place] = Math.max(split, this.splits[place]);
    });
  }

  row(candidate) {
    if (!this.rows.has(candidate)) this.rows.set(candidate, new Float32Array(this.examples.length).fill(NaN));
    return this.rows.get(candidate);
  }

  /** Count on how many of the examples to select by a candidate is better than the seed prompt, worse, and equal. */
  againstSeed(candidate) {
    const [seed, mine] = [this.rows.get(0), this.rows.get(candidate)];
    const found = { wins: 0, losses: 0, ties: 0 };
    if (!seed || !mine) return found;
    for (let place = 0; place < mine.length; place += 1) {
      if (this.splits[place] !== VALIDATION || !(mine[place] >= 0) || !(seed[place] >= 0)) continue;
      const gained = mine[place] - seed[place];
      found[gained > EVEN ? "wins" : gained < -EVEN ? "losses" : "ties"] += 1;
    }
    return found;
  }

  /** Return the places of the examples that serve this. */
  placesOf(split) {
    return [...this.splits.keys()].filter((place) => this.splits[place] === split);
  }

  /** Return the places of the examples that were run, those to select by first; only what the filter leaves. */
  places(only, candidate) {
    const [seed, mine] = [this.rows.get(0), this.rows.get(candidate)];
    const kept = {
      all: () => true,
      failures: (place) => mine && mine[place] < 0.5,
      changed: (place) => mine && seed && Math.abs(mine[place] - seed[place]) > EVEN,
      regressions: (place) => mine && seed && seed[place] >= 0 && mine[place] < seed[place] - EVEN,
    }[only];
    const order = [1, 0, 2]; // by split: to select by, to reflect on, held out
    return [...this.run.keys()]
      .filter((place) => this.run[place] && kept(place))
      .sort((a, b) => order[this.splits[a]] - order[this.splits[b]] || a - b);
  }
}
