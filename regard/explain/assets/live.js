// The served page: type a sentence, see it written word by word, change what the model looked at or wrote.

const live = { base: "", before: null, changes: [], busy: null, parts: {}, row: null };

function addLive({ base }) {
  live.base = base;
  document.body.classList.add("live");
  addSentence();
  addChanges();
  listen("trace", ({ changed }) => { if (!changed) forget(); showLive(); });
  listen("moment", ({ step }) => { if (live.shown !== step) showLive(); });
  dragWeights();
}

/** A new sentence: nothing has been changed yet, and what is shown is the model's own. */
function forget() {
  live.before = app.trace;
  live.changes = [];
}

// ---- asking the server

async function ask(path, body) {
  const answer = await fetch(live.base + path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: live.busy.signal,
  });
  if (!answer.ok) throw new Error(await refusal(answer));
  return answer;
}

async function refusal(answer) {
  const again = answer.headers.get("Retry-After");
  try {
    const { error } = await answer.json();
    return again ? `${error.message} (try again in ${again} s)` : error.message;
  } catch {
    return `The server answered ${answer.status} ${answer.statusText}`;
  }
}

/** Runs one exchange with the server; a newer one ends an older one. */
async function exchange(work) {
  if (live.busy) live.busy.abort();
  const busy = new AbortController();
  live.busy = busy;
  const { state } = live.parts;
  state.classList.remove("wrong");
  state.textContent = "The model is working …";
  try {
    await work();
    if (live.busy === busy) state.textContent = "";
  } catch (error) {
    if (error.name === "AbortError" || live.busy !== busy) return;
    state.classList.add("wrong");
    state.textContent = error instanceof TypeError ? "The server does not answer. Is it still running?" : error.message;
  }
}

/** Translates a text, showing each token as it is written, then everything about it. */
function translate(text) {
  return exchange(async () => {
    live.parts.stream.textContent = "";
    await follow(await ask("/v1/translate", { text, stream: true }), (event) => {
      if (event.error) throw new Error(event.error.message);
      if (event.token !== undefined && event.token !== END) live.parts.stream.textContent = event.text ?? `${live.parts.stream.textContent} ${shownToken(event.token)}`;
    });
    const trace = await (await ask("/v1/trace", { text })).json();
    showTrace(unpackTrace(trace));
  });
}

/** The events of a stream, one after another. */
async function follow(answer, told) {
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    held += decoder.decode(value || new Uint8Array(), { stream: !done });
    const lines = held.split(/\r?\n/);
    held = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) told(JSON.parse(line.slice(5)));
    if (done) return;
  }
}

/** Lets the model decode on with one more change; what was changed at later words no longer applies. */
function change(made) {
  const group = (one) => (one.kind === "force" ? "force" : "look");
  const kept = live.changes.filter((one) => one.step < made.step || (one.step === made.step && group(one) !== group(made)));
  return decodeWith([...kept, made], made.step);
}

function decodeWith(changes, step) {
  live.compared = null;
  return exchange(async () => {
    const body = { text: live.before.source.text };
    if (changes.length) body.interventions = changes;
    const trace = unpackTrace(await (await ask("/v1/trace", body)).json());
    live.changes = changes;
    tellChanged(trace, step);
  });
}

function tellChanged(trace, step) {
  app.trace = trace;
  tell("trace", { keep: true, changed: true });
  jump((Math.min(step, trace.steps.length - 1) + 1) * phaseCount());
}

/** Another source sentence, compared with what came out before. */
function changeSource(words) {
  const text = words.join(" ").trim();
  if (!text) return null;
  return exchange(async () => {
    const before = live.before;
    const trace = await (await ask("/v1/trace", { text })).json();
    showTrace(unpackTrace(trace));
    live.compared = before;
    live.parts.input.value = text;
    showLive();
  });
}

// ---- the sentence

function addSentence() {
  const { parts } = live;
  parts.input = make("input", { type: "text", id: "sentence", autocomplete: "off", spellcheck: "false", dir: "auto", required: true });
  parts.stream = make("p", { class: "stream", dir: "auto", "aria-live": "polite", "aria-label": "The translation as it is written" });
  parts.state = make("p", { class: "doing", role: "status" });
  const submit = (event) => {
    event.preventDefault();
    live.compared = null;
    if (parts.input.value.trim()) translate(parts.input.value.trim());
  };
  byId("what-if").hidden = false;
  byId("what-if").append(make("form", { class: "ask", onsubmit: submit },
    make("label", { for: "sentence" }, "Sentence"), parts.input, make("button", { type: "submit", class: "play" }, "Translate")), parts.stream, parts.state);
}

// ---- what can be changed

