// What the popup shows of answers of the real hub.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { clientScript, formScript } from "../scripts.mjs";
import {
  act, changeCompany, changeDocument, documentOf, opened, picture,  profileOf, scriptOf, settled, until, visit, whilePortalFails,
} from "./stage.mjs";

const groups = (popup) => popup.locator("section[data-group]").evaluateAll((sections) => Object.fromEntries(sections.map((section) => [
  section.dataset.group,
  Object.fromEntries([...section.querySelectorAll("dd")].map((value) => [value.dataset.key, value.innerText.trim()])),
])));
const notices = (popup) => popup.locator(".notice").allInnerTexts();

describe("the scripts", () => {
  it("are the ones that the program holds", async () => {
    assert.equal(await scriptOf("form"), formScript());
    assert.equal(await scriptOf("client"), clientScript());
  });
});

// First, while nothing about its customer is remembered.
describe("a customer of whom Bitrix24 cannot be asked", () => {
  it("is shown with all that the helpdesk knows, and whole as soon as Bitrix24 is back", async () => {
    const { page, popup } = await whilePortalFails("bad_gateway", () => opened("0010", { lang: "vi" }));
    assert.deepEqual(await notices(popup), ["Không hỏi được Bitrix24. Bitrix24 hiện không phản hồi."]);
    assert.deepEqual(Object.keys(await groups(popup)), ["customer", "contact"]);
    await picture(page, "error-light-vi");
    await popup.locator("[data-action=refresh]").click();
    await popup.locator("section[data-group=company]").waitFor();
    assert.deepEqual(await notices(popup), []);
  });
});

describe("a matched customer", () => {
  it("is shown with all groups", async () => {
    const { page, popup, asked, faults } = await opened("0001", { lang: "en" });
    const shown = await groups(popup);
    assert.deepEqual(Object.keys(shown), ["customer", "contact", "company", "hsi", "shopplan", "bitrix_contact", "responsible"]);
    const { company } = (await profileOf("0001")).data.bitrix;
    const { company_name, company_id, bitrix_id, owner_name, owner_email, owner_phone } = shown.company;
    assert.deepEqual({ company_name, company_id, bitrix_id, owner_name, owner_email, owner_phone }, {
      company_name: "Tiệm Bánh Mây Trắng", company_id: "1000071001", bitrix_id: "101", owner_name: "Nguyễn Thị Hồng Nhung",
      owner_email: "nhung@banhmaytrang.example", owner_phone: "0900000101",
    });
    assert.deepEqual(shown.hsi, { current_hsi_segment: "Champion", current_hsi_detail: "580", last_hsi_segment: "At risk", last_hsi_detail: "0" });
    const { plan_expires, ...plan } = shown.shopplan;
    assert.deepEqual(plan, {
      current_plan: company.current_shopplan, shop_created: company.shop_created_date,
      first_signed: company.first_shopplan_date, current_signed: company.current_shopplan_date,
    });
    assert.match(plan_expires, new RegExp(`^${company.shopplan_expiry}`));
    assert.deepEqual(shown.responsible, { name: "Thảo Lương Minh", email: "thao.luong@crm.example" });
    assert.deepEqual(await notices(popup), []);
    assert.deepEqual(asked, [{ method: "haravan_bitrix_customer_profile", ticket: "0001", refresh: 0 }]);
    await picture(page, "matched-light-en");
    assert.deepEqual(faults, []);
  });

  it("opens in Bitrix over HTTPS and without a way back", async () => {
    const { popup } = await opened("0001");
    const links = await popup.locator("a").evaluateAll((all) => all.map((a) => [a.href, a.target, a.rel]));
    assert.deepEqual(links.map(([href]) => href).sort(), [
      "https://portal.example/crm/company/details/101/", "https://portal.example/crm/contact/details/301/",
    ]);
    for (const [, target, rel] of links) assert.deepEqual([target, rel], ["_blank", "noopener noreferrer"]);
  });

  for (const [status, ticket] of [["active", "0002"], ["expiring", "0003"], ["expired", "0004"]]) {
    it(`has a plan that is ${status}`, async () => {
      const ids = { "0002": "102", "0003": "103", "0004": "104" };
      const days = { active: 200, expiring: 12, expired: -3 }[status];
      const day = new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
      const found = (await profileOf(ticket)).data.bitrix.company.bitrix_id;
      assert.equal(found, ids[ticket]);
      await changeCompany(found, (company) => {
        company.UF_CRM_DATE_EXPIRED_SHOPPLAN = `${day}T12:00:00+03:00`;
        company.DATE_MODIFY = new Date().toISOString();
      });
      const visited = await visit(ticket, { lang: "en" });
      await act(visited.page, "Refresh Bitrix Profile");
      await settled(visited.popup);
      const [year, month, date] = day.split("-");
      const expected = { active: "active", expiring: "expiring, \\d+ days left", expired: "expired \\d+ days ago" }[status];
      assert.match((await groups(visited.popup)).shopplan.plan_expires, new RegExp(`^${date}/${month}/${year} ${expected}$`));
      assert.equal(visited.asked[0].refresh, 1);
    });
  }

  it("of whom two companies carry the id is told about", async () => {
    const { page, popup } = await opened("0009", { lang: "vi" });
    assert.deepEqual(await notices(popup), ["Có 2 công ty mang mã này; đang hiển thị công ty được sửa gần nhất."]);
    await picture(page, "several-light-vi");
  });

  it("whose responsible user has left says so", async () => {
    const { popup } = await opened("0010", { lang: "en" });
    assert.match((await groups(popup)).responsible.status, /is no longer active/);
  });

  it("leaves no row and no group empty", async () => {
    const { popup } = await opened("0001");
    const empty = await popup.locator("dd, dt, section").evaluateAll((all) => all.filter((one) => !one.innerText.trim()).length);
    assert.equal(empty, 0);
  });
});

