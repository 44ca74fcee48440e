// What went wrong with a request, as { kind, detail }: the kind has a sentence of ours, the detail is what the server
// said in plain words.
function troubleOf(error) {
  const detail = serverSentence(error?.messages);
  const kind = troubleKind(error);
  return { kind, detail: SPEAKS_FOR_ITSELF.has(kind) ? null : detail };
}

// Of these the server has nothing to say that helps an agent.
const SPEAKS_FOR_ITSELF = new Set(["timeout", "network", "unreadable", "not_installed", "csrf"]);

class DeadlineError extends Error {}
class UnreadableError extends Error {}

function troubleKind(error) {
  if (error instanceof DeadlineError) return "timeout";
  if (error instanceof UnreadableError || error instanceof SyntaxError) return "unreadable";
  const status = error?.status;
  switch (error?.exc_type) {
    case "AuthenticationError":
    case "SessionExpired":
      return "logged_out";
    case "CSRFTokenError":
      return "csrf";
    case "PermissionError":
      return error.session_expired ? "logged_out" : "no_right";
    case "DoesNotExistError":
      return "not_found";
    default:
  }
  if (status === 401) return "logged_out";
  if (status === 403) return "no_right";
  if (status === 404) return "not_found";
  if (status >= 500) return "unavailable";
  // Frappe answers 417 for a method that nobody has installed.
  if ((error?.messages ?? []).some((message) => /Failed to get method|is not whitelisted/.test(String(message)))) {
    return "not_installed";
  }
  if (error instanceof TypeError) {
    // The helpdesk's own call() trips over an error page that is no JSON; the browser's fetch() fails with a TypeError.
    return /exc_type|undefined|null/.test(error.message) ? "unreadable" : "network";
  }
  return status || error?.exc_type ? "refused" : "unavailable";
}

// The first sentence among Frappe's messages, which hold HTML, and objects of other shapes.
function serverSentence(messages) {
  for (const message of Array.isArray(messages) ? messages : []) {
    const text = typeof message === "string" ? message : message?.message;
    if (typeof text !== "string") continue;
    const plain = text.replace(/<(br|p|div|li|ul|ol|hr)\b[^>]*>/gi, " ").replace(/<[^>]*>/g, "").replace(/\s+/g, " ").trim();
    if (plain && plain !== "Internal Server Error") return plain.slice(0, 500);
  }
  return null;
}

// The answer of a method, or an error: { success, data, message }.
function answerOf(body) {
  if (body === null || typeof body !== "object" || typeof body.data !== "object" || body.data === null) {
    throw new UnreadableError("the answer has no data");
  }
  return body;
}
