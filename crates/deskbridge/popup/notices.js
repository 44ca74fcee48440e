// Sentences about an answer as a whole. Pure.

// What has to be said above the groups: { tone, text } in order of weight.
function noticesOf(answer, language) {
  const texts = TEXTS[language];
  const bitrix = answer.data.bitrix ?? {};
  const notices = [];
  const say = (tone, ...sentences) => {
    const text = sentences.filter(Boolean).join(" ");
    if (text) notices.push({ tone, text });
  };
  const trouble = shown(bitrix.error?.message);
  if (answer.success === false) {
    say("bad", shown(answer.message) ?? texts.trouble.refused, trouble);
  } else if (bitrix.stale) {
    say("warn", shown(answer.message), ageSentence(bitrix, "stale", language));
  } else if (bitrix.status === "error") {
    say("bad", shown(answer.message), trouble);
  } else if (["not_found", "missing_orgid", "disabled", "missing_config"].includes(bitrix.status)) {
    say("warn", shown(answer.message), trouble);
  } else if (trouble) {
    say("warn", trouble);
  }
  if (bitrix.matches > 1) say("warn", fill(texts.several, { count: bitrix.matches }));
  return notices;
}

function ageSentence(bitrix, sentence, language) {
  if (!Number.isFinite(bitrix.age_seconds)) return null;
  return fill(TEXTS[language][sentence], { ago: agoText(bitrix.age_seconds, language) });
}

// What became of linking, as a notice.
function linkNote(answer, texts) {
  const customer = shown(answer.data.hd_customer);
  const ticket = answer.data.ticket ?? {};
  // The customer is also told when the ticket was left alone.
  if (answer.success === false || !customer || ticket.linked !== true) {
    return { tone: "bad", text: shown(answer.message) ?? texts.trouble.refused };
  }
  const previous = shown(ticket.previous_customer);
  const sentence = previous === customer ? texts.kept : previous ? texts.relinked : texts.linked;
  return { tone: "good", text: fill(sentence, { customer, previous }), detail: shown(answer.message) };
}
