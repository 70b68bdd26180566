// The interventions so far, and the translations before and after them.

/** Decode again with one more change; changes at later words no longer apply. */
function applyChange(added) {
  const target = (change) => (change.kind === "force" ? "force" : "attention");
  const kept = live.changes.filter((change) => change.step < added.step || (change.step === added.step && target(change) !== target(added)));
  return decodeWith([...kept, added], added.step);
}

function decodeWith(changes, step) {
  live.compared = null;
  return runRequest(async () => {
    const body = { text: live.before.source.text };
    if (changes.length) body.interventions = changes;
    const trace = decodeTrace(await (await post("/v1/trace", body)).json());
    live.changes = changes;
    showChanged(trace, step);
  });
}

/** Show the trace after a change, at the end of the step that was changed. */
function showChanged(trace, step) {
  app.trace = trace;
  notify("trace", { keep: true, changed: true });
  jumpTo((Math.min(step, trace.steps.length - 1) + 1) * numPhases());
}

/** Translate another source sentence, and compare it with the one before. */
function changeSource(words) {
  const text = words.join(" ").trim();
  if (!text) return null;
  return runRequest(async () => {
    const before = live.before;
    const trace = await (await post("/v1/trace", { text })).json();
    showTrace(decodeTrace(trace));
    live.compared = before;
    live.parts.input.value = text;
    showLive();
  });
}

function addChanges() {
  const { parts } = live;
  for (const name of ["changes", "source", "weights", "force", "compare"]) parts[name] = make("div", { class: `change-${name}` });
  const section = byId("intervene");
  section.hidden = false;
  section.append(
    make("h2", {}, "What if …"),
    make("p", { class: "lead" }, "… the model had attended to other words, or written something else? Change the word that the steps above show; decoding continues from there. Weights can also be dragged in the drawing."),
    parts.changes, parts.compare,
    make("div", { class: "change-grid" },
      make("div", {}, make("h3", {}, "what it attended to"), parts.weights),
      make("div", {}, make("h3", {}, "what it wrote"), parts.force, make("h3", {}, "what it read"), parts.source)));
}

function showChanges() {
  const chips = live.changes.map((change, index) => make("span", { class: "chip" }, changeText(change),
    make("button", { type: "button", "aria-label": `Undo: ${changeText(change)}`, onclick: () => decodeWith(live.changes.filter((_, other) => other !== index), change.step) }, "✕")));
  const reset = make("button", { type: "button", onclick: () => { live.compared = null; showChanged(live.before, currentMoment().step); resetChanges(); showLive(); } }, "Reset");
  live.parts.changes.replaceChildren(...chips, ...(chips.length || live.compared ? [reset] : []));
}

function changeText(change) {
  const word = `word ${change.step + 1}: `;
  if (change.kind === "force") return `${word}write ${quoted(shownToken(change.token))}`;
  if (change.kind === "weights") return `${word}other weights`;
  return `${word}attend only to ${quoted(change.to.map((index) => shownToken(live.before.source.tokens[index])).join(" "))}`;
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
    versionBox("Before", from, new Set(common.map(([index]) => index)), old.log_probability),
    versionBox("After", to, new Set(common.map(([, index]) => index)), app.trace.log_probability),
    make("p", { class: "small" }, same ? "The translation did not change." : "Marked: words that the other version does not have."));
}

function versionBox(name, words, common, logProbability) {
  const shown = words.flatMap((word, index) => [common.has(index) ? make("span", {}, shownToken(word)) : make("mark", {}, shownToken(word)), " "]);
  return make("div", { class: "version" }, make("h3", {}, name), make("p", { dir: directionOf(words) }, ...shown),
    make("p", { class: "small" }, `log-probability ${shortNumber(logProbability)} nats`));
}

/** The longest common subsequence of two sentences, as pairs of indices [before, after]. */
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
