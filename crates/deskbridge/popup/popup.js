const PROFILE_METHOD = "haravan_bitrix_customer_profile";
const ENRICHMENT_METHOD = "haravan_bitrix_metajson_company_enrichment";
// After this an answer is given up, so that nobody waits for ever.
const DEADLINE_SECONDS = 40;
const OPEN_POPUP = Symbol.for("deskbridge.popup");

// Shows a ticket's profile. A native <dialog> of our own in a shadow root, since the helpdesk's $dialog takes one piece
// of raw HTML that cannot change, and brings no tabs.
// surroundings: { ask(method, args) -> Promise of { success, data, message }, ticket, language, changed(), toast(text) };
// changed() answers whether the form shows the ticket as it is now.
function openPopup(surroundings, refresh) {
  // The helpdesk runs a form script more than once; one popup is open at a time all the same.
  const open = document[OPEN_POPUP];
  if (open?.ticket === surroundings.ticket) {
    open.load(refresh);
    return open;
  }
  open?.close();
  const popup = new Popup(surroundings);
  document[OPEN_POPUP] = popup;
  popup.load(refresh);
  return popup;
}

class Popup {
  constructor(surroundings) {
    this.surroundings = surroundings;
    this.ticket = surroundings.ticket;
    this.language = surroundings.language;
    this.tab = "profile";
    this.answer = null;
    this.withHistory = false;
    this.trouble = null;
    this.notes = [];
    this.busy = null;
    // What a screen reader is told, made anew when the language changes.
    this.saying = () => "";
    // Answers of requests that are no longer the newest are ignored.
    this.turn = 0;
    this.build();
    this.draw();
    this.show();
  }

  get texts() {
    return TEXTS[this.language];
  }

  build() {
    const action = (name, does) => element("button", { type: "button", class: "action", "data-action": name, click: does });
    this.parts = {
      heading: element("h2", { id: "heading", tabindex: -1 }),
      subtitle: element("p", { class: "subtitle", dir: "auto" }),
      facts: element("p", { class: "facts" }),
      cross: element("button", { type: "button", class: "cross", "data-action": "close", click: () => this.close() }, crossView()),
      profileTab: this.tabButton("profile"),
      historyTab: this.tabButton("history"),
      tabs: element("div", { role: "tablist", keydown: (event) => this.moveTab(event) }),
      panel: element("div", { class: "body", role: "tabpanel", id: "panel", tabindex: 0 }),
      says: element("div", { class: "unseen", role: "status", "aria-live": "polite" }),
      age: element("span", { class: "age" }),
      openHere: element("span", { hidden: true }),
      link: action("link", () => this.linkCustomer()),
      refresh: action("refresh", () => this.load(true)),
    };
    const { heading, subtitle, facts, cross, profileTab, historyTab, tabs, panel, says, age, openHere, link, refresh } = this.parts;
    tabs.append(profileTab, historyTab);
    this.dialog = element("dialog", { "aria-labelledby": "heading" },
      element("header", {}, element("div", { class: "heading" }, heading, subtitle, facts), cross),
      tabs, element("div", { class: "progress", "aria-hidden": "true" }), panel, says,
      element("footer", {}, age, link, refresh, openHere));
    this.host = element("deskbridge-popup", { "data-theme": isDark() ? "dark" : "light" });
    this.host.attachShadow({ mode: "open" }).append(element("style", {}, STYLE), this.dialog);
  }

