// Whatever goes wrong is a sentence, and the form is usable afterwards.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { hold } from "./profile.mjs";
import { act, changeDocument, enrichmentUrl, opened, picture, popupIn, profileOf, profileUrl, settled, until, visit, whilePortalFails } from "./stage.mjs";

const notices = (popup) => popup.locator(".notice").allInnerTexts();

// The user's language, as the script remembers it for the page.
const speak = (page, lang) => page.evaluate((tag) => { document[Symbol.for("deskbridge.language")] = tag; }, lang);

const json = (status, body) => (route) => route.fulfill({ status, contentType: "application/json", body: JSON.stringify(body) });
const html = (status) => (route) => route.fulfill({ status, contentType: "text/html", body: "<html><h1>nginx</h1></html>" });

describe("trouble is a sentence and can be tried again", () => {
  for (const [name, answer, en, vi, ru] of [
    ["no network", (route) => route.abort("connectionrefused"), /^The helpdesk cannot be reached\./, /^Không kết nối được/, /^Нет связи/],
    ["an answer that is no JSON", html(200), /^The answer cannot be read\./, /^Không đọc được/, /^Ответ не удалось/],
    ["an error page that is no JSON", html(502), /^The answer cannot be read\./, /^Không đọc được/, /^Ответ не удалось/],
    ["an answer of another shape", json(200, { message: "hello" }), /^The answer cannot be read\./, /^Không đọc được/, /^Ответ не удалось/],
    ["a helpdesk that is down", json(503, { exc_type: "ValidationError", _server_messages: JSON.stringify([JSON.stringify({ message: "Try <b>later</b>." })]) }),
      /^The profile is not available at the moment\. Try again shortly\.\s+Try later\.$/, /^Hiện chưa xem được hồ sơ/, /^Профиль сейчас недоступен/],
    ["a session that is over", json(403, { exc_type: "AuthenticationError" }), /^You are no longer logged in\./, /^Phiên đăng nhập/, /^Сеанс завершён/],
    ["a CSRF token that is too old", json(400, { exc_type: "CSRFTokenError" }), /^This page has been open for too long\./, /^Trang này/, /^Страница открыта/],
    ["a method that is not installed", json(417, { exc_type: "ValidationError", _server_messages: JSON.stringify([JSON.stringify({ message: "Failed to get method for command x" })]) }),
      /^Deskbridge is not connected/, /^Deskbridge chưa/, /^Deskbridge не подключён/],
  ]) {
    it(name, async () => {
      const { page } = await visit("0001");
      for (const [lang, sentence] of [["en", en], ["vi", vi], ["ru", ru]]) {
        await speak(page, lang);
        await page.route(profileUrl, answer);
        await act(page);
        const popup = popupIn(page, lang);
        await settled(popup);
        const said = await popup.locator(".notice span").first().innerText();
        assert.match(said, sentence);
        assert.equal(await popup.locator("[role=status]").innerText(), said.replace(/\s+/g, " "), "it is announced as well");
        await page.unroute(profileUrl);
        await popup.locator("[data-action=again]").click();
        await popup.locator("section[data-group=company]").waitFor();
        assert.equal(await popup.locator(".notice").count(), 0);
        await page.keyboard.press("Escape");
      }
    });
  }
});

describe("a ticket of another team", () => {
  for (const [lang, sentence] of [["vi", /^Bạn không có quyền/], ["en", /^You have no permission for this\.\s+You have no right to HD Ticket 0008\./], ["ru", /^У вас нет прав/]]) {
    it(`is refused in ${lang}`, async () => {
      const { page, popup, faults } = await opened("0008", { lang });
      const [said] = await notices(popup);
      assert.match(said, sentence);
      assert.equal(await popup.locator("section").count(), 0);
      assert.deepEqual(faults, []);
      await picture(page, `no-right-${lang}`);
    });
  }

  it("is shown to an agent of that team", async () => {
    const { popup } = await opened("0008", { user: "binh" });
    assert.ok(await popup.locator("section").count() > 0);
  });

  it("and any ticket is refused to a customer of the portal", async () => {
    const { popup } = await opened("0011", { user: "portal", lang: "en" });
    assert.match((await notices(popup))[0], /^You have no permission for this\./);
  });
});

