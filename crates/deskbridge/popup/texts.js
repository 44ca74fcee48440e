const TEXTS = { en: ENGLISH, vi: VIETNAMESE, ru: RUSSIAN };

// The first language that we speak, of tags such as "vi", "vi-VN" or "ru_RU".
function languageOf(...tags) {
  for (const tag of tags) {
    const primary = String(tag ?? "").trim().toLowerCase().split(/[-_]/)[0];
    if (Object.hasOwn(TEXTS, primary)) return primary;
  }
  return null;
}

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}
