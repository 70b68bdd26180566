// What was changed so far, and the translations before and after it.

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
