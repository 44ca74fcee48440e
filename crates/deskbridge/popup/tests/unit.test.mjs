// The parts that are values in, values out.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { inside } from "./scripts.mjs";

const {
  TEXTS, languageOf, fill, dateText, moneyText, agoText, expiryOf, troubleOf, DeadlineError, UnreadableError, answerOf,
  groupsOf, noticesOf, factsOf, yesNo, historyOf, orgidOf, safeUrl, linkNote,
} = inside(
  "TEXTS", "languageOf", "fill", "dateText", "moneyText", "agoText", "expiryOf", "troubleOf", "DeadlineError",
  "UnreadableError", "answerOf", "groupsOf", "noticesOf", "factsOf", "yesNo", "historyOf", "orgidOf", "safeUrl", "linkNote",
);

// Intl separates with blanks that look like others.
const plain = (value) => (typeof value === "string" ? value.replace(/[\u00a0\u202f]/g, " ") : value);

function check(name, decide, rows) {
  describe(name, () => {
    for (const [inputs, expected] of rows) {
      it(`${JSON.stringify(inputs)} is ${JSON.stringify(expected)}`, () => assert.deepEqual(plain(decide(...inputs)), expected));
    }
  });
}

check("language of tags", languageOf, [
  [["vi"], "vi"], [["vi-VN"], "vi"], [["ru_RU"], "ru"], [["EN"], "en"], [["fr", "ru"], "ru"], [["fr"], null],
  [[null, undefined, ""], null], [["constructor"], null], [["toString", "vi"], "vi"],
]);

check("filled sentence", fill, [
  [["a {b} c", { b: "x" }], "a x c"], [["{b} {b}", { b: 1 }], "1 1"], [["{constructor}", {}], "{constructor}"],
  [["{b}", { b: "$& {c}", c: "no" }], "$& {c}"],
]);

check("date", dateText, [
  [["2026-11-21"], "21/11/2026"], [["2026-11-21 09:58:16.123456"], "21/11/2026 09:58"],
  [["2026-01-02T4:47:29"], "02/01/2026 04:47"], [["2024-10-17T03:00:00+03:00"], "17/10/2024 03:00"],
  [["17/10/2024"], "17/10/2024"], [["soon"], "soon"],
]);

check("money", moneyText, [
  [["12000000", "VND", "vi"], "12.000.000 ₫"], [["12000000", "VND", "en"], "₫12,000,000"],
  [["12000000", "VND", "ru"], "12 000 000 ₫"], [["99.5", "USD", "en"], "$99.50"], [["7", "USD", "en"], "$7"],
  [["5", "shells", "en"], "5 shells"], [["5", null, "en"], "5"], [["much", "USD", "en"], "much USD"],
  [["0", "VND", "en"], "₫0"], [[null, "VND", "en"], null], [["", "VND", "en"], null],
]);

check("age", agoText, [
  [[0, "en"], "now"], [[59, "en"], "59 seconds ago"], [[60, "en"], "1 minute ago"], [[7_300, "vi"], "2 giờ trước"],
  [[86_400 * 2, "ru"], "2 дня назад"], [[86_400 * 5, "ru"], "5 дней назад"], [[-5, "en"], "now"],
]);

const expiry = (...inputs) => {
  const found = expiryOf(...inputs);
  return found && `${found.tone}: ${plain(found.text)}`;
};
check("expiry", expiry, [
  [["active", 200, "en"], "good: active"], [["expiring", 12, "en"], "warn: expiring, 12 days left"],
  [["expiring", 1, "en"], "warn: expiring, 1 day left"], [["expiring", 0, "vi"], "warn: hết hạn hôm nay"],
  [["expiring", 21, "ru"], "warn: истекает, осталось 21 день"], [["expiring", 3, "ru"], "warn: истекает, осталось 3 дня"],
  [["expired", -400, "vi"], "bad: đã hết hạn 400 ngày trước"], [["expired", -1, "ru"], "bad: истёк 1 день назад"],
  [["expired", null, "en"], "bad: expired"], [["expiring", null, "en"], "warn: expiring"], [[null, null, "en"], null],
  [["constructor", 1, "en"], null],
]);

