// The candidates for the next word with their probabilities.

const CANDIDATES = { wide: 148, row: 25 };

/** The most probable next tokens; the written one is among them even if it was forced. */
function shownCandidates(step) {
  const list = step.candidates || [];
  if (!list.length || list.some((candidate) => candidate.token === step.token)) return list;
  return [...list.slice(0, 4), { token: step.token, probability: Math.exp(step.log_probability) }];
}

function candidateList(view, diagram) {
  const { place, time, now, trace } = view;
  const end = phasesOf(trace).length;
  const seen = span(time, end - 0.4, end - 0.2);
  const list = shownCandidates(now);
  const width = place.wide ? CANDIDATES.wide : Math.min(place.decoder.width, 420);
  const last = diagram.nodes[diagram.last];
  const x = place.wide ? place.decoder.x + place.decoder.width - width : place.decoder.x + (place.decoder.width - width) / 2;
  const block = Math.max(1, list.length) * CANDIDATES.row;
  const top = place.wide
    ? Math.min(Math.max(last.y - block / 2, place.decoder.y + 26), place.decoder.y + place.decoder.height - block)
    : place.decoder.y + diagramHeight(trace) + 28;
  const shapes = candidateArrow(view, last, { x, y: top, width, block }, end);
  shapes.push(label("candidates.head", x + 4, top - 8, list.length ? "next word" : "", { class: "head", opacity: 0.5 + 0.5 * seen }));
  if (!list.length) return { shapes: [...shapes, ...unknownNext(x, top, width, seen)], hits: [] };
  const rows = list.map((candidate, number) => candidateRow(view, candidate, number, x, top + number * CANDIDATES.row, width, seen));
  const hits = list.map((_, number) => ({ part: `candidate:${number}`, x, y: top + number * CANDIDATES.row, width, height: CANDIDATES.row - 2 }));
  return { shapes: [...shapes, ...rows.flat()], hits };
}

function candidateArrow(view, last, box, end) {
  const { wide } = view.place;
  const target = wide
    ? { x: box.x + 2, y: Math.min(Math.max(last.y, box.y + 8), box.y + box.block - 8), width: 8, height: 4 }
    : { x: Math.min(Math.max(last.x, box.x + 90), box.x + box.width - 20), y: box.y - 10, width: 8, height: 4 };
  const nodes = { last, target };
  return wireShapes(view, { nodes }, wire(wide ? "last.r" : "last.b", wide ? "target.l" : "target.t", [end - 0.42, end - 0.32], { kind: "decoder-flow" }), "next");
}

function candidateRow(view, candidate, number, x, y, width, seen) {
  const written = candidate.token === view.now.token;
  const room = width - 56;
  const text = fitText(shownToken(candidate.token), room - 14, 14);
  const share = percent(candidate.probability);
  const name = view.trace.model.decoder && written ? " written" : "";
  return [
    rect(`candidate.back.${number}`, x, y, room, CANDIDATES.row - 4, { class: "track", rx: 3, opacity: seen }),
    rect(`candidate.bar.${number}`, x, y, Math.max(1, room * candidate.probability * seen), CANDIDATES.row - 4, { class: `candidate${name}`, rx: 3, opacity: seen }),
    label(`candidate.${number}`, x + 7, y + 15.5, isolated(text), { class: `word${name}${candidate.token === END ? " end" : ""}`, "font-size": 14, opacity: seen }),
    label(`candidate.share.${number}`, x + room + 6, y + 15, share, { class: `number${name}`, "font-size": 12.5, opacity: seen, part: `candidate:${number}` }),
  ];
}

function unknownNext(x, y, width, seen) {
  return [
    rect("candidate.none", x, y, Math.min(width, 120), CANDIDATES.row, { class: "node word", rx: 12, opacity: 0.3 + 0.7 * seen }),
    label("candidate.none.name", x + Math.min(width, 120) / 2, y + 17, "the next word", { class: "node-name", "font-size": 13, "text-anchor": "middle", opacity: 0.4 + 0.6 * seen }),
  ];
}