  tabButton(name) {
    return element("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel", click: () => this.choose(name),
    });
  }

  show() {
    this.returnTo = focusedOrigin();
    this.dialog.addEventListener("close", () => this.leave());
    // The page behind it has shortcuts of its own.
    this.dialog.addEventListener("keydown", (event) => event.stopPropagation());
    const isOnBackdrop = (event) => event.target === this.dialog && isOutside(event, this.dialog.getBoundingClientRect());
    // Who selects text and lets go outside clicks there too, as the browser sees it.
    let isPressedOutside = false;
    this.dialog.addEventListener("pointerdown", (event) => { isPressedOutside = isOnBackdrop(event); });
    this.dialog.addEventListener("click", (event) => {
      if (isPressedOutside && isOnBackdrop(event)) this.close();
    });
    this.leaving = () => this.close();
    window.addEventListener("popstate", this.leaving);
    document.body.append(this.host);
    this.dialog.showModal();
    this.parts.heading.focus();
  }

  close() {
    this.dialog.close();
    // The close event comes later; a closed popup is gone at once.
    this.leave();
  }

  leave() {
    if (!this.host.isConnected) return;
    this.turn += 1;
    window.removeEventListener("popstate", this.leaving);
    this.host.remove();
    if (document[OPEN_POPUP] === this) delete document[OPEN_POPUP];
    if (this.returnTo?.isConnected) this.returnTo.focus();
  }

  speak(language) {
    if (language === this.language) return;
    this.language = language;
    this.draw();
  }

  // Asks for the profile; while it is being asked for, asking again changes nothing.
  async load(refresh) {
    if (this.busy) return;
    const history = this.tab === "history";
    const args = { ticket: this.ticket, refresh: refresh ? 1 : 0 };
    if (history) args.history = 1;
    this.notes = [];
    const answer = await this.request(refresh ? "refresh" : history ? "history" : "profile", PROFILE_METHOD, args);
    if (!answer) return;
    this.answer = answer;
    this.withHistory = history;
    this.say(() => this.summary());
    // The other tab may have been opened in the meantime.
    await this.loadHistory();
  }

  async loadHistory() {
    if (this.tab === "history" && !this.withHistory && this.answer?.data.bitrix?.company) await this.load(false);
  }

  async linkCustomer() {
    const orgid = orgidOf(this.answer?.data.bitrix);
    if (this.busy || !orgid) return;
    this.notes = [];
    const answer = await this.request("link", ENRICHMENT_METHOD, { orgid, ticket: this.ticket }, (late) => this.showLink(late));
    if (answer) {
      await this.showLink(answer);
      return;
    }
    const { trouble } = this;
    if (!trouble) return;
    // The other tab may have been opened in the meantime; what is loaded for it does not hide what failed.
    await this.loadHistory();
    if (this.trouble || this.notes.length > 0) return;
    this.trouble = trouble;
    this.say(() => this.troubleSaying());
  }

  // What became of linking. It was done even though it took too long or nobody looks at the popup any more.
  async showLink(answer) {
    const notes = [linkNote(answer, this.texts)];
    const isLinked = notes[0].tone === "good";
    if (isLinked && !this.surroundings.changed()) notes.push({ tone: "warn", text: this.texts.reload_after_saving });
    const said = notes.map((note) => note.text).join(" ");
    if (!this.host.isConnected) {
      if (isLinked) this.surroundings.toast(said);
      return;
    }
    if (this.trouble?.busy === "link") this.trouble = null;
    await (isLinked ? this.load(false) : this.loadHistory());
    this.notes = notes;
    this.say(() => said);
  }

  // The answer, or null when it failed or came too late; what failed is shown.
  async request(busy, method, args, whenLate = () => {}) {
    this.turn += 1;
    const { turn } = this;
    this.busy = busy;
    this.trouble = null;
    this.say(() => this.busySentence());
    let timer = null;
    let asked = null;
    try {
      const deadline = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new DeadlineError("no answer in time")), DEADLINE_SECONDS * 1_000);
      });
      asked = Promise.resolve(this.surroundings.ask(method, args)).then(answerOf);
      const answer = await Promise.race([asked, deadline]);
      if (turn === this.turn) return answer;
      whenLate(answer);
    } catch (error) {
      if (error instanceof DeadlineError) asked.then(whenLate, () => {});
      if (turn === this.turn) this.trouble = { ...troubleOf(error), busy };
    } finally {
      clearTimeout(timer);
      if (turn === this.turn) this.busy = null;
    }
    if (turn === this.turn) this.say(() => this.troubleSaying());
    return null;
  }

  busySentence() {
    const { texts } = this;
    if (!this.answer) return texts.loading;
    return { link: texts.linking, refresh: texts.refreshing, history: texts.loading_history }[this.busy] ?? texts.loading;
  }

  troubleSentence() {
    if (!this.trouble) return "";
    const { kind, busy } = this.trouble;
    const key = kind === "timeout" && busy === "link" ? "timeout_link" : kind;
    return fill(this.texts.trouble[key], { seconds: DEADLINE_SECONDS });
  }

  troubleSaying() {
    return [this.troubleSentence(), this.trouble?.detail].filter(Boolean).join(" ");
  }

  // What a screen reader is told when an answer is there.
  summary() {
    if (this.tab === "history") return this.texts.loaded_history;
    const notices = noticesOf(this.answer, this.language).map((notice) => notice.text);
    return notices.length > 0 ? notices.join(" ") : this.texts.loaded;
  }

  say(saying) {
    this.saying = saying;
    this.draw();
  }

  choose(tab) {
    if (tab === this.tab) return;
    this.tab = tab;
    this.notes = [];
    if (this.answer) this.trouble = null;
    this.parts.panel.scrollTop = 0;
    this.draw();
    this.loadHistory();
  }

  moveTab(event) {
    const target = { ArrowLeft: "profile", ArrowRight: "history", Home: "profile", End: "history" }[event.key];
    if (!target) return;
    event.preventDefault();
    // With two tabs, an arrow always leads to the other one.
    const isArrow = event.key.startsWith("Arrow");
    this.choose(isArrow ? (this.tab === "profile" ? "history" : "profile") : target);
    this.parts[`${this.tab}Tab`].focus();
  }

  draw() {
    const { texts, parts } = this;
    const data = this.answer?.data;
    const bitrix = data?.bitrix;
    this.dialog.lang = this.language;
    this.dialog.classList.toggle("busy", Boolean(this.busy));
    const name = shown(bitrix?.company?.company_name) ?? shown(data?.customer?.customer_name) ?? shown(data?.contact?.full_name);
    parts.heading.replaceChildren(element("bdi", {}, (name ?? texts.title).slice(0, FOLD_AT)));
    parts.subtitle.textContent = [`${texts.ticket} ${this.ticket}`, shown(data?.ticket?.subject)].filter(Boolean).join(" · ");
    parts.cross.setAttribute("aria-label", texts.close);
    parts.cross.title = texts.close;
    parts.facts.replaceChildren(...factsOf(bitrix ?? {}, this.language).map(badgeView));
    this.drawTabs();
    this.drawPanel();
    this.drawFooter(bitrix);
    const saying = this.saying();
    if (parts.says.textContent !== saying) parts.says.textContent = saying;
  }

  drawTabs() {
    const { parts, texts } = this;
    parts.tabs.setAttribute("aria-label", texts.title);
    for (const name of ["profile", "history"]) {
      const tab = parts[`${name}Tab`];
      const isChosen = this.tab === name;
      tab.textContent = texts[`tab_${name}`];
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    parts.panel.setAttribute("aria-labelledby", `tab-${this.tab}`);
  }

  drawPanel() {
    const { panel } = this.parts;
    const hadFocus = this.host.shadowRoot.activeElement && panel.contains(this.host.shadowRoot.activeElement);
    panel.setAttribute("aria-busy", String(Boolean(this.busy)));
    panel.replaceChildren(...[this.troubleView(), this.notes.map(noticeView), this.contentView()].flat(Infinity).filter(Boolean));
    // What had the focus may be gone; the focus stays in the dialog.
    if (hadFocus && !this.host.shadowRoot.activeElement) panel.focus();
  }

  troubleView() {
    if (!this.trouble) return null;
    const again = element("button", { type: "button", class: "action", "data-action": "again",
      click: () => (this.trouble.busy === "link" ? this.linkCustomer() : this.load(this.trouble.busy === "refresh")) }, this.texts.again);
    return noticeView({ tone: "bad", text: this.troubleSentence(), detail: this.trouble.detail, action: again });
  }

  contentView() {
    const { texts, answer } = this;
    if (this.tab === "history") {
      if (this.busy && !this.withHistory) return loadingView(texts.loading_history);
      if (!answer || (this.trouble && !this.withHistory)) return null;
      return historyView(answer, this.language);
    }
    if (answer) return profileView(answer, this.language);
    return this.busy ? loadingView(texts.loading) : null;
  }

  drawFooter(bitrix) {
    const { parts, texts } = this;
    const button = (part, isBusy, text, busyText) => {
      part.textContent = isBusy ? busyText : text;
      // Not "disabled", which would throw the focus out of the button that was just pressed.
      part.setAttribute("aria-disabled", String(Boolean(this.busy)));
    };
    button(parts.refresh, this.busy === "refresh", texts.refresh, texts.refreshing);
    button(parts.link, this.busy === "link", texts.link, texts.linking);
    parts.link.hidden = !orgidOf(bitrix);
    parts.age.textContent = (bitrix && ageSentence(bitrix, "age", this.language)) ?? "";
    const url = bitrix?.company?.url ?? bitrix?.contact?.url;
    const open = outwardLink(url, { class: "action primary", "data-action": "open", "aria-label": `${texts.open} (${texts.new_tab})` }, `${texts.open} ↗`);
    const place = open ?? element("span", { hidden: true });
    if (place.outerHTML === parts.openHere.outerHTML) return;
    parts.openHere.replaceWith(place);
    parts.openHere = place;
  }
}
