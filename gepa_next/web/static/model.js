// Fold the events of a job into what the page shows of it.

import { many, score } from "./words.js";

const LATEST = 8;
const [LEAST_SPREAD, MOST_SPREAD] = [0.15, 0.6];

/** What is known of a job: its state when the page was made, and what its events have told since the beginning. */
export class Model {
  constructor(job) {
    Object.assign(this, {
      status: job.status, stopReason: job.stop_reason, error: job.error, result: job.result, warnings: job.warnings, retest: job.retest,
      iteration: 0, iterations: job.iterations, elapsed: null, eta: null, at: null,
      calls: 0, cost: 0, rollouts: 0, budget: job.budget,
      errors: 0, unscored: 0, reasons: new Map(), waiting: null, waits: 0, tokens: null,
      seedScore: null, bestScore: null, bestId: 0, frontier: new Set(), held: null,
      candidates: new Map(), steps: [], lessons: [], ends: [], events: [],
    });
  }

  get running() {
    return this.status === "queued" || this.status === "running";
  }

  /** The scores that the job is told by, as scores.py has them: when it is over those that its verdict is about. */
  get told() {
    const { result, retest } = this;
    const [name, select] = [retest ? "Pinned prompt" : "Best score", retest ? "" : " to select by"];
    if (!result) return { seed: this.seedScore, best: this.bestScore, name, on: `on the examples${select}`, selected: "" };
    const { test } = result;
    if (!test) {
      const n = (retest ? result.retest : result.nondominated)?.n || 0;
      return { seed: result.seed_score, best: result.score, name, on: `on ${many(n, "example")}${select}`, selected: "" };
    }
    const selected = `${score(this.bestScore)} on the examples to select by`;
    return { seed: test.seed_score, best: test.score, name: "Held-out score", on: `on ${many(test.n, "held-out example")}`, selected };
  }

  /** Take in one event. */
  fold(event) {
    this.events.push(event);
    const { type, data } = event;
    if (type !== "progress") return this.turn(type, data, event);
    this.waiting = data.stage === "waiting" ? data : null;
    if (data.stage === "waiting") this.waits += 1;
    else this.progress(data, event);
  }

  turn(type, data, event) {
    this.status = { started: "running", resumed: "running" }[type] || type;
    this.waiting = null;
    this.at = this.running ? event.ts : null;
    this.error = type === "failed" ? data : null;
    this.result = type === "finished" ? data : null;
    this.warnings = data.warnings || this.warnings;
    this.stopReason = this.running ? null : data.stop_reason || (type === "failed" ? "error" : type);
  }

  progress(data, event) {
    Object.assign(this, { elapsed: data.elapsed_s, eta: data.eta_s, calls: data.calls, cost: data.cost_usd, at: event.ts });
    const taken = {
      seed: this.seeded, evaluate: this.evaluated, judge: this.judged, generate: this.generated, merge: this.generated,
      guard: this.decided, select: this.decided, lesson: this.learned, iteration: this.completed, test: this.tested, retest: this.retested,
    }[data.stage];
    taken?.call(this, data);
  }

  seeded(data) {
    this.seedScore = data.score;
    this.count(data);
    const seed = this.candidate(0);
    Object.assign(seed, { decision: "seed", score: data.score, x: this.place(0) });
    this.best(data.best_score ?? data.score, 0);
  }

  evaluated(data) {
    this.count(data);
    const candidate = this.candidate(data.candidate_id);
    if (candidate.decision === null) candidate.score = data.score;
    candidate.x ??= this.place(data.iteration);
  }

  count(data) {
    this.rollouts += data.rollouts;
    this.errors += data.errors;
  }

  judged(data) {
    this.unscored += data.unscored;
    this.reasons.set(data.reason, (this.reasons.get(data.reason) || 0) + data.unscored);
  }

  generated(data) {
    Object.assign(this.candidate(data.candidate_id), { parents: data.parent_ids, operator: data.operator, iteration: data.iteration });
  }

