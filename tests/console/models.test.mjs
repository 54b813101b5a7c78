// Versions, retrainings and keys.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ADMIN_KEY, ROOT, browser, page, serve, unlock } from './portal.mjs';

const OWN = path.join(ROOT, 'tests/fixtures/upload_2000.xlsx');
let chrome;
before(async () => { chrome = await browser(); });
after(() => chrome?.close());

/** A page with the administrators' key on a service of its own. */
async function opened(hash, t, settings = {}, files = undefined) {
  const portal = await serve(settings, files);
  t.after(portal.stop);
  const it = await page(chrome, portal);
  await it.go('#/');
  await unlock(it.tab);
  await it.tab.waitForSelector('dialog', { state: 'detached' });
  await it.tab.evaluate(to => { location.hash = to; }, hash);
  return { ...it, portal };
}

test('without a key, what is closed says why; a wrong one is a sentence and is not kept', async t => {
  const portal = await serve();
  t.after(portal.stop);
  const { tab, go } = await page(chrome, portal);
  for (const [hash, words] of [['#/models', 'administrators'], ['#/retrain', 'administrators'], ['#/models/none', 'administrators']]) {
    await go(hash);
    assert.match(await tab.textContent('.empty'), new RegExp(words));
    assert.match(await tab.textContent('.empty'), /key/);
  }
  await go('#/segments/0');
  await tab.waitForSelector('#extras');
  assert.ok(await tab.isDisabled('#extras'));
  assert.match(await tab.textContent('.why'), /key/);

  await unlock(tab, 'a-wrong-key-of-somebody');
  await tab.waitForSelector('dialog [role=alert]:not([hidden])');
  assert.match(await tab.textContent('dialog [role=alert]'), /key/);
  await tab.click('dialog button[value=cancel]');
  assert.equal(await tab.textContent('#keys'), 'Keys');
});

test('where no ADMIN_KEY is set, that is the reason', async t => {
  const portal = await serve({ ADMIN_KEY: '' });
  t.after(portal.stop);
  const { tab, go } = await page(chrome, portal);
  await go('#/models');
  assert.match(await tab.textContent('.empty'), /No ADMIN_KEY is set/);
});

test('where callers need a key, the page says so and takes one', async t => {
  const portal = await serve({ API_KEYS: 'a-key-of-one-caller-here' });
  t.after(portal.stop);
  const { tab, go } = await page(chrome, portal);
  await go('#/');
  assert.match(await tab.textContent('[role=alert]'), /key/);
  assert.equal(await tab.textContent('#writer'), 'key needed');
  await tab.click('#keys');
  await tab.fill('#k-key', 'a-key-of-one-caller-here');
  await tab.click('dialog button[value=use]');
  await tab.waitForSelector('.map[data-ready]');
});

test('a key is in no storage, address, log or document', async t => {
  const { tab, context, portal } = await opened('#/models', t);
  await tab.waitForSelector('table');
  const kept = await tab.evaluate(() => JSON.stringify([
    { ...localStorage }, { ...sessionStorage }, document.cookie, location.href, document.documentElement.outerHTML, history.state,
    [...document.querySelectorAll('input')].map(input => input.value),
  ]));
  assert.ok(!kept.includes(ADMIN_KEY) && !portal.log().includes(ADMIN_KEY));
  assert.deepEqual(await context.cookies(), []);
});

