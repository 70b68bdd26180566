// Words that can be changed: the one that was written, and those of the source.

function showForce(step) {
  const now = app.trace.steps[step];
  const buttons = shownCandidates(now).map((candidate) => make("button", {
    type: "button", "aria-pressed": String(candidate.token === now.token), "aria-label": `Write ${quoted(shownToken(candidate.token))}`,
    onclick: () => change({ kind: "force", step, token: candidate.token }),
  }, make("bdi", {}, shownToken(candidate.token)), ` ${percent(candidate.probability)}`));
  const other = make("input", { type: "text", "aria-label": "Another token to write", placeholder: "another token", size: 12, dir: "auto" });
  const write = (event) => {
    event.preventDefault();
    if (other.value.trim()) change({ kind: "force", step, token: other.value.trim() });
  };
  live.parts.force.replaceChildren(...buttons, make("form", { class: "inline", onsubmit: write }, other, make("button", { type: "submit" }, "write")));
}

function showSource() {
  const words = app.trace.source.text.split(/\s+/).filter(Boolean);
  const chips = words.map((word, place) => {
    const input = make("input", { type: "text", value: word, dir: "auto", size: Math.max(2, Array.from(word).length), "aria-label": `Source word ${place + 1}; Enter replaces it`,
      onkeydown: (event) => { if (event.key === "Enter" && input.value.trim()) changeSource(replaced(words, place, input.value)); } });
    return make("span", { class: "chip" }, input, make("button", { type: "button", "aria-label": `Delete ${quoted(word)}`, onclick: () => changeSource(words.filter((_, other) => other !== place)) }, "✕"));
  });
  live.parts.source.replaceChildren(...chips);
  live.parts.source.dir = directionOf(words);
}

const replaced = (words, place, word) => words.map((one, other) => (other === place ? word : one));
