// Step 2: the weights as bars; laid end to end they fill exactly one.

function weightColumn(view) {
  const { place, now, rows, time } = view;
  const { weight } = place;
  const room = weight.width - place.numbers;
  const best = largestPlace(now.weights);
  const shapes = [];
  const hits = [];
  rows.forEach((row, number) => {
    const value = now.weights[number];
    const size = span(time, 2.05, 2.6);
    const height = row.small ? 2.5 : 14;
    shapes.push(rect(`weight.track.${number}`, weight.x, row.y - height / 2, room, height, { class: "track", rx: 2, opacity: span(time, 2, 2.2) }));
    shapes.push(rect(`weight.bar.${number}`, weight.x, row.y - height / 2, Math.max(0.5, room * value * size), height, {
      class: "weight", rx: 2, opacity: span(time, 2, 2.1),
    }));
    if (!row.small) {
      const text = shareNumber(value, place.wide ? 3 : 2);
      shapes.push(label(`weight.${number}`, weight.x + room + 4, row.y + 4.5, text, {
        class: `number${number === best && value > 0 ? " most" : ""}`, "font-size": place.wide ? 13 : 12, part: `weight:${number}`, opacity: span(time, 2.4, 2.7),
      }));
    }
    hits.push({ part: `weight:${number}`, x: weight.x - 2, y: row.y - row.height / 2, width: weight.width, height: row.height });
  });
  return { shapes, hits };
}

/** Under the weights: laid end to end they fill exactly one. */
function summary(view) {
  const { place, now, time } = view;
  const { weight } = place;
  const room = weight.width - place.numbers;
  const y = place.bottom + 9;
  const seen = span(time, 2.55, 2.8);
  let left = weight.x;
  const parts = now.weights.map((value, number) => {
    const part = rect(`sum.${number}`, left, y, Math.max(0, room * value * seen - 0.6), 7, { class: number % 2 ? "weight soft" : "weight", opacity: seen });
    left += room * value * seen;
    return part;
  });
  const total = now.weights.reduce((sum, value) => sum + value, 0);
  const text = `= ${shortNumber(Math.round(total * 1e4) / 1e4)}`;
  return [
    rect("sum.track", weight.x, y, room, 7, { class: "track", opacity: span(time, 2, 2.2) }),
    ...parts,
    label(`sum`, weight.x + room + 4, y + 8, text, { class: "number", "font-size": 12, opacity: seen, part: "sum" }),
  ];
}