test('a retraining runs to its end, its version is live and the map is its own, without a reload', async t => {
  const { tab, portal, faults } = await opened('#/', t);
  await tab.waitForSelector('.map[data-ready]');
  const before = await tab.getAttribute('canvas', 'data-marks');
  const watching = await page(chrome, portal);
  await watching.go('#/');
  await watching.tab.waitForSelector('.map[data-ready]');
  await tab.evaluate(() => { location.hash = '#/retrain'; });
  await tab.setInputFiles('[name=files]', OWN);
  await tab.click('text=Start a retraining');
  await tab.waitForSelector('progress');
  await tab.waitForSelector('text=How it ended', { timeout: 60_000 });
  assert.equal(await tab.getAttribute('progress', 'value'), '1');
  assert.match(await tab.textContent('.note'), /Published/);
  await watching.tab.waitForSelector('text=A new version is live', { timeout: 10_000 });
  await watching.tab.waitForFunction(was => document.querySelector('canvas')?.dataset.marks !== was, before);
  const map = await portal.ask('/map');
  assert.equal(Number(await watching.tab.getAttribute('canvas', 'data-marks')), map.points);

  // Two versions by now: what differs, and back to the one before.
  await tab.waitForFunction(is => document.querySelector('#version').title === is, map.version);
  await tab.evaluate(() => { location.hash = '#/models'; });
  await tab.waitForSelector('[name=compare]');
  for (const box of await tab.locator('[name=compare]').all()) await box.check();
  await tab.click('text=Compare two');
  await tab.waitForSelector('text=What differs');
  const rows = tab.locator('main section tbody tr');
  await rows.first().waitFor();
  const differing = await rows.count();
  for (const cells of await rows.all()) {
    const [a, b] = await cells.locator('td').allTextContents();
    assert.notEqual(a, b);
  }
  await tab.check('text=Show everything');
  assert.ok((await rows.count()) > differing);

  const { live } = await portal.ask('/models');
  const from = Date.now();
  await tab.click('text=Make it live');
  const asked = await tab.textContent('dialog');
  const { versions } = await portal.ask('/models');
  for (const { version } of versions) assert.ok(asked.includes(version), 'the question names both');
  await tab.click('dialog button[value=yes]');
  await tab.waitForFunction(was => !document.querySelector('#version').title.includes(was), live, { timeout: 5_000 });
  assert.ok(Date.now() - from < 5_000);
  assert.notEqual((await portal.ask('/models')).live, live);
  await tab.waitForSelector('text=Make it live');
  await tab.click('text=Make it live');
  await tab.click('dialog button[value=yes]');
  await tab.waitForFunction(was => document.querySelector('#version').title === was, live, { timeout: 5_000 });
  assert.deepEqual(faults, []);
});

test('a retraining that is refused shows its checks, and what was live stays', async t => {
  const { tab, portal } = await opened('#/retrain', t, {}, { 'base_data/own/customers.xlsx': OWN });
  const { live } = await portal.ask('/models');
  const head = 'Customer ID,Date Joined,Location,Gender,Loyalty Tier\n';
  const rows = Array.from({ length: 40 }, (_, n) => `${n},2024-0${1 + (n % 9)}-03,Bedok,Female,Gold\n`);
  fs.rmSync(path.join(portal.folder, 'base_data/own/customers.xlsx'));
  fs.writeFileSync(path.join(portal.folder, 'base_data/own/few.csv'), head + rows.join(''));
  await tab.click('text=Start a retraining');
  await tab.waitForSelector('text=How it ended', { timeout: 60_000 });
  const said = await tab.textContent('.note');
  assert.match(said, /Refused/);
  assert.match(said, /customers is 40, and must be at least 100/);
  assert.equal((await portal.ask('/models')).live, live);
});

test('the report is drawn from its JSON, and saved as a page and as JSON', async t => {
  const { tab, portal, faults } = await opened('#/models', t);
  await tab.click('tbody a');
  await tab.waitForSelector('text=Segments, before and now');
  const { live } = await portal.ask('/models');
  const report = await portal.ask(`/models/${live}/report`);
  for (const { customers } of report.segments) assert.ok((await tab.textContent('main')).includes(customers.toLocaleString('en-GB')));
  assert.equal(await tab.locator('h2:has-text("Checks") + div tbody tr').count(), report.gate.length);
  for (const [words, ending] of [['Download the page', '.html'], ['Download the JSON', '.json']]) {
    const [download] = await Promise.all([tab.waitForEvent('download'), tab.click(`text=${words}`)]);
    assert.ok(download.suggestedFilename().endsWith(ending));
  }
  assert.deepEqual(faults, []);
});