describe("somebody whom Bitrix24 does not know", () => {
  for (const [lang, ticket, sentence] of [
    ["vi", "0007", "Bitrix24 không có công ty nào cho khách hàng này."],
    ["vi", "0012", "Ticket không có mã công ty Haravan, liên hệ hay tên miền để tra cứu."],
  ]) {
    it(`is answered with a sentence, ticket ${ticket}`, async () => {
      const { page, popup } = await opened(ticket, { lang });
      assert.deepEqual(await notices(popup), [sentence]);
      assert.equal(await popup.getByRole("button", { name: /Gắn khách hàng/ }).count(), 0);
      assert.equal(await popup.locator("a").count(), 0);
      await picture(page, `nobody-${ticket}`);
    });
  }

  it("has no history, and nobody is asked for one", async () => {
    const { popup, asked } = await opened("0012", { lang: "en" });
    await popup.getByRole("tab", { name: "Lead / Deal history" }).click();
    assert.match(await popup.locator("[role=tabpanel]").innerText(), /Without a company in Bitrix24 there are no leads and deals\./);
    assert.equal(asked.length, 1);
  });
});

describe("leads and deals", () => {
  it("are asked for when their tab is opened, once", async () => {
    const { page, popup, asked } = await opened("0001", { lang: "en" });
    const history = popup.getByRole("tab", { name: "Lead / Deal history" });
    await history.click();
    await popup.locator("tbody tr").first().waitFor();
    assert.deepEqual(asked.map(({ history: wanted }) => wanted), [undefined, 1]);
    const { deals, leads } = (await profileOf("0001", "&history=1")).data.bitrix.history;
    assert.equal(await popup.locator("tbody tr").count(), deals.length + leads.length);
    assert.match(await popup.locator("tbody tr").first().innerText(), /₫12,000,000/);
    assert.equal(await popup.locator("tbody a").first().getAttribute("href"), deals[0].url);
    await picture(page, "history-light-en");
    await popup.getByRole("tab", { name: "Profile" }).click();
    await history.click();
    await popup.locator("tbody tr").first().waitFor();
    assert.equal(asked.length, 2);
  });

  it("come even when the tab was opened before the profile was there", async () => {
    const { page, popup, asked } = await visit("0001", { lang: "en" });
    await act(page);
    await popup.getByRole("tab", { name: "Lead / Deal history" }).click();
    await popup.locator("tbody tr").first().waitFor();
    assert.equal(asked.at(-1).history, 1);
  });
});

describe("Refresh", () => {
  it("asks Bitrix24 anew and shows what has changed", async () => {
    const { popup, asked } = await opened("0011", { lang: "en" });
    const { bitrix_id } = (await profileOf("0011")).data.bitrix.company;
    await changeCompany(bitrix_id, (company) => {
      company.UF_CRM_HARAVAN_MEMBERSHIP = "Diamond";
      company.DATE_MODIFY = new Date().toISOString();
    });
    const refresh = popup.locator("[data-action=refresh]");
    await refresh.click();
    await popup.locator("dd[data-key=membership]", { hasText: "Diamond" }).waitFor();
    assert.equal(asked.at(-1).refresh, 1);
    assert.ok(await refresh.evaluate((button) => button.getRootNode().activeElement === button), "the focus stays on the button");
  });

  it("shows what is known, and its age, while Bitrix24 is down", async () => {
    const { page, popup } = await opened("0005", { lang: "ru" });
    await whilePortalFails("bad_gateway", async () => {
      await popup.locator("[data-action=refresh]").click();
      await popup.locator(".notice").waitFor();
    });
    const [notice] = await notices(popup);
    assert.match(notice, /^Сейчас Bitrix24 недоступен; показаны последние полученные данные\. Они получены (.* назад|сейчас)\.$/);
    assert.equal((await groups(popup)).company.company_name, "Thời Trang Lụa Vân");
    await picture(page, "stale-light-ru");
  });
});

