// The player: a timeline of words and their phases, its controls, and the drawing of the current moment.

const PHASE_MS = 1500;
const player = { position: 0, playing: false, speed: 1, unfolded: false, target: null, last: 0, parts: {}, caption: "" };

function addPlayer() {
  const { parts } = player;
  parts.words = make("div", { class: "words", role: "group", "aria-label": "The words of the translation; choose one" });
  parts.phases = make("div", { class: "phases", role: "group", "aria-label": "The phases of this word" });
  parts.drawing = make("div", { class: "stage" });
  parts.caption = make("p", { class: "caption", "aria-live": "polite", id: "caption" });
  parts.table = make("div", { class: "scroll" });
  parts.details = make("details", { ontoggle: () => showTable() }, make("summary", {}, "The numbers of this word as a table"), parts.table);
  byId("steps").append(parts.words, make("div", { class: "bar" }, parts.phases, transport()), parts.caption, parts.drawing, parts.details, keysHelp());
  explainParts(parts.drawing, "part", (part) => describePart(app.trace, currentMoment().step, part));
  addRovingFocus(parts.drawing, "[data-part]");
  addRovingFocus(parts.words, "button");
  parts.drawing.addEventListener("focusin", () => pause());
  document.addEventListener("keydown", onKey);
  listen("trace", ({ keep }) => startTrace(keep));
  listen("size", render);
  new ResizeObserver(() => render()).observe(parts.drawing);
}

const currentMoment = () => momentOf(app.trace, player.position);
const numPhases = () => phasesOf(app.trace).length;
const lastPosition = () => app.trace.steps.length * numPhases();

function startTrace(keep) {
  player.playing = false;
  player.target = null;
  player.position = keep ? Math.min(player.position, lastPosition()) : Math.min(numPhases(), lastPosition());
  buildWords();
  buildPhases();
  player.parts.scrubber.max = lastPosition();
  render();
}

function transport() {
  const { parts } = player;
  const button = (text, name, onclick) => make("button", { type: "button", "aria-label": name, title: name, onclick }, text);
  parts.play = button("▶", "Play", togglePlayback);
  parts.play.classList.add("play");
  parts.scrubber = make("input", { type: "range", min: 0, step: 0.05, "aria-label": "Position on the timeline", oninput: () => { pause(); jumpTo(Number(parts.scrubber.value)); } });
  parts.scrubber.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!direction) return;
    event.preventDefault();
    stepPhase(direction);
  });
  const unfold = make("input", { type: "checkbox", onchange: () => { player.unfolded = unfold.checked; render(); } });
  parts.unfold = make("label", { class: "labelled" }, unfold, make("span", {}, "all words in full"));
  const speed = dropdown([["0.5", "½ ×"], ["1", "1 ×"], ["2", "2 ×"], ["4", "4 ×"]], "1", (value) => { player.speed = Number(value); }, "Speed");
  return make("div", { class: "transport" },
    button("◀◀", "To the beginning (Home)", () => { pause(); jumpTo(0); }),
    button("◀", "One phase back (left arrow)", () => stepPhase(-1)),
    parts.play,
    button("▶│", "One phase forward (right arrow)", () => stepPhase(1)),
    button("▶▶", "To the end (End)", () => { pause(); jumpTo(lastPosition()); }),
    parts.scrubber, speed, parts.unfold);
}

function keysHelp() {
  const keys = [["Space", "play, pause"], ["← →", "one phase back, forward"], ["↑ ↓", "one word back, forward"], ["Home End", "beginning, end"], ["Tab, then arrows", "move between the parts of the drawing; Enter keeps the card open, Escape closes it"]];
  const list = make("dl", { class: "keys" });
  for (const [key, text] of keys) list.append(make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)));
  return make("details", {}, make("summary", {}, "Keys"), list);
}

// ---- moving

function togglePlayback() {
  if (player.playing) return pause();
  player.target = null;
  if (player.position >= lastPosition()) player.position = 0;
  player.playing = true;
  render();
  startFrames();
}

function pause() {
  if (!player.playing) return;
  player.playing = false;
  render();
}

/** Go to the end of the previous or the next phase. */
function stepPhase(direction) {
  pause();
  const from = player.target ?? player.position;
  playTo(direction > 0 ? Math.floor(from + 0.001) + 1 : Math.ceil(from - 0.001) - 1);
}

function playTo(position) {
  const target = Math.min(lastPosition(), Math.max(0, position));
  if (prefersReducedMotion() || Math.abs(target - player.position) > 1.01 || target < player.position) return jumpTo(target);
  player.target = target;
  startFrames();
}

function jumpTo(position) {
  player.target = null;
  player.position = Math.min(lastPosition(), Math.max(0, position));
  render();
}

function startFrames() {
  player.last = performance.now();
  requestAnimationFrame(onFrame);
}

function onFrame(timestamp) {
  if (!player.playing && player.target === null) return;
  const elapsed = ((timestamp - player.last) / PHASE_MS) * (player.playing ? player.speed : 1.6);
  const progress = prefersReducedMotion() ? elapsed : Math.min(0.5, elapsed); // a slow machine plays slower but skips nothing
  if (prefersReducedMotion() && player.playing) {
    if (progress >= 1) advanceTo(Math.floor(player.position + 1), timestamp);
  } else if (progress > 0.015) advanceTo(player.position + progress, timestamp);
  requestAnimationFrame(onFrame);
}

