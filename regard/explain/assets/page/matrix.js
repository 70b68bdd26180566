// The attention matrix: a row for each target word, a column for each source word, linked with both sentences.

const STRONG = 80; // percent; from here on the text needs the other colour to be readable
const matrix = { unit: "words", threshold: 0, parts: {}, grid: null };

/** Attention between words: weights are summed over a source word's tokens, averaged over a target word's. */
function foldedGrid(trace, unit) {
  const source = groupsOf(trace.source, unit);
  const target = groupsOf(trace.target, unit);
  const weights = target.map((row) => source.map((column) => {
    const sums = row.tokens.map((token) => column.tokens.reduce((sum, index) => sum + trace.steps[token].weights[index], 0));
    return sums.reduce((sum, value) => sum + value, 0) / sums.length;
  }));
  return { source, target, weights };
}

/** The words of a side with the indices of their tokens; a token that belongs to no word is a group of its own. */
function groupsOf(side, unit) {
  if (unit === "tokens" || side.words.length < 2) return side.tokens.map((token, index) => ({ text: token, tokens: [index] }));
  const groups = [];
  const groupOfWord = new Map();
  side.word_of_token.forEach((word, token) => {
    if (word >= 0 && groupOfWord.has(word)) return groups[groupOfWord.get(word)].tokens.push(token);
    if (word >= 0) groupOfWord.set(word, groups.length);
    return groups.push({ text: word >= 0 ? side.words[word] : side.tokens[token], tokens: [token] });
  });
  return groups;
}

function hasWords(trace) {
  return [trace.source, trace.target].some((side) => groupsOf(side, "words").length !== side.tokens.length);
}

function addMatrix() {
  listen("trace", () => {
    const shown = attends(app.trace) && app.trace.target.tokens.some(Boolean);
    byId("matrix").hidden = !shown;
    if (shown) buildMatrix();
  });
  listen("moment", ({ step }) => markRow(step));
}

function buildMatrix() {
  const { parts } = matrix;
  if (!hasWords(app.trace)) matrix.unit = "tokens";
  parts.source = make("p", { class: "sentence", role: "group", "aria-label": "Source words" });
  parts.target = make("p", { class: "sentence", role: "group", "aria-label": "Target words" });
  parts.table = make("table", { class: "heat" });
  parts.summary = make("p", { class: "link-summary", role: "status" });
  const threshold = make("input", { type: "range", min: 0, max: 0.5, step: 0.01, value: matrix.threshold, "aria-label": "Hide weights below", oninput: () => {
    matrix.threshold = Number(threshold.value);
    shown.textContent = percent(matrix.threshold);
    fillCells();
  } });
  const shown = make("output", {}, percent(matrix.threshold));
  const unit = hasWords(app.trace) && dropdown([["words", "words"], ["tokens", "tokens"]], matrix.unit, (value) => { matrix.unit = value; buildGrid(); }, "Words or tokens");
  byId("matrix").replaceChildren(
    make("h2", {}, "The attention matrix"),
    make("p", { class: "lead" }, "Each row holds the attention weights of one target word over the source words. Point at a word of either sentence to see what it attended to, or what attended to it."),
    make("div", { class: "controls" }, unit ? labelled("between", unit) : null, labelled("hide below", threshold), shown),
    make("div", { class: "beside" },
      make("div", { class: "linked" }, parts.source, parts.target, parts.summary),
      make("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Attention matrix" }, parts.table)),
    make("p", { class: "small" }, "Σ is the sum of a row or a column: a row sums to 1; the sum of a column is the coverage of a source word, the attention it got in all. H is the entropy of a row in bits: 0 if all weight is on one word. The end of the sentence is a token of its own, </s>, shown as “end”."));
  addRovingFocus(parts.source, "span");
  addRovingFocus(parts.target, "span");
  for (const [side, holder] of [["source", parts.source], ["target", parts.target]]) linkWords(holder, side);
  parts.table.addEventListener("pointerover", (event) => { if (event.target.closest("td[data-row]")) highlight({ row: Number(event.target.closest("td").dataset.row), column: Number(event.target.closest("td").dataset.column) }); });
  parts.table.addEventListener("pointerleave", () => highlight({}));
  buildGrid();
}

function buildGrid() {
  matrix.grid = foldedGrid(app.trace, matrix.unit);
  const { grid, parts } = matrix;
  const words = (groups, side) => groups.map((group, number) => make("span", { role: "button", tabindex: number ? -1 : 0, "data-side": side, "data-number": number, class: group.text === END ? "end" : "" }, shownToken(group.text)));
  for (const side of ["source", "target"]) {
    parts[side].replaceChildren(...words(grid[side], side).flatMap((word) => [word, " "]));
    parts[side].dir = directionOf(grid[side].map((group) => group.text));
  }
  parts.table.dir = directionOf(grid.source.map((group) => group.text));
  parts.table.classList.toggle("many", grid.source.length > 18);
  parts.table.replaceChildren(make("thead", {}, headRow(grid)), make("tbody", {}, ...grid.target.map((group, row) => bodyRow(grid, group, row))), make("tfoot", {}, footRow(grid)));
  fillCells();
}

