// What every part of the page uses: the trace that is shown, events, elements and controls.

const app = { trace: null, live: null, zoom: 1, listeners: {} };
const byId = (id) => document.getElementById(id);
const prefersReducedMotion = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Create an element with attributes (`on…` are listeners) and children; strings become text nodes, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Call a listener for every `event`: "trace", "moment" or "size". */
function listen(event, listener) {
  (app.listeners[event] = app.listeners[event] || []).push(listener);
}

function notify(event, detail) {
  for (const listener of app.listeners[event] || []) listener(detail);
}

/** Show another trace on the whole page; `keep` stays at the current position of the timeline. */
function showTrace(trace, { keep = false } = {}) {
  app.trace = trace;
  notify("trace", { keep });
}

const directionOf = (texts) => (isRightToLeft(texts.join(" ")) ? "rtl" : "ltr");

/** A control with its label. */
function labelled(text, control) {
  return make("label", { class: "labelled" }, make("span", {}, text), control);
}

function dropdown(options, chosen, onchange, name) {
  const select = make("select", { "aria-label": name, onchange: () => onchange(select.value) });
  for (const [value, text] of options) select.append(make("option", { value, selected: value === chosen }, text));
  return select;
}
