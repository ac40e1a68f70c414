/** The two mountains, the flag on the higher one, and the networks on the side they took. */

/** Outline of a mountain: place across (-1 to 1) and share of its height. */
const OUTLINE = [
  [-1, 0], [-0.83, 0.07], [-0.66, 0.22], [-0.56, 0.26], [-0.42, 0.48], [-0.34, 0.52], [-0.22, 0.74], [-0.14, 0.82], [0, 1],
  [0.1, 0.87], [0.18, 0.8], [0.27, 0.66], [0.37, 0.6], [0.5, 0.37], [0.6, 0.31], [0.76, 0.13], [1, 0],
];
/** Snow lies above this share of the height, down to its own edge. */
const SNOW = [[-0.2, 0.76], [-0.14, 0.82], [0, 1], [0.1, 0.87], [0.19, 0.79], [0.12, 0.75], [0.07, 0.8], [0.01, 0.72], [-0.05, 0.79], [-0.12, 0.71]];
/** The side away from the light. */
const SHADE = [[0, 1], [0.1, 0.87], [0.18, 0.8], [0.27, 0.66], [0.37, 0.6], [0.5, 0.37], [0.6, 0.31], [0.76, 0.13], [1, 0], [0.3, 0], [0.12, 0.3], [0.16, 0.52], [0.04, 0.7]];
const GROUND = 38, SKY = 62;

/** Where things are in a drawing of this size. */
function layout() {
  const box = byId("mountains").getBoundingClientRect();
  const width = Math.max(280, box.width), height = Math.max(200, box.height);
  return { width, height, base: height - GROUND, half: 0.29 * width, mem: 0.29 * width, gen: 0.71 * width };
}

/** The largest share that a peak of this group has at any n: it fills the drawing. */
function tallest() {
  const { grid } = state.group;
  return Math.max(peaksAt(grid[0]).memHeight, peaksAt(grid[grid.length - 1]).genHeight);
}

/** Height on the page of a peak of this share. */
const topOf = (place, share) => place.base - (place.base - SKY) * share / tallest();

function shape(points, centre, half, base, top) {
  return points.map(([x, y]) => `${(centre + half * x).toFixed(1)},${(base - (base - top) * y).toFixed(1)}`).join(" ");
}

function mountain(kind, centre, place, share) {
  const top = topOf(place, share), group = draw("g", { id: `peak-${kind}`, "data-height": share.toFixed(6) });
  const polygon = (points, name) => draw("polygon", { points: shape(points, centre, place.half, place.base, top), class: name });
  group.append(polygon(OUTLINE, kind), polygon(SHADE, "shade"), polygon(SNOW, "snow"));
  return group;
}

function flag(centre, top) {
  const group = draw("g", { id: "flag" });
  group.append(draw("line", { x1: centre, x2: centre, y1: top, y2: top - 26, class: "pole" }));
  group.append(draw("polygon", { points: `${centre},${top - 26} ${centre + 17},${top - 20} ${centre},${top - 14}`, class: "flag" }));
  return group;
}

/** Name and cost below a mountain, where nothing hides them. */
function named(text, cost, centre, place) {
  const group = draw("g", { "text-anchor": "middle" });
  const narrow = place.width < 480;
  group.append(draw("text", { x: centre, y: place.height - (narrow ? 21 : 13) }, narrow ? text : `${text}: costs ${cost}`));
  if (narrow) group.append(draw("text", { x: centre, y: place.height - 5, class: "cost" }, `costs ${cost}`));
  return group;
}

/** One circle a network: on the generalising mountain if it grokked, on the other if not. */
function networks(place, found) {
  const fate = nearestFate(), group = draw("g", { id: "nets" });
  if (!fate || fate.grokked === null) return group;
  const shares = { gen: found.genHeight, mem: found.memHeight }, seen = { gen: 0, mem: 0 };
  for (let i = 0; i < fate.members; i += 1) {
    const kind = i < fate.grokked ? "gen" : "mem", k = seen[kind]++;
    const y = 0.6 - 0.17 * Math.floor(k / 3), x = ((k % 3) - 1) * 0.17 * (1 - 0.4 * y) - 0.04;
    const top = topOf(place, shares[kind]);
    const at = { cx: place[kind] + place.half * x, cy: place.base - (place.base - top) * y, r: Math.min(6, Math.max(3.5, place.half / 34)) };
    group.append(draw("circle", { ...at, class: kind === "gen" ? "net yes" : "net not" }));
  }
  return group;
}

/** The gap between the peaks, and where it closes. */
function levels(place, found) {
  const group = draw("g", { id: "levels" });
  for (const share of [found.memHeight, found.genHeight]) {
    const y = topOf(place, share);
    group.append(draw("line", { x1: place.mem - 20, x2: place.gen + 20, y1: y, y2: y, class: "level" }));
  }
  return group;
}

function drawMountains() {
  const svg = byId("mountains"), place = layout(), found = peaksAt(state.n);
  svg.setAttribute("viewBox", `0 0 ${place.width} ${place.height}`);
  svg.replaceChildren();
  if (!found) {
    svg.append(draw("text", { x: place.width / 2, y: place.height / 2, "text-anchor": "middle" }, "No theory here has both heights."));
    return;
  }
  const higher = found.memHeight >= found.genHeight ? ["mem", found.memHeight] : ["gen", found.genHeight];
  svg.append(levels(place, found), mountain("mem", place.mem, place, found.memHeight), mountain("gen", place.gen, place, found.genHeight));
  svg.append(draw("rect", { x: -2, y: place.base, width: place.width + 4, height: GROUND + 4, class: "ground" }));
  svg.append(networks(place, found), flag(place[higher[0]], topOf(place, higher[1])));
  svg.append(named("memorisation", shown(found.memorising), place.mem, place), named("generalisation", shown(found.generalising), place.gen, place));
  svg.append(draw("text", { x: place.width / 2, y: 24, "text-anchor": "middle", class: "crossed" }, whoWins()));
}
