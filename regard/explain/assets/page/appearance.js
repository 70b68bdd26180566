// The buttons for theme and text size.

function addTools() {
  const root = document.documentElement;
  const dark = () => root.dataset.theme === "dark" || (!root.dataset.theme && window.matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = make("button", { type: "button", onclick: () => { root.dataset.theme = dark() ? "light" : "dark"; name(); } });
  const name = () => { theme.textContent = dark() ? "☀ Light" : "☾ Dark"; };
  const size = make("button", { type: "button", onclick: () => {
    app.zoom = { 1: 1.25, 1.25: 1.5, 1.5: 1 }[app.zoom];
    root.style.fontSize = `${100 * app.zoom}%`;
    size.textContent = sizeName();
    notify("size");
  } });
  const sizeName = () => (app.zoom === 1.5 ? "A Normal size" : "A Larger");
  size.textContent = sizeName();
  name();
  byId("tools").append(size, theme);
}
