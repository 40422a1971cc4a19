// Read examples from what somebody pasted or picked: JSON, JSON lines or CSV.

/** Return the examples of a text; an Error says what is wrong and where. */
export function readExamples(text) {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (!trimmed) return [];
  if (trimmed.startsWith("[")) return parsed(trimmed, "the list");
  return trimmed.startsWith("{") ? fromLines(trimmed) : fromCsv(trimmed);
}

function parsed(text, place) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${place}: ${error.message}`);
  }
}

function fromLines(text) {
  try {
    return [JSON.parse(text)]; // one object, over several lines
  } catch {
    return text.split("\n").flatMap((line, place) => (line.trim() ? [parsed(line, `line ${place + 1}`)] : []));
  }
}

function fromCsv(text) {
  const [names, ...rows] = cells(text);
  if (!names.includes("input")) throw new Error("neither JSON nor a CSV with a column “input”");
  return rows.filter((row) => row.some(Boolean)).map((row, place) => {
    if (row.length !== names.length) throw new Error(`row ${place + 2}: ${row.length} cells under ${names.length} columns`);
    return example(names, row);
  });
}

function example(names, row) {
  const found = {};
  names.forEach((name, place) => {
    const value = row[place];
    if (name === "tags") found.tags = value.split(";").map((each) => each.trim()).filter(Boolean);
    else if (["input", "ideal", "id"].includes(name)) {
      if (value) found[name] = value;
    } else (found.meta ??= {})[name] = value;
  });
  return found;
}

function cells(text) {
  const rows = [[]];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy;
  for (let found; pattern.lastIndex < text.length && (found = pattern.exec(text)); ) {
    rows.at(-1).push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
    if (found[3] === ",") {
      if (pattern.lastIndex === text.length) rows.at(-1).push("");
    } else if (pattern.lastIndex < text.length) rows.push([]);
    if (!found[0]) break;
  }
  if (pattern.lastIndex === 0) throw new Error(`row ${rows.length}: a quotation mark is out of place`);
  return rows;
}
