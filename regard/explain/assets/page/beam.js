// The beam tree on the page: the hypotheses that the search considered, kept and dropped.

const beamView = { dropped: true };

function addBeam() {
  listen("trace", () => {
    const { beam } = app.trace;
    byId("beam").hidden = !beam || !beam.nodes.length;
    if (!byId("beam").hidden) buildBeam(beam);
  });
}

function buildBeam(beam) {
  const holder = make("div", { class: "scroll tree", role: "region", tabindex: 0, "aria-label": "Beam tree" });
  const draw = () => {
    holder.innerHTML = drawBeamTree(beam, { dropped: beamView.dropped ? Math.max(3, beam.beam) : 0 });
    const svg = holder.firstChild;
    svg.style.width = `${svg.viewBox.baseVal.width * app.zoom}px`;
    const first = holder.querySelector("[data-node]");
    if (first) first.setAttribute("tabindex", "0");
  };
  const dropped = make("input", { type: "checkbox", checked: beamView.dropped, onchange: () => { beamView.dropped = dropped.checked; draw(); } });
  byId("beam").replaceChildren(
    make("h2", {}, "What the search considered"),
    make("p", { class: "lead" }, beamSummary(beam)),
    make("div", { class: "controls" }, make("label", { class: "labelled" }, dropped, make("span", {}, "show what was dropped"))),
    holder);
  explainParts(holder, "node", (id) => describeNode(beam, beam.nodes[id]));
  addRovingFocus(holder, "[data-node]");
  draw();
}

function beamSummary(beam) {
  const kept = beam.nodes.filter((node) => node.kept).length;
  const size = beam.beam === 1 ? "one hypothesis (greedy search)" : `${beam.beam} hypotheses`;
  return `At every step the search keeps ${size}. Here it considered ${beam.nodes.length} continuations and kept ${kept}; the thick path was returned. Percentages are the probability of a token given the tokens before it.`;
}

function describeNode(beam, node) {
  return {
    title: nodePrefix(beam, node).join(" "),
    text: node.best ? "On the path that was returned." : node.kept ? "It was kept and continued, but another hypothesis won." : "It was dropped: the beam was full of better hypotheses.",
    formulas: [
      `p of this token = ${exactNumber(nodeProbability(beam, node))}`,
      `log p of the hypothesis so far = ${exactNumber(node.log_probability)} nats`,
      `score = ${exactNumber(node.score)}`,
    ],
  };
}
