// Everything a test in the browser needs: the program with its simulated systems, one address before helpdesk and hub as a
// reverse proxy gives it, and Chromium.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { POPUP_CACHE, DESKBRIDGE, CHROMIUM = "/usr/bin/chromium" } = process.env;
if (!POPUP_CACHE || !DESKBRIDGE) throw new Error("POPUP_CACHE and DESKBRIDGE are not set: run test.sh");
const require = createRequire(`${POPUP_CACHE}/package.json`);
const { chromium } = require("playwright-core");

export const PROFILE = "haravan_bitrix_customer_profile";
export const ENRICHMENT = "haravan_bitrix_metajson_company_enrichment";
export const profileUrl = `**/api/method/${PROFILE}`;
export const enrichmentUrl = `**/api/method/${ENRICHMENT}`;
const PICTURES = `${POPUP_CACHE}/pictures`;
const LOG = `${POPUP_CACHE}/deskbridge.log`;
const HUB_KEY = { "Authorization": "token hub-key:hub-secret", "Content-Type": "application/json" };

const pages = { "/helpdesk": "helpdesk.html", "/app/hd-ticket": "desk.html" };
const ofHub = [`/api/method/${PROFILE}`, `/api/method/${ENRICHMENT}`, "/form-script.js", "/client-script.js"];

let program, proxy, browser, ready, base;

// Nothing that was started outlives this process, however it ends.
process.on("exit", () => program?.kill("SIGTERM"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

export async function start() {
  mkdirSync(PICTURES, { recursive: true });
  program = spawn(DESKBRIDGE, ["demo", "--listen", "127.0.0.1:0", "--json"], { stdio: ["ignore", "pipe", openSync(LOG, "w")] });
  const [line] = await Promise.race([
    once(createInterface(program.stdout), "line"),
    once(program, "exit").then(() => { throw new Error(`the program ended at once; see ${LOG}`); }),
  ]);
  ready = JSON.parse(line);
  proxy = createServer((incoming, outgoing) => {
    const [path] = incoming.url.split("?");
    if (pages[path]) {
      outgoing.setHeader("content-type", "text/html; charset=utf-8");
      outgoing.end(readFileSync(new URL(`../pages/${pages[path]}`, import.meta.url)));
      return;
    }
    const upstream = new URL(incoming.url, ofHub.includes(path) ? ready.hub : ready.frappe);
    const passed = request(upstream, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  base = `http://127.0.0.1:${proxy.address().port}`;
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

export async function stop() {
  await browser?.close();
  proxy?.closeAllConnections();
  proxy?.close();
  if (program && program.exitCode === null) {
    program.kill("SIGTERM");
    await once(program, "exit");
  }
}

// A page with a ticket, seen by a user who logged in as browsers do.
// options: { user, desk, dark, viewport, lang, browserLang, search, fakeTime }; lang is the user's in the helpdesk.
export async function visit(ticket, options = {}) {
  const { user = "an", desk = false, dark = false, viewport = { width: 1100, height: 800 }, lang = "en", browserLang = "en-US", search = "", fakeTime = false } = options;
  const context = await browser.newContext({ viewport, locale: browserLang, reducedMotion: "reduce" });
  const accounts = { an: "an.tran@helpdesk.example", binh: "binh.le@helpdesk.example", portal: "diep@tranuimay.example" };
  await changeDocument("User", accounts[user], { language: lang });
  const login = await context.request.post(`${base}/api/method/login`, {
    data: { usr: accounts[user], pwd: `${user === "portal" ? "diep" : user}-password` },
  });
  assert.equal(login.status(), 200, await login.text());
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`uncaught: ${error}`));
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (asked) => { if (!asked.url().startsWith(base) && !asked.url().startsWith("data:")) faults.push(`asked ${asked.url()}`); });
  const asked = [];
  page.on("request", (sent) => {
    const method = /\/api\/method\/(haravan[^?]*)/.exec(sent.url());
    if (method) asked.push({ method: method[1], ...JSON.parse(sent.postData() ?? "{}") });
  });
  page.setDefaultTimeout(15_000);
  if (dark) await page.addInitScript(() => document.documentElement?.setAttribute("data-theme", "dark"));
  if (fakeTime) await page.clock.install();
  const path = desk ? "/app/hd-ticket" : "/helpdesk";
  await page.goto(`${base}${path}?${new URLSearchParams({ ...(ticket && { ticket }), lang })}${search}`);
  if (dark) await page.evaluate(() => document.documentElement.setAttribute("data-theme", "dark"));
  await page.locator("body[data-ready]").waitFor();
  return { page, faults, asked, popup: popupIn(page, lang || browserLang) };
}

// The popup, as soon as it speaks the language.
export const popupIn = (page, lang) => page.locator(`deskbridge-popup dialog[lang="${lang}"]`);

// Chooses an action of the form's menu.
export async function act(page, label = "Customer Profile") {
  await page.locator("#actions > button").click();
  await page.getByRole("menuitem", { name: label, exact: true }).click();
}

// Opens the profile and waits until it is there.
export async function opened(ticket, options = {}) {
  const visited = await visit(ticket, options);
  if (options.desk) await visited.page.locator("#buttons button").first().click();
  else await act(visited.page);
  await settled(visited.popup);
  return visited;
}

// Waits until nothing is being asked for.
export const settled = (popup) => popup.locator("[role=tabpanel][aria-busy=false]").waitFor();

export const picture = (page, name) => page.screenshot({ path: `${PICTURES}/${name}.png`, animations: "disabled" });

// Serious faults in what a screen reader or the keyboard meets.
export async function accessibilityFaults(page) {
  await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  const { violations } = await page.evaluate(() => window.axe.run("deskbridge-popup"));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return serious.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.failureSummary}`));
}

// Waits for a state, with a deadline.
export async function until(what, reached) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await reached();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
  }
}

export async function profileOf(ticket, parameters = "") {
  const answer = await fetch(`${ready.hub}/api/method/${PROFILE}?ticket=${ticket}${parameters}`, { headers: { authorization: ready.authorization } });
  return (await answer.json()).message;
}

export async function scriptOf(name) {
  return (await fetch(`${ready.hub}/${name}-script.js`)).text();
}

async function put(address, body, headers = {}) {
  const answer = await fetch(address, { method: "PUT", body: JSON.stringify(body), headers });
  assert.ok(answer.ok, `${address}: ${answer.status} ${await answer.text()}`);
}

// Runs something while the portal answers everything with this failure.
export async function whilePortalFails(preset, run) {
  const address = `${ready.bitrix24}/_simulator/faults`;
  await put(address, [{ when: "*", answer: { preset } }]);
  try {
    return await run();
  } finally {
    await put(address, []);
  }
}

export async function changeCompany(id, change) {
  const address = `${ready.bitrix24}/_simulator/data`;
  const data = await (await fetch(address)).json();
  change(data.companies.find((company) => company.ID === id), data);
  await put(address, data);
}

export const changeDocument = (doctype, name, fields) =>
  put(`${ready.frappe}/api/resource/${encodeURIComponent(doctype)}/${encodeURIComponent(name)}`, fields, HUB_KEY);

export async function documentOf(doctype, name) {
  const answer = await fetch(`${ready.frappe}/api/resource/${encodeURIComponent(doctype)}/${encodeURIComponent(name)}`, { headers: HUB_KEY });
  return (await answer.json()).data;
}
