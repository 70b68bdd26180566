// Changing the attention weights: with sliders, and by dragging the bars in the drawing.

function showWeights(step) {
  const { weights } = live.parts;
  if (!live.weights) return weights.replaceChildren(make("p", { class: "small" }, "This model has no attention to change."));
  const rows = app.trace.source.tokens.map((token, index) => weightRow(step, token, index));
  return weights.replaceChildren(...rows, make("p", { class: "small" }, "The other weights are rescaled, so that all sum to 1."));
}

function weightRow(step, token, index) {
  const name = quoted(shownToken(token));
  const slider = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": `Weight of ${name}`,
    oninput: () => { live.weights = withWeight(live.weights, index, Number(slider.value)); fillRows(); },
    onchange: () => applyChange({ kind: "weights", step, row: live.weights }) });
  slider.value = live.weights[index];
  return make("div", { class: "weight-row" },
    make("bdi", { class: token === END ? "end" : "" }, shownToken(token)), slider, make("output", {}, shareNumber(live.weights[index], 2)),
    make("button", { type: "button", "aria-label": `Set the weight of ${name} to zero`, onclick: () => applyChange({ kind: "weights", step, row: withWeight(live.weights, index, 0) }) }, "0"),
    make("button", { type: "button", "aria-label": `Attend only to ${name}`, onclick: () => applyChange({ kind: "attend", step, to: tokensOfWord(index) }) }, "only"));
}

function fillRows() {
  [...live.parts.weights.querySelectorAll(".weight-row")].forEach((row, index) => {
    row.querySelector("input").value = live.weights[index];
    row.querySelector("output").textContent = shareNumber(live.weights[index], 2);
  });
}

/** Set one weight; the others keep their proportions, and all sum to 1. */
function withWeight(weights, index, value) {
  const rest = weights.reduce((sum, weight, other) => (other === index ? sum : sum + weight), 0);
  const changed = rest > 0 ? value : value > 0 ? 1 : 0;
  const equal = weights.length > 1 ? (1 - changed) / (weights.length - 1) : 0;
  return weights.map((weight, other) => (other === index ? changed : rest > 0 ? (weight / rest) * (1 - changed) : equal));
}

/** The indices of all tokens of the source word that a token belongs to. */
function tokensOfWord(index) {
  const words = app.trace.source.word_of_token;
  return words[index] < 0 ? [index] : words.flatMap((word, other) => (word === words[index] ? [other] : []));
}

/** Let the bars of the weights in the drawing be dragged. */
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
    const weight = Math.min(1, Math.max(0, (event.clientX - drag.left) / drag.width));
    live.weights = withWeight(live.weights, drag.index, weight);
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

/** The trace with other weights at a step, until the model has decoded again. */
function withWeights(trace, step, weights) {
  const steps = trace.steps.map((other, index) => (index === step ? { ...other, weights, context: trace.states ? weightedSum(weights, trace.states) : other.context, intervention: "weights" } : other));
  return { ...trace, steps };
}
