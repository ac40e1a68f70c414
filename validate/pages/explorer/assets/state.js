/** What is looked at: one group, one theory of its heights, one n. */

const groups = JSON.parse(byId("data").textContent).groups;
const state = { group: groups[0], theory: 0, n: groups[0].start };

/** Heights that are drawn: None if no theory has both. */
const mountains = () => state.group.mountains[state.theory] || null;

/** Costs at n, and each peak's height: the other way's share of both costs. */
function peaksAt(n) {
  const theory = mountains();
  if (!theory) return null;
  const memorising = between(state.group.grid, theory.memorising, n);
  const generalising = theory.generalising;
  const both = memorising + generalising;
  return { memorising, generalising, memHeight: generalising / both, genHeight: memorising / both };
}

/** The number of a label, as the table has it, without its interval. */
const valueText = (spot) => spot.text.split(" [")[0];

/** The trained size that is nearest to n; none if nothing was trained. */
function nearestFate() {
  const apart = (fate) => Math.abs(fate.samples - state.n);
  return state.group.fates.reduce((best, fate) => (best && apart(best) <= apart(fate) ? best : fate), null);
}

/** Which way is cheaper at n, in words. */
function whoWins() {
  const found = peaksAt(state.n), theory = mountains();
  if (!found) return "no theory here has the height of both peaks";
  if (Math.abs(state.n - theory.crossing.value) <= 0.5) return "both peaks are equally high";
  return found.memHeight > found.genHeight ? "memorising is cheaper" : "generalising is cheaper";
}

/** Everything at n in a sentence, for readers who do not see the drawing. */
function inWords() {
  const found = peaksAt(state.n), fate = nearestFate();
  const heights = found ? `: memorising costs ${shown(found.memorising)}, generalising ${shown(found.generalising)}` : "";
  const networks = fate && fate.rate ? `; at ${fate.samples}, ${fate.grokked} of ${fate.members} networks grokked` : "";
  return `n = ${state.n}: ${whoWins()}${heights}${networks}`;
}
