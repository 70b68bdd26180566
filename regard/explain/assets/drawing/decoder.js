// Step 5, the decoder: the diagram of its architecture, and the nodes of which diagrams are made.
//
// A diagram is a record of nodes (where they stand, from when on they are lit) and wires (from when to when something
// flows through them). Wide pages read from left to right, narrow ones from top to bottom.

const MOST_LAYERS = 4;

/** The signs of the papers for this word: query, previous and new state, context, combined, previous word. */
function symbolsOf(trace, step) {
  const now = step + 1;
  const decoder = trace.model.decoder;
  if (decoder === "luong") {
    return { query: subscript("h", now), before: subscript("h", now - 1), after: subscript("h", now),
      context: subscript("c", now), combined: subscript("h̃", now), fed: subscript("h̃", now - 1), word: subscript("y", now - 1) };
  }
  const layer = decoder === "gnmt" ? "s¹" : "s";
  const current = decoder === "gnmt" && trace.model.gnmt_query === "current";
  return { query: subscript(layer, current ? now : now - 1), before: subscript(layer, now - 1), after: subscript(layer, now),
    context: subscript("c", now), contextBefore: subscript("c", now - 1), word: subscript("y", now - 1) };
}

function cellName(trace) {
  return (trace.model.cell || "cell").toUpperCase();
}

/** The decoder's diagram of this architecture with the candidates for the next word. */
function panel(view) {
  const build = DIAGRAMS[view.trace.model.decoder] || DIAGRAMS.bahdanau;
  const diagram = build(view);
  addFirstState(view, diagram);
  const base = diagram.wires.flatMap((wire, number) => wireShapes(view, diagram, wire, number));
  moveOn(view, diagram.nodes);
  const nodes = Object.entries(diagram.nodes).flatMap(([name, node]) => nodeShapes(view, name, node));
  const words = candidateList(view, diagram);
  const hits = Object.entries(diagram.nodes)
    .filter(([, node]) => node.part)
    .map(([, node]) => ({ part: node.part, x: node.x - node.width / 2, y: node.y - node.height / 2, width: node.width, height: node.height }));
  return { shapes: [...base, ...nodes, ...words.shapes], hits: [...hits, ...words.hits] };
}

/** As the next word begins, what was new becomes what was before. */
function moveOn(view, nodes) {
  if (view.step === 0) return;
  const moved = span(view.time, 0, 0.35);
  for (const [name, origin] of [["before", "after"], ["fed", "combined"]]) {
    const [node, from] = [nodes[name], nodes[origin]];
    if (!node || !from) continue;
    nodes[name] = { ...node, x: from.x + (node.x - from.x) * moved, y: from.y + (node.y - from.y) * moved };
  }
}

/** Makes nodes at shares of the diagram (wide), or at a share of the width and so many units down (narrow). */
function placer(view) {
  const { decoder, wide } = view.place;
  const across = wide ? decoder.width - CANDIDATES.wide - 8 : decoder.width;
  return (wideAt, tallAt) => {
    const [u, v] = wide ? wideAt : tallAt;
    return { x: decoder.x + u * across, y: wide ? decoder.y + v * decoder.height : decoder.y + v, room: wide ? 52 : 45 };
  };
}

const stateNode = (at, text, part, lit) => ({ ...at, kind: "state", width: at.room, height: 28, text, part, lit });
const cellNode = (at, text, part, lit) => ({ ...at, kind: "cell", width: 62, height: 38, text, part, lit });

function wordNode(view, at) {
  const first = view.now.token ? "start" : "word";
  const before = view.step > 0 ? shownToken(view.trace.steps[view.step - 1].token) : first;
  return { ...at, kind: "word", width: at.room + 10, height: 25, text: fitText(before, at.room + 2, 14), part: "previous", lit: 0, under: symbolsOf(view.trace, view.step).word };
}

function contextPort(view) {
  const { x, y, width, height } = view.place.context;
  return { x: x + width / 2, y: y + height / 2, width, height };
}

function nodeShapes(view, name, node) {
  if (!node.kind) return [];
  const seen = 0.3 + 0.7 * span(view.time, node.lit, node.lit + 0.1);
  const box = { class: `node ${node.kind}${node.kind === "state" || node.kind === "combined" ? " decoder" : ""}`, opacity: seen };
  const shape = node.kind === "state" || node.kind === "combined"
    ? hexagon(`node.${name}`, node.x, node.y, node.width, node.height, box)
    : rect(`node.${name}`, node.x - node.width / 2, node.y - node.height / 2, node.width, node.height, { ...box, rx: node.kind === "cell" ? 6 : node.height / 2 });
  const text = label(`node.${name}`, node.x, node.y + 4.5, isolated(node.text), {
    class: `node-name ${node.kind}-name`, "text-anchor": "middle", "font-size": node.size || 14, opacity: 0.35 + 0.65 * seen,
  });
  const below = node.above ? -5 - node.height / 2 : 13 + node.height / 2;
  const under = node.under && label(`node.${name}.under`, node.x, node.y + below, node.under, { class: "faint", "text-anchor": "middle", "font-size": 12 });
  return under ? [shape, text, under] : [shape, text];
}

/** Where the very first decoder state comes from: the bridge. */
function addFirstState(view, diagram) {
  const bridge = view.trace.model.bridge;
  const first = diagram.first;
  if (view.step > 0 || !bridge || !first) return;
  const end = 0.45;
  diagram.nodes[first].lit = Math.max(diagram.nodes[first].lit, end);
  if (bridge === "zero") {
    diagram.nodes[first].under = "zeros";
    return;
  }
  const { place } = view;
  const sentence = diagram.nodes.sentence;
  if (!sentence) {
    const width = place.wide ? 78 : 58;
    const at = place.wide ? { x: place.state.x + place.state.width / 2 - 8, y: 44 } : { x: place.state.x + place.state.width / 2 - 12, y: place.bottom + 19 };
    diagram.nodes.final = { ...at, kind: "final", width, height: 24, size: 12, text: bridge === "mean" ? (place.wide ? "mean state" : "mean") : place.wide ? "last state" : "last", part: "bridge", lit: 0.2 };
  }
  const [leave, arrive] = sentence ? (place.wide ? ["r", "l"] : ["b", "t"]) : place.wide ? ["t", "t"] : ["b", diagram.firstSide || "l"];
  const over = place.wide && !sentence ? { over: 5, arrive: 11 } : {};
  diagram.wires.push(wire(`${sentence ? "sentence" : "final"}.${leave}`, `${first}.${arrive}`, [0.22, end], { kind: "bridge", ...over }));
}
