// Steps 3 and 4: every encoder state times its weight, and their sum, the context.

const SUM_THICKNESS = { wide: 64, tall: 22 };

function weightedColumn(view) {
  const { place, now, rows, time, trace } = view;
  const moved = span(time, 3, 3.65);
  const begun = span(time, 3, 3.08);
  const shapes = [];
  const hits = [];
  rows.forEach((row, number) => {
    const weight = now.weights[number];
    const vector = trace.states && trace.states[number];
    const x = place.state.x + (place.weighted.x - place.state.x) * moved;
    const height = capsuleHeight(view, row);
    const factor = 1 + (weight - 1) * (moved >= 1 ? 1 : moved);
    const opacity = begun * (0.25 + 0.75 * Math.max(1 - moved, Math.sqrt(weight)));
    hits.push({ part: `aligned:${number}`, x: place.weighted.x - 5, y: row.y - row.height / 2, width: place.weighted.width + 10, height: row.height });
    if (row.small) {
      shapes.push(rect(`weighted.thin.${number}`, x - 4, row.y - height / 2, place.state.width + 8, height, { class: "encoder thin", rx: 1.5, opacity: opacity * 0.6 }));
      return;
    }
    shapes.push(rect(`weighted.${number}`, x - 4, row.y - height / 2, place.state.width + 8, height, { class: "encoder aligned", rx: height / 2, opacity }));
    const still = vector && vector.length <= 4 && moved < 1 ? 1 : factor;
    shapes.push(...strip(`weighted.cell.${number}`, vector, x + 2, row.y, place.state.width - 4, height - 6, view, still, begun));
  });
  return { shapes, hits };
}

/** The weighted states flow together: each ribbon ends as thick as its weight. */
function ribbons(view) {
  const { place, now, rows, time } = view;
  const thickness = place.wide ? SUM_THICKNESS.wide : SUM_THICKNESS.tall;
  const progress = span(time, 4, 4.6);
  let filled = 0;
  return rows.map((row, number) => {
    const size = now.weights[number] * thickness;
    const along = filled + size / 2;
    filled += size;
    const from = { x: place.weighted.x + place.weighted.width + 5, y: row.y };
    if (place.wide) return ribbonAcross(number, from, { x: place.context.x, y: place.context.y + 7 + along }, size, row.height, progress);
    const x = place.width - 5 - along;
    const line = rounded([from, { x, y: row.y }, { x, y: place.context.y }]);
    return grown(`ribbon.${number}`, line, progress, { class: "ribbon line", "stroke-width": Math.max(0.4, size) });
  });
}

/** A band from a row to the context, no thicker than the row where it begins, drawn as far as it has flowed. */
function ribbonAcross(number, from, to, size, height, progress) {
  const begin = Math.min(size, height - 7);
  const upper = [];
  const lower = [];
  for (let part = 0; part <= 14; part++) {
    const t = (part / 14) * progress;
    const rise = t * t * (3 - 2 * t);
    const x = from.x + (to.x - from.x) * t;
    const y = from.y + (to.y - from.y) * rise;
    const half = Math.max(0.3, (begin + (size - begin) * rise) / 2);
    upper.push(`${short(x)} ${short(y - half)}`);
    lower.unshift(`${short(x)} ${short(y + half)}`);
  }
  return outline(`ribbon.${number}`, `M${upper.join("L")}L${lower.join("L")}Z`, { class: "ribbon", opacity: progress > 0 ? 1 : 0 });
}

function contextNode(view) {
  const { place, now, time, trace, step } = view;
  const { x, y, width, height } = place.context;
  const seen = span(time, 4.35, 4.75);
  const symbol = symbolsOf(trace, step).context;
  const head = place.wide ? `context ${symbol}` : symbol;
  const middle = x + width / 2;
  const named = { "text-anchor": "middle", "font-size": place.wide ? 14 : 13 };
  const shapes = [
    rect("context.empty", x, y, width, height, { class: "context-empty", rx: 5, opacity: 1 - seen }),
    label("context.awaited", middle, y + (place.wide ? 24 : 18), head, { class: "node-name faint", ...named, opacity: 0.8 * (1 - seen) }),
    rect("context", x, y, width, height, { class: "context", rx: 5, opacity: seen }),
    label("context.name", middle, y + (place.wide ? 24 : 18), head, { class: "node-name on-context", ...named, opacity: seen }),
    rect("context.bed", x + 6, y + height - (place.wide ? 41 : 29), width - 12, 24, { class: "bed", rx: 3, opacity: seen }),
    ...strip("context.cell", now.context, x + 9, y + height - (place.wide ? 29 : 17), width - 18, 18, view, 1, seen),
  ];
  return { shapes, hits: [{ part: "context", x, y, width, height }] };
}
