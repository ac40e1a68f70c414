/** Curves over n. Plotly is parsed after the page is usable, and once. */

const CONFIG = { responsive: true, displayModeBar: false, displaylogo: false, scrollZoom: false, doubleClick: false };

function loadPlotly() {
  const source = byId("plotly"), script = document.createElement("script");
  script.textContent = source.textContent;
  source.remove();
  document.body.append(script);
}

/** Chart's id -> what draws it; and those that are to be drawn when they come into sight. */
const drawers = new Map(), stale = new Set(), seen = new Set();

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) seen.add(target.id);
    else seen.delete(target.id);
  }
  drawSeen();
}, { rootMargin: "400px" });

/** From now on a chart is drawn by this when it is near the window. */
function watch(id, drawer) {
  drawers.set(id, drawer);
  stale.add(id);
  watcher.observe(byId(id));
}

function drawSeen() {
  if (!window.Plotly) return;
  for (const id of [...stale]) {
    if (!seen.has(id) || !byId(id)) continue;
    stale.delete(id);
    drawers.get(id)(byId(id));
  }
}

/** Everything is drawn anew, what is out of sight later. */
function drawCharts() {
  for (const id of drawers.keys()) {
    if (byId(id)) stale.add(id);
    else drawers.delete(id);
  }
  drawSeen();
}

function axis(title, more = {}) {
  return { title: { text: title, standoff: 8 }, gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true, fixedrange: true, ...more };
}

function layoutOf(more) {
  const legend = { orientation: "h", x: 0, y: 1.02, xanchor: "left", yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" };
  return {
    font: { family: "system-ui, sans-serif", size: 13, color: colour("ink") }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 56, r: 12, t: 24, b: 46 }, dragmode: false, hovermode: "closest", legend, ...more,
  };
}

const upright = (x, look, more = {}) => ({ type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line: look, ...more });

/** The measured interval as a band, and n as a line. */
function shapes() {
  const { measured } = state.group, found = [upright(state.n, { color: colour("ink"), width: 2 })];
  if (measured && measured.low !== null && measured.high !== null) {
    found.push({ type: "rect", xref: "x", yref: "paper", x0: measured.low, x1: measured.high, y0: 0, y1: 1, fillcolor: colour("grey"), opacity: 0.28, line: { width: 0 }, layer: "below" });
  }
  return found;
}

const span = () => [Number(byId("n").min), Number(byId("n").max)];

/** No chart where there is nothing to draw, and no gap in its place. */
function emptied(box, nothing) {
  if (nothing) Plotly.purge(box);
  box.style.minHeight = nothing ? "0" : "";
  return nothing;
}

function drawHeights(box) {
  const theory = mountains();
  if (emptied(box, !theory)) return;
  const x = state.group.grid, line = (name, y, look) => ({ x, y, name, mode: "lines", line: look, hovertemplate: "n = %{x}: %{y:.1f}<extra>%{fullData.name}</extra>" });
  const cross = { x: [theory.crossing.value], y: [theory.generalising], name: "equally high", mode: "markers+text", text: [valueText(theory.crossing)], textposition: "top right",
    cliponaxis: false, marker: { size: 10, color: colour("ink") }, showlegend: false, hoverinfo: "skip" };
  const traces = [
    line("memorising", theory.memorising, { color: colour("mem"), width: 3 }),
    line("generalising", x.map(() => theory.generalising), { color: colour("gen"), width: 3, dash: "dash" }), cross];
  Plotly.react(box, traces, layoutOf({ shapes: shapes(), xaxis: axis("training pairs n", { range: span() }), yaxis: axis("cost (cheaper is higher)", { autorange: "reversed" }) }), CONFIG);
}

const bars = (spots) => ({ type: "data", symmetric: false, thickness: 1.5, width: 4, array: spots.map((s) => s.high - s.value), arrayminus: spots.map((s) => s.value - s.low) });

function points(name, pick, look) {
  const fates = state.group.fates.filter((fate) => pick(fate) && pick(fate).value !== null), spots = fates.map(pick);
  const whole = spots.map((s) => ({ value: s.value, low: s.low ?? s.value, high: s.high ?? s.value }));
  return { x: fates.map((fate) => fate.samples), y: spots.map((s) => s.value), text: spots.map((s) => s.text), name, mode: "markers", error_y: { ...bars(whole), color: look.color },
    marker: { size: 9, ...look }, hovertemplate: "n = %{x}: %{text}<extra>%{fullData.name}</extra>" };
}