function advanceTo(position, timestamp) {
  const end = player.target ?? lastPosition();
  player.last = timestamp;
  player.position = Math.min(end, position);
  if (player.position >= end) {
    player.target = null;
    player.playing = false;
  }
  render();
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const target = event.target;
  if (target.closest("input, select, textarea, [data-roving], [role=region]")) return;
  if (event.key === " " && target.closest("button, summary, a")) return;
  const action = { " ": togglePlayback, ArrowLeft: () => stepPhase(-1), ArrowRight: () => stepPhase(1), ArrowUp: () => stepWord(-1), ArrowDown: () => stepWord(1),
    Home: () => { pause(); jumpTo(0); }, End: () => { pause(); jumpTo(lastPosition()); } }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

/** Go to the end of the previous or the next word. */
function stepWord(direction) {
  pause();
  jumpTo((currentMoment().step + direction + 1) * numPhases());
}

// ---- showing

function buildWords() {
  const { target, steps } = app.trace;
  const buttons = steps.map((step, number) => make("button", {
    type: "button", tabindex: number ? -1 : 0, class: step.token === END ? "end" : "", onclick: () => { pause(); jumpTo((number + 1) * numPhases()); },
  }, step.token ? shownToken(step.token) : "next word"));
  player.parts.words.replaceChildren(...buttons);
  player.parts.words.dir = directionOf(target.tokens);
  player.parts.words.hidden = steps.length === 1 && !steps[0].token;
}

function buildPhases() {
  const buttons = phasesOf(app.trace).map((name, number) => make("button", {
    type: "button", onclick: () => { pause(); playTo(currentMoment().step * numPhases() + number + 1); },
  }, make("span", { class: "phase-number" }, String(number)), make("span", { class: "phase-name" }, name)));
  player.parts.phases.replaceChildren(...buttons);
}

/** The size of the drawing in its own units; wide screens, such as projectors, get larger letters. */
function drawingSize() {
  const available = player.parts.drawing.clientWidth || 1000;
  const scale = Math.min(1.7, Math.max(app.zoom, (available / 1220) * Math.max(1, app.zoom)));
  const width = available < 700 ? Math.max(320, available / Math.min(scale, available / 320)) : available / scale;
  const wide = width >= 1000;
  const height = wide ? Math.min(620, Math.max(330, window.innerHeight / scale - 380)) : 400;
  return { width, height, unfolded: player.unfolded };
}

function render() {
  if (!app.trace) return;
  const { parts } = player;
  const { step, time } = currentMoment();
  const focused = parts.drawing.contains(document.activeElement) && document.activeElement.dataset.part;
  const size = drawingSize();
  parts.unfold.hidden = !isFolded(app.trace, size);
  parts.drawing.innerHTML = drawStep(app.trace, step, time, { ...size, interactive: true, label: partsLabel(step) });
  const first = parts.drawing.querySelector(focused ? `[data-part="${focused}"]` : "[data-part]");
  if (first) first.setAttribute("tabindex", "0");
  if (focused && first) first.focus({ preventScroll: true });
  showControls(step, time);
  notify("moment", { step, time });
}

const partsLabel = (step) => `Attention while word ${step + 1} of ${app.trace.steps.length} is written; the arrow keys move between the parts`;

function showControls(step, time) {
  const { parts } = player;
  const phase = phaseAt(time);
  const names = phasesOf(app.trace);
  [...parts.words.children].forEach((button, number) => {
    button.classList.toggle("future", number > step || (number === step && time < names.length));
    button.toggleAttribute("aria-current", number === step);
    if (number === step) button.setAttribute("aria-current", "step");
  });
  [...parts.phases.children].forEach((button, number) => {
    if (number === phase) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    button.classList.toggle("done", number < phase);
  });
  parts.scrubber.value = player.position;
  const position = (app.trace.steps.length > 1 ? `Word ${step + 1} of ${app.trace.steps.length}, ` : "") + names[phase].toLowerCase();
  parts.scrubber.setAttribute("aria-valuetext", position);
  parts.play.textContent = player.playing ? "❚❚" : "▶";
  parts.play.setAttribute("aria-label", player.playing ? "Pause" : "Play");
  const caption = captionOf(app.trace, step, time);
  if (caption !== player.caption) parts.caption.replaceChildren(make("b", {}, `${position[0].toUpperCase()}${position.slice(1)}. `), caption);
  parts.caption.setAttribute("aria-live", player.playing ? "off" : "polite");
  player.caption = caption;
  if (parts.details.open && step !== parts.table.step) showTable();
}

function showTable() {
  const { parts } = player;
  const { step } = currentMoment();
  parts.table.step = step;
  const current = app.trace.steps[step];
  const head = make("tr", {}, ...["source token", "score", "weight"].map((name) => make("th", { scope: "col" }, name)));
  const rows = app.trace.source.tokens.map((token, number) => make("tr", {},
    make("th", { scope: "row", dir: "auto" }, shownToken(token)),
    make("td", {}, current.scores ? exactNumber(current.scores[number]) : "none"),
    make("td", {}, current.weights ? exactNumber(current.weights[number]) : "none")));
  parts.table.replaceChildren(make("table", { class: "figures" }, make("thead", {}, head), make("tbody", {}, ...rows)));
}
