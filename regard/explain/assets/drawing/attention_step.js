// One moment of attention as a drawing. Pure: (trace, step, time, options) -> shapes -> SVG text.

/** The drawing as SVG text, `options.width` units wide; `interactive` adds what can be pointed at. */
function drawStep(trace, step, time, options) {
  const scene = sceneOf(trace, step, time, options);
  const shapes = scene.shapes.map(shapeText).join("");
  const hits = options.interactive ? scene.hits.map((hit) => hitText(trace, step, hit)).join("") : "";
  return svgText(scene.width, scene.height, shapes + hits, options);
}

/** All shapes of one moment, and the places that can be pointed at. */
function sceneOf(trace, step, time, options) {
  const view = viewOf(trace, step, time, options);
  const layers = attends(trace)
    ? [headings, summary, bus, gather, encoderRows, scoreColumn, weightColumn, weightedColumn, ribbons, contextNode, panel, queryNode]
    : [headings, funnel, encoderRows, panel];
  const parts = layers.map((layer) => layer(view));
  return {
    width: view.place.width,
    height: view.place.height,
    shapes: parts.flatMap((part) => part.shapes || part),
    hits: parts.flatMap((part) => part.hits || []),
  };
}

function viewOf(trace, step, time, options) {
  const rows = rowsAt(trace, step, time, options);
  const place = placesOf(trace, rows, options);
  for (const row of rows) row.y += place.top;
  return { trace, step, time, rows, place, now: trace.steps[step] };
}

function headings(view) {
  const { place, time } = view;
  const phase = phaseAt(time);
  const y = place.top - 12;
  const names = attends(view.trace)
    ? [["state", 0, "encoder states", "states"], ["score", 1, "scores", "scores"], ["weight", 2, "weights", "weights"],
       ["weighted", 3, "weighted states", "weighted"]]
    : [["state", 0, "encoder states", "encoder states"]];
  const shown = names.map(([column, number, long, brief]) => {
    const text = place.wide ? long : brief;
    const at = place[column];
    const lit = phase === number && attends(view.trace) ? " lit" : "";
    const middle = column === "weight" ? at.x : at.x + at.width / 2;
    return label(`head.${column}${lit}`, middle, y, text, {
      class: `head${lit}`, "text-anchor": column === "weight" ? "start" : "middle",
    });
  });
  const rule = outline("head.rule", `M${place.word.x} ${place.top - 4}H${short(place.weighted.x + (attends(view.trace) ? place.weighted.width : -90))}`, { class: "rule" });
  return attends(view.trace) ? [...shown, rule] : shown;
}
