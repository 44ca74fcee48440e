// The rooms are parts of one script and are linted put together, by test.sh; the tests as they are.
const names = (...list) => Object.fromEntries(list.map((name) => [name, "readonly"]));

const browser = names("window", "document", "getComputedStyle", "URLSearchParams", "navigator", "fetch", "URL", "CSS", "setTimeout", "clearTimeout");
const node = names("process", "URL", "fetch", "Buffer", "setTimeout", "clearTimeout");

const rules = {
  "array-callback-return": "error",
  "consistent-return": "error",
  "eqeqeq": "error",
  "no-const-assign": "error",
  "no-dupe-keys": "error",
  "no-fallthrough": "error",
  "no-redeclare": "error",
  "no-self-compare": "error",
  "no-shadow": "off",
  "no-undef": "error",
  "no-unreachable": "error",
  "no-unsafe-finally": "error",
  "no-unused-vars": "error",
  "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
  "prefer-template": "error",
  "require-await": "error",
};

// Text from outside must never be parsed as HTML or run.
const escaping = {
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-script-url": "error",
  "no-restricted-properties": ["error",
    ...["innerHTML", "insertAdjacentHTML", "write", "writeln", "setHTMLUnsafe", "createContextualFragment", "srcdoc"].map((property) => ({
      property, message: "build elements with element(), which sets text as text",
    }))],
  "no-restricted-syntax": ["error", {
    selector: "AssignmentExpression[left.property.name=/^(inner|outer)HTML$/]",
    message: "build elements with element(), which sets text as text",
  }],
};

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*-script.js"],
    languageOptions: { sourceType: "script", ecmaVersion: 2023, globals: { ...browser, ...names("frappe", "__") } },
    rules: { ...rules, ...escaping },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: { sourceType: "module", ecmaVersion: 2023, globals: { ...node, ...browser } },
    rules,
  },
];