function addChanges() {
  const { parts } = live;
  for (const name of ["made", "source", "weights", "force", "compare"]) parts[name] = make("div", { class: `change-${name}` });
  const section = byId("intervene");
  section.hidden = false;
  section.append(
    make("h2", {}, "What if …"),
    make("p", { class: "lead" }, "… the model had looked elsewhere, or written something else? Change the word that the steps above show; the model decodes on from there. Weights can also be dragged in the drawing."),
    parts.made, parts.compare,
    make("div", { class: "change-grid" },
      make("div", {}, make("h3", {}, "where it looked"), parts.weights),
      make("div", {}, make("h3", {}, "what it wrote"), parts.force, make("h3", {}, "what it read"), parts.source)));
}

function showLive() {
  if (!live.parts.made) return;
  const { step } = moment();
  live.shown = step;
  live.row = app.trace.steps[step].weights && [...app.trace.steps[step].weights];
  if (document.activeElement !== live.parts.input) live.parts.input.value = app.trace.source.text;
  live.parts.stream.textContent = app.trace.target.text;
  showMade();
  showCompare();
  showWeights(step);
  showForce(step);
  showSource();
}

function showMade() {
  const chips = live.changes.map((one, place) => make("span", { class: "chip" }, changeWords(one),
    make("button", { type: "button", "aria-label": `Undo: ${changeWords(one)}`, onclick: () => decodeWith(live.changes.filter((_, other) => other !== place), one.step) }, "✕")));
  const reset = make("button", { type: "button", onclick: () => { live.compared = null; tellChanged(live.before, moment().step); forget(); showLive(); } }, "Reset");
  live.parts.made.replaceChildren(...chips, ...(chips.length || live.compared ? [reset] : []));
}

function changeWords(one) {
  const word = `word ${one.step + 1}: `;
  if (one.kind === "force") return `${word}write ${quoted(shownToken(one.token))}`;
  if (one.kind === "weights") return `${word}other weights`;
  return `${word}look only at ${quoted(one.to.map((place) => shownToken(live.before.source.tokens[place])).join(" "))}`;
}

function showCompare() {
  const old = live.compared || live.before;
  const { compare } = live.parts;
  const changed = live.compared || live.changes.length;
  if (!changed || !old) return compare.replaceChildren();
  const [from, to] = [old.target.words.length > 1 ? old.target.words : old.target.tokens, app.trace.target.words.length > 1 ? app.trace.target.words : app.trace.target.tokens];
  const common = commonWords(from, to);
  const same = from.length === to.length && common.length === from.length;
  return compare.replaceChildren(
    versionOf("Before", from, new Set(common.map(([place]) => place)), old.log_probability),
    versionOf("After", to, new Set(common.map(([, place]) => place)), app.trace.log_probability),
    make("p", { class: "small" }, same ? "Nothing changed in what was written." : "Marked: what the other one does not have."));
}

function versionOf(name, words, common, logProbability) {
  const shown = words.flatMap((word, place) => [common.has(place) ? make("span", {}, shownToken(word)) : make("mark", {}, shownToken(word)), " "]);
  return make("div", { class: "version" }, make("h3", {}, name), make("p", { dir: directionOf(words) }, ...shown),
    make("p", { class: "small" }, `log-probability ${shortNumber(logProbability)} nats`));
}

/** Places of the longest sequence of words that both have: [place before, place after]. */
function commonWords(from, to) {
  const best = Array.from({ length: from.length + 1 }, () => Array(to.length + 1).fill(0));
  for (let a = from.length - 1; a >= 0; a--) {
    for (let b = to.length - 1; b >= 0; b--) best[a][b] = from[a] === to[b] ? best[a + 1][b + 1] + 1 : Math.max(best[a + 1][b], best[a][b + 1]);
  }
  const pairs = [];
  for (let a = 0, b = 0; a < from.length && b < to.length;) {
    if (from[a] === to[b]) pairs.push([a++, b++]);
    else if (best[a + 1][b] >= best[a][b + 1]) a++;
    else b++;
  }
  return pairs;
}

// ---- where it looked

function showWeights(step) {
  const { weights } = live.parts;
  if (!live.row) return weights.replaceChildren(make("p", { class: "small" }, "This model has no attention to change."));
  const rows = app.trace.source.tokens.map((token, place) => weightRow(step, token, place));
  return weights.replaceChildren(...rows, make("p", { class: "small" }, "The other weights share what is left, so that all sum to 1."));
}

