// The steps, moving: a time line of words and their phases, its controls, and the drawing of the moment.

const PHASE_MS = 1500;
const player = { position: 0, playing: false, speed: 1, unfolded: false, goal: null, last: 0, parts: {}, said: "" };

function addPlayer() {
  const { parts } = player;
  parts.words = make("div", { class: "words", role: "group", "aria-label": "The words written; choose one" });
  parts.phases = make("div", { class: "phases", role: "group", "aria-label": "The phases of this word" });
  parts.drawing = make("div", { class: "stage" });
  parts.caption = make("p", { class: "caption", "aria-live": "polite", id: "caption" });
  parts.table = make("div", { class: "scroll" });
  parts.details = make("details", { ontoggle: () => showTable() }, make("summary", {}, "The numbers of this word as a table"), parts.table);
  byId("steps").append(parts.words, make("div", { class: "bar" }, parts.phases, transport()), parts.caption, parts.drawing, parts.details, keysHelp());
  explainParts(parts.drawing, "part", (part) => describePart(app.trace, moment().step, part));
  rove(parts.drawing, "[data-part]");
  rove(parts.words, "button");
  parts.drawing.addEventListener("focusin", () => pause());
  document.addEventListener("keydown", onKey);
  listen("trace", ({ keep }) => startTrace(keep));
  listen("size", render);
  new ResizeObserver(() => render()).observe(parts.drawing);
}

const moment = () => momentOf(app.trace, player.position);
const phaseCount = () => phasesOf(app.trace).length;
const total = () => app.trace.steps.length * phaseCount();

function startTrace(keep) {
  player.playing = false;
  player.goal = null;
  player.position = keep ? Math.min(player.position, total()) : Math.min(phaseCount(), total());
  buildWords();
  buildPhases();
  player.parts.scrubber.max = total();
  render();
}

function transport() {
  const { parts } = player;
  const button = (text, name, onclick) => make("button", { type: "button", "aria-label": name, title: name, onclick }, text);
  parts.play = button("▶", "Play", toggle);
  parts.play.classList.add("play");
  parts.scrubber = make("input", { type: "range", min: 0, step: 0.05, "aria-label": "Place on the time line", oninput: () => { pause(); jump(Number(parts.scrubber.value)); } });
  parts.scrubber.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    glide(way);
  });
  const unfold = make("input", { type: "checkbox", onchange: () => { player.unfolded = unfold.checked; render(); } });
  parts.unfold = make("label", { class: "labelled" }, unfold, make("span", {}, "all words in full"));
  const speed = pick([["0.5", "½ ×"], ["1", "1 ×"], ["2", "2 ×"], ["4", "4 ×"]], "1", (value) => { player.speed = Number(value); }, "Speed");
  return make("div", { class: "transport" },
    button("◀◀", "To the beginning (Home)", () => { pause(); jump(0); }),
    button("◀", "One phase back (left arrow)", () => glide(-1)),
    parts.play,
    button("▶│", "One phase on (right arrow)", () => glide(1)),
    button("▶▶", "To the end (End)", () => { pause(); jump(total()); }),
    parts.scrubber, speed, parts.unfold);
}

function keysHelp() {
  const keys = [["Space", "play, pause"], ["← →", "a phase back, on"], ["↑ ↓", "a word back, on"], ["Home End", "beginning, end"], ["Tab, then arrows", "from part to part of the drawing; Enter keeps the card open, Escape closes it"]];
  const list = make("dl", { class: "keys" });
  for (const [key, text] of keys) list.append(make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)));
  return make("details", {}, make("summary", {}, "Keys"), list);
}

// ---- moving

function toggle() {
  if (player.playing) return pause();
  player.goal = null;
  if (player.position >= total()) player.position = 0;
  player.playing = true;
  render();
  run();
}

function pause() {
  if (!player.playing) return;
  player.playing = false;
  render();
}

/** To the end of the phase before or after this one. */
function glide(way) {
  pause();
  const from = player.goal ?? player.position;
  glideTo(way > 0 ? Math.floor(from + 0.001) + 1 : Math.ceil(from - 0.001) - 1);
}

function glideTo(position) {
  const goal = Math.min(total(), Math.max(0, position));
  if (calm() || Math.abs(goal - player.position) > 1.01 || goal < player.position) return jump(goal);
  player.goal = goal;
  run();
}

function jump(position) {
  player.goal = null;
  player.position = Math.min(total(), Math.max(0, position));
  render();
}

function run() {
  player.last = performance.now();
  requestAnimationFrame(frame);
}

function frame(now) {
  if (!player.playing && player.goal === null) return;
  const due = ((now - player.last) / PHASE_MS) * (player.playing ? player.speed : 1.6);
  const passed = calm() ? due : Math.min(0.5, due);  // a slow machine plays slowly, and skips nothing
  if (calm() && player.playing) {
    if (passed >= 1) moveTo(Math.floor(player.position + 1), now);
  } else if (passed > 0.015) moveTo(player.position + passed, now);
  requestAnimationFrame(frame);
}

