// The card that explains the part of a drawing under the pointer.

const card = { element: null, of: null, pinned: false };

function addCard() {
  card.element = make("div", { id: "card", class: "pop", role: "note", hidden: true });
  document.body.append(card.element);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeCard(); });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("[data-part], [data-node], #card")) closeCard();
  });
}

function closeCard() {
  card.element.hidden = true;
  card.pinned = false;
  card.of = null;
}

/** Show a description (title, text, formulas, vector) next to the box of the part it describes. */
function showCard(description, box, pinned = false) {
  const parts = [make("p", { class: "pop-title" }, description.title)];
  if (description.text) parts.push(make("p", {}, description.text));
  for (const formula of description.formulas || []) parts.push(make("p", { class: "formula" }, formula));
  if (description.vector) parts.push(...vectorParts(description.vector, pinned));
  if (pinned) parts.push(make("button", { type: "button", class: "close", "aria-label": "Close", onclick: closeCard }, "✕"));
  card.element.replaceChildren(...parts);
  card.element.hidden = false;
  card.pinned = pinned;
  positionCard(box);
}

function vectorParts(vector, pinned) {
  const holder = make("div", { class: "strip" });
  holder.innerHTML = stripSvg(vector);
  const numShown = pinned ? vector.length : 8;
  const text = vector.slice(0, numShown).map(shortNumber).join("  ");
  const rest = vector.length > numShown ? ` … ${vector.length} numbers; click to see all` : "";
  return [holder, make("p", { class: "numbers", tabindex: pinned ? 0 : false }, text + rest)];
}

/** All components of a vector as small coloured cells. */
function stripSvg(vector) {
  const across = Math.min(vector.length, 32);
  const size = vector.length <= 8 ? 18 : 9;
  const largest = Math.max(1e-9, ...vector.map(Math.abs));
  const cells = vector.map((value, index) => shapeText(rect("", (index % across) * size, Math.floor(index / across) * size, size - 1, size - 1, {
    class: value < 0 ? "below" : "above", "fill-opacity": Math.abs(value) / largest,
  })));
  const [width, height] = [across * size, Math.ceil(vector.length / across) * size];
  return `<svg class="drawing" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" aria-hidden="true">${cells.join("")}</svg>`;
}

function positionCard(box) {
  const { element } = card;
  const narrow = window.innerWidth < 640;
  element.classList.toggle("sheet", narrow);
  if (narrow) {
    element.style.left = element.style.top = "";
    return;
  }
  const { width, height } = element.getBoundingClientRect();
  const left = Math.min(Math.max(8, box.left + box.width / 2 - width / 2), document.documentElement.clientWidth - width - 8);
  const above = box.top > height + 12;
  element.style.left = `${left + window.scrollX}px`;
  element.style.top = `${(above ? box.top - height - 8 : box.bottom + 8) + window.scrollY}px`;
}

/** Show the card when a part of a drawing is hovered, touched or focused; `describe(part)` returns its content. */
function explainParts(holder, attribute, describe) {
  const partOf = (event) => event.target.closest && event.target.closest(`[data-${attribute}]`);
  const show = (element, pinned) => {
    card.of = element.dataset[attribute];
    showCard(describe(card.of), element.getBoundingClientRect(), pinned);
  };
  holder.addEventListener("pointerover", (event) => {
    const element = partOf(event);
    if (element && !card.pinned && event.pointerType === "mouse") show(element, false);
  });
  holder.addEventListener("pointerleave", () => { if (!card.pinned) closeCard(); });
  holder.addEventListener("click", (event) => { if (partOf(event)) show(partOf(event), true); });
  holder.addEventListener("focusin", (event) => { if (partOf(event) && partOf(event).matches(":focus-visible")) show(partOf(event), false); });
  holder.addEventListener("focusout", () => { if (!card.pinned) closeCard(); });
  holder.addEventListener("keydown", (event) => {
    if (partOf(event) && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      show(partOf(event), true);
    }
  });
}