  decided(data) {
    const candidate = this.candidate(data.candidate_id);
    this.generated(data);
    Object.assign(candidate, { decision: data.decision || "refused", reason: data.reason, x: this.place(data.iteration) });
    if (data.stage !== "select") return;
    const { score, parent_score: parentScore, difference, compared } = data;
    Object.assign(candidate, { score: data.validation_score ?? score, parentScore, difference, compared });
  }

  learned(data) {
    this.lessons.push({ text: data.text, candidate: data.candidate_id, iteration: data.iteration, gain: data.gain });
  }

  completed(data) {
    Object.assign(this, { iteration: data.iteration, iterations: data.iterations, rollouts: data.rollouts });
    this.frontier = new Set(data.frontier);
    this.budget = { ...this.budget, max_rollouts: data.max_rollouts };
    this.ends.push(data.elapsed_s);
    this.tokens = Object.values(data.by_role).reduce((sum, each) => [sum[0] + each.input_tokens, sum[1] + each.output_tokens], [0, 0]);
    if (!this.retest) this.best(data.best_score, data.best_candidate_id);
  }

  /** Take in how a pinned prompt did: the one that a re-test is about, be it the better one or not. */
  retested(data) {
    Object.assign(this.candidate(data.candidate_id), { decision: "accepted", operator: "pinned", iteration: data.iteration });
    this.best(data.score ?? null, data.candidate_id);
  }

  tested(data) {
    this.held = data;
  }

  /** Take in what a job that has ended consumed in all. */
  settle({ usage }) {
    Object.assign(this, { calls: usage.calls, cost: usage.cost_usd, rollouts: usage.rollouts, tokens: [usage.input_tokens, usage.output_tokens] });
  }

  best(score, id) {
    Object.assign(this, { bestScore: score, bestId: id });
    this.candidate(id).now = score;
    this.steps.push({ score, id, x: this.place(this.iteration) });
  }

  candidate(id) {
    if (!this.candidates.has(id)) {
      this.candidates.set(id, { id, parents: [], operator: "seed", iteration: 0, decision: null, reason: "", score: null, x: null });
    }
    return this.candidates.get(id);
  }

  place(iteration) {
    return { iteration, rollouts: this.rollouts, cost: this.cost };
  }

  /** Return the shortest and the longest time that may be left, in seconds; null if nothing is known. */
  timeLeft(now) {
    if (!this.running || this.eta === null || this.at === null) return null;
    const left = Math.max(0, this.eta - (now - this.at));
    const lengths = this.ends.slice(-LATEST - 1).map((end, place, ends) => end - (place ? ends[place - 1] : 0)).slice(this.ends.length > LATEST ? 1 : 0);
    const mean = lengths.reduce((sum, each) => sum + each, 0) / lengths.length;
    const deviation = Math.sqrt(lengths.reduce((sum, each) => sum + (each - mean) ** 2, 0) / lengths.length);
    const spread = lengths.length < 2 ? MOST_SPREAD : Math.min(MOST_SPREAD, Math.max(LEAST_SPREAD, deviation / (mean || 1)));
    return [left * (1 - spread), left * (1 + spread)];
  }

  /** Return the time the job has been at work, in seconds; null if it has not begun. */
  timeSpent(now) {
    if (this.elapsed === null) return this.at === null ? null : Math.max(0, now - this.at);
    return this.elapsed + (this.status === "running" && this.at !== null ? Math.max(0, now - this.at) : 0);
  }

  /** Return the latest score of a candidate: the best ones are run on more examples after they were decided on. */
  scoreOf(candidate) {
    return candidate.now ?? candidate.score;
  }

  /** Say what a candidate is: the best, on the frontier, or what was decided. */
  kindOf(candidate) {
    if (candidate.id === this.bestId && !this.retest) return "best";
    if (candidate.id === 0) return "seed";
    if (this.frontier.has(candidate.id)) return "frontier";
    return candidate.decision || "undecided";
  }
}