describe("an answer that does not come", () => {
  it("is given up after a deadline, and can be asked for again", async () => {
    const { page, popup, asked } = await visit("0001", { lang: "en", fakeTime: true });
    const held = await hold(page, profileUrl);
    await act(page);
    await held.arrived;
    assert.match(await popup.locator("[role=tabpanel]").innerText(), /Loading the customer profile…/);
    await picture(page, "loading-light-en");
    await page.clock.fastForward(39_000);
    assert.equal(await popup.locator(".notice").count(), 0);
    await page.clock.fastForward(2_000);
    await settled(popup);
    assert.match((await notices(popup))[0], /^No answer came within 40 seconds\. Try again\./);
    // The late answer changes nothing any more.
    const late = page.waitForResponse(profileUrl);
    await held.release();
    await (await late).finished();
    assert.equal(await popup.locator("section").count(), 0);
    await popup.locator("[data-action=again]").click();
    await popup.locator("section[data-group=company]").waitFor();
    assert.equal(asked.length, 2);
  });

  it("to a link says that it may have been done", async () => {
    const { page, popup } = await opened("0003", { lang: "en", fakeTime: true });
    const held = await hold(page, enrichmentUrl);
    await popup.locator("[data-action=link]").click();
    await held.arrived;
    await page.clock.fastForward(41_000);
    await settled(popup);
    assert.match((await notices(popup))[0], /may have been linked all the same/);
    assert.ok(await popup.locator("section").count() > 0, "the profile stays");
  });

  it("to a link is told of when it comes after all", async () => {
    const { page, popup } = await opened("0003", { desk: true, lang: "en", fakeTime: true });
    const held = await hold(page, enrichmentUrl);
    await popup.locator("[data-action=link]").click();
    await held.arrived;
    await page.clock.fastForward(41_000);
    await popup.locator(".notice.bad").waitFor();
    await held.release();
    await popup.locator(".notice.good").waitFor();
    await settled(popup);
    assert.equal(await popup.locator(".notice.bad").count(), 0, "it is not in doubt any more");
    assert.deepEqual(await page.evaluate(() => [window.reloads, window.alerts.length]), [1, 0]);
  });

  for (const isClosedFirst of [true, false]) {
    it(`to a link is told of when the popup was closed ${isClosedFirst ? "before" : "after"} the deadline`, async () => {
      const { page, popup } = await opened("0003", { desk: true, lang: "en", fakeTime: true });
      const held = await hold(page, enrichmentUrl);
      await popup.locator("[data-action=link]").click();
      await held.arrived;
      if (isClosedFirst) await popup.locator("[data-action=close]").click();
      await page.clock.fastForward(41_000);
      if (!isClosedFirst) await popup.locator("[data-action=close]").click();
      await held.release();
      await until("the alert", () => page.evaluate(() => window.alerts.length === 1));
      assert.equal(await page.evaluate(() => window.reloads), 1);
    });
  }

  for (const [name, answer, sentence] of [
    ["by the hub", json(200, { message: { success: false, message: "Not this one.", data: {} } }), /^Not this one\.$/],
    ["by the helpdesk", json(403, { exc_type: "PermissionError" }), /^You have no permission for this\./],
  ]) {
    it(`to a link that is refused ${name} still loads the history of the tab that was opened meanwhile`, async () => {
      const { page, popup, asked } = await opened("0011", { lang: "en" });
      let refuse = null;
      const refused = new Promise((resolve) => { refuse = resolve; });
      await page.route(enrichmentUrl, async (route) => {
        await refused;
        await answer(route);
      });
      await popup.locator("[data-action=link]").click();
      await popup.getByRole("tab", { name: "Lead / Deal history" }).click();
      refuse();
      await popup.locator(".notice").waitFor();
      await settled(popup);
      const said = await notices(popup);
      assert.equal(said.length, 1, `${said}`);
      assert.match(said[0], sentence);
      assert.equal(await popup.locator("table, .saying").count(), 1);
      assert.equal(asked.at(-1).history, 1);
    });
  }

  it("is not asked for twice by a second click", async () => {
    const { page, popup, asked } = await visit("0001", { lang: "en" });
    const held = await hold(page, profileUrl);
    await act(page);
    await held.arrived;
    await page.evaluate(() => window.made.actions[0].items[1].onClick());
    await popup.locator("[data-action=refresh]").click({ force: true });
    assert.equal(await page.locator("deskbridge-popup").count(), 1);
    await held.release();
    await popup.locator("section[data-group=company]").waitFor();
    assert.equal(asked.length, 1);
  });

  it("is ignored when the popup was closed, and the form can be used", async () => {
    const { page, popup, faults } = await visit("0001", { lang: "en" });
    const held = await hold(page, profileUrl);
    await act(page);
    await held.arrived;
    await page.keyboard.press("Escape");
    await popup.waitFor({ state: "detached" });
    const late = page.waitForResponse(profileUrl);
    await held.release();
    await (await late).finished();
    await page.locator("#reply").fill("typing goes on");
    assert.equal(await page.locator("deskbridge-popup").count(), 0);
    await act(page);
    await popup.locator("section[data-group=company]").waitFor();
    assert.deepEqual(faults, []);
  });

  it("and a popup left by going back in the browser is gone", async () => {
    const { page, popup } = await visit("0001", { lang: "en" });
    await page.evaluate(() => window.history.pushState({}, "", "#other"));
    await act(page);
    await popup.waitFor();
    await page.goBack();
    await popup.waitFor({ state: "detached" });
  });
});

