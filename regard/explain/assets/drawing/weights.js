// Step 2: the weights as bars, and their sum.

function weightColumn(view) {
  const { layout, current, rows, time } = view;
  const { weight } = layout;
  const barWidth = weight.width - layout.numberWidth;
  const best = indexOfLargest(current.weights);
  const shapes = [];
  const hits = [];
  rows.forEach((row, index) => {
    const value = current.weights[index];
    const progress = span(time, 2.05, 2.6);
    const height = row.small ? 2.5 : 14;
    shapes.push(rect(`weight.track.${index}`, weight.x, row.y - height / 2, barWidth, height, { class: "track", rx: 2, opacity: span(time, 2, 2.2) }));
    shapes.push(rect(`weight.bar.${index}`, weight.x, row.y - height / 2, Math.max(0.5, barWidth * value * progress), height, {
      class: "weight", rx: 2, opacity: span(time, 2, 2.1),
    }));
    if (!row.small) {
      const text = shareNumber(value, layout.wide ? 3 : 2);
      shapes.push(label(`weight.${index}`, weight.x + barWidth + 4, row.y + 4.5, text, {
        class: `number${index === best && value > 0 ? " most" : ""}`, "font-size": layout.wide ? 13 : 12, part: `weight:${index}`, opacity: span(time, 2.4, 2.7),
      }));
    }
    hits.push({ part: `weight:${index}`, x: weight.x - 2, y: row.y - row.height / 2, width: weight.width, height: row.height });
  });
  return { shapes, hits };
}

/** Below the weights: their bars end to end, which add up to 1. */
function weightSum(view) {
  const { layout, current, time } = view;
  const { weight } = layout;
  const barWidth = weight.width - layout.numberWidth;
  const y = layout.bottom + 9;
  const visibility = span(time, 2.55, 2.8);
  let left = weight.x;
  const parts = current.weights.map((value, index) => {
    const part = rect(`sum.${index}`, left, y, Math.max(0, barWidth * value * visibility - 0.6), 7, { class: index % 2 ? "weight soft" : "weight", opacity: visibility });
    left += barWidth * value * visibility;
    return part;
  });
  const total = current.weights.reduce((sum, value) => sum + value, 0);
  const text = `= ${shortNumber(Math.round(total * 1e4) / 1e4)}`;
  return [
    rect("sum.track", weight.x, y, barWidth, 7, { class: "track", opacity: span(time, 2, 2.2) }),
    ...parts,
    label(`sum`, weight.x + barWidth + 4, y + 8, text, { class: "number", "font-size": 12, opacity: visibility, part: "sum" }),
  ];
}
