/** Training curves of chosen networks, with the three stages between the marks. */

const STAGES = [["lazy", "grey"], ["independent", "part"], ["interaction", "gen"]];

/** Ends of the stages on this record: those that were reached. */
function stageSpans(run) {
  const { memorised, leaves, grokked } = run.stages, first = run.steps[0];
  const ends = [[first, memorised ?? run.last]];
  if (memorised !== null) ends.push([memorised, leaves ?? run.last]);
  if (memorised !== null && leaves !== null) ends.push([leaves, run.last]);
  return ends.map(([from, to], i) => ({ name: STAGES[i][0], colour: colour(STAGES[i][1]), from: Math.max(from, first), to: Math.max(to, first) }));
}

function stageShapes(run) {
  const rect = { type: "rect", xref: "x", yref: "paper", y0: 0, y1: 1, opacity: 0.12, line: { width: 0 }, layer: "below" };
  const found = stageSpans(run).map((one) => ({ ...rect, x0: one.from, x1: one.to, fillcolor: one.colour }));
  for (const step of [run.stages.memorised, run.stages.grokked]) {
    if (step !== null) found.push(upright(Math.max(step, run.steps[0]), { color: colour("ink"), width: 1.4, dash: "dot" }));
  }
  for (const one of run.predicted) found.push(upright(one.spot.value, { color: colour("accent"), width: 1.4, dash: "dashdot" }));
  return found;
}

/** Names of stages where there is room for them. */
function stageNames(run, width) {
  const whole = Math.log10(run.last / run.steps[0]) || 1;
  const wide = stageSpans(run).filter((one) => width * Math.log10(one.to / one.from) / whole > 78);
  const above = { yref: "paper", y: 1, yanchor: "bottom", showarrow: false };
  return wide.map((one) => ({ ...above, x: (Math.log10(one.from) + Math.log10(one.to)) / 2, text: one.name, font: { size: 12, color: colour("soft") } }));
}

function drawCurve(box, run) {
  const line = (name, y, look, more = {}) => ({ x: run.steps, y, name, mode: "lines", line: look, hovertemplate: "step %{x}: %{y:.3f}<extra>%{fullData.name}</extra>", ...more });
  const traces = [line("training", run.train, { color: colour("mem"), width: 2, dash: "dash" }), line("test", run.test, { color: colour("gen"), width: 2.6 })];
  const more = {};
  if (run.gradient.some((x) => x !== null)) {
    traces.push(line("|G_F|", run.gradient, { color: colour("soft"), width: 1.5, dash: "dot" }, { yaxis: "y2", connectgaps: true, hovertemplate: "step %{x}: |G_F| %{y:.3g}<extra></extra>" }));
    more.yaxis2 = axis("|G_F|", { overlaying: "y", side: "right", showgrid: false, rangemode: "tozero", tickformat: ".2~g", tickmode: "auto", nticks: 5 });
  }
  const range = [Math.log10(run.steps[0]), Math.log10(run.last)];
  Plotly.react(box, traces, layoutOf({ ...more, showlegend: false, margin: { l: 52, r: 12, t: 26, b: 44 }, shapes: stageShapes(run), annotations: stageNames(run, box.clientWidth - 110),
    xaxis: axis("step", { type: "log", range, dtick: 1 }), yaxis: axis("accuracy", { range: [-0.03, 1.05], tickformat: ".0%" }) }), CONFIG);
}

const stepText = (step, last) => (step === null ? `not by ${shown(last)}` : shown(step));

function cardOf(run, i) {
  const chart = make("div", { class: "chart", id: `curve-${i}`, role: "img", "aria-label": `Accuracies of a network at n = ${run.samples} against steps; the table below has the numbers` });
  const { memorised, leaves, grokked } = run.stages;
  const facts = `t_mem ${stepText(memorised, run.last)}; leaves its plateau ${stepText(leaves, run.last)}; t_grok ${stepText(grokked, run.last)}.`;
  const predictions = run.predicted.map((one) => `${one.predictor} predicted ${one.quantity} = ${one.spot.text}`).join("; ");
  return make("article", { class: "card" }, make("h3", { text: `n = ${run.samples}, seed ${run.seed}` }), make("p", { class: "small", text: run.words }), keysOf(run), chart,
    make("p", { class: "small", text: facts }), ...(predictions ? [make("p", { class: "small", text: predictions })] : []), whence("source and command", run.source, run.command));
}

function keysOf(run) {
  const keys = [["training accuracy", "mem", "dashed"], ["test accuracy", "gen", "solid"]];
  if (run.gradient.some((x) => x !== null)) keys.push(["|G_F|, right", "soft", "dotted"]);
  if (run.predicted.length) keys.push(["predicted", "accent", "dashed"]);
  return make("ul", { class: "keys" }, ...keys.map(([text, name, style]) => {
    const sample = make("span", {});
    sample.style.borderTopColor = `var(--${name})`;
    sample.style.borderTopStyle = style;
    return make("li", {}, sample, text);
  }));
}

function drawCards() {
  const cards = byId("curve-cards"), { curves } = state.group;
  if (curves.length) {
    cards.replaceChildren(...curves.map(cardOf));
    curves.forEach((run, i) => watch(`curve-${i}`, (box) => drawCurve(box, run)));
  } else {
    const why = "These sources have numbers and no curves. Give the folder of a sweep instead of its CSV to see them, such as";
    cards.replaceChildren(make("div", {}, make("p", { text: why }), commandOf("twopeaks report SPEC.toml")));
  }
  drawCurvesTable();
}

function drawCurvesTable() {
  const rows = state.group.curves.flatMap((run) => run.steps.map((step, i) => ({ cells: [`n = ${run.samples}, seed ${run.seed}`, String(step), percent(run.train[i]), percent(run.test[i])] })).filter((_, i) => i % 10 === 0));
  const headings = [["network", ""], ["step", "n"], ["training accuracy", "n"], ["test accuracy", "n"]];
  byId("curves-table").replaceChildren(tableOf(`Training curves of ${state.group.name}, every tenth point`, headings, rows));
}

