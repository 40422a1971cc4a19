// Find what two texts have in common: Myers' difference, of lines first and of words where lines differ.

const MOST_EDITS = 1500;

/** Return [sign, token] for every token, with sign "=", "-" or "+"; all of both if they differ too much. */
export function differences(before, after) {
  let [start, end] = [0, 0];
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const middle = edits(before.slice(start, before.length - end), after.slice(start, after.length - end));
  const same = (tokens) => tokens.map((token) => ["=", token]);
  return [...same(before.slice(0, start)), ...middle, ...same(before.slice(before.length - end))];
}

function edits(before, after) {
  const trace = traced(before, after);
  if (trace === null) return [...before.map((token) => ["-", token]), ...after.map((token) => ["+", token])];
  const found = [];
  let [x, y] = [before.length, after.length];
  for (let step = trace.length - 1; step > 0; step -= 1) {
    const reached = trace[step - 1];
    const line = x - y;
    const down = line === -step || (line !== step && at(reached, line - 1) < at(reached, line + 1));
    const from = down ? line + 1 : line - 1;
    const [fromX, fromY] = [at(reached, from), at(reached, from) - from];
    while (x > fromX && y > fromY && x && y && before[x - 1] === after[y - 1]) found.push(["=", before[(x -= 1, y -= 1, x)]]);
    if (down) found.push(["+", after[(y -= 1)]]);
    else found.push(["-", before[(x -= 1)]]);
  }
  while (x) found.push(["=", before[(x -= 1)]]);
  return found.reverse();
}

const at = (reached, line) => reached.get(line) ?? -1;

function traced(before, after) {
  let reached = new Map([[1, 0]]);
  const trace = [];
  for (let step = 0; step <= Math.min(MOST_EDITS, before.length + after.length); step += 1) {
    const next = new Map();
    for (let line = -step; line <= step; line += 2) {
      const down = line === -step || (line !== step && at(reached, line - 1) < at(reached, line + 1));
      let x = step === 0 ? 0 : down ? at(reached, line + 1) : at(reached, line - 1) + 1;
      while (x < before.length && x - line < after.length && x - line >= 0 && before[x] === after[x - line]) x += 1;
      next.set(line, x);
      if (x >= before.length && x - line >= after.length) return [...trace, next];
    }
    trace.push(next);
    reached = next;
  }
  return null;
}

const lines = (text) => text.match(/[^\n]*\n|[^\n]+$/g) || [];
const words = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) || [];

/** Return [sign, text] of what was kept, taken out and put in, word by word. */
export function wordDifferences(before, after) {
  const found = [];
  let [removed, added] = ["", ""];
  const settle = () => {
    for (const each of differences(words(removed), words(added))) found.push(each);
    [removed, added] = ["", ""];
  };
  for (const [sign, line] of differences(lines(before), lines(after))) {
    if (sign === "-") removed += line;
    else if (sign === "+") added += line;
    else {
      settle();
      found.push([sign, line]);
    }
  }
  settle();
  return joined(found);
}

function joined(found) {
  const runs = [];
  for (const [sign, token] of found) {
    if (runs.length && runs.at(-1)[0] === sign) runs.at(-1)[1] += token;
    else runs.push([sign, token]);
  }
  return runs;
}

/** Return [origin, line] for every line of the first candidate: which of its ancestors it has been there since. */
export function blame(candidates) {
  const known = new Map();
  for (const each of [...candidates].sort((a, b) => a.id - b.id)) {
    const mine = each.text.split("\n"); // without their ends: the last line of the seed prompt may not be last for ever
    const origins = mine.map(() => each);
    for (const parent of each.parent_ids.map((id) => known.get(id)).filter(Boolean)) inherit(parent, mine, origins);
    known.set(each.id, { lines: mine, origins });
  }
  const { lines: shown, origins } = known.get(candidates[0].id);
  return shown.map((line, place) => [origins[place], line]);
}

function inherit(parent, mine, origins) {
  let [theirs, ours] = [0, 0];
  for (const [sign] of differences(parent.lines, mine)) {
    if (sign === "=" && parent.origins[theirs].id < origins[ours].id) origins[ours] = parent.origins[theirs];
    theirs += sign !== "+";
    ours += sign !== "-";
  }
}
