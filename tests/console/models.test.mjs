// Versions, retrainings and keys.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ADMIN_KEY, ROOT, browser, customersOf, formWith, page, serve, unlock } from './portal.mjs';

const OWN = path.join(ROOT, 'tests/fixtures/upload_2000.xlsx');
let chrome;
before(async () => {
  chrome = await browser();
});
after(() => chrome?.close());

/** A page with the administrators' key on a service of its own. */
async function opened(hash, t, settings = {}, files = undefined) {
  const portal = await serve(settings, files);
  t.after(portal.stop);
  const it = await page(chrome, portal);
  await it.go('#/');
  await unlock(it.tab);
  await it.tab.waitForSelector('dialog', { state: 'detached' });
  await it.tab.evaluate(to => {
    location.hash = to;
  }, hash);
  return { ...it, portal };
}

test('without a key, what is closed says why; a wrong one is a sentence and is not kept', async t => {
  const portal = await serve();
  t.after(portal.stop);
  const { tab, go } = await page(chrome, portal);
  for (const [hash, words] of [
    ['#/models', 'administrators'],
    ['#/retrain', 'administrators'],
    ['#/models/none', 'administrators'],
  ]) {
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

test('before the first model the page says how to begin, and the first version is on it without a reload', async t => {
  const [closed, portal] = [await serve({ ADMIN_KEY: '' }, {}), await serve({}, {})];
  for (const each of [closed, portal]) t.after(each.stop);
  const without = await page(chrome, closed);
  for (const hash of ['#/', '#/upload']) {
    await without.go(hash);
    assert.match(await without.tab.textContent('.empty'), /No ADMIN_KEY is set: put a workbook into base_data/);
  }
  const { tab, go, faults } = await page(chrome, portal);
  await go('#/health');
  await tab.waitForSelector('.badge:text-is("no model")');
  await go('#/write');
  await tab.waitForSelector('[role=alert]:has-text("There is no model yet")');
  await go('#/');
  await tab.waitForSelector('.empty:has-text("Train the first model")');
  const form = new FormData();
  form.append('files', new Blob([fs.readFileSync(OWN)]), 'first.xlsx');
  const job = await portal.ask('/retrain?wait=true', { method: 'POST', body: form });
  assert.equal(job.state, 'published', JSON.stringify(job));
  await tab.waitForSelector('.map[data-ready]');
  assert.equal(await tab.getAttribute('#version', 'title'), job.version);
  assert.deepEqual(faults, []);
});

test('under a host name that the service does not know, the page says what to set', async t => {
  const portal = await serve();
  t.after(portal.stop);
  const { tab } = await page(chrome, portal);
  const answer = await tab.goto(portal.url.replace('127.0.0.1', 'crm.localhost'));
  assert.equal(answer.status(), 421);
  assert.match(await tab.textContent('body'), /set ALLOW_HOSTS to that name/);
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
  const kept = await tab.evaluate(() =>
    JSON.stringify([
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      location.href,
      document.documentElement.outerHTML,
      history.state,
      [...document.querySelectorAll('input')].map(input => input.value),
    ]),
  );
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
  await tab.evaluate(() => {
    location.hash = '#/retrain';
  });
  await tab.setInputFiles('[name=files]', OWN);
  await tab.click('text=Start a retraining');
  await tab.waitForSelector('progress');
  await tab.waitForSelector('text=How it ended', { timeout: 60_000 });
  assert.equal(await tab.getAttribute('progress', 'value'), '1');
  assert.match(await tab.textContent('.note'), /Published/);
  await watching.tab.waitForSelector('text=A new version is live', { timeout: 10_000 });
  await watching.tab.waitForFunction(was => document.querySelector('canvas')?.dataset.marks !== was, before);
  // Who watches without a key sees ten customers or more in each mark, and is told so.
  const map = await (await fetch(`${portal.url}/map`)).json();
  assert.match(await watching.tab.textContent('main'), /a mark is ten customers or more/);
  assert.equal(Number(await watching.tab.getAttribute('canvas', 'data-marks')), map.points);

  // Two versions by now: what differs, and back to the one before.
  await tab.waitForFunction(is => document.querySelector('#version').title === is, map.version);
  await tab.evaluate(() => {
    location.hash = '#/models';
  });
  await tab.waitForSelector('[name=compare]');
  for (const box of await tab.locator('[name=compare]').all()) await box.check();
  await tab.click('text=Compare two');
  await tab.waitForSelector('text=What differs');
  const rows = tab.locator('section:has(> h2:text("What differs")) tbody tr');
  await rows.first().waitFor();
  const differing = await rows.count();
  for (const cells of await rows.all()) {
    const [a, b] = await cells.locator('td').allTextContents();
    assert.notEqual(a, b);
  }
  await tab.check('text=Show everything');
  assert.ok((await rows.count()) > differing);

  const { live } = await portal.ask('/models');
  await tab.click('text=Make it live');
  const asked = await tab.textContent('dialog');
  const { versions } = await portal.ask('/models');
  for (const { version } of versions) assert.ok(asked.includes(version), 'the question names both');
  await tab.click('dialog button[value=yes]');
  await tab.waitForFunction(was => !document.querySelector('#version').title.includes(was), live, { timeout: 3_000 });
  assert.notEqual((await portal.ask('/models')).live, live);
  await tab.waitForSelector('text=Make it live');
  await tab.click('text=Make it live');
  await tab.click('dialog button[value=yes]');
  await tab.waitForFunction(was => document.querySelector('#version').title === was, live, { timeout: 3_000 });
  assert.deepEqual(faults, []);
});

test('after a retraining the segments that stay move to their new places, unless motion is not wanted', async t => {
  const { tab, portal } = await opened('#/', t, {}, { 'base_data/own/customers.xlsx': OWN });
  const still = await page(chrome, portal, { reducedMotion: 'reduce' });
  await still.go('#/');
  for (const each of [tab, still.tab]) await each.waitForSelector('.map[data-ready]');
  const job = await portal.ask('/retrain?wait=true&force=true', { method: 'POST' });
  assert.equal(job.state, 'published', JSON.stringify(job));
  const { matching } = await portal.ask(`/models/${job.version}/report`);
  const kept = matching.kept.map(of => of.cluster_id).sort();
  assert.ok(kept.length > 1);
  const moved = async of => {
    await of.waitForSelector('text=A new version is live', { timeout: 10_000 });
    await of.waitForSelector('.map[data-ready]');
    const shown = await of.evaluateHandle(async () => (await import('/console/map.js')).shown);
    await of.waitForFunction(({ plane }) => plane.arrived === 1, shown);
    return shown.evaluate(({ plane }) => [...plane.shift.keys()].sort());
  };
  assert.deepEqual(await moved(tab), kept);
  assert.deepEqual(await moved(still.tab), []);
});

test('ways to train are compared, with the time that is left, and one is published', async t => {
  const { tab, portal, faults } = await opened('#/models', t, {}, { 'base_data/own/customers.csv': customersOf(400) });
  await tab.waitForSelector('[name=compare]');
  const progress = tab.evaluate(
    () =>
      new Promise(done => {
        new MutationObserver(() => {
          const words = document.querySelector('progress + p')?.textContent ?? '';
          if (/Comparing.*left/.test(words)) done(words);
        }).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true });
      }),
  );
  await tab.click('button:text("Compare ways to train")');
  assert.match(await progress, /Comparing, \d+\u202f%; about \d+ (second|minute)s? left/);
  await tab.waitForSelector('text=Ways to train, the best first', { state: 'attached', timeout: 120_000 });
  const { jobs } = await portal.ask('/retrain');
  const { comparison } = jobs.find(job => job.comparison);
  const rows = tab.locator('table:has(caption:text("Ways to train")) tbody tr');
  assert.equal(await rows.count(), comparison.candidates.length);
  const all = await rows.allTextContents();
  const isOut = await rows.locator('.badge:text-is("out")').count();
  assert.equal(isOut, comparison.candidates.filter(of => of.out.length).length);
  const best = comparison.candidates.find(of => of.name === comparison.best);
  assert.ok(best, comparison.sentence);
  assert.match(all[0], /^1\. /);
  assert.equal(await rows.first().locator('.badge').textContent(), 'best');
  for (const part of [
    best.bits.mean.toFixed(3),
    best.silhouette?.toFixed(3) ?? '–',
    `${(100 * best.least_jaccard).toFixed(1)}`,
  ])
    assert.ok(all[0].includes(part), `${all[0]}: ${part}`);

  // What was found is there again, and the best one is published.
  await tab.evaluate(() => {
    location.hash = '#/health';
  });
  await tab.waitForSelector('h1:text("Health")');
  await tab.evaluate(() => {
    location.hash = '#/models';
  });
  await rows.first().waitFor();
  const { live } = await portal.ask('/models');
  await rows.first().locator('button').click();
  await tab.waitForSelector('dialog:has-text("Train this way and publish?")');
  await tab.click('dialog button[value=yes]');
  await tab.waitForFunction(was => !document.querySelector('#version').title.includes(was), live, { timeout: 60_000 });
  const { live: now } = await portal.ask('/models');
  assert.notEqual(now, live);
  const { params } = await portal.ask(`/models/${now}/report`);
  assert.deepEqual(
    [params.columns, params.hdbscan.min_cluster_size],
    [best.settings.columns, best.settings.min_cluster_size],
  );
  assert.deepEqual(faults, []);
});

test('what came without a key waits until it is approved, or is deleted', async t => {
  const { tab, portal, faults } = await opened('#/', t);
  for (const n of [120, 140])
    assert.equal(
      (await fetch(`${portal.url}/upload-excel`, { method: 'POST', body: formWith(customersOf(n)) })).status,
      200,
    );
  await tab.evaluate(() => {
    location.hash = '#/retrain';
  });
  const rows = tab.locator('table:has(caption:text("Uploads that wait")) tbody tr');
  await rows.nth(1).waitFor();
  assert.deepEqual(await rows.locator('.badge').allTextContents(), ['waits for approval', 'waits for approval']);
  await rows.first().locator('button:text("Approve")').click();
  await tab.waitForSelector('.badge:text("is trained on")');
  const { uploads } = await portal.ask('/uploads');
  assert.deepEqual(uploads.map(each => each.state).sort(), ['approved', 'waiting']);
  const left = uploads.find(each => each.state === 'approved');
  await rows.filter({ hasText: 'waits for approval' }).locator('button:text("Delete")').click();
  assert.match(await tab.textContent('dialog'), /not trained on/);
  await tab.click('dialog button[value=yes]');
  await tab.waitForFunction(() => document.querySelectorAll('caption + thead + tbody tr').length === 1);
  assert.deepEqual(
    (await portal.ask('/uploads')).uploads.map(each => each.id),
    [left.id],
  );
  assert.deepEqual(faults, []);
});

test('a key without a right is told which one it lacks', async t => {
  const key = 'a-key-of-one-reader-of-the-walk';
  const sha256 = createHash('sha256').update(key).digest('hex');
  const file = path.join(os.tmpdir(), `keys-${process.pid}`);
  fs.writeFileSync(file, `${JSON.stringify({ name: 'reader', sha256, rights: ['read'] })}\n`);
  const portal = await serve({ KEYS_FILE: file });
  t.after(portal.stop);
  const { tab, go } = await page(chrome, portal);
  await go('#/');
  await tab.click('#keys');
  await tab.fill('#k-key', key);
  await tab.click('dialog button[value=use]');
  await tab.waitForSelector('.map[data-ready]');
  for (const [hash, right] of [
    ['#/models', 'train'],
    ['#/retrain', 'train'],
  ]) {
    await tab.evaluate(to => {
      location.hash = to;
    }, hash);
    await tab.waitForSelector(`[role=alert]:has-text("does not have the right ${right}")`);
  }
  await tab.evaluate(() => {
    location.hash = '#/write';
  });
  await tab.click('main form .go');
  await tab.waitForSelector('[role=alert]:has-text("does not have the right generate")');
});

test('a report says how surely each segment is found again and what decides the segments', async t => {
  const { tab, portal } = await opened('#/models', t);
  const { live, versions } = await portal.ask('/models');
  const report = await portal.ask(`/models/${live}/report`);
  await tab.waitForSelector('tbody a');
  const percent = share => `${(100 * share).toFixed(1)}\u202f%`;
  const row = await tab.locator('tbody tr').first().textContent();
  assert.ok(row.includes(percent(versions[0].scores.least_jaccard)), row);
  assert.ok((await tab.textContent('main')).includes(report.scores.decided_by.sentence.replaceAll('_', ' ')));
  await tab.click('tbody a');
  await tab.waitForSelector('text=Segments, before and now');
  assert.ok((await tab.textContent('main')).includes(report.scores.decided_by.sentence.replaceAll('_', ' ')));
  const rows = await tab.locator('h2:has-text("Segments, before") + div tbody tr').allTextContents();
  report.refit.stability.forEach(({ jaccard }, at) => assert.ok(rows[at].includes(percent(jaccard)), rows[at]));
});

test('health names the models that write and draw', async t => {
  const { tab, portal } = await opened('#/health', t, {
    WRITER: 'openai',
    OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
    OPENAI_MODEL: 'writes-1',
    OPENAI_FALLBACK_MODELS: 'writes-2',
    OPENAI_IMAGE_MODEL: 'draws-1',
  });
  await tab.waitForSelector('.figures');
  assert.deepEqual((await portal.ask('/status')).models, ['writes-1', 'writes-2', 'draws-1']);
  for (const name of ['writes-1', 'writes-2', 'draws-1']) assert.ok((await tab.textContent('.figures')).includes(name));
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
  for (const { customers } of report.segments)
    assert.ok((await tab.textContent('main')).includes(customers.toLocaleString('en-GB')));
  assert.equal(await tab.locator('h2:has-text("Checks") + div tbody tr').count(), report.gate.length);
  for (const [words, ending] of [
    ['Download the page', '.html'],
    ['Download the JSON', '.json'],
  ]) {
    const [download] = await Promise.all([tab.waitForEvent('download'), tab.click(`text=${words}`)]);
    assert.ok(download.suggestedFilename().endsWith(ending));
  }
  assert.deepEqual(faults, []);
});
