// Weights that can be changed: with sliders, and by dragging the bars in the drawing.

function showWeights(step) {
  const { weights } = live.parts;
  if (!live.weights) return weights.replaceChildren(make("p", { class: "small" }, "This model has no attention to change."));
  const rows = app.trace.source.tokens.map((token, index) => weightRow(step, token, index));
  return weights.replaceChildren(...rows, make("p", { class: "small" }, "The other weights share what is left, so that all sum to 1."));
}

function weightRow(step, token, index) {
  const name = quoted(shownToken(token));
  const slider = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": `Weight of ${name}`,
    oninput: () => { live.weights = withShare(live.weights, index, Number(slider.value)); fillRows(); },
    onchange: () => applyChange({ kind: "weights", step, row: live.weights }) });
  slider.value = live.weights[index];
  return make("div", { class: "weight-row" },
    make("bdi", { class: token === END ? "end" : "" }, shownToken(token)), slider, make("output", {}, shareNumber(live.weights[index], 2)),
    make("button", { type: "button", "aria-label": `Weight of ${name} to zero`, onclick: () => applyChange({ kind: "weights", step, row: withShare(live.weights, index, 0) }) }, "0"),
    make("button", { type: "button", "aria-label": `Look only at ${name}`, onclick: () => applyChange({ kind: "attend", step, to: tokensOfWord(index) }) }, "only"));
}

function fillRows() {
  [...live.parts.weights.querySelectorAll(".weight-row")].forEach((row, index) => {
    row.querySelector("input").value = live.weights[index];
    row.querySelector("output").textContent = shareNumber(live.weights[index], 2);
  });
}

/** The row with one weight set; the others keep their proportions and the sum of 1. */
function withShare(row, index, share) {
  const rest = row.reduce((sum, value, other) => (other === index ? sum : sum + value), 0);
  const weight = rest > 0 ? share : share > 0 ? 1 : 0;
  const equalShare = row.length > 1 ? (1 - weight) / (row.length - 1) : 0;
  return row.map((value, other) => (other === index ? weight : rest > 0 ? (value / rest) * (1 - weight) : equalShare));
}

/** All tokens of the source word that a token belongs to. */
function tokensOfWord(index) {
  const { places } = app.trace.source;
  return places[index] < 0 ? [index] : places.flatMap((word, other) => (word === places[index] ? [other] : []));
}

/** Dragging a bar of the weights in the drawing. */
function dragWeights() {
  const stage = player.parts.drawing;
  let drag = null;
  stage.addEventListener("pointerdown", (event) => {
    const bar = event.target.closest('[data-part^="weight:"]');
    if (!bar || !live.weights) return;
    pause();
    const box = bar.getBoundingClientRect();
    const scale = box.width / Number(bar.getAttribute("width"));
    drag = { index: indexOf(bar.dataset.part), left: box.left + 2 * scale, width: box.width - 46 * scale, step: currentMoment().step, moved: false, x: event.clientX };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!drag || (!drag.moved && Math.abs(event.clientX - drag.x) < 4)) return;
    drag.moved = true;
    closeCard();
    const share = Math.min(1, Math.max(0, (event.clientX - drag.left) / drag.width));
    live.weights = withShare(live.weights, drag.index, share);
    fillRows();
    app.trace = withWeights(app.trace, drag.step, live.weights);
    render();
  });
  stage.addEventListener("pointerup", () => {
    const dragged = drag;
    drag = null;
    if (dragged && dragged.moved) applyChange({ kind: "weights", step: dragged.step, row: live.weights });
  });
}

/** A trace as it would be with another row of weights at a step, before the model has decoded on. */
function withWeights(trace, step, weights) {
  const steps = trace.steps.map((one, index) => (index === step ? { ...one, weights, context: trace.states ? weightedSum(weights, trace.states) : one.context, intervention: "weights" } : one));
  return { ...trace, steps };
}