function weightRow(step, token, place) {
  const name = quoted(shownToken(token));
  const slider = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": `Weight of ${name}`,
    oninput: () => { live.row = withShare(live.row, place, Number(slider.value)); fillRows(); },
    onchange: () => change({ kind: "weights", step, row: live.row }) });
  slider.value = live.row[place];
  return make("div", { class: "weight-row" },
    make("bdi", { class: token === END ? "end" : "" }, shownToken(token)), slider, make("output", {}, shareNumber(live.row[place], 2)),
    make("button", { type: "button", "aria-label": `Weight of ${name} to zero`, onclick: () => change({ kind: "weights", step, row: withShare(live.row, place, 0) }) }, "0"),
    make("button", { type: "button", "aria-label": `Look only at ${name}`, onclick: () => change({ kind: "attend", step, to: tokensOfWord(place) }) }, "only"));
}

function fillRows() {
  [...live.parts.weights.querySelectorAll(".weight-row")].forEach((row, place) => {
    row.querySelector("input").value = live.row[place];
    row.querySelector("output").textContent = shareNumber(live.row[place], 2);
  });
}

/** The row with one weight set; the others keep their proportions and the sum of 1. */
function withShare(row, place, share) {
  const rest = row.reduce((sum, value, other) => (other === place ? sum : sum + value), 0);
  const wanted = rest > 0 ? share : share > 0 ? 1 : 0;
  const even = row.length > 1 ? (1 - wanted) / (row.length - 1) : 0;
  return row.map((value, other) => (other === place ? wanted : rest > 0 ? (value / rest) * (1 - wanted) : even));
}

/** All tokens of the source word that a token belongs to. */
function tokensOfWord(place) {
  const { places } = app.trace.source;
  return places[place] < 0 ? [place] : places.flatMap((word, other) => (word === places[place] ? [other] : []));
}

/** Dragging a bar of the weights in the drawing. */
function dragWeights() {
  const stage = player.parts.drawing;
  let held = null;
  stage.addEventListener("pointerdown", (event) => {
    const bar = event.target.closest('[data-part^="weight:"]');
    if (!bar || !live.row) return;
    pause();
    const box = bar.getBoundingClientRect();
    const scale = box.width / Number(bar.getAttribute("width"));
    held = { place: rowOf(bar.dataset.part), left: box.left + 2 * scale, room: box.width - 46 * scale, step: moment().step, moved: false, x: event.clientX };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held || (!held.moved && Math.abs(event.clientX - held.x) < 4)) return;
    held.moved = true;
    closeCard();
    const share = Math.min(1, Math.max(0, (event.clientX - held.left) / held.room));
    live.row = withShare(live.row, held.place, share);
    fillRows();
    app.trace = withWeights(app.trace, held.step, live.row);
    render();
  });
  stage.addEventListener("pointerup", () => {
    const dragged = held;
    held = null;
    if (dragged && dragged.moved) change({ kind: "weights", step: dragged.step, row: live.row });
  });
}

/** A trace as it would be with another row of weights at a step, before the model has decoded on. */
function withWeights(trace, step, weights) {
  const steps = trace.steps.map((one, place) => (place === step ? { ...one, weights, context: trace.states ? weightedSum(weights, trace.states) : one.context, intervention: "weights" } : one));
  return { ...trace, steps };
}

// ---- what it wrote, what it read

function showForce(step) {
  const now = app.trace.steps[step];
  const buttons = shownCandidates(now).map((candidate) => make("button", {
    type: "button", "aria-pressed": String(candidate.token === now.token), "aria-label": `Write ${quoted(shownToken(candidate.token))}`,
    onclick: () => change({ kind: "force", step, token: candidate.token }),
  }, make("bdi", {}, shownToken(candidate.token)), ` ${percent(candidate.probability)}`));
  const other = make("input", { type: "text", "aria-label": "Another token to write", placeholder: "another token", size: 12, dir: "auto" });
  const write = (event) => {
    event.preventDefault();
    if (other.value.trim()) change({ kind: "force", step, token: other.value.trim() });
  };
  live.parts.force.replaceChildren(...buttons, make("form", { class: "inline", onsubmit: write }, other, make("button", { type: "submit" }, "write")));
}

function showSource() {
  const words = app.trace.source.text.split(/\s+/).filter(Boolean);
  const chips = words.map((word, place) => {
    const input = make("input", { type: "text", value: word, dir: "auto", size: Math.max(2, Array.from(word).length), "aria-label": `Source word ${place + 1}; Enter replaces it`,
      onkeydown: (event) => { if (event.key === "Enter" && input.value.trim()) changeSource(replaced(words, place, input.value)); } });
    return make("span", { class: "chip" }, input, make("button", { type: "button", "aria-label": `Delete ${quoted(word)}`, onclick: () => changeSource(words.filter((_, other) => other !== place)) }, "✕"));
  });
  live.parts.source.replaceChildren(...chips);
  live.parts.source.dir = directionOf(words);
}

const replaced = (words, place, word) => words.map((one, other) => (other === place ? word : one));