describe("Bitrix24", () => {
  it("whose history cannot be read leaves the profile as it is", async () => {
    const { popup } = await opened("0002", { lang: "en" });
    await whilePortalFails("internal_server_error", async () => {
      await popup.getByRole("tab", { name: "Lead / Deal history" }).click();
      await popup.locator(".notice").waitFor();
    });
    assert.match((await notices(popup))[0], /^Leads and deals could not be read from Bitrix24\./);
    await popup.getByRole("tab", { name: "Profile" }).click();
    assert.ok(await popup.locator("section[data-group=company]").count());
  });

  // The hub reads its settings every few seconds.
  it("that is switched off or not configured is a sentence each", async () => {
    const settings = (fields) => changeDocument("Helpdesk Integrations Settings", "Helpdesk Integrations Settings", fields);
    const status = (wanted) => until(`the status ${wanted}`, async () => (await profileOf("0001")).data.bitrix.status === wanted);
    await settings({ bitrix_enabled: 0 });
    await status("disabled");
    for (const [lang, sentence] of [["en", "The Bitrix24 integration is switched off."], ["vi", "Tích hợp Bitrix24 đang tắt."], ["ru", "Интеграция с Bitrix24 отключена."]]) {
      const { page, popup } = await opened("0001", { lang });
      assert.deepEqual(await notices(popup), [sentence]);
      assert.equal(await popup.locator("[data-action=link]").isVisible(), false);
      await picture(page, `disabled-${lang}`);
    }
    await settings({ bitrix_enabled: 1, bitrix_webhook_url: "" });
    await status("missing_config");
    for (const [lang, sentence] of [["en", "The Bitrix24 webhook is not configured; tell your administrator."], ["ru", "Вебхук Bitrix24 не настроен; сообщите администратору."]]) {
      const { popup } = await opened("0001", { lang });
      assert.deepEqual(await notices(popup), [sentence]);
    }
  });
});