function moveTo(position, now) {
  const end = player.goal ?? total();
  player.last = now;
  player.position = Math.min(end, position);
  if (player.position >= end) {
    player.goal = null;
    player.playing = false;
  }
  render();
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const target = event.target;
  if (target.closest("input, select, textarea, [data-roving], [role=region]")) return;
  if (event.key === " " && target.closest("button, summary, a")) return;
  const act = { " ": toggle, ArrowLeft: () => glide(-1), ArrowRight: () => glide(1), ArrowUp: () => word(-1), ArrowDown: () => word(1),
    Home: () => { pause(); jump(0); }, End: () => { pause(); jump(total()); } }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

/** To the end of another word. */
function word(way) {
  pause();
  jump((moment().step + way + 1) * phaseCount());
}

// ---- showing

function buildWords() {
  const { target, steps } = app.trace;
  const buttons = steps.map((step, number) => make("button", {
    type: "button", tabindex: number ? -1 : 0, class: step.token === END ? "end" : "", onclick: () => { pause(); jump((number + 1) * phaseCount()); },
  }, step.token ? shownToken(step.token) : "next word"));
  player.parts.words.replaceChildren(...buttons);
  player.parts.words.dir = directionOf(target.tokens);
  player.parts.words.hidden = steps.length === 1 && !steps[0].token;
}

function buildPhases() {
  const buttons = phasesOf(app.trace).map((name, number) => make("button", {
    type: "button", onclick: () => { pause(); glideTo(moment().step * phaseCount() + number + 1); },
  }, make("span", { class: "phase-number" }, String(number)), make("span", { class: "phase-name" }, name)));
  player.parts.phases.replaceChildren(...buttons);
}

/** How large the drawing may be: wide screens, as projectors have, get larger letters. */
function drawingSize() {
  const room = player.parts.drawing.clientWidth || 1000;
  const scale = Math.min(1.7, Math.max(app.zoom, (room / 1220) * Math.max(1, app.zoom)));
  const width = room < 700 ? Math.max(320, room / Math.min(scale, room / 320)) : room / scale;
  const wide = width >= 1000;
  const height = wide ? Math.min(620, Math.max(330, window.innerHeight / scale - 380)) : 400;
  return { width, height, unfolded: player.unfolded };
}

function render() {
  if (!app.trace) return;
  const { parts } = player;
  const { step, time } = moment();
  const focused = parts.drawing.contains(document.activeElement) && document.activeElement.dataset.part;
  const size = drawingSize();
  parts.unfold.hidden = !isFolded(app.trace, size);
  parts.drawing.innerHTML = drawStep(app.trace, step, time, { ...size, interactive: true, label: partsLabel(step) });
  const first = parts.drawing.querySelector(focused ? `[data-part="${focused}"]` : "[data-part]");
  if (first) first.setAttribute("tabindex", "0");
  if (focused && first) first.focus({ preventScroll: true });
  showControls(step, time);
  tell("moment", { step, time });
}

const partsLabel = (step) => `Attention while word ${step + 1} of ${app.trace.steps.length} is written; the arrow keys go from part to part`;

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
  const place = (app.trace.steps.length > 1 ? `Word ${step + 1} of ${app.trace.steps.length}, ` : "") + names[phase].toLowerCase();
  parts.scrubber.setAttribute("aria-valuetext", place);
  parts.play.textContent = player.playing ? "❚❚" : "▶";
  parts.play.setAttribute("aria-label", player.playing ? "Pause" : "Play");
  const said = captionOf(app.trace, step, time);
  if (said !== player.said) parts.caption.replaceChildren(make("b", {}, `${place[0].toUpperCase()}${place.slice(1)}. `), said);
  parts.caption.setAttribute("aria-live", player.playing ? "off" : "polite");
  player.said = said;
  if (parts.details.open && step !== parts.table.step) showTable();
}

function showTable() {
  const { parts } = player;
  const { step } = moment();
  parts.table.step = step;
  const now = app.trace.steps[step];
  const head = make("tr", {}, ...["source token", "score", "weight"].map((name) => make("th", { scope: "col" }, name)));
  const rows = app.trace.source.tokens.map((token, number) => make("tr", {},
    make("th", { scope: "row", dir: "auto" }, shownToken(token)),
    make("td", {}, now.scores ? exactNumber(now.scores[number]) : "none"),
    make("td", {}, now.weights ? exactNumber(now.weights[number]) : "none")));
  parts.table.replaceChildren(make("table", { class: "figures" }, make("thead", {}, head), make("tbody", {}, ...rows)));
}
