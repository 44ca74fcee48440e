// Keyboard, screen reader, languages, themes, windows, and both forms.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { hold } from "./profile.mjs";
import { accessibilityFaults, act, enrichmentUrl, opened, picture, profileUrl, settled, visit } from "./stage.mjs";

const focused = (page) => page.evaluate(() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element?.dataset.action ?? element?.id ?? element?.tagName;
});

describe("with the keyboard alone", () => {
  it("everything is reached and nothing behind the popup is", async () => {
    const { page, popup } = await visit("0001", { lang: "en" });
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await settled(popup);
    assert.equal(await focused(page), "heading");
    const met = [];
    for (let step = 0; step < 14; step += 1) {
      await page.keyboard.press("Tab");
      met.push(await focused(page));
    }
    for (const name of ["close", "tab-profile", "panel", "link", "refresh", "open"]) assert.ok(met.includes(name), `${name} in ${met}`);
    assert.ok(!met.includes("reply") && !met.includes("tab-history"), `${met}`);
    await page.keyboard.press("Escape");
    await popup.waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Customer", "the focus is back on the menu's button");
  });

  it("tabs follow the arrows", async () => {
    const { page, popup } = await opened("0001", { lang: "en" });
    await popup.getByRole("tab", { name: "Profile" }).focus();
    const chosen = () => popup.locator("[role=tab][aria-selected=true]").getAttribute("id");
    for (const [key, expected] of [["ArrowRight", "tab-history"], ["ArrowRight", "tab-profile"], ["ArrowLeft", "tab-history"], ["Home", "tab-profile"], ["End", "tab-history"], ["End", "tab-history"]]) {
      await page.keyboard.press(key);
      assert.equal(await chosen(), expected, key);
      assert.equal(await focused(page), expected, key);
    }
    await popup.locator("tbody tr").first().waitFor();
  });

  it("keys do not reach the page's shortcuts", async () => {
    const { page } = await opened("0001");
    await page.evaluate(() => { window.shortcuts = []; });
    await page.keyboard.press("r");
    await page.keyboard.press("Tab");
    assert.deepEqual(await page.evaluate(() => window.shortcuts), []);
  });

  it("a click beside the popup closes it, one inside does not", async () => {
    const { page, popup } = await opened("0001");
    await popup.locator("h2").click();
    assert.equal(await page.locator("deskbridge-popup").count(), 1);
    await page.mouse.click(5, 5);
    await popup.waitFor({ state: "detached" });
  });

  for (const [name, from, to] of [["inside and let go beside", "inside", "beside"], ["beside and let go inside", "beside", "inside"]]) {
    it(`a press ${name} the popup leaves it open`, async () => {
      const { page, popup } = await opened("0001");
      const { x, y } = await popup.locator("h2").boundingBox();
      const places = { inside: [x + 5, y + 5], beside: [5, 5] };
      await page.evaluate(() => {
        window.clicks = 0;
        document.addEventListener("click", () => { window.clicks += 1; }, true);
      });
      await page.mouse.move(...places[from]);
      await page.mouse.down();
      await page.mouse.move(...places[to]);
      await page.mouse.up();
      assert.equal(await page.evaluate(() => window.clicks), 1, "the browser made a click of it");
      assert.equal(await page.locator("deskbridge-popup").count(), 1);
    });
  }
});

describe("a screen reader", () => {
  it("is told what is loading and what came", async () => {
    const { page, popup } = await visit("0001", { lang: "en" });
    const held = await hold(page, profileUrl);
    await act(page);
    await held.arrived;
    const status = popup.locator("[role=status]");
    assert.equal(await status.innerText(), "Loading the customer profile…");
    assert.equal(await popup.locator("[role=tabpanel]").getAttribute("aria-busy"), "true");
    await held.release();
    await settled(popup);
    assert.equal(await status.innerText(), "Customer profile loaded.");
    const named = page.getByRole("dialog", { name: "Tiệm Bánh Mây Trắng" });
    assert.equal(await named.count(), 1);
  });

  for (const [name, ticket, options] of [
    ["light", "0001", { lang: "en" }], ["dark", "0001", { lang: "vi", dark: true }], ["trouble", "0008", { lang: "ru" }],
    ["trouble in the dark", "0008", { lang: "ru", dark: true }], ["a notice in the dark", "0009", { lang: "ru", dark: true }],
    ["nobody", "0012", {}], ["the Desk", "0001", { desk: true }], ["the Desk in the dark", "0001", { desk: true, dark: true }],
    ["a narrow window", "0001", { viewport: { width: 360, height: 640 } }],
  ]) {
    it(`meets no serious fault: ${name}`, async () => {
      const { page, popup } = await opened(ticket, options);
      assert.deepEqual(await accessibilityFaults(page), []);
      await popup.locator("#tab-history").click();
      await settled(popup);
      assert.deepEqual(await accessibilityFaults(page), []);
    });
  }

  it("meets no serious fault while it is loading", async () => {
    const { page } = await visit("0001");
    const held = await hold(page, profileUrl);
    await act(page);
    await held.arrived;
    assert.deepEqual(await accessibilityFaults(page), []);
    await held.release();
  });
});

