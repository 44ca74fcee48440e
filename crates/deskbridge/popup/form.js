const USER_LANGUAGE = Symbol.for("deskbridge.language");

// What the helpdesk runs for a ticket's form. Done at once and without a request, so that no form waits for it. The labels
// are names that agents know, the same in every language; a site translates them as it does the helpdesk's own.
// eslint-disable-next-line no-unused-vars -- the helpdesk calls it
function setupForm({ doc, call, createToast }) {
  const translated = (label) => (typeof window.__ === "function" ? window.__(label) : label);
  const open = (refresh) => {
    const ticket = ticketName(doc);
    if (ticket === null) return;
    const popup = openPopup({
      ticket,
      language: document[USER_LANGUAGE] ?? languageOf(...navigator.languages) ?? "en",
      ask: (method, args) => call(method, args),
      // The helpdesk is told of changes by its server.
      changed: () => true,
      // Older helpdesks read the title, newer ones the message.
      toast: (text) => createToast?.({ title: text, message: text, type: "success", icon: "check" }),
    }, refresh);
    askLanguage(call).then((language) => language && popup.speak(language));
  };
  const items = [
    { label: translated("Customer Profile"), onClick: () => open(false) },
    { label: translated("Refresh Bitrix Profile"), onClick: () => open(true) },
  ];
  // Newer helpdesks call the entries of a group options.
  return { actions: [{ buttonLabel: translated("Customer"), group: "Bitrix", hideLabel: true, items, options: items }] };
}

// A ticket's name is a string, and a number in older helpdesks; a ticket that is not saved yet has none.
function ticketName(doc) {
  const name = doc?.name ?? null;
  return name === null || name === "" ? null : String(name);
}

// The user's language, which the helpdesk tells when it is asked, once for the page.
async function askLanguage(call) {
  if (document[USER_LANGUAGE]) return document[USER_LANGUAGE];
  try {
    const user = await call("helpdesk.api.auth.get_user");
    document[USER_LANGUAGE] = languageOf(user?.language);
  } catch {
    // The browser's language stays.
  }
  return document[USER_LANGUAGE];
}
