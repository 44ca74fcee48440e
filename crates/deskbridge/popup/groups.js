// What is shown of an answer: groups of rows, { key, title, rows: [{ key, label, value, badge? }] }. Pure; empty values
// leave no row and empty groups no group.
function groupsOf(data, language) {
  const texts = TEXTS[language];
  const bitrix = data.bitrix ?? {};
  const groups = [
    ["customer", customerRows(data.customer ?? {}, data.haravan ?? [])],
    ["contact", contactRows(data.contact ?? {})],
    ["company", companyRows(bitrix, texts)],
    ["hsi", hsiRows(bitrix.company ?? {})],
    ["shopplan", shopplanRows(bitrix.company ?? {}, language)],
    ["bitrix_contact", bitrixContactRows(bitrix.contact ?? {})],
    ["responsible", responsibleRows(bitrix.responsible ?? {}, texts)],
  ];
  return groups
    .map(([key, rows]) => ({
      key,
      title: texts.groups[key],
      rows: rows
        .map(([label, value, badge]) => ({ key: label, label: labelOf(label, texts), value: shown(value), badge }))
        .filter((row) => row.value !== null || row.badge),
    }))
    .filter((group) => group.rows.length > 0);
}

function labelOf(key, texts) {
  return Object.hasOwn(texts.labels, key) ? texts.labels[key] : key;
}

function shown(value) {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value !== "string" || value.trim() === "") return null;
  return value.trim();
}

// Truth values as portals write them; other texts as they are.
function yesNo(value, texts) {
  const known = { true: texts.yes, y: texts.yes, 1: texts.yes, false: texts.no, n: texts.no, 0: texts.no };
  const key = String(value ?? "").trim().toLowerCase();
  return Object.hasOwn(known, key) ? known[key] : value;
}

function day(value) {
  return shown(value) && dateText(value);
}

function customerRows(customer, accounts) {
  return [
    ["name", customer.customer_name ?? customer.name],
    ["domain", customer.domain],
    ["orgid", customer.haravan_orgid],
    ["company_id", customer.haravan_company_id],
    ["myharavan", customer.myharavan],
    ["segment", customer.customer_segment],
    ["hsi_segment", customer.hsi_segment],
    ["plan", customer.shopplan_name],
    ["first_paid", day(customer.first_paid_date)],
    ["expires", day(customer.expired_date)],
    ["synced_at", day(customer.bitrix_last_synced_at)],
    ...(Array.isArray(accounts) ? accounts : []).map((account) => [
      "account",
      [account.email ?? account.user, account.haravan_orgname].filter(Boolean).join(" · "),
    ]),
  ];
}

function contactRows(contact) {
  return [
    ["name", contact.full_name ?? contact.name],
    ["email", contact.email_id],
    ["phone", contact.phone],
    ["mobile", contact.mobile_no === contact.phone ? null : contact.mobile_no],
    ["synced_at", day(contact.bitrix_last_synced_at)],
  ];
}

// Keys of a company that have a place of their own, or none in the popup.
const PLACED = new Set([
  "company_name", "company_id", "bitrix_id", "title_full", "customer_segment", "customer_segment_code", "membership",
  "company_stage", "verified_status", "address_region", "address_country", "freshsales_id", "owner_name", "owner_email",
  "owner_phone", "assigned_by_id", "date_create", "date_modify", "url", "raw",
  "current_hsi_segment", "current_hsi_detail", "last_hsi_segment", "last_hsi_detail",
  "current_shopplan", "shop_created_date", "first_shopplan_date", "current_shopplan_date", "shopplan_expiry",
  "shopplan_status", "shopplan_days_left",
]);

