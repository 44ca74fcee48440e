// The scripts as the program puts them together; the browser's tests compare with what it really holds.
import { readFileSync } from "node:fs";

const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

const rooms = () => [
  ...["texts/en.js", "texts/vi.js", "texts/ru.js", "texts.js", "format.js", "trouble.js", "groups.js", "notices.js", "element.js"].map(read),
  "const STYLE = `\n", read("popup.css"), "`;\n",
  ...["views.js", "page.js", "popup.js"].map(read),
];

export const formScript = () => ['"use strict";\n', ...rooms(), read("form.js")].join("");

export const clientScript = () =>
  ['(() => {\n"use strict";\n', ...rooms(), read("desk.js"), "setUpDesk();\n})();\n"].join("");

// What the rooms declare, for tests that look inside.
export const inside = (...names) => new Function(`${formScript()}\nreturn { ${names.join(", ")} };`)();
