// A day as dd/MM/yyyy, with the time where there is one: the calendar day that is written, whatever the zone.
function dateText(value) {
  const parts = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{1,2}:\d{2}))?/.exec(String(value));
  if (!parts) return String(value);
  const [, year, month, day, time] = parts;
  const date = `${day}/${month}/${year}`;
  return time ? `${date} ${time.padStart(5, "0")}` : date;
}

// An amount of plain digits with its currency, as the language writes it.
function moneyText(amount, currency, language) {
  if (amount === null || amount === undefined || amount === "") return null;
  const number = Number(amount);
  if (!Number.isFinite(number)) return [amount, currency].filter(Boolean).join(" ");
  const digits = { minimumFractionDigits: Number.isInteger(number) ? 0 : 2, maximumFractionDigits: 2 };
  if (/^[A-Z]{3}$/.test(currency ?? "")) {
    return new Intl.NumberFormat(language, { style: "currency", currency, ...digits }).format(number);
  }
  return [new Intl.NumberFormat(language, digits).format(number), currency].filter(Boolean).join(" ");
}

const SPANS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

// How long ago: "3 hours ago", in whole units.
function agoText(seconds, language) {
  const age = Math.max(0, Math.round(seconds));
  const [unit, length] = SPANS.find(([, length]) => age >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(language, { numeric: age === 0 ? "auto" : "always" })
    .format(-Math.floor(age / length), unit);
}

function daysText(days, language) {
  return new Intl.NumberFormat(language, { style: "unit", unit: "day", unitDisplay: "long" }).format(days);
}

// How a plan stands, as { tone, text }; null where nothing is known.
function expiryOf(status, daysLeft, language) {
  const texts = TEXTS[language].expiry;
  const known = Number.isInteger(daysLeft);
  switch (status) {
    case "active":
      return { tone: "good", text: texts.active };
    case "expiring":
      if (!known) return { tone: "warn", text: texts.expiring_plain };
      if (daysLeft === 0) return { tone: "warn", text: texts.expires_today };
      return { tone: "warn", text: fill(texts.expiring, { span: daysText(daysLeft, language) }) };
    case "expired":
      if (!known || daysLeft >= 0) return { tone: "bad", text: texts.expired_plain };
      return { tone: "bad", text: fill(texts.expired, { ago: agoText(-daysLeft * 86_400, language) }) };
    default:
      return null;
  }
}