describe("Link customer to ticket", () => {
  it("links it, says so and shows the profile as it is now", async () => {
    assert.equal((await documentOf("HD Ticket", "0004")).customer ?? null, null);
    const { page, popup, asked } = await opened("0004", { lang: "vi" });
    await popup.locator("[data-action=link]").click();
    await popup.locator(".notice.good").waitFor();
    const { customer } = await documentOf("HD Ticket", "0004");
    assert.ok(customer, "the ticket has a customer");
    assert.match((await notices(popup))[0], new RegExp(`^Ticket nay thuộc khách hàng ${customer}\\.`));
    assert.deepEqual(asked[1], { method: "haravan_bitrix_metajson_company_enrichment", orgid: (await profileOf("0004")).data.bitrix.company.company_id, ticket: "0004" });
    assert.equal(asked.length, 3);
    await until("the new customer in the popup", async () => (await groups(popup)).customer?.name === customer);
    await picture(page, "linked-light-vi");
  });

  it("is told by a toast when the popup was closed in between", async () => {
    const { page, popup } = await opened("0002", { lang: "en" });
    const held = await hold(page, "**/api/method/haravan_bitrix_metajson_company_enrichment");
    await popup.locator("[data-action=link]").click();
    await held.arrived;
    await popup.locator("[data-action=close]").click();
    await held.release();
    await page.waitForFunction(() => window.toasts.length === 1);
    assert.match((await page.evaluate(() => window.toasts[0])).message, /^The ticket (now )?belongs to the customer Gốm Sứ Đồi Thông/);
    assert.equal(await page.locator("deskbridge-popup").count(), 0);
  });
});

describe("hostile strings", () => {
  it("are text and nothing else", async () => {
    const attack = `<img src=x onerror="alert(1)"><script>alert(2)</script>"'\`\${alert(3)}`;
    const { bitrix_id } = (await profileOf("0006")).data.bitrix.company;
    await changeDocument("HD Ticket", "0006", { subject: "<b>Chào</b><img src=x onerror=alert(4)>" });
    await changeCompany(bitrix_id, (company) => {
      Object.assign(company, {
        UF_CRM_STORENAME: attack, UF_CRM_SHOP_OWNER_NAME: `\u202Eאבג ${"مرحبا بالعالم ".repeat(3)}`,
        UF_CRM_CURRENT_SHOPPLAN: "x".repeat(10_000), UF_CRM_CURRENT_HSI_SEGMENT: "</style></dialog><svg onload=alert(5)>",
        UF_CRM_SHOP_OWNER_EMAIL: "javascript:alert(6)", DATE_MODIFY: new Date().toISOString(),
      });
    });
    const { page, popup, faults } = await visit("0006", { lang: "en" });
    await act(page, "Refresh Bitrix Profile");
    await settled(popup);
    const shown = await groups(popup);
    assert.equal(shown.company.company_name, attack);
    assert.equal(shown.hsi.current_hsi_segment, "</style></dialog><svg onload=alert(5)>");
    assert.match(shown.company.owner_name, /אבג/);
    assert.equal(await popup.locator("img, script, iframe, a[href^=javascript], svg[onload]").count(), 0);
    const sizes = await popup.evaluate((dialog) => [dialog.scrollWidth <= dialog.clientWidth, dialog.getBoundingClientRect().height <= window.innerHeight]);
    assert.deepEqual(sizes, [true, true]);
    await picture(page, "hostile-light-en");
    const plan = popup.locator("dd[data-key=current_plan]");
    assert.ok((await plan.innerText()).length < 400, "a name of 10 kB is folded");
    await plan.locator("summary").click();
    assert.ok((await plan.innerText()).length >= 10_000, "and can be unfolded");
    assert.deepEqual(faults, []);
  });
});

// Keeps requests until they are released.
export async function hold(page, url) {
  const waiting = [];
  let isHolding = true;
  let arrive;
  const arrived = new Promise((resolve) => { arrive = resolve; });
  await page.route(url, (route) => {
    if (!isHolding) return route.continue();
    waiting.push(route);
    return arrive();
  });
  const release = async () => {
    isHolding = false;
    for (const route of waiting.splice(0)) await route.continue();
  };
  return { arrived, release };
}
