// What every part of the page uses: elements, the card that explains what one points at, keys, theme and size.

const app = { trace: null, live: null, zoom: 1, listeners: {} };

const byId = (id) => document.getElementById(id);
const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** An element with attributes (`on…` are listeners) and children; all text stays text. */
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

function listen(event, listener) {
  (app.listeners[event] = app.listeners[event] || []).push(listener);
}

function tell(event, detail) {
  for (const listener of app.listeners[event] || []) listener(detail);
}

/** Shows another trace everywhere; `keep` stays at the same place of the time line. */
function showTrace(trace, { keep = false } = {}) {
  app.trace = trace;
  tell("trace", { keep });
}

const directionOf = (texts) => (isRightToLeft(texts.join(" ")) ? "rtl" : "ltr");

/** A control with its name beside it. */
function labelled(text, control) {
  return make("label", { class: "labelled" }, make("span", {}, text), control);
}

function pick(options, chosen, onchange, name) {
  const select = make("select", { "aria-label": name, onchange: () => onchange(select.value) });
  for (const [value, text] of options) select.append(make("option", { value, selected: value === chosen }, text));
  return select;
}

// ---- theme and size

function addTools() {
  const root = document.documentElement;
  const dark = () => root.dataset.theme === "dark" || (!root.dataset.theme && window.matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = make("button", { type: "button", onclick: () => { root.dataset.theme = dark() ? "light" : "dark"; name(); } });
  const name = () => { theme.textContent = dark() ? "☀ Light" : "☾ Dark"; };
  const size = make("button", { type: "button", onclick: () => {
    app.zoom = { 1: 1.25, 1.25: 1.5, 1.5: 1 }[app.zoom];
    root.style.fontSize = `${100 * app.zoom}%`;
    size.textContent = sizeName();
    tell("size");
  } });
  const sizeName = () => (app.zoom === 1.5 ? "A Normal size" : "A Larger");
  size.textContent = sizeName();
  name();
  byId("tools").append(size, theme);
}

// ---- what one points at

const card = { element: null, of: null, pinned: false };

function addCard() {
  card.element = make("div", { id: "card", class: "pop", role: "note", hidden: true });
  document.body.append(card.element);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeCard(); });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("[data-part], [data-node], #card")) closeCard();
  });
}

function closeCard() {
  card.element.hidden = true;
  card.pinned = false;
  card.of = null;
}

/** Shows `told` (title, text, formulas, vector) beside the box of what is meant. */
function showCard(told, box, pinned = false) {
  const parts = [make("p", { class: "pop-title" }, told.title)];
  if (told.text) parts.push(make("p", {}, told.text));
  for (const formula of told.formulas || []) parts.push(make("p", { class: "formula" }, formula));
  if (told.vector) parts.push(...vectorParts(told.vector, pinned));
  if (pinned) parts.push(make("button", { type: "button", class: "close", "aria-label": "Close", onclick: closeCard }, "✕"));
  card.element.replaceChildren(...parts);
  card.element.hidden = false;
  card.pinned = pinned;
  placeCard(box);
}

function vectorParts(vector, pinned) {
  const holder = make("div", { class: "strip" });
  holder.innerHTML = stripSvg(vector);
  const most = pinned ? vector.length : 8;
  const text = vector.slice(0, most).map(shortNumber).join("  ");
  const rest = vector.length > most ? ` … ${vector.length} numbers; click to see all` : "";
  return [holder, make("p", { class: "numbers", tabindex: pinned ? 0 : false }, text + rest)];
}

/** All numbers of a vector as small coloured cells. */
function stripSvg(vector) {
  const across = Math.min(vector.length, 32);
  const size = vector.length <= 8 ? 18 : 9;
  const largest = Math.max(1e-9, ...vector.map(Math.abs));
  const cells = vector.map((value, place) => shapeText(rect("", (place % across) * size, Math.floor(place / across) * size, size - 1, size - 1, {
    class: value < 0 ? "below" : "above", "fill-opacity": Math.abs(value) / largest,
  })));
  const [width, height] = [across * size, Math.ceil(vector.length / across) * size];
  return `<svg class="drawing" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" aria-hidden="true">${cells.join("")}</svg>`;
}

