// Steps 3 and 4: every encoder state times its weight, and the sum of these, the context.

const SUM_THICKNESS = { wide: 64, tall: 22 };

function weightedColumn(view) {
  const { layout, current, rows, time, trace } = view;
  const moved = span(time, 3, 3.65);
  const started = span(time, 3, 3.08);
  const shapes = [];
  const hits = [];
  rows.forEach((row, index) => {
    const weight = current.weights[index];
    const vector = trace.states && trace.states[index];
    const x = layout.state.x + (layout.weighted.x - layout.state.x) * moved;
    const height = capsuleHeight(view, row);
    const factor = 1 + (weight - 1) * (moved >= 1 ? 1 : moved);
    const opacity = started * (0.25 + 0.75 * Math.max(1 - moved, Math.sqrt(weight)));
    hits.push({ part: `aligned:${index}`, x: layout.weighted.x - 5, y: row.y - row.height / 2, width: layout.weighted.width + 10, height: row.height });
    if (row.small) {
      shapes.push(rect(`weighted.thin.${index}`, x - 4, row.y - height / 2, layout.state.width + 8, height, { class: "encoder thin", rx: 1.5, opacity: opacity * 0.6 }));
      return;
    }
    shapes.push(rect(`weighted.${index}`, x - 4, row.y - height / 2, layout.state.width + 8, height, { class: "encoder aligned", rx: height / 2, opacity }));
    const shownFactor = vector && vector.length <= 4 && moved < 1 ? 1 : factor;
    shapes.push(...strip(`weighted.cell.${index}`, vector, x + 2, row.y, layout.state.width - 4, height - 6, view, shownFactor, started));
  });
  return { shapes, hits };
}

/** Ribbons from the weighted states to the context, each as thick at its end as its weight. */
function ribbons(view) {
  const { layout, current, rows, time } = view;
  const thickness = layout.wide ? SUM_THICKNESS.wide : SUM_THICKNESS.tall;
  const progress = span(time, 4, 4.6);
  let offset = 0;
  return rows.map((row, index) => {
    const size = current.weights[index] * thickness;
    const along = offset + size / 2;
    offset += size;
    const from = { x: layout.weighted.x + layout.weighted.width + 5, y: row.y };
    if (layout.wide) return ribbonAcross(index, from, { x: layout.context.x, y: layout.context.y + 7 + along }, size, row.height, progress);
    const x = layout.width - 5 - along;
    const line = rounded([from, { x, y: row.y }, { x, y: layout.context.y }]);
    return grown(`ribbon.${index}`, line, progress, { class: "ribbon line", "stroke-width": Math.max(0.4, size) });
  });
}

/** A ribbon from a row to the context, drawn up to `progress`; where it starts it is no thicker than the row. */
function ribbonAcross(index, from, to, size, height, progress) {
  const startSize = Math.min(size, height - 7);
  const upper = [];
  const lower = [];
  for (let part = 0; part <= 14; part++) {
    const t = (part / 14) * progress;
    const rise = t * t * (3 - 2 * t);
    const x = from.x + (to.x - from.x) * t;
    const y = from.y + (to.y - from.y) * rise;
    const half = Math.max(0.3, (startSize + (size - startSize) * rise) / 2);
    upper.push(`${short(x)} ${short(y - half)}`);
    lower.unshift(`${short(x)} ${short(y + half)}`);
  }
  return outline(`ribbon.${index}`, `M${upper.join("L")}L${lower.join("L")}Z`, { class: "ribbon", opacity: progress > 0 ? 1 : 0 });
}

function contextNode(view) {
  const { layout, current, time, trace, step } = view;
  const { x, y, width, height } = layout.context;
  const visibility = span(time, 4.35, 4.75);
  const symbol = symbolsOf(trace, step).context;
  const head = layout.wide ? `context ${symbol}` : symbol;
  const middle = x + width / 2;
  const named = { "text-anchor": "middle", "font-size": layout.wide ? 14 : 13 };
  const shapes = [
    rect("context.empty", x, y, width, height, { class: "context-empty", rx: 5, opacity: 1 - visibility }),
    label("context.awaited", middle, y + (layout.wide ? 24 : 18), head, { class: "node-name faint", ...named, opacity: 0.8 * (1 - visibility) }),
    rect("context", x, y, width, height, { class: "context", rx: 5, opacity: visibility }),
    label("context.name", middle, y + (layout.wide ? 24 : 18), head, { class: "node-name on-context", ...named, opacity: visibility }),
    rect("context.bed", x + 6, y + height - (layout.wide ? 41 : 29), width - 12, 24, { class: "bed", rx: 3, opacity: visibility }),
    ...strip("context.cell", current.context, x + 9, y + height - (layout.wide ? 29 : 17), width - 18, 18, view, 1, visibility),
  ];
  return { shapes, hits: [{ part: "context", x, y, width, height }] };
}
