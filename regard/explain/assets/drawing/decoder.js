// Step 5: the decoder as a diagram of nodes and wires.
//
// A diagram is a record of nodes (with their position and the time at which they light up) and wires (with the times
// between which they fill). Wide pages read from left to right, narrow ones from top to bottom.

const MAX_LAYERS = 4; // of more, the top one is drawn after a dashed line

/** The papers' symbols at this step: query, previous and new state, context, combined, previous word. */
function symbolsOf(trace, step) {
  const number = step + 1;
  const decoder = trace.model.decoder;
  if (decoder === "luong") {
    return { query: subscript("h", number), before: subscript("h", number - 1), after: subscript("h", number),
      context: subscript("c", number), combined: subscript("h̃", number), fed: subscript("h̃", number - 1), word: subscript("y", number - 1) };
  }
  const layer = decoder === "gnmt" ? "s¹" : "s";
  const current = decoder === "gnmt" && trace.model.query_step === "current";
  return { query: subscript(layer, current ? number : number - 1), before: subscript(layer, number - 1), after: subscript(layer, number),
    context: subscript("c", number), contextBefore: subscript("c", number - 1), word: subscript("y", number - 1) };
}

function cellName(trace) {
  return (trace.model.cell || "cell").toUpperCase();
}

/** The diagram of the model's architecture, with the candidates for the next word. */
function decoderDiagram(view) {
  const build = DIAGRAMS[view.trace.model.decoder] || DIAGRAMS.bahdanau;
  const diagram = build(view);
  addFirstState(view, diagram);
  const wires = diagram.wires.flatMap((wire, number) => wireShapes(view, diagram, wire, number));
  carryStateOver(view, diagram.nodes);
  const nodes = Object.entries(diagram.nodes).flatMap(([name, node]) => nodeShapes(view, name, node));
  const candidates = candidateList(view, diagram);
  const hits = Object.entries(diagram.nodes)
    .filter(([, node]) => node.part)
    .map(([, node]) => ({ part: node.part, x: node.x - node.width / 2, y: node.y - node.height / 2, width: node.width, height: node.height }));
  return { shapes: [...wires, ...nodes, ...candidates.shapes], hits: [...hits, ...candidates.hits] };
}

/** At the start of a step the last new state moves to where the previous state stands. */
function carryStateOver(view, nodes) {
  if (view.step === 0) return;
  const moved = span(view.time, 0, 0.35);
  for (const [name, origin] of [["before", "after"], ["fed", "combined"]]) {
    const [node, from] = [nodes[name], nodes[origin]];
    if (!node || !from) continue;
    nodes[name] = { ...node, x: from.x + (node.x - from.x) * moved, y: from.y + (node.y - from.y) * moved };
  }
}

/** Return a function from relative positions to coordinates: (x, y) as shares of a wide diagram, or a share of the
 * width and units from the top of a narrow one. */
function nodePositions(view) {
  const { decoder, wide } = view.layout;
  const across = wide ? decoder.width - CANDIDATES.wide - 8 : decoder.width;
  return (wideAt, tallAt) => {
    const [u, v] = wide ? wideAt : tallAt;
    return { x: decoder.x + u * across, y: wide ? decoder.y + v * decoder.height : decoder.y + v, nodeWidth: wide ? 52 : 45 };
  };
}

const stateNode = (at, text, part, lit) => ({ ...at, kind: "state", width: at.nodeWidth, height: 28, text, part, lit });
const cellNode = (at, text, part, lit) => ({ ...at, kind: "cell", width: 62, height: 38, text, part, lit });

function wordNode(view, at) {
  const first = view.current.token ? "start" : "word";
  const before = view.step > 0 ? shownToken(view.trace.steps[view.step - 1].token) : first;
  return { ...at, kind: "word", width: at.nodeWidth + 10, height: 25, text: fitText(before, at.nodeWidth + 2, 14), part: "previous", lit: 0, under: symbolsOf(view.trace, view.step).word };
}

/** The box of the context, to which wires can be attached. */
function contextPort(view) {
  const { x, y, width, height } = view.layout.context;
  return { x: x + width / 2, y: y + height / 2, width, height };
}

function nodeShapes(view, name, node) {
  if (!node.kind) return [];
  const visibility = 0.3 + 0.7 * span(view.time, node.lit, node.lit + 0.1);
  const box = { class: `node ${node.kind}${node.kind === "state" || node.kind === "combined" ? " decoder" : ""}`, opacity: visibility };
  const shape = node.kind === "state" || node.kind === "combined"
    ? hexagon(`node.${name}`, node.x, node.y, node.width, node.height, box)
    : rect(`node.${name}`, node.x - node.width / 2, node.y - node.height / 2, node.width, node.height, { ...box, rx: node.kind === "cell" ? 6 : node.height / 2 });
  const text = label(`node.${name}`, node.x, node.y + 4.5, isolated(node.text), {
    class: `node-name ${node.kind}-name`, "text-anchor": "middle", "font-size": node.size || 14, opacity: 0.35 + 0.65 * visibility,
  });
  const below = node.above ? -5 - node.height / 2 : 13 + node.height / 2;
  const under = node.under && label(`node.${name}.under`, node.x, node.y + below, node.under, { class: "faint", "text-anchor": "middle", "font-size": 12 });
  return under ? [shape, text, under] : [shape, text];
}

/** At the first word: the encoder state from which the bridge computes the first decoder state. */
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
  const { layout } = view;
  const sentence = diagram.nodes.sentence;
  if (!sentence) {
    const width = layout.wide ? 78 : 58;
    const at = layout.wide ? { x: layout.state.x + layout.state.width / 2 - 8, y: 44 } : { x: layout.state.x + layout.state.width / 2 - 12, y: layout.bottom + 19 };
    diagram.nodes.final = { ...at, kind: "final", width, height: 24, size: 12, text: bridge === "mean" ? (layout.wide ? "mean state" : "mean") : layout.wide ? "last state" : "last", part: "bridge", lit: 0.2 };
  }
  const [leave, arrive] = sentence ? (layout.wide ? ["r", "l"] : ["b", "t"]) : layout.wide ? ["t", "t"] : ["b", diagram.firstSide || "l"];
  const over = layout.wide && !sentence ? { over: 5, arrive: 11 } : {};
  diagram.wires.push(wire(`${sentence ? "sentence" : "final"}.${leave}`, `${first}.${arrive}`, [0.22, end], { kind: "bridge", ...over }));
}
