// What the popup has to know of the page it opens on.

function isOutside(event, box) {
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

// Where the helpdesk has no dark theme, the popup has none either, whatever the machine prefers.
function isDark() {
  const root = document.documentElement;
  return root.dataset.theme === "dark" || root.classList.contains("dark");
}

// Where the focus goes back to: what has it, or the button of the menu that it is in, since the menu will be gone.
function focusedOrigin() {
  const focused = document.activeElement;
  const menu = focused?.closest?.("[role='menu']");
  const opener = menu?.id ? document.querySelector(`[aria-controls="${CSS.escape(menu.id)}"]`) : null;
  return opener ?? focused;
}
