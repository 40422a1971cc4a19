// The shapes that tell kinds of candidates apart, whatever the colours.

const points = (count, radius, turn = 0) =>
  Array.from({ length: count }, (_, place) => {
    const angle = turn + (2 * Math.PI * place) / count;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
const closed = (list) => `M${list.map((point) => point.map((each) => each.toFixed(2)).join(" ")).join("L")}Z`;
const circle = (radius) => `M${-radius} 0a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0Z`;

function star(radius) {
  const [outer, inner] = [points(5, radius, -Math.PI / 2), points(5, radius * 0.45, -Math.PI / 2 + Math.PI / 5)];
  return closed(outer.flatMap((point, place) => [point, inner[place]]));
}

/** Return the path of a dot of the curve. */
export function dot(kind) {
  if (kind === "best") return star(8);
  if (kind === "seed") return closed(points(4, 6, Math.PI / 4));
  if (kind === "rejected" || kind === "refused") return "M-3.5 -3.5L3.5 3.5M-3.5 3.5L3.5 -3.5";
  return circle(kind === "undecided" ? 3 : 4.5);
}

/** Return the path of a node of the tree. */
export function node(kind) {
  if (kind === "best") return closed(points(6, 14));
  if (kind === "frontier") return `${circle(12.5)}${circle(9.5)}`;
  if (kind === "seed") return closed(points(4, 17, Math.PI / 4));
  if (kind === "rejected") return closed(points(4, 15));
  if (kind === "refused") return "M-7 0L7 0";
  return circle(kind === "undecided" ? 10 : 12);
}