const failure = (fields, kind = Error, message = "m") => Object.assign(new kind(message), fields);
check("trouble", (error) => Object.values(troubleOf(error)).join(" | "), [
  [[new DeadlineError("x")], "timeout | "],
  [[new UnreadableError("x")], "unreadable | "],
  [[new SyntaxError("Unexpected token '<'")], "unreadable | "],
  [[new TypeError("Failed to fetch")], "network | "],
  [[new TypeError("NetworkError when attempting to fetch resource.")], "network | "],
  [[new TypeError("Load failed")], "network | "],
  [[new TypeError("Cannot read properties of undefined (reading 'exc_type')")], "unreadable | "],
  [[failure({ exc_type: "PermissionError", messages: ["No <b>right</b> to  it."] })], "no_right | No right to it."],
  [[failure({ exc_type: "PermissionError", session_expired: 1 })], "logged_out | "],
  [[failure({ status: 403 })], "no_right | "],
  [[failure({ exc_type: "AuthenticationError" })], "logged_out | "],
  [[failure({ exc_type: "CSRFTokenError", messages: ["Invalid Request"] })], "csrf | "],
  [[failure({ exc_type: "DoesNotExistError", status: 404 })], "not_found | "],
  [[failure({ status: 504, exc_type: "ValidationError", messages: ["It took too long."] })], "unavailable | It took too long."],
  [[failure({ status: 502, messages: ["Internal Server Error"] })], "unavailable | "],
  [[failure({ status: 503, exc_type: "ValidationError", messages: [{ message: "Try later." }] })], "unavailable | Try later."],
  [[failure({ status: 417, exc_type: "ValidationError", messages: ["Failed to get method for command x"] })], "not_installed | "],
  [[failure({ status: 417, exc_type: "ValidationError", messages: [{ success: false }, "Wrong."] })], "refused | Wrong."],
  [[undefined], "unavailable | "],
]);

describe("answer", () => {
  for (const body of [undefined, null, "<html>", 7, {}, { data: null }, { data: "x" }, []]) {
    it(`${JSON.stringify(body)} is no answer`, () => assert.throws(() => answerOf(body), UnreadableError));
  }
  it("with data is one", () => assert.equal(answerOf({ data: {} }).success, undefined));
});

check("address that may be opened", safeUrl, [
  [["https://portal.example/crm/company/details/101/"], "https://portal.example/crm/company/details/101/"],
  [["http://portal.example/"], null], [["javascript:alert(1)"], null], [[" JaVaScRiPt:alert(1)"], null],
  [["data:text/html,x"], null], [["//portal.example/"], null], [["/crm/"], null], [["https://a:b@portal.example/"], null],
  [["https://"], null], [[null], null], [[{}], null],
]);

describe("languages", () => {
  const shape = (value, path = "") => Object.entries(value).flatMap(([key, inner]) =>
    (typeof inner === "string" ? [`${path}${key}${(inner.match(/\{\w+\}/g) ?? []).sort().join("")}`] : shape(inner, `${path}${key}.`)));
  for (const language of ["vi", "ru"]) {
    it(`${language} says everything that English says, with the same gaps`, () => assert.deepEqual(shape(TEXTS[language]), shape(TEXTS.en)));
    it(`${language} has left no sentence in English`, () => {
      const same = Object.keys(TEXTS.en.trouble).filter((key) => TEXTS.en.trouble[key] === TEXTS[language].trouble[key]);
      assert.deepEqual(same, []);
    });
  }
});

const COMPANY = {
  company_name: "Trà Núi Mây", company_id: "1000071011", bitrix_id: "111", title_full: "Trà Núi Mây - 1000071011",
  current_hsi_segment: "Champion", current_hsi_detail: "580", last_hsi_segment: "At risk", last_hsi_detail: "0",
  current_shopplan: "Omni", shop_created_date: "01/02/2023", first_shopplan_date: "02/02/2023",
  current_shopplan_date: "03/02/2024", shopplan_expiry: "04/02/2027", shopplan_status: "expiring", shopplan_days_left: 9,
  owner_name: "Diệp", owner_email: "diep@tra.example", owner_phone: "0900000111",
};

describe("groups", () => {
  const data = {
    customer: { customer_name: "Trà", haravan_orgid: 200, domain: " ", bitrix_last_synced_at: "2026-11-21 09:58:16.1" },
    contact: null, haravan: [{ email: "a@b.example", haravan_orgname: "Trà" }],
    bitrix: { company: COMPANY, responsible: { name: "Thảo", email: "t@crm.example", status: "active" }, match_key: "domain", confidence: 90 },
  };
  const groups = groupsOf(data, "en");
  const rows = Object.fromEntries(groups.map((group) => [group.key, Object.fromEntries(group.rows.map((row) => [row.key, row.value]))]));

  it("that are empty are left out", () => assert.deepEqual(Object.keys(rows), ["customer", "company", "hsi", "shopplan", "responsible"]));
  it("have every field of the company and its owner", () => {
    assert.deepEqual(rows.company, {
      company_name: "Trà Núi Mây", company_id: "1000071011", bitrix_id: "111", owner_name: "Diệp",
      owner_email: "diep@tra.example", owner_phone: "0900000111", found_by: "customer's domain (90 %)",
    });
    assert.deepEqual(rows.hsi, {
      current_hsi_segment: "Champion", current_hsi_detail: "580", last_hsi_segment: "At risk", last_hsi_detail: "0",
    });
    assert.deepEqual(rows.shopplan, {
      current_plan: "Omni", shop_created: "01/02/2023", first_signed: "02/02/2023", current_signed: "03/02/2024", plan_expires: "04/02/2027",
    });
  });
  it("leave out empty values and write dates as days", () => {
    assert.deepEqual(rows.customer, { name: "Trà", orgid: "200", synced_at: "21/11/2026 09:58", account: "a@b.example · Trà" });
  });
  it("show fields that only this site maps, also under strange names", () => {
    const company = { ...COMPANY, loyalty_level: "7", constructor: "odd", nested: {}, some_date_iso: "x" };
    const [group] = groupsOf({ bitrix: { company } }, "en");
    const extra = group.rows.filter((row) => ["loyalty level", "constructor", "nested", "some date iso"].includes(row.key));
    assert.deepEqual(extra.map((row) => [row.label, row.value]), [["loyalty level", "7"], ["constructor", "odd"]]);
  });
  it("survive an answer without anything", () => assert.deepEqual(groupsOf({}, "vi"), []));
  it("say when nobody can be responsible", () => {
    const [group] = groupsOf({ bitrix: { responsible: { name: "A", status: "inactive" } } }, "en");
    assert.deepEqual(group.rows[1].badge, { tone: "warn", text: "is no longer active" });
  });
});

