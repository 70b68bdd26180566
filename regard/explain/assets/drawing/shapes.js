// Shapes: flat records with a key, from which the page, a single picture and a film are all rendered.

const rect = (key, x, y, width, height, rest) => ({ key, tag: "rect", x, y, width, height, ...rest });
const label = (key, x, y, text, rest) => ({ key: `${key}=${text}`, tag: "text", x, y, text, ...rest });
const outline = (key, d, rest) => ({ key, tag: "path", d, ...rest });

/** The shape of a decoder state, so that it differs from an encoder state by more than its colour. */
function hexagon(key, x, y, width, height, rest) {
  const cut = Math.min(9, height / 2.6);
  const [left, right, top, bottom] = [x - width / 2, x + width / 2, y - height / 2, y + height / 2].map(short);
  const [inLeft, inRight] = [x - width / 2 + cut, x + width / 2 - cut].map(short);
  return outline(key, `M${inLeft} ${top}H${inRight}L${right} ${short(y)}L${inRight} ${bottom}H${inLeft}L${left} ${short(y)}Z`, rest);
}

/** A coordinate rounded to two decimals. */
function short(value) {
  return String(Math.round(value * 100) / 100);
}

const NOT_ATTRIBUTES = new Set(["key", "tag", "text", "part"]);

/** A shape as an SVG element. */
function shapeText(shape) {
  const entries = Object.entries(shape).filter(([name, value]) => !NOT_ATTRIBUTES.has(name) && value !== undefined);
  const attributes = entries.map(([name, value]) => ` ${name}="${attributeText(value)}"`).join("");
  const part = shape.part ? ` data-of="${escapeText(shape.part)}"` : "";
  const start = `<${shape.tag}${attributes}${part}`;
  return shape.text === undefined ? `${start}/>` : `${start}>${escapeText(shape.text)}</${shape.tag}>`;
}

function attributeText(value) {
  return typeof value === "number" ? short(value) : escapeText(value);
}

/** An invisible rectangle over a part of the drawing, which can be pointed at and focused. */
function hitText(trace, step, hit) {
  const name = escapeText(partName(trace, step, hit.part));
  const box = `x="${short(hit.x)}" y="${short(hit.y)}" width="${short(hit.width)}" height="${short(hit.height)}"`;
  return `<rect class="hit" ${box} rx="5" data-part="${escapeText(hit.part)}" tabindex="-1" role="button" aria-label="${name}"/>`;
}

function svgText(width, height, content, options = {}) {
  const size = `viewBox="0 0 ${short(width)} ${short(height)}"`;
  const names = `class="drawing" role="${options.interactive ? "group" : "img"}"`;
  const label = escapeText(options.label || "Attention, step by step");
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${names} aria-label="${label}">${options.head || ""}${content}</svg>`;
}