function placeCard(box) {
  const { element } = card;
  const narrow = window.innerWidth < 640;
  element.classList.toggle("sheet", narrow);
  if (narrow) {
    element.style.left = element.style.top = "";
    return;
  }
  const { width, height } = element.getBoundingClientRect();
  const left = Math.min(Math.max(8, box.left + box.width / 2 - width / 2), document.documentElement.clientWidth - width - 8);
  const above = box.top > height + 12;
  element.style.left = `${left + window.scrollX}px`;
  element.style.top = `${(above ? box.top - height - 8 : box.bottom + 8) + window.scrollY}px`;
}

/** Hovering, touching and focusing the parts of a drawing; `describe(part)` says what is shown. */
function explainParts(holder, attribute, describe) {
  const at = (event) => event.target.closest && event.target.closest(`[data-${attribute}]`);
  const show = (element, pinned) => {
    card.of = element.dataset[attribute];
    showCard(describe(card.of), element.getBoundingClientRect(), pinned);
  };
  holder.addEventListener("pointerover", (event) => {
    const element = at(event);
    if (element && !card.pinned && event.pointerType === "mouse") show(element, false);
  });
  holder.addEventListener("pointerleave", () => { if (!card.pinned) closeCard(); });
  holder.addEventListener("click", (event) => { if (at(event)) show(at(event), true); });
  holder.addEventListener("focusin", (event) => { if (at(event) && at(event).matches(":focus-visible")) show(at(event), false); });
  holder.addEventListener("focusout", () => { if (!card.pinned) closeCard(); });
  holder.addEventListener("keydown", (event) => {
    if (at(event) && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      show(at(event), true);
    }
  });
}

// ---- keys

/** One stop of the tab key for many small things: arrows move to the nearest one in their direction. */
function rove(holder, selector) {
  holder.dataset.roving = "";
  holder.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const from = event.target.closest(selector);
    if (!way || !from) return;
    event.preventDefault();
    const next = nearest(from, holder.querySelectorAll(selector), way);
    if (next) focusOnly(holder, selector, next);
  });
  holder.addEventListener("focusin", (event) => {
    const element = event.target.closest(selector);
    if (element) markOnly(holder, selector, element);
  });
}

function focusOnly(holder, selector, element) {
  markOnly(holder, selector, element);
  element.focus();
}

function markOnly(holder, selector, element) {
  for (const other of holder.querySelectorAll(`${selector}[tabindex="0"]`)) other.setAttribute("tabindex", "-1");
  element.setAttribute("tabindex", "0");
}

function nearest(from, all, [dx, dy]) {
  const middle = (element) => {
    const box = element.getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  };
  const start = middle(from);
  let best = null;
  let least = Infinity;
  for (const element of all) {
    const point = middle(element);
    const ahead = (point.x - start.x) * dx + (point.y - start.y) * dy;
    const aside = Math.abs((point.x - start.x) * dy) + Math.abs((point.y - start.y) * dx);
    const cost = ahead + 3 * aside;
    if (element !== from && ahead > 1 && cost < least) [best, least] = [element, cost];
  }
  return best;
}

// ---- the model in words

function addModel() {
  listen("trace", () => {
    const { model, source, log_probability: logProbability } = app.trace;
    const rows = [
      ["Encoder", model.encoder_description || model.encoder],
      ["Decoder", model.decoder],
      ["Cells", model.cell && `${model.num_layers} × ${model.cell}`],
      ["First state", model.bridge && `${model.bridge}: ${BRIDGES[model.bridge] || ""}`],
      ["Score function", model.formula ? `${model.score}: ${model.formula}${model.score_source ? ` (${model.score_source})` : ""}` : model.score],
      ["Query", model.query && lowered(model.query)],
      ["Context", model.context && lowered(model.context)],
      ["Log-probability", logProbability === null ? null : `${shortNumber(logProbability)} nats for ${app.trace.steps.length} tokens, from ${source.tokens.length}`],
    ];
    const list = make("dl", { class: "facts" });
    for (const [name, value] of rows) if (value) list.append(make("div", {}, make("dt", {}, name), make("dd", {}, value)));
    byId("model").replaceChildren(make("h2", {}, "The model"), list, legend());
  });
}

function legend() {
  const words = [
    ["encoder", "round, green: encoder states, one for each token of the sentence"],
    ["decoder", "six corners, orange: decoder states; the one that asks is the query"],
    ["context", "square, blue: weights, and the context they bring back"],
  ];
  const list = make("ul", { class: "legend" });
  for (const [name, text] of words) list.append(make("li", { class: `of-${name}` }, text));
  list.append(make("li", { class: "of-cells" }, "small cells: the numbers of a vector, green above zero, orange below, as strong as they are large"));
  return list;
}
