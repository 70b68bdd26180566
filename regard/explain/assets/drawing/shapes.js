// Shapes: flat records with a key, so that the page, a single picture and an animated file are made of the same list.

const rect = (key, x, y, width, height, rest) => ({ key, tag: "rect", x, y, width, height, ...rest });
const label = (key, x, y, text, rest) => ({ key: `${key}=${text}`, tag: "text", x, y, text, ...rest });
const outline = (key, d, rest) => ({ key, tag: "path", d, ...rest });

/** A decoder state's shape: six corners, so that colour is not all that tells it from an encoder state. */
function hexagon(key, x, y, width, height, rest) {
  const cut = Math.min(9, height / 2.6);
  const [left, right, top, bottom] = [x - width / 2, x + width / 2, y - height / 2, y + height / 2].map(short);
  const [inLeft, inRight] = [x - width / 2 + cut, x + width / 2 - cut].map(short);
  return outline(key, `M${inLeft} ${top}H${inRight}L${right} ${short(y)}L${inRight} ${bottom}H${inLeft}L${left} ${short(y)}Z`, rest);
}

function short(value) {
  return String(Math.round(value * 100) / 100);
}

const SPECIAL = new Set(["key", "tag", "text", "part"]);

function shapeText(shape) {
  const given = Object.entries(shape).filter(([name, value]) => !SPECIAL.has(name) && value !== undefined);
  const attributes = given.map(([name, value]) => ` ${name}="${attributeText(value)}"`).join("");
  const part = shape.part ? ` data-of="${escapeText(shape.part)}"` : "";
  const start = `<${shape.tag}${attributes}${part}`;
  return shape.text === undefined ? `${start}/>` : `${start}>${escapeText(shape.text)}</${shape.tag}>`;
}

function attributeText(value) {
  return typeof value === "number" ? short(value) : escapeText(value);
}

function hitText(trace, step, hit) {
  const name = escapeText(partName(trace, step, hit.part));
  const box = `x="${short(hit.x)}" y="${short(hit.y)}" width="${short(hit.width)}" height="${short(hit.height)}"`;
  return `<rect class="hit" ${box} rx="5" data-part="${escapeText(hit.part)}" tabindex="-1" role="button" aria-label="${name}"/>`;
}

function svgText(width, height, inside, options = {}) {
  const size = `viewBox="0 0 ${short(width)} ${short(height)}"`;
  const names = `class="drawing" role="${options.interactive ? "group" : "img"}"`;
  const label = escapeText(options.label || "Attention, step by step");
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${names} aria-label="${label}">${options.head || ""}${inside}</svg>`;
}