function drawFatesChart(box) {
  const told = state.group.accuracy, x = state.group.grid, traces = [];
  if (emptied(box, !told && !state.group.fates.length)) return;
  if (told) {
    const edge = { mode: "lines", line: { width: 0 }, showlegend: false, hoverinfo: "skip" };
    traces.push({ ...edge, x, y: told.low }, { ...edge, x, y: told.high, fill: "tonexty", fillcolor: "rgba(110,160,200,.22)" });
    traces.push({ x, y: told.value, name: "accuracy predicted", mode: "lines", line: { color: colour("gen"), width: 2.5 }, hovertemplate: "n = %{x}: %{y:.1%}<extra>predicted</extra>" });
  }
  traces.push(points("accuracy measured", (fate) => fate.accuracy, { color: colour("gen"), symbol: "circle" }));
  traces.push(points("share that grokked", (fate) => fate.rate, { color: colour("ink"), symbol: "diamond-open" }));
  Plotly.react(box, traces, layoutOf({ shapes: shapes(), xaxis: axis("training pairs n", { range: span() }), yaxis: axis("share", { range: [-0.04, 1.06], tickformat: ".0%" }) }), CONFIG);
}

/** Rows of the chart of predictions, the first one on top. */
function claimedRows() {
  const { claimed, measured } = state.group;
  const able = claimed.filter((one) => one.spot.value !== null);
  const rows = able.map((one) => ({ name: one.predictor, spot: one.spot, colour: one.colour, valid: one.valid })).reverse();
  if (measured && measured.value !== null) rows.push({ name: "measured", spot: measured, colour: colour("ink"), valid: true });
  return rows;
}

function drawClaimedChart(box) {
  const rows = claimedRows();
  if (emptied(box, !rows.length)) return;
  const [low, high] = reach(rows.map((row) => row.spot));
  const inside = (x) => Math.min(high, Math.max(low, x));
  const whole = rows.map(({ spot }) => ({ value: inside(spot.value), low: inside(spot.low ?? spot.value), high: inside(spot.high ?? spot.value) }));
  const symbol = (row) => (row.spot.value > high ? "triangle-right" : row.spot.value < low ? "triangle-left" : row.valid ? "circle" : "circle-open");
  const colours = rows.map((row) => row.colour);
  const trace = { x: whole.map((row) => row.value), y: rows.map((row) => row.name), text: rows.map((row) => row.spot.text), mode: "markers", error_x: { ...bars(whole), color: colour("soft") },
    cliponaxis: false, marker: { size: 11, color: colours, symbol: rows.map(symbol), line: { width: 2, color: colours } }, hovertemplate: "%{y}: %{text}<extra></extra>" };
  const height = 100 + 30 * rows.length;
  box.style.minHeight = `${height}px`;
  Plotly.react(box, [trace], layoutOf({ shapes: shapes(), showlegend: false, height, xaxis: axis("n_c, training pairs", { range: [low, high] }), yaxis: axis("", { type: "category" }) }), CONFIG);
}

/** Ends of the axis: around the measurement, or the middle prediction; what lies beyond is a triangle at the end. */
function reach(spots) {
  const sorted = spots.map((s) => s.value).sort((a, b) => a - b);
  const measured = state.group.measured, centre = measured && measured.value !== null ? measured.value : sorted[Math.floor(sorted.length / 2)];
  const low = Math.min(...spots.map((s) => s.low ?? s.value)), high = Math.max(...spots.map((s) => s.high ?? s.value));
  return [Math.max(0.65 * centre, low - 0.05 * centre), Math.min(1.4 * centre, high + 0.05 * centre)];
}

/** Only the line at n moves. */
function moveLines() {
  if (!window.Plotly) return;
  for (const id of ["plot-heights", "plot-fates", "plot-claimed"]) {
    if (byId(id).data && !stale.has(id)) Plotly.relayout(byId(id), { "shapes[0].x0": state.n, "shapes[0].x1": state.n });
  }
}
