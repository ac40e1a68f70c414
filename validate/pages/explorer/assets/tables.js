/** Every chart as a table, and what has no chart. */

/** A table; cells are text, or elements as they are. */
function tableOf(caption, headings, rows) {
  const head = make("tr", {}, ...headings.map(([text, kind]) => make("th", { scope: "col", class: kind || "", text })));
  const body = rows.map((row) => {
    const cells = row.cells.map((cell, i) => {
      const node = make(i ? "td" : "th", i ? { class: headings[i][1] || "" } : { scope: "row" });
      node.append(cell);
      return node;
    });
    return make("tr", { class: row.kind || "", "data-n": row.n ?? "" }, ...cells);
  });
  const table = make("table", {}, make("caption", { class: "visually-hidden", text: caption }), make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
}

function whence(text, note, command) {
  const box = make("details", {}, make("summary", { text }));
  if (note) box.append(make("p", { class: "small", text: note }));
  if (command !== null) box.append(commandOf(command));
  return box;
}

function measuredRow() {
  const { measured, source, note, command, budget } = state.group;
  if (!measured) return [];
  const within = budget === null ? "" : ` within ${budget.toLocaleString("en")} steps`;
  return [{ kind: "measured", cells: [`measured${within}`, measured.text, "", "", "", whence(source, note, command)] }];
}

function drawClaimed() {
  const rows = state.group.claimed.map((one) => {
    const range = one.spot.value === null || one.valid ? "" : " (outside its range)";
    const value = one.spot.value === null ? "no value" : one.spot.text;
    return { cells: [one.predictor, value + range, one.spot.value === null ? "" : one.error, String(one.fitted), String(one.runs), whence(one.origin, one.note, one.command)] };
  });
  const headings = [["predictor", ""], ["n_c [95% or own interval]", "n"], ["error against measured", "n"], ["constants fitted", "n"], ["runs used", "n"], ["source and command", "note"]];
  byId("claimed-table").replaceChildren(tableOf(`n_c of ${state.group.name}`, headings, [...measuredRow(), ...rows]));
  byId("group-words").textContent = `${state.group.name}, M = ${state.group.order}, ${state.group.pairs} rows. ${state.group.network}.`;
}

function drawFatesTable() {
  const rows = state.group.fates.map((fate) => ({
    n: fate.samples,
    cells: [String(fate.samples), percent(fate.samples / state.group.pairs), fate.rate ? fate.rate.text : "–", fate.t_mem, fate.t_grok,
      fate.accuracy ? fate.accuracy.text : "–", whence("train again", "", fate.command)],
  }));
  const headings = [["n", "n"], ["of all rows", "n"], ["grokked [95%]", "n"], ["t_mem", "n"], ["t_grok", "n"], ["test accuracy [95%]", "n"], ["command", "note"]];
  byId("fates-table").replaceChildren(tableOf(`Networks of ${state.group.name} by size`, headings, rows));
}

function drawHeightsTable() {
  const theory = mountains(), box = byId("heights-table");
  if (!theory) {
    box.replaceChildren(make("p", { text: "No theory here has both heights." }));
    return;
  }
  const rows = state.group.grid.map((n, i) => ({ cells: [String(n), shown(theory.memorising[i], 2), shown(theory.generalising, 2)] })).filter((_, i) => i % 5 === 0);
  const headings = [["n", "n"], ["memorising costs", "n"], ["generalising costs", "n"]];
  box.replaceChildren(tableOf(`Heights of ${state.group.name} by ${theory.label}`, headings, rows));
}

function heightWords() {
  const theory = mountains();
  if (!theory) return "For this setting no theory has the height of both peaks as a function of n; what was measured is shown.";
  const own = state.group.claimed.find((one) => one.predictor === theory.theory);
  const outside = own && !own.valid ? ` Outside its range here, so do not expect networks to follow: ${own.note}.` : "";
  return `Drawn height of a peak: the other way’s share of both costs, so that both are ½ where they cross and the cheaper way is the higher peak. ` +
    `Cost: ${theory.words}, by ${theory.theory}, equations ${theory.equations.join(", ")}. ` +
    `They cross at n = ${theory.crossing.text}. ● networks that grokked, ○ that did not, at the trained size nearest to n.${outside}`;
}
