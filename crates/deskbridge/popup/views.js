// What the popup shows, as elements made from values.

function noticeView({ tone, text, detail, action }) {
  return element("div", { class: `notice ${tone}` },
    element("span", {}, element("bdi", {}, text), detail ? element("bdi", { class: "detail" }, detail) : null), action);
}

function badgeView(badge) {
  return badge && element("span", { class: `badge ${badge.tone}` }, element("bdi", {}, badge.text));
}

function groupView(group, texts, url) {
  const rows = group.rows.map((row) => [
    element("dt", {}, foreignText(row.label, texts)),
    element("dd", { "data-key": row.key }, row.value && foreignText(row.value, texts), row.value && row.badge ? " " : null,
      badgeView(row.badge)),
  ]);
  return element("section", { "data-group": group.key, "aria-label": group.title },
    element("h3", {}, group.title), element("dl", {}, rows),
    outwardLink(url, { "aria-label": `${texts.open}: ${group.title} (${texts.new_tab})` }, `${texts.open} ↗`));
}

function profileView(answer, language) {
  const texts = TEXTS[language];
  const { bitrix } = answer.data;
  const urls = { bitrix_contact: bitrix?.contact?.url };
  return [
    noticesOf(answer, language).map(noticeView),
    element("div", { class: "groups" },
      groupsOf(answer.data, language).map((group) => groupView(group, texts, urls[group.key]))),
  ];
}

function historyView(answer, language) {
  const texts = TEXTS[language];
  const bitrix = answer.data.bitrix ?? {};
  if (!bitrix.history) {
    if (!bitrix.company) return [noticesOf(answer, language).map(noticeView), element("p", { class: "saying" }, texts.history_nobody)];
    return [noticeView({ tone: "bad", text: texts.history_failed, detail: shown(bitrix.error?.message) })];
  }
  const rows = historyOf(bitrix.history, language);
  if (rows.length === 0) return [element("p", { class: "saying" }, texts.history_none)];
  const head = ["kind", "title", "stage", "amount", "created", "closed"];
  return [
    bitrix.history.truncated ? noticeView({ tone: "plain", text: texts.history_truncated }) : null,
    // It can be scrolled sideways in a narrow window, also with the keyboard.
    element("div", { class: "table", tabindex: 0, role: "region", "aria-label": texts.tab_history },
      element("table", {},
        element("thead", {}, element("tr", {}, head.map((key) =>
          element("th", { scope: "col", class: key === "amount" ? "number" : null }, texts.history[key])))),
        element("tbody", {}, rows.map((row) => historyRow(row, texts))))),
  ];
}

function historyRow(row, texts) {
  const title = foreignText(row.title, texts);
  return element("tr", {},
    element("td", {}, row.kind),
    element("td", { class: "title" }, outwardLink(row.url, {}, title) ?? title),
    element("td", { class: "stage" }, row.stage ? element("span", { class: `badge ${row.tone}` }, element("bdi", {}, row.stage)) : null),
    element("td", { class: "number" }, row.amount),
    element("td", { class: "date" }, row.created),
    element("td", { class: "date" }, row.closed));
}

function loadingView(sentence) {
  return [
    element("p", { class: "saying" }, sentence),
    element("div", { class: "skeleton", "aria-hidden": "true" }, [0, 1, 2, 3].map(() => element("div"))),
  ];
}

function crossView() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ width: 18, height: 18, viewBox: "0 0 18 18", "aria-hidden": "true" })) {
    svg.setAttribute(name, value);
  }
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [name, value] of Object.entries({ d: "M4 4l10 10M14 4L4 14", stroke: "currentColor", "stroke-width": 1.6, "stroke-linecap": "round" })) {
    path.setAttribute(name, value);
  }
  svg.append(path);
  return svg;
}
