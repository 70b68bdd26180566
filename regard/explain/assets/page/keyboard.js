// Moving between the parts of a drawing or a sentence with the arrow keys.

/** Make all matching elements one tab stop (roving tabindex); arrow keys move to the nearest one in their direction. */
function addRovingFocus(holder, selector) {
  holder.dataset.roving = "";
  holder.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const from = event.target.closest(selector);
    if (!direction || !from) return;
    event.preventDefault();
    const next = nearest(from, holder.querySelectorAll(selector), direction);
    if (next) moveFocus(holder, selector, next);
  });
  holder.addEventListener("focusin", (event) => {
    const element = event.target.closest(selector);
    if (element) setTabStop(holder, selector, element);
  });
}

function moveFocus(holder, selector, element) {
  setTabStop(holder, selector, element);
  element.focus();
}

function setTabStop(holder, selector, element) {
  for (const other of holder.querySelectorAll(`${selector}[tabindex="0"]`)) other.setAttribute("tabindex", "-1");
  element.setAttribute("tabindex", "0");
}

/** The nearest element in a direction; distance across it counts three times. */
function nearest(from, elements, [dx, dy]) {
  const middle = (element) => {
    const box = element.getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  };
  const start = middle(from);
  let best = null;
  let bestCost = Infinity;
  for (const element of elements) {
    const point = middle(element);
    const ahead = (point.x - start.x) * dx + (point.y - start.y) * dy;
    const aside = Math.abs((point.x - start.x) * dy) + Math.abs((point.y - start.y) * dx);
    const cost = ahead + 3 * aside;
    if (element !== from && ahead > 1 && cost < bestCost) [best, bestCost] = [element, cost];
  }
  return best;
}
