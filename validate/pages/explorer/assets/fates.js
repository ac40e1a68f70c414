/** What became of the networks of the trained size nearest to n, and the marks below the slider. */

function people(fate) {
  const box = byId("people");
  box.replaceChildren();
  if (!fate || fate.grokked === null) {
    box.setAttribute("aria-label", "not known");
    return;
  }
  box.setAttribute("aria-label", `${fate.grokked} of ${fate.members} networks grokked`);
  for (let i = 0; i < fate.members; i += 1) {
    const yes = i < fate.grokked;
    box.append(make("i", { class: yes ? "yes" : "no", text: yes ? "✓" : "–", title: yes ? "grokked" : "did not" }));
  }
}

function fateWords(fate) {
  if (!fate) return "No networks were trained here.";
  const away = fate.samples === state.n ? `At n = ${fate.samples}` : `At n = ${fate.samples}, the trained size nearest to ${state.n}`;
  if (!fate.rate) return `${away}: the source does not say how many grokked.`;
  const interval = fate.rate.text.split("[")[1].replace("]", "").replace(", ", " to ");
  return `${away}, ${fate.grokked} of ${fate.members} networks grokked within the budget (95% interval of the share: ${interval}).`;
}

/** Test accuracy that theory expects at n itself, with its interval. */
function expected() {
  const told = state.group.accuracy, grid = state.group.grid;
  if (!told) return "no theory predicts it";
  const [low, value, high] = ["low", "value", "high"].map((name) => percent(between(grid, told[name], state.n)));
  return `${value} [${low}, ${high}] at n = ${state.n}, by ${told.predictor}${told.valid ? "" : " (outside its range)"}`;
}

function fateFacts(fate) {
  const facts = [
    ["Median step of memorising, t_mem", fate ? fate.t_mem : "–"],
    ["Median step of grokking, t_grok", fate ? fate.t_grok : "–"],
    ["Mean test accuracy at the end", fate && fate.accuracy ? fate.accuracy.text : "not measured"],
    ["Predicted test accuracy", expected()],
  ];
  byId("fate-facts").replaceChildren(...facts.flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text })]));
}

function drawFates() {
  const fate = nearestFate();
  people(fate);
  byId("fate-words").textContent = fateWords(fate);
  fateFacts(fate);
  byId("fate-command").replaceChildren(commandOf(fate ? fate.command : ""));
  document.querySelectorAll("#fates-table tr").forEach((row) => row.classList.toggle("now", Boolean(fate) && row.dataset.n === String(fate.samples)));
}

/** Place on the slider, as a share of its length. */
function along(x) {
  const { min, max } = byId("n");
  return Math.min(1, Math.max(0, (x - min) / (max - min)));
}

function mark(name, x, text) {
  const share = along(x), node = make("span", { class: name, text });
  node.style.left = `${100 * share}%`;
  if (text) node.style.transform = `translateX(-${100 * share}%)`;
  return node;
}

function drawMarks() {
  const marks = byId("marks"), theory = mountains(), measured = state.group.measured;
  marks.replaceChildren();
  if (measured && measured.low !== null && measured.high !== null) {
    const band = mark("band", measured.low, "");
    band.style.width = `${100 * (along(measured.high) - along(measured.low))}%`;
    marks.append(band);
  }
  if (theory) marks.append(mark("tick", theory.crossing.value, ""));
  if (theory) marks.append(mark("crossing", theory.crossing.value, `▲ peaks equally high at ${valueText(theory.crossing)}`));
  if (measured) marks.append(mark("measured", measured.value ?? measured.low ?? measured.high, `■ measured ${measured.text}`));
}
