// One stop of the tab key for many small things; the arrow keys move among them.

/** One stop of the tab key for many small things: arrows move to the nearest one in their direction. */
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

function nearest(from, all, [dx, dy]) {
  const middle = (element) => {
    const box = element.getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  };
  const start = middle(from);
  let best = null;
  let least = Infinity;
  for (const element of all) {
    const point = middle(element);
    const ahead = (point.x - start.x) * dx + (point.y - start.y) * dy;
    const aside = Math.abs((point.x - start.x) * dy) + Math.abs((point.y - start.y) * dx);
    const cost = ahead + 3 * aside;
    if (element !== from && ahead > 1 && cost < least) [best, least] = [element, cost];
  }
  return best;
}
