"use strict";

/** Small things that every other script needs. */

const byId = (id) => document.getElementById(id);

/** An element with a class, text or children; text is never read as HTML. */
function make(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") node.textContent = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** The same for a drawing. */
function draw(tag, options = {}, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(options)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

/** Value at x between the points of a curve. */
function between(xs, ys, x) {
  if (x <= xs[0]) return ys[0];
  const last = xs.length - 1;
  if (x >= xs[last]) return ys[last];
  const i = xs.findIndex((one) => one > x);
  const share = (x - xs[i - 1]) / (xs[i] - xs[i - 1]);
  return ys[i - 1] + share * (ys[i] - ys[i - 1]);
}

/** A number of so many digits, as text. */
const shown = (x, digits = 1) => x.toLocaleString("en", { maximumFractionDigits: digits });

const percent = (x) => `${(100 * x).toFixed(1)}%`;

/** A colour of the page's present theme. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A command with a button that copies it; a sentence where no command line does it. */
function commandOf(text) {
  if (!text) return make("p", { class: "small", text: "No single command line has all of these options: see the sources below." });
  const button = make("button", { type: "button", class: "copy", text: "Copy" });
  return make("div", { class: "command" }, make("code", { text }), button);
}

/** Copy what stands beside a button, with or without the clipboard's permission. */
async function copyBeside(button) {
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  byId("said").textContent = `${button.textContent}: ${code.textContent}`;
  setTimeout(() => { button.textContent = "Copy"; }, 1600);
}
