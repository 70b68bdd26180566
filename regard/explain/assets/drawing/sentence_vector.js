// Without attention: all encoder states are squeezed into one vector of fixed size.

function sentenceNode(view) {
  const { layout } = view;
  const at = layout.wide
    ? { x: layout.state.x + layout.state.width + 165, y: layout.decoder.y + layout.decoder.height * 0.47 }
    : { x: layout.width / 2, y: layout.bottom + 62 };
  return { ...at, kind: "final", width: 132, height: 34, size: 13, text: "sentence vector", part: "sentence", lit: view.step > 0 ? 0 : 0.35 };
}

/** The funnel from all encoder states to the sentence vector. */
function funnel(view) {
  const { layout, time, step } = view;
  const node = sentenceNode(view);
  const visibility = step > 0 ? 0.45 : 0.25 + 0.75 * span(time, 0.1, 0.4);
  const d = layout.wide
    ? funnelAcross(layout.state.x + layout.state.width + 12, layout.top, layout.bottom, node)
    : funnelDown(layout.state.x - 4, layout.state.x + layout.state.width + 4, layout.bottom + 4, node);
  return [outline("funnel", d, { class: "funnel", opacity: visibility })];
}

function funnelAcross(x, top, bottom, node) {
  const end = node.x - node.width / 2 + 2;
  const middle = short((x + end) / 2);
  const [y1, y2] = [node.y - 9, node.y + 9].map(short);
  return `M${short(x)} ${short(top)}C${middle} ${short(top)} ${middle} ${y1} ${short(end)} ${y1}V${y2}C${middle} ${y2} ${middle} ${short(bottom)} ${short(x)} ${short(bottom)}Z`;
}

function funnelDown(left, right, y, node) {
  const end = node.y - node.height / 2 + 2;
  const middle = short((y + end) / 2);
  const [x1, x2] = [node.x - 12, node.x + 12].map(short);
  return `M${short(left)} ${short(y)}C${short(left)} ${middle} ${x1} ${middle} ${x1} ${short(end)}H${x2}C${x2} ${middle} ${short(right)} ${middle} ${short(right)} ${short(y)}Z`;
}
