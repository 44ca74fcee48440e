// The classic form of a ticket.
function setUpDesk() {
  frappe.ui.form.on("HD Ticket", {
    refresh(form) {
      if (form.is_new()) return;
      const ticket = String(form.doc.name);
      const open = (refresh) => openPopup({
        ticket,
        language: languageOf(frappe.boot?.lang, frappe.boot?.user?.language, ...navigator.languages) ?? "en",
        ask: askDesk,
        changed: () => reloadUnlessEdited(form, ticket),
        toast: (text) => frappe.show_alert({ message: frappe.utils.escape_html(text), indicator: "green" }),
      }, refresh);
      const group = __("Customer");
      form.add_custom_button(__("Customer Profile"), () => open(false), group);
      form.add_custom_button(__("Refresh Bitrix Profile"), () => open(true), group);
    },
  });
}

// Whether the form shows the ticket as it is now, or will at once. Reloading would throw away what was not saved yet.
function reloadUnlessEdited(form, ticket) {
  // The Desk has one form for all tickets; by now it may show another.
  if (String(form.doc.name) !== ticket) return true;
  if (form.is_dirty()) return false;
  form.reload_doc();
  return true;
}

// Asks a method. Not by frappe.call(), which puts up message boxes of its own above the popup.
async function askDesk(method, args) {
  const response = await fetch(`/api/method/${method}`, {
    method: "POST",
    headers: { "Accept": "application/json", "Content-Type": "application/json", "X-Frappe-CSRF-Token": frappe.csrf_token ?? "" },
    body: JSON.stringify(args),
  });
  const text = await response.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // An error page is told apart by its status.
  }
  if (response.ok && body) return body.message;
  if (response.ok) throw new UnreadableError("the answer is no JSON");
  const { exc_type, session_expired } = body ?? {};
  throw Object.assign(new Error(method), { status: response.status, exc_type, session_expired, messages: messagesOf(body) });
}

// Frappe's messages, a list of JSON texts as JSON text.
function messagesOf(body) {
  try {
    return JSON.parse(body?._server_messages ?? "[]").map((message) => JSON.parse(message).message);
  } catch {
    return [];
  }
}