function companyRows(bitrix, texts) {
  const company = bitrix.company ?? {};
  if (!bitrix.company) return [];
  const [found] = String(bitrix.match_key ?? "").split(":");
  const sentence = Object.hasOwn(texts.found_by, found) ? fill(texts.found_by[found], { value: bitrix.lookup_value ?? "" }) : null;
  const confidence = Number.isFinite(bitrix.confidence) ? ` (${bitrix.confidence} %)` : "";
  // A site may map more fields than we know: they are shown under their own names.
  const others = Object.keys(company).filter((key) => !PLACED.has(key) && !key.endsWith("_iso"));
  return [
    ["company_name", company.company_name ?? company.title_full],
    ["company_id", company.company_id],
    ["bitrix_id", company.bitrix_id],
    ["segment", company.customer_segment],
    ["membership", company.membership],
    ["stage", company.company_stage],
    ["verified", yesNo(company.verified_status, texts)],
    ["region", company.address_region],
    ["country", company.address_country],
    ["owner_name", company.owner_name],
    ["owner_email", company.owner_email],
    ["owner_phone", company.owner_phone],
    ["freshsales_id", company.freshsales_id],
    ...others.map((key) => [key.replaceAll("_", " "), company[key]]),
    ["modified", day(company.date_modify)],
    ["found_by", sentence && sentence + confidence],
  ];
}

function hsiRows(company) {
  const keys = ["current_hsi_segment", "current_hsi_detail", "last_hsi_segment", "last_hsi_detail"];
  return keys.map((key) => [key, company[key]]);
}

function shopplanRows(company, language) {
  const expiry = expiryOf(company.shopplan_status, company.shopplan_days_left, language);
  return [
    ["current_plan", company.current_shopplan],
    ["shop_created", day(company.shop_created_date)],
    ["first_signed", day(company.first_shopplan_date)],
    ["current_signed", day(company.current_shopplan_date)],
    ["plan_expires", day(company.shopplan_expiry), company.shopplan_expiry ? expiry : null],
  ];
}

function bitrixContactRows(contact) {
  return [
    ["name", contact.title ?? contact.name],
    ["email", contact.email],
    ["phone", contact.phone],
  ];
}

function responsibleRows(responsible, texts) {
  const problem = Object.hasOwn(texts.no_responsible, responsible.status ?? "") ? texts.no_responsible[responsible.status] : null;
  return [
    ["name", responsible.name],
    ["email", responsible.email === responsible.name ? null : responsible.email],
    ["status", null, problem ? { tone: "warn", text: problem } : null],
  ];
}

// What an agent wants to see first, as badges.
function factsOf(bitrix, language) {
  const company = bitrix.company ?? {};
  const expiry = expiryOf(company.shopplan_status, company.shopplan_days_left, language);
  const plan = [shown(company.current_shopplan)?.slice(0, 60), expiry?.text].filter(Boolean).join(": ");
  const hsi = shown(company.current_hsi_segment)?.slice(0, 60);
  return [
    { tone: expiry?.tone ?? "plain", text: plan },
    { tone: "plain", text: shown(company.customer_segment)?.slice(0, 60) },
    { tone: "plain", text: hsi && `HSI: ${hsi}` },
  ].filter((fact) => fact.text);
}

// Leads and deals as rows of a table.
function historyOf(history, language) {
  const texts = TEXTS[language].history;
  const row = (kind) => (entry) => ({
    kind: texts[kind],
    title: shown(entry.title) ?? `${entry.id}`,
    url: entry.url,
    stage: [entry.pipeline, entry.stage_name ?? entry.stage].map(shown).filter(Boolean).join(": "),
    tone: { success: "good", failure: "bad" }[entry.outcome] ?? "plain",
    amount: moneyText(entry.amount, entry.currency, language),
    created: day(entry.created),
    closed: day(entry.closed),
  });
  return [...(history.deals ?? []).map(row("deal")), ...(history.leads ?? []).map(row("lead"))];
}

// Under what the company can be enriched: the id that matched, else the one it carries.
function orgidOf(bitrix) {
  if (!bitrix?.company) return null;
  const matched = String(bitrix.match_key ?? "").startsWith("haravan_orgid") ? bitrix.lookup_value : null;
  return shown(matched ?? bitrix.company.company_id);
}
