// Word numbers, times and events, as the templates of the server do.

const UNKNOWN = "–";
const times = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const grouped = new Intl.NumberFormat("en");

const rounded = (value) => hundredths(Number(value.toFixed(9))); // 0.22499999999999998 is a mean of 0.225

/** Word a positive number with two decimals, and of two as near the even one, as the server does. */
function hundredths(value) {
  if ((value * 8) % 2 !== 1) return value.toFixed(2); // only odd eighths are halves of a hundredth to a computer
  const lower = Math.floor(value * 100);
  return ((lower + (lower % 2)) / 100).toFixed(2);
}

/** Word a score with two decimals. */
export const score = (value) => (value === null || value === undefined ? UNKNOWN : rounded(value));

/** Word a difference with its sign. */
export function difference(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return `${value < 0 ? "−" : "+"}${rounded(Math.abs(value))}`;
}

/** Word an amount of money; more decimals where there is little of it. */
export function usd(value) {
  if (value === null || value === undefined) return "unknown";
  return `$${value > 0 && value < 0.01 ? value.toFixed(4) : hundredths(value)}`;
}

/** Word a number with its thousands apart. */
export const count = (value) => (value === null || value === undefined ? UNKNOWN : grouped.format(value));

/** Word a number of things. */
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** Word a length of time in its two largest units, a short one with tenths. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  if (seconds < 10) return `${(Math.floor(Math.max(0, seconds) * 10) / 10).toFixed(1)} s`;
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** Word a range of time to come, in one unit. */
export function range([shortest, longest]) {
  const [seconds, unit, digits] = longest < 90 ? [1, "s", 0] : longest < 5400 ? [60, "min", 0] : [3600, "h", 1];
  const ends = [shortest, longest].map((each) => (unit === "s" ? Math.ceil(each) : each / seconds).toFixed(digits));
  return `about ${[...new Set(ends)].join("–")} ${unit} left`;
}

/** Word the time of day. */
export const clock = (epoch) => times.format(epoch * 1000);

/** Put every time that the server wrote in UTC into the reader's zone. */
export function localTimes(root = document) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(each.dateTime);
    each.title = each.textContent;
    each.textContent = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

/** Word what a decision was made for. */
export const reasoned = (reason) => (reason || "").replaceAll("_", " ");

/** Word the endpoint that a job waits for: where it is, what it is asked as, and what the system says. */
export function trouble({ endpoint, roles, error }) {
  if (!endpoint) return "";
  const asked = roles ? ` as ${roles.join(", ")}` : "";
  return `${endpoint}${asked}${error ? `: ${error}` : ""}`;
}

const origin = (data) => {
  const parents = (data.parent_ids || []).map((id) => `#${id}`).join(" and ");
  return `${data.operator}${parents ? ` of ${parents}` : ""}`;
};
const errors = (data) => (data.errors ? `, ${data.errors} failed` : "");

const STAGES = {
  examples: (data) =>
    data.synthetic === undefined
      ? `${data.train} to reflect on, ${data.validation} to select by, ${data.test} held out`
      : `${many(data.synthetic, "example")} drafted by the reflector`,
  seed: (data) => `seed prompt scores ${score(data.score)} on ${many(data.rollouts, "example")}${errors(data)}`,
  evaluate: (data) =>
    `#${data.candidate_id} ${data.purpose}: ${score(data.score)} on ${many(data.rollouts, "example")}${errors(data)}`,
  judge: (data) => `#${data.candidate_id}: ${many(data.unscored, "output")} without a score, ${reasoned(data.reason)}`,
  merge: (data) => `#${data.candidate_id}: ${origin(data)}`,
  generate: (data) => `#${data.candidate_id}: ${origin(data)}, about ${many(data.prompt_tokens, "token")}`,
  guard: (data) => `#${data.candidate_id} refused: ${reasoned(data.reason)}`,
  select: (data) =>
    `#${data.candidate_id} ${data.decision}, ${reasoned(data.reason)}` +
    (data.difference === null ? "" : `: ${difference(data.difference)} on ${many(data.compared, "example")}`),
  lesson: (data) => `#${data.candidate_id}: ${data.text}`,
  loss: (data) => `${data.example_id}: ${score(data.seed_score)} → ${score(data.score)}`,
  retest: (data) => `${data.verdict}: ${many(data.n, "example")} compared`,
  iteration: (data) => `best ${score(data.best_score)} by #${data.best_candidate_id}, ${count(data.rollouts)} rollouts`,
  waiting: (data) => [reasoned(data.reason), trouble(data)].filter(Boolean).join(", "),
  test: (data) => `#${data.candidate_id}, ${reasoned(data.verdict)}: ${difference(data.difference)} on ${many(data.n, "held-out example")}`,
};
const TYPES = {
  started: (data) => `target ${data.target_model_id}, judge ${data.judge_model_id}${data.simulated ? ", simulated" : ""}`,
  resumed: (data) =>
    `after iteration ${data.iteration}` +
    (data.calls_of_unknown_outcome ? `, ${many(data.calls_of_unknown_outcome, "call")} of unknown outcome` : ""),
  finished: (data) => `${reasoned(data.verdict)}: ${score((data.test || data).seed_score)} → ${score((data.test || data).score)}`,
  failed: (data) => `${data.code}: ${data.message}`,
  cancelled: () => "on request",
};

/** Name what an event is about. */
export const kind = (event) => event.data.stage || event.type;

/** Word an event in one line; one of a kind yet unknown is named and no more. */
export function told(event) {
  const worded = event.type === "progress" ? STAGES[event.data.stage] : TYPES[event.type];
  return worded ? worded(event.data) : "";
}