describe("languages", () => {
  it("are the user's in the helpdesk, whatever the browser prefers", async () => {
    const { page, popup } = await opened("0001", { lang: "ru", browserLang: "vi-VN" });
    await popup.getByRole("tab", { name: "История лидов и сделок" }).waitFor();
    assert.equal(await popup.getAttribute("lang"), "ru");
    await picture(page, "matched-light-ru");
  });

  for (const [lang, group, button] of [["vi", "Người phụ trách", "Gắn khách hàng vào ticket"], ["en", "Responsible", "Link customer to ticket"], ["ru", "Ответственный", "Привязать клиента к тикету"]]) {
    it(`of the browser where the helpdesk knows none: ${lang}`, async () => {
      const { page, popup } = await visit("0001", { lang: "", browserLang: lang });
      await page.route("**/api/method/helpdesk.api.auth.get_user", (route) => route.abort());
      await act(page);
      await settled(popup);
      assert.ok((await popup.locator("h3").allInnerTexts()).includes(group));
      await popup.getByRole("button", { name: button }).waitFor();
    });
  }
});

describe("themes and windows", () => {
  const colours = (popup) => popup.evaluate((dialog) => [getComputedStyle(dialog).backgroundColor, getComputedStyle(dialog).color]);

  it("the helpdesk's colours are the popup's, light and dark", async () => {
    assert.deepEqual(await colours((await opened("0001")).popup), ["rgb(255, 255, 255)", "rgb(23, 23, 23)"]);
    const { page, popup } = await opened("0001", { dark: true, lang: "vi" });
    assert.deepEqual(await colours(popup), ["rgb(28, 28, 28)", "rgb(248, 248, 248)"]);
    await picture(page, "matched-dark-vi");
    await popup.locator("#tab-history").click();
    await popup.locator("tbody tr").first().waitFor();
    await picture(page, "history-dark-vi");
  });

  it("the page's rules for all its elements do not reach it", async () => {
    const { popup } = await opened("0001");
    const style = await popup.locator("[data-action=refresh]").evaluate((button) => [getComputedStyle(button).textTransform, getComputedStyle(button).letterSpacing]);
    assert.deepEqual(style, ["none", "normal"]);
  });

  it("a narrow window is filled and nothing is cut off", async () => {
    const { page, popup } = await opened("0001", { viewport: { width: 360, height: 640 }, lang: "vi" });
    const [box, wide] = await popup.evaluate((dialog) => {
      const { x, y, width, height } = dialog.getBoundingClientRect();
      return [[x, y, width, height], [...dialog.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > 361 && !one.closest("[role=tablist], .table")).length];
    });
    assert.deepEqual([box, wide], [[0, 0, 360, 640], 0]);
    await picture(page, "narrow-light-vi");
    await popup.locator("#tab-history").click();
    await popup.locator("tbody tr").first().waitFor();
    await picture(page, "narrow-history-light-vi");
  });
});

describe("the form", () => {
  it("of newer helpdesks, which read options, has the same actions", async () => {
    const { page, popup } = await visit("0001", { search: "&options=1" });
    await act(page);
    await settled(popup);
  });

  it("waits for nothing: the actions are there although no request was answered", async () => {
    const { page, asked } = await visit("0001");
    const isPromise = await page.evaluate(() => window.made instanceof Promise);
    assert.deepEqual([isPromise, asked], [false, []]);
  });

  it("of older helpdesks, which number their tickets, asks with the number as text", async () => {
    const { page, popup, asked } = await visit("1", { search: "&number=1" });
    await act(page);
    await settled(popup);
    assert.equal(asked[0].ticket, "1");
    // In this helpdesk it is "0001".
    assert.match(await popup.locator(".notice").innerText(), /^This ticket does not exist any more\./);
  });

  it("of a ticket that is not saved yet opens nothing", async () => {
    const { page, asked } = await visit(null);
    await act(page);
    assert.equal(await page.locator("deskbridge-popup").count(), 0);
    assert.deepEqual(asked, []);
  });
});