const notices = (bitrix, success = true) =>
  noticesOf({ success, message: "Said.", data: { bitrix } }, "en").map(({ tone, text }) => `${tone}: ${text}`);
check("notices", notices, [
  [[{ status: "matched", matches: 1 }], []],
  [[{ status: "cached" }], []],
  [[{ status: "matched", stale: true, age_seconds: 7_200, error: { message: "Down." } }], ["warn: Said. The data is from 2 hours ago."]],
  [[{ status: "error", error: { message: "Down." } }], ["bad: Said. Down."]],
  [[{ status: "not_found" }], ["warn: Said."]], [[{ status: "missing_orgid" }], ["warn: Said."]],
  [[{ status: "disabled" }], ["warn: Said."]], [[{ status: "missing_config" }], ["warn: Said."]],
  [[{ status: "matched", error: { message: "No user." } }], ["warn: No user."]],
  [[{ status: "matched", matches: 2 }], ["warn: 2 companies carry this id; the one that was changed last is shown."]],
  [[{}, false], ["bad: Said."]],
  [[undefined], []],
]);

check("what an agent wants to see first", (bitrix) => factsOf(bitrix, "en").map(({ tone, text }) => `${tone}: ${text}`), [
  [[{ company: { ...COMPANY, customer_segment: "SME" } }], ["warn: Omni: expiring, 9 days left", "plain: SME", "plain: HSI: Champion"]],
  [[{ company: { current_shopplan: "Omni" } }], ["plain: Omni"]], [[{ company: null }], []], [[{}], []],
]);

check("truth values", (value) => yesNo(value, TEXTS.vi), [
  [["true"], "có"], [[" Y "], "có"], [["0"], "không"], [["pending"], "pending"], [[null], null], [["constructor"], "constructor"],
]);

check("org id to link by", orgidOf, [
  [[{ company: COMPANY, match_key: "haravan_orgid:UF_CRM_COMPANY_ID", lookup_value: "200" }], "200"],
  [[{ company: COMPANY, match_key: "email_or_phone", lookup_value: "200" }], "1000071011"],
  [[{ company: {}, match_key: "domain", lookup_value: "200" }], null], [[{ company: null, lookup_value: "200" }], null], [[undefined], null],
]);

check("note about linking", (data, success = true) => Object.values(linkNote({ success, message: "Said.", data }, TEXTS.en)).join(" | "), [
  [[{ hd_customer: "Trà", ticket: { linked: true, previous_customer: null } }], "good | The ticket now belongs to the customer Trà. | Said."],
  [[{ hd_customer: "Trà", ticket: { linked: true, previous_customer: "Trà" } }], "good | The ticket belongs to the customer Trà. | Said."],
  [[{ hd_customer: "Trà", ticket: { linked: true, previous_customer: "Cũ" } }], "good | The ticket now belongs to the customer Trà, before it was Cũ. | Said."],
  [[{ status: "not_found" }], "bad | Said."], [[{ hd_customer: "Trà", ticket: { linked: false } }], "bad | Said."],
  [[{ hd_customer: "Trà", ticket: { linked: true } }, false], "bad | Said."],
  [[{ status: "not_found", hd_customer: "Trà" }], "bad | Said."],
]);

describe("history", () => {
  it("lists deals before leads, with amounts and stages as people read them", () => {
    const entry = { id: "1", title: "Gói", stage_name: "Thành công", pipeline: "Bán mới", outcome: "success", amount: "12000000", currency: "VND", created: "06/11/2025" };
    const rows = historyOf({ leads: [{ id: "2", title: " ", stage: "NEW" }], deals: [entry] }, "en");
    assert.deepEqual(rows.map((row) => [row.kind, row.title, row.stage, row.tone, plain(row.amount), row.created]), [
      ["Deal", "Gói", "Bán mới: Thành công", "good", "₫12,000,000", "06/11/2025"], ["Lead", "2", "NEW", "plain", null, null],
    ]);
  });
});
