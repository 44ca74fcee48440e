// The only way anything gets onto the screen: text is set as text, never parsed as HTML.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

// An address that may be opened, or null: nothing but https, no user name in it.
function safeUrl(address) {
  try {
    const url = new URL(address);
    return url.protocol === "https:" && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

function outwardLink(address, attributes, ...children) {
  const href = safeUrl(address);
  return href && element("a", { href, target: "_blank", rel: "noopener noreferrer", ...attributes }, ...children);
}

// Text from outside: its direction is its own, and what is very long is folded.
const FOLD_AT = 240;

function foreignText(text, texts) {
  if (text.length <= FOLD_AT) return element("bdi", {}, text);
  return element("details", {},
    element("summary", {}, element("bdi", {}, `${text.slice(0, FOLD_AT)}… `),
      element("span", { class: "more" }, texts.more), element("span", { class: "less" }, texts.less)),
    element("bdi", {}, text));
}