describe("the classic Desk", () => {
  it("has the same popup behind two buttons", async () => {
    const { page, popup, asked, faults } = await visit("0001", { desk: true, lang: "ru" });
    const buttons = await page.locator("#buttons button").evaluateAll((all) => all.map((one) => [one.dataset.group, one.textContent]));
    assert.deepEqual(buttons, [["Customer", "Customer Profile"], ["Customer", "Refresh Bitrix Profile"]]);
    await page.locator("#buttons button").last().click();
    await settled(popup);
    assert.equal(asked[0].refresh, 1);
    assert.ok((await popup.locator("h3").allInnerTexts()).includes("Ответственный"));
    await picture(page, "desk-light-ru");
    assert.deepEqual(faults, []);
  });

  it("reloads the form after linking", async () => {
    const { page, popup } = await opened("0001", { desk: true });
    await popup.locator("[data-action=link]").click();
    await popup.locator(".notice.good").waitFor();
    assert.equal(await page.evaluate(() => window.reloads), 1);
  });

  for (const [lang, sentence] of [["en", /^The ticket was changed on the server\./], ["vi", /^Ticket đã được thay đổi trên máy chủ\./], ["ru", /^Тикет изменён на сервере\./]]) {
    it(`keeps what is not saved yet and says that the ticket has to be reloaded: ${lang}`, async () => {
      const { page, popup } = await opened("0001", { desk: true, lang });
      await page.evaluate(() => { window.edited = true; });
      await popup.locator("[data-action=link]").click();
      await popup.locator(".notice.good").waitFor();
      assert.match(await popup.locator(".notice.warn").innerText(), sentence);
      assert.equal(await page.evaluate(() => window.reloads), 0);
    });
  }

  it("says what is refused, without message boxes of its own", async () => {
    const { popup, faults } = await opened("0008", { desk: true, lang: "en" });
    assert.match(await popup.locator(".notice").innerText(), /You have no right to HD Ticket 0008/);
    assert.deepEqual(faults, []);
  });

  for (const [name, answer, sentence] of [
    ["no network", (route) => route.abort(), /cannot be reached/],
    ["a page in place of an answer", (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<h1>Login</h1>" }), /cannot be read/],
    ["an error page", (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>nginx</h1>" }), /not available at the moment/],
  ]) {
    it(`says what is wrong: ${name}`, async () => {
      const { page, popup } = await visit("0001", { desk: true });
      await page.route(profileUrl, answer);
      await page.locator("#buttons button").first().click();
      await settled(popup);
      assert.match(await popup.locator(".notice").innerText(), sentence);
    });
  }

  for (const [name, change, reloads, sentence] of [
    ["and reloads the form", () => {}, 1, /Tiệm Bánh Mây Trắng\.$/],
    ["and keeps what is not saved yet", () => { window.edited = true; }, 0, /Tiệm Bánh Mây Trắng\. The ticket was changed on the server\./],
    ["and leaves another ticket alone that the form shows by now", () => { window.edited = true; window.form.doc = { name: "0002" }; }, 0, /Tiệm Bánh Mây Trắng\.$/],
  ]) {
    it(`tells of a link that was finished after the popup was closed, ${name}`, async () => {
      const { page, popup } = await opened("0001", { desk: true });
      const held = await hold(page, enrichmentUrl);
      await popup.locator("[data-action=link]").click();
      await held.arrived;
      await popup.locator("[data-action=close]").click();
      await page.evaluate(change);
      await held.release();
      await page.waitForFunction(() => window.alerts.length === 1);
      assert.match(await page.evaluate(() => window.alerts[0].message), sentence);
      assert.equal(await page.evaluate(() => window.reloads), reloads);
    });
  }

  it("has no buttons on a ticket that is not saved yet", async () => {
    const { page } = await visit(null, { desk: true });
    assert.equal(await page.locator("#buttons button").count(), 0);
  });
});
