// Weights that can be changed: with sliders, and by dragging the bars in the drawing.

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
