// The beam tree as a drawing: (beam, options) -> SVG text.

const TREE = { column: 132, row: 27, width: 104, height: 22, top: 34, left: 74 };

/** Draw the tree, with at most `dropped` of the dropped continuations of each step. */
function drawBeamTree(beam, { dropped = 4, label = "Beam tree" } = {}) {
  const columns = treeColumns(beam, dropped);
  const positions = new Map();
  columns.forEach((column, step) => column.shown.forEach((node, row) => {
    positions.set(node.id, { x: TREE.left + step * TREE.column, y: TREE.top + 14 + row * TREE.row });
  }));
  const height = TREE.top + Math.max(1, ...columns.map((column) => column.shown.length + (column.hidden ? 0.8 : 0))) * TREE.row + 8;
  const shapes = [...treeStart(), ...columns.flatMap((column, step) => columnShapes(beam, column, step, positions))];
  const hits = columns.flatMap((column) => column.shown.map((node) => treeHit(beam, node, positions.get(node.id))));
  return svgText(TREE.left + columns.length * TREE.column, height, shapes.map(shapeText).join("") + hits.join(""), { interactive: true, label });
}

/** For each step: the kept nodes by score, then the best dropped ones, and the number of those hidden. */
function treeColumns(beam, dropped) {
  const columns = [];
  for (const node of beam.nodes) (columns[node.step] = columns[node.step] || []).push(node);
  const byScore = (a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity);
  return Array.from(columns, (column = []) => {
    const kept = column.filter((node) => node.kept).sort(byScore);
    const others = column.filter((node) => !node.kept).sort(byScore);
    return { shown: [...kept, ...others.slice(0, dropped)], hidden: Math.max(0, others.length - dropped) };
  });
}

/** The probability of a node's token given the tokens before it. */
function nodeProbability(beam, node) {
  const before = node.parent < 0 ? 0 : beam.nodes[node.parent].log_probability;
  return Math.exp(node.log_probability - before);
}

/** The tokens of a hypothesis up to and with this node. */
function nodePrefix(beam, node) {
  const tokens = [];
  for (let current = node; current; current = beam.nodes[current.parent]) tokens.unshift(shownToken(current.token));
  return tokens;
}

function treeStart() {
  return [
    rect("start", 4, TREE.top + 3, 54, TREE.height, { class: "tree-node kept best", rx: 11 }),
    label("start.name", 31, TREE.top + 18.5, "start", { class: "faint", "text-anchor": "middle", "font-size": 13 }),
  ];
}

function columnShapes(beam, column, step, positions) {
  const x = TREE.left + step * TREE.column;
  const head = label(`step.${step}`, x + TREE.width / 2, 18, String(step + 1), { class: "head", "text-anchor": "middle" });
  const lines = column.shown.map((node) => treeLine(node, positions));
  const nodes = column.shown.flatMap((node) => treeNode(beam, node, positions.get(node.id)));
  const more = column.hidden
    ? [label(`more.${step}`, x + 8, TREE.top + 10 + column.shown.length * TREE.row + 8, `+ ${column.hidden} dropped`, { class: "faint", "font-size": 12 })]
    : [];
  return [head, ...lines, ...nodes, ...more];
}

const nodeKind = (node) => (node.best ? "kept best" : node.kept ? "kept" : "dropped");

function treeLine(node, positions) {
  const to = positions.get(node.id);
  const from = positions.get(node.parent) || { x: 58 - TREE.width, y: TREE.top + 14 };
  const line = curve({ x: from.x + TREE.width, y: from.y, dx: 1 }, { x: to.x, y: to.y, dx: 1 });
  return outline(`line.${node.id}`, line.d, { class: `tree-line ${nodeKind(node)}` });
}

function treeNode(beam, node, position) {
  const kind = nodeKind(node);
  const probability = percent(nodeProbability(beam, node));
  const nameWidth = TREE.width - 16 - textWidth(probability) * 11;
  const text = fitText(node.token === END ? "end" : shownToken(node.token), nameWidth, 13);
  return [
    rect(`node.${node.id}`, position.x, position.y - TREE.height / 2, TREE.width, TREE.height, { class: `tree-node ${kind}`, rx: 4 }),
    label(`name.${node.id}`, position.x + 6, position.y + 4.5, isolated(text), { class: `tree-name ${kind}${node.token === END ? " end" : ""}`, "font-size": 13 }),
    label(`share.${node.id}`, position.x + TREE.width - 5, position.y + 4.5, probability, { class: "faint number", "font-size": 11, "text-anchor": "end" }),
  ];
}

function treeHit(beam, node, position) {
  const box = `x="${short(position.x)}" y="${short(position.y - TREE.height / 2)}" width="${TREE.width}" height="${TREE.height}"`;
  return `<rect class="hit" ${box} rx="4" data-node="${node.id}" tabindex="-1" role="button" aria-label="${escapeText(nodeName(beam, node))}"/>`;
}

function nodeName(beam, node) {
  const fate = node.best ? "returned" : node.kept ? "kept" : "dropped";
  return `${nodePrefix(beam, node).join(" ")}: ${percent(nodeProbability(beam, node))}, ${fate}`;
}
