/** Curves over n. Plotly is parsed after the page is usable, and once. */

const CONFIG = { responsive: true, displayModeBar: false, displaylogo: false, scrollZoom: false, doubleClick: false };

function loadPlotly() {
  const source = byId("plotly"), script = document.createElement("script");
  script.textContent = source.textContent;
  source.remove();
  document.body.append(script);
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

function drawHeights() {
  const theory = mountains(), box = byId("plot-heights");
  if (!theory) { Plotly.purge(box); return; }
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

function drawFatesChart() {
  const told = state.group.accuracy, x = state.group.grid, traces = [];
  if (told) {
    const edge = { mode: "lines", line: { width: 0 }, showlegend: false, hoverinfo: "skip" };
    traces.push({ ...edge, x, y: told.low }, { ...edge, x, y: told.high, fill: "tonexty", fillcolor: "rgba(110,160,200,.22)" });
    traces.push({ x, y: told.value, name: "accuracy predicted", mode: "lines", line: { color: colour("gen"), width: 2.5 }, hovertemplate: "n = %{x}: %{y:.1%}<extra>predicted</extra>" });
  }
  traces.push(points("accuracy measured", (fate) => fate.accuracy, { color: colour("gen"), symbol: "circle" }));
  traces.push(points("share that grokked", (fate) => fate.rate, { color: colour("ink"), symbol: "diamond-open" }));
  Plotly.react(byId("plot-fates"), traces, layoutOf({ shapes: shapes(), xaxis: axis("training pairs n", { range: span() }), yaxis: axis("share", { range: [-0.04, 1.06], tickformat: ".0%" }) }), CONFIG);
}

function drawClaimedChart() {
  const able = state.group.claimed.filter((one) => one.spot.value !== null), measured = state.group.measured;
  const rows = [...able.map((one) => ({ name: one.predictor, spot: one.spot, colour: one.colour, valid: one.valid }))].reverse();
  if (measured && measured.value !== null) rows.push({ name: "measured", spot: measured, colour: colour("ink"), valid: true });
  const whole = rows.map(({ spot }) => ({ value: spot.value, low: spot.low ?? spot.value, high: spot.high ?? spot.value }));
  const trace = { x: rows.map((row) => row.spot.value), y: rows.map((row) => row.name), text: rows.map((row) => row.spot.text), mode: "markers", error_x: { ...bars(whole), color: colour("soft") },
    marker: { size: 11, color: rows.map((row) => row.colour), symbol: rows.map((row) => (row.valid ? "circle" : "circle-open")), line: { width: 2, color: rows.map((row) => row.colour) } },
    hovertemplate: "%{y}: %{text}<extra></extra>" };
  byId("plot-claimed").style.minHeight = `${6 + 2 * rows.length}rem`;
  Plotly.react(byId("plot-claimed"), [trace], layoutOf({ shapes: shapes(), showlegend: false, height: 96 + 32 * rows.length, xaxis: axis("n_c, training pairs; open circles: outside their range", { range: reach(whole) }), yaxis: axis("", { type: "category" }) }), CONFIG);
}

/** All predictions within sight, whatever the slider's ends are. */
function reach(spots) {
  const low = Math.min(...spots.map((s) => s.low)), high = Math.max(...spots.map((s) => s.high)), room = 0.06 * (high - low || high);
  return [low - room, high + room];
}

/** Only the line at n moves. */
function moveLines() {
  if (!window.Plotly) return;
  for (const id of ["plot-heights", "plot-fates", "plot-claimed"]) {
    if (byId(id).data) Plotly.relayout(byId(id), { "shapes[0].x0": state.n, "shapes[0].x1": state.n });
  }
}

function drawCharts() {
  if (!window.Plotly) return;
  drawClaimedChart();
  drawHeights();
  drawFatesChart();
  drawCurveCharts();
}
