// Text as it may be shown: what is hidden is made visible, and what is too long is cut.

const END = "</s>";

/** Text that stays text inside markup. */
function escapeText(text) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(text).replace(/[&<>"']/g, (sign) => signs[sign]);
}

/** The text with every control and override character replaced by a sign that can be seen. */
function visible(text) {
  return Array.from(String(text), (character) => {
    const code = character.codePointAt(0);
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    if ("\u200c\u200d\u200e\u200f".includes(character)) return character;
    return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(character) ? "\ufffd" : character;
  }).join("");
}

/** A token as it is shown: end-of-sentence in words, a space as an open box. */
function shownToken(token) {
  if (token === END) return "end of sentence";
  return token === "" ? "∅" : visible(token).replace(/ /g, "␣");
}

/** Whether the first letter that has a direction is written from right to left. */
function isRightToLeft(text) {
  const first = /[\p{L}]/u.exec(text);
  return Boolean(first) && /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]|\ud802|\ud803|\ud83a/.test(first[0]);
}

/** A word that keeps its own direction, whatever stands beside it. */
function isolated(text) {
  return isRightToLeft(text) ? `\u2067${text}\u2069` : text;
}

/** About how wide a text is, in units of its font size. */
function textWidth(text) {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    if (/\p{M}/u.test(character)) continue;
    if (code >= 0x1100 && /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]/.test(character)) width += 1;
    else if (code > 0xffff) width += 1.1;
    else if (/[iljtfrI.,:;'!|()[\] ]/.test(character)) width += 0.36;
    else if (/[mwMW@%—]/.test(character)) width += 0.88;
    else if (/\p{Lu}/u.test(character)) width += 0.68;
    else width += 0.57;
  }
  return 1.05 * width;
}

/** The text, cut with an ellipsis where it would be wider than `room` (in the unit of `size`). */
function fitText(text, room, size) {
  if (textWidth(text) * size <= room) return text;
  const characters = Array.from(text);
  while (characters.length && (textWidth(characters.join("")) + 0.9) * size > room) characters.pop();
  return characters.join("").trimEnd() + "…";
}