function headRow(grid) {
  const heads = grid.source.map((group, column) => {
    const text = group.text === END ? "end" : shownToken(group.text);
    const name = shownToken(group.text);
    return make("th", { scope: "col", "data-column": column, title: name, "aria-label": name, class: group.text === END ? "end" : "" }, make("span", { class: textWidth(text) <= 2.4 ? "short" : "", dir: "auto" }, text));
  });
  return make("tr", {}, make("td"), ...heads, make("th", { scope: "col", class: "sum" }, make("span", { class: "short", title: "sum of the row" }, "Σ")), make("th", { scope: "col", class: "sum" }, make("span", { class: "short", title: "entropy of the row in bits" }, "H")));
}

function bodyRow(grid, group, row) {
  const cells = grid.weights[row].map((_, column) => make("td", { "data-row": row, "data-column": column }));
  const sum = grid.weights[row].reduce((total, value) => total + value, 0);
  return make("tr", { "data-row": row }, make("th", { scope: "row", class: group.text === END ? "end" : "" }, make("bdi", {}, shownToken(group.text))), ...cells, make("td", { class: "sum" }, sum.toFixed(2)), make("td", { class: "sum" }, entropy(grid.weights[row]).toFixed(2)));
}

function footRow(grid) {
  const sums = grid.source.map((_, column) => grid.weights.reduce((total, row) => total + row[column], 0));
  return make("tr", {}, make("th", { scope: "row" }, "Σ"), ...sums.map((sum, column) => make("td", { class: "sum", "data-column": column }, sum.toFixed(sum < 9.95 ? 1 : 0))), make("td"), make("td"));
}

/** Fill the cells with colours and percentages; weights below the threshold are left blank. */
function fillCells() {
  const { grid, parts, threshold } = matrix;
  for (const cell of parts.table.querySelectorAll("td[data-row]")) {
    const weight = grid.weights[cell.dataset.row][cell.dataset.column];
    const share = Math.round(100 * weight);
    const shown = weight >= Math.max(threshold, 0.005);
    cell.style.setProperty("--w", shown ? `${share}%` : "0%");
    cell.classList.toggle("strong", shown && share >= STRONG);
    cell.textContent = shown ? String(share) : "";
  }
}

function linkWords(holder, side) {
  const enter = (event) => {
    const word = event.target.closest("span[data-number]");
    if (word) highlight(side === "target" ? { row: Number(word.dataset.number) } : { column: Number(word.dataset.number) });
  };
  holder.addEventListener("pointerover", enter);
  holder.addEventListener("focusin", enter);
  holder.addEventListener("click", enter);
  holder.addEventListener("pointerleave", () => highlight({}));
  holder.addEventListener("focusout", () => highlight({}));
}

/** Highlight a row, a column or one cell, and shade the words of the other side by their weights. */
function highlight({ row, column }) {
  const { grid, parts } = matrix;
  for (const cell of parts.table.querySelectorAll("[data-column], tbody th")) {
    const cellRow = cell.closest("tr").dataset.row;
    const inRow = row !== undefined && cellRow === String(row);
    const inColumn = column !== undefined && cell.dataset.column === String(column);
    cell.classList.toggle("lit", inRow || inColumn);
  }
  shade(parts.source, (number) => (row !== undefined ? grid.weights[row][number] : number === column ? 1 : 0), column);
  shade(parts.target, (number) => (row === undefined && column !== undefined ? grid.weights[number][column] : number === row ? 1 : 0), row);
  parts.summary.textContent = linkText(grid, row, column);
}

function shade(holder, weightOf, chosen) {
  for (const word of holder.querySelectorAll("span")) {
    const number = Number(word.dataset.number);
    word.classList.toggle("chosen", number === chosen);
    word.style.setProperty("--w", `${Math.round(50 * weightOf(number))}%`);
  }
}

function linkText(grid, row, column) {
  const target = row !== undefined && quoted(shownToken(grid.target[row].text));
  const source = column !== undefined && quoted(shownToken(grid.source[column].text));
  if (target && source) return `${target} attended to ${source} with a weight of ${percent(grid.weights[row][column])}.`;
  if (target) return `${target} attended to ${largestWeights(grid.weights[row], grid.source)}.`;
  return source ? `${source} got attention from ${largestWeights(grid.weights.map((weights) => weights[column]), grid.target)}.` : "\u00a0";
}

function largestWeights(weights, groups) {
  const order = weights.map((_, index) => index).sort((a, b) => weights[b] - weights[a]).slice(0, 3).filter((index) => weights[index] >= 0.01);
  return order.map((index) => `${quoted(shownToken(groups[index].text))} ${percent(weights[index])}`).join(", ") || "no word in particular";
}

/** Mark the row of the word whose steps are shown. */
function markRow(step) {
  if (!matrix.grid || byId("matrix").hidden) return;
  matrix.grid.target.forEach((group, row) => {
    const line = matrix.parts.table.querySelector(`tbody tr[data-row="${row}"]`);
    if (line) line.classList.toggle("now", group.tokens.includes(step));
  });
}
