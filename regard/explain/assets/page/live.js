// The served page: type a sentence, watch its translation, and change the model's attention or its output.

const live = { base: "", before: null, changes: [], busy: null, parts: {}, weights: null };

function addLive({ base }) {
  live.base = base;
  document.body.classList.add("live");
  addSentence();
  addChanges();
  listen("trace", ({ changed }) => { if (!changed) resetChanges(); showLive(); });
  listen("moment", ({ step }) => { if (live.shown !== step) showLive(); });
  dragWeights();
}

/** After a new sentence: nothing has been changed, and later versions are compared with this one. */
function resetChanges() {
  live.before = app.trace;
  live.changes = [];
}

function addSentence() {
  const { parts } = live;
  parts.input = make("input", { type: "text", id: "sentence", autocomplete: "off", spellcheck: "false", dir: "auto", required: true });
  parts.stream = make("p", { class: "stream", dir: "auto", "aria-live": "polite", "aria-label": "The translation so far" });
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

function showLive() {
  if (!live.parts.changes) return;
  const { step } = currentMoment();
  live.shown = step;
  live.weights = app.trace.steps[step].weights && [...app.trace.steps[step].weights];
  if (document.activeElement !== live.parts.input) live.parts.input.value = app.trace.source.text;
  live.parts.stream.textContent = app.trace.target.text;
  showChanges();
  showCompare();
  showWeights(step);
  showForce(step);
  showSource();
}
