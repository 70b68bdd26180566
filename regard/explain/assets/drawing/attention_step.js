// One moment of an attention step as a drawing: (trace, step, time, options) -> shapes -> SVG text.

/** Draw a moment as SVG text, `options.width` units wide; `options.interactive` adds parts that can be pointed at. */
function drawStep(trace, step, time, options) {
  const scene = sceneOf(trace, step, time, options);
  const shapes = scene.shapes.map(shapeText).join("");
  const hits = options.interactive ? scene.hits.map((hit) => hitText(trace, step, hit)).join("") : "";
  return svgText(scene.width, scene.height, shapes + hits, options);
}

/** The shapes of a moment, and the boxes of the parts that can be pointed at. */
function sceneOf(trace, step, time, options) {
  const view = viewOf(trace, step, time, options);
  const layers = attends(trace)
    ? [headings, weightSum, queryLine, bridgeInputs, encoderRows, scoreColumn, weightColumn, weightedColumn, ribbons, contextNode, decoderDiagram, queryNode]
    : [headings, funnel, encoderRows, decoderDiagram];
  const parts = layers.map((layer) => layer(view));
  return {
    width: view.layout.width,
    height: view.layout.height,
    shapes: parts.flatMap((part) => part.shapes || part),
    hits: parts.flatMap((part) => part.hits || []),
  };
}

/** Everything that the layers of the drawing need. */
function viewOf(trace, step, time, options) {
  const rows = rowsAt(trace, step, time, options);
  const layout = layoutOf(trace, rows, options);
  for (const row of rows) row.y += layout.top;
  return { trace, step, time, rows, layout, current: trace.steps[step] };
}

function headings(view) {
  const { layout, time } = view;
  const phase = phaseAt(time);
  const y = layout.top - 12;
  const names = attends(view.trace)
    ? [["state", 0, "encoder states", "states"], ["score", 1, "scores", "scores"], ["weight", 2, "weights", "weights"],
       ["weighted", 3, "weighted states", "weighted"]]
    : [["state", 0, "encoder states", "encoder states"]];
  const shown = names.map(([column, phaseIndex, long, brief]) => {
    const text = layout.wide ? long : brief;
    const at = layout[column];
    const lit = phase === phaseIndex && attends(view.trace) ? " lit" : "";
    const middle = column === "weight" ? at.x : at.x + at.width / 2;
    return label(`head.${column}${lit}`, middle, y, text, {
      class: `head${lit}`, "text-anchor": column === "weight" ? "start" : "middle",
    });
  });
  const rule = outline("head.rule", `M${layout.word.x} ${layout.top - 4}H${short(layout.weighted.x + (attends(view.trace) ? layout.weighted.width : -90))}`, { class: "rule" });
  return attends(view.trace) ? [...shown, rule] : shown;
}
