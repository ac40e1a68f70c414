/** What happens when something is chosen, dragged or pressed. */

function fillChoice(select, names, at) {
  select.replaceChildren(...names.map((text, i) => make("option", { value: i, text })));
  select.value = String(at);
  select.disabled = names.length < 2;
}

/** The slider of the chosen group, with a tick at every trained size. */
function setSlider() {
  const slider = byId("n"), { grid, fates } = state.group;
  slider.min = Math.ceil(grid[0]);
  slider.max = Math.floor(grid[grid.length - 1]);
  slider.value = state.n;
  byId("sizes").replaceChildren(...fates.map((fate) => make("option", { value: fate.samples })));
}

function setJumps() {
  byId("to-crossing").disabled = !mountains();
  byId("to-measured").disabled = !(state.group.measured && state.group.measured.value !== null);
}

/** Everything that depends on n. */
function showN() {
  const words = inWords();
  byId("n-shown").textContent = `n = ${shown(state.n)} (${percent(state.n / state.group.pairs)} of all)`;
  byId("n").setAttribute("aria-valuetext", words);
  byId("mountains-words").textContent = words;
  drawMountains();
  drawFates();
}

let due = 0;
/** Charts follow when the browser next draws. */
function moveTo(n) {
  state.n = Math.min(Number(byId("n").max), Math.max(Number(byId("n").min), Math.round(n)));
  byId("n").value = state.n;
  showN();
  if (!due) due = requestAnimationFrame(() => { due = 0; moveLines(); });
}

function showTheory() {
  byId("height-words").textContent = heightWords();
  drawMarks();
  drawHeightsTable();
  setJumps();
}

function showGroup() {
  state.theory = 0;
  state.n = state.group.start;
  fillChoice(byId("theory"), state.group.mountains.map((one) => one.label), 0);
  setSlider();
  drawClaimed();
  drawFatesTable();
  drawCards();
  showTheory();
  showN();
  drawCharts();
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = dark ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `Switch to ${dark ? "light" : "dark"} colours`);
  drawCharts();
}

function listen() {
  byId("group").addEventListener("change", (event) => { state.group = groups[Number(event.target.value)]; showGroup(); });
  byId("theory").addEventListener("change", (event) => { state.theory = Number(event.target.value); showTheory(); showN(); drawCharts(); });
  byId("n").addEventListener("input", (event) => moveTo(Number(event.target.value)));
  byId("to-crossing").addEventListener("click", () => moveTo(mountains().crossing.value));
  byId("to-measured").addEventListener("click", () => moveTo(state.group.measured.value));
  byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
  document.addEventListener("click", (event) => { if (event.target.classList.contains("copy")) copyBeside(event.target); });
  const preference = matchMedia("(prefers-color-scheme: dark)");
  preference.addEventListener("change", () => setTheme(preference.matches));
  new ResizeObserver(drawMountains).observe(byId("range"));
}

/** After the page has been painted and is usable. */
function afterPaint() {
  loadPlotly();
  drawCharts();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

watch("plot-claimed", drawClaimedChart);
watch("plot-heights", drawHeights);
watch("plot-fates", drawFatesChart);
setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
fillChoice(byId("group"), groups.map((one) => one.name), 0);
listen();
showGroup();
addEventListener("load", () => requestAnimationFrame(() => setTimeout(afterPaint)));
