// How it looks: axe on every screen in both schemes and four states, narrow and enlarged, targets, and by keys alone.
// Pictures of all screens are left in shots/.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  ADMIN_KEY,
  ROOT,
  SAMPLE,
  browser,
  customersOf,
  formWith,
  modelServer,
  page,
  serve,
  unlock,
  unzipped,
  upload,
} from './portal.mjs';

const HERE = path.join(ROOT, 'tests/console');
const AXE = fs.readFileSync(path.join(HERE, 'node_modules/axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const SHOTS = path.join(HERE, 'shots');

let chrome, portal, model, slow, bare;
before(async () => {
  fs.mkdirSync(SHOTS, { recursive: true });
  model = await modelServer(60_000);
  const files = { 'base_data/own/customers.csv': customersOf(400) };
  [chrome, portal, slow, bare] = await Promise.all([
    browser(),
    serve({}, files),
    serve({ ...model.settings, OPENAI_TIMEOUT_S: '100', OPENAI_DEADLINE_S: '100' }),
    serve({}, {}),
  ]);
  // For full screens: ways to train that were compared, and an upload that waits for approval.
  await portal.ask('/compare?wait=true', { method: 'POST' });
  await fetch(`${portal.url}/upload-excel`, { method: 'POST', body: formWith(customersOf(120)) });
});
after(async () => {
  await chrome?.close();
  await portal?.stop();
  await slow?.stop();
  await bare?.stop();
  model?.stop();
});

const settled = tab =>
  tab.waitForFunction(
    () =>
      document.getAnimations().every(animation => animation.playState !== 'running') &&
      !document.querySelector('.map:not([data-ready])'),
  );

/** Whatever axe finds, as one line each. The tool is run by the debugger, past the page's policy. */
async function violations(tab, name) {
  await settled(tab);
  await tab.evaluate(AXE);
  const found = await tab.evaluate(tags => globalThis.axe.run(document, { runOnly: tags }), TAGS);
  return found.violations.map(
    ({ id, nodes }) => `${name}: ${id} at ${nodes.map(node => node.target).join(', ')}: ${nodes[0].failureSummary}`,
  );
}

async function unlocked(options, of = portal) {
  const opened = await page(chrome, of, options);
  await opened.go('#/');
  await unlock(opened.tab);
  await opened.tab.waitForSelector('dialog', { state: 'detached' });
  return opened;
}

const to = (tab, hash) =>
  tab.evaluate(address => {
    location.hash = address;
  }, hash);

/** Every screen with something on it. */
async function* full(tab) {
  await to(tab, '#/');
  await tab.waitForSelector('.map[data-ready]');
  yield 'customers';
  await upload(tab, portal);
  await tab.click('main summary >> nth=0');
  yield 'upload';
  await to(tab, '#/segments/1');
  await tab.waitForSelector('#extras');
  await tab.click('text=Write for this segment');
  await tab.waitForSelector('article');
  yield 'segment';
  await to(tab, '#/write');
  await tab.waitForSelector('input[value="2"][name=who]');
  await tab.click('summary');
  await tab.check('input[value=Both]', { force: true });
  await tab.click('main form .go');
  await tab.waitForSelector('article img');
  await tab.locator('article img').scrollIntoViewIfNeeded();
  yield 'write';
  await to(tab, '#/models');
  await tab.waitForSelector('text=Ways to train, the best first', { state: 'attached' });
  yield 'models';
  await tab.click('tbody a');
  await tab.waitForSelector('.map[data-ready]');
  yield 'report';
  await to(tab, '#/retrain');
  await tab.waitForSelector('text=Latest retrainings');
  yield 'retrain';
  await to(tab, '#/health');
  await tab.waitForSelector('.figures');
  yield 'health';
  await tab.click('#keys');
  yield 'keys';
  await tab.click('dialog button[value=cancel]');
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing on any full screen, ${colorScheme}`, async () => {
    const found = [];
    for (const viewport of [
      { width: 1280, height: 900 },
      { width: 375, height: 800 },
    ]) {
      const { tab, faults } = await unlocked({ colorScheme, viewport });
      for await (const name of full(tab)) {
        found.push(...(await violations(tab, `${name} ${viewport.width}`)));
        await tab.screenshot({
          path: path.join(SHOTS, `${name}-${viewport.width}-${colorScheme}.png`),
          fullPage: true,
        });
        const over = await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${name} at ${viewport.width}: ${over} px too wide`);
      }
      assert.deepEqual(faults, []);
    }
    assert.deepEqual(found, []);
  });

  test(`axe finds nothing on empty, busy and failed screens, ${colorScheme}`, async () => {
    const found = [];
    const { tab, go } = await page(chrome, slow, { colorScheme });
    for (const hash of ['#/upload', '#/models', '#/retrain', '#/models/none', '#/segments/99', '#/write', '#/health']) {
      await go(hash);
      await tab.waitForFunction(() => !/Looking|Asking/.test(document.querySelector('main').textContent));
      found.push(...(await violations(tab, `empty ${hash}`)));
    }
    // Before the first model.
    const first = await unlocked({ colorScheme }, bare);
    for (const name of ['', 'upload', 'segments/0', 'write', 'models', 'retrain', 'health']) {
      await first.go(`#/${name}`);
      await first.tab.waitForFunction(() => !/Looking|Asking/.test(document.querySelector('main').textContent));
      found.push(...(await violations(first.tab, `before the first model: ${name}`)));
      if (!name) await first.tab.screenshot({ path: path.join(SHOTS, `begin-1280-${colorScheme}.png`) });
    }
    assert.deepEqual(first.faults, []);
    // Busy: an upload that waits for the model server, and a text.
    await go('#/upload');
    await tab.setInputFiles('input[name=file]', SAMPLE);
    await tab.click('main form .go');
    await tab.waitForSelector('[data-step=writing][data-is=now]');
    found.push(...(await violations(tab, 'busy upload')));
    await tab.click('text=Cancel');
    await tab.waitForSelector('text=Cancelled');
    found.push(...(await violations(tab, 'cancelled upload')));
    await to(tab, '#/write');
    await tab.click('main form .go');
    found.push(...(await violations(tab, 'busy write')));
    // Failed: a field, a file, and a service that is gone.
    await to(tab, '#/upload');
    const file = path.join(os.tmpdir(), `broken-${process.pid}.xlsx`);
    fs.writeFileSync(file, 'no workbook');
    await tab.setInputFiles('input[name=file]', file);
    await tab.click('main form .go');
    await tab.waitForSelector('[role=alert]');
    found.push(...(await violations(tab, 'failed upload')));
    await tab.fill('[name=objective]', 'x'.repeat(101));
    await tab.setInputFiles('input[name=file]', SAMPLE);
    await tab.click('main form .go');
    await tab.waitForSelector('.problem');
    found.push(...(await violations(tab, 'failed field')));
    await tab.route('**/segments', route => route.abort());
    await to(tab, '#/');
    await tab.waitForSelector('[role=alert]');
    found.push(...(await violations(tab, 'failed customers')));
    fs.rmSync(file);
    assert.deepEqual(found, []);
  });
}

test('nothing is wider than 320 pixels, and every target is 24 pixels or more', async () => {
  // 640 pixels at 200 % are 320 of CSS.
  const { tab } = await unlocked({ viewport: { width: 320, height: 700 }, deviceScaleFactor: 2 });
  for await (const name of full(tab)) {
    const wide = await tab.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 320, `${name}: ${wide}`);
    const small = await tab.evaluate(() =>
      [...document.querySelectorAll('main button, header button, select, input, summary, nav a, .back')]
        .filter(at => at.checkVisibility() && !at.closest('[hidden]'))
        .map(at => [at.closest('.choice, .check, .drop') ?? at, at])
        .map(([box, at]) => [box.getBoundingClientRect(), at.outerHTML.slice(0, 80)])
        .filter(([box]) => box.width > 1 && (box.height < 24 || box.width < 24))
        .map(([box, html]) => `${Math.round(box.width)}×${Math.round(box.height)} ${html}`),
    );
    assert.deepEqual(small, [], name);
  }
});

/** Goes by Tab until what has the focus has this name, id or text; `times` times. */
async function tabTo(tab, done, argument, { times = 1 } = {}) {
  let found = 0;
  for (let n = 0; n < 150; n += 1) {
    await tab.keyboard.press('Tab');
    if (
      (await tab.evaluate(
        ([source, given]) => {
          const at = document.activeElement;
          return source === 'name'
            ? at?.name === given && (at.type !== 'radio' || at.checked)
            : source === 'id'
              ? at?.id === given
              : at?.textContent?.trim() === given && ['BUTTON', 'A', 'SUMMARY'].includes(at.tagName);
        },
        [done, argument],
      )) &&
      (found += 1) === times
    )
      return;
  }
  assert.fail(`${argument} is not reached by Tab`);
}

test('a whole morning by keys alone, from an empty folder: train, upload, edit, export, compare, take back', async t => {
  const model = await modelServer(400);
  const own = await serve({ ...model.settings, WRITERS_AT_ONCE: '1' }, {});
  t.after(async () => {
    await own.stop();
    model.stop();
  });
  const { tab, go, faults } = await page(chrome, own);
  const { keyboard } = tab;
  const enter = async words => {
    await tabTo(tab, 'text', words);
    await keyboard.press('Enter');
  };
  const open = async screen => {
    await tab.focus('.brand');
    await enter(screen);
    await tab.waitForSelector(`h1:text-is("${screen}")`);
  };
  const choose = async (field, file) => {
    await tabTo(tab, 'name', field);
    const [chooser] = await Promise.all([tab.waitForEvent('filechooser'), keyboard.press('Space')]);
    await chooser.setFiles(file);
  };
  const live = async () => (await own.ask('/models')).live;
  const isShown = version => tab.waitForFunction(is => document.querySelector('#version').title === is, version);
  await go('#/');
  await tabTo(tab, 'id', 'keys');
  await keyboard.press('Enter');
  await tabTo(tab, 'name', 'adminKey');
  await keyboard.type(ADMIN_KEY);
  await keyboard.press('Enter');
  await tab.waitForSelector('dialog', { state: 'detached' });

  // Nothing is there yet: the first workbook makes the first model, whose customers are then on the map.
  assert.equal(await live(), null);
  await tab.waitForSelector('h2:text-is("No customers yet")');
  await enter('Train the first model');
  await tab.waitForSelector('h1:has-text("Retrain")');
  await choose('files', customersOf(400));
  await enter('Start a retraining');
  await tab.waitForSelector('text=How it ended', { timeout: 60_000 });
  const first = await live();
  assert.ok(first);
  await isShown(first);
  await open('Customers');
  await tab.waitForSelector('.map[data-ready]');
  assert.match(await tab.textContent('.lead'), /^400 customers in /);

  // Own customers in; the first text is there while the others are written.
  await enter('Upload a workbook');
  await tab.waitForSelector('h1:has-text("Upload")');
  await choose('file', customersOf(600));
  await tabTo(tab, 'name', 'objective');
  await keyboard.type('More visits');
  await tabTo(tab, 'name', 'platform');
  await keyboard.press('ArrowRight');
  assert.ok(await tab.isChecked('input[value=Facebook]'));
  await enter('Group and write');
  await tab.waitForSelector('article textarea');
  assert.ok(await tab.isVisible('text=Cancel'), 'segments are read while others are written');
  await tab.waitForSelector('text=Export as a workbook', { timeout: 20_000 });
  for (let n = 0; n < 60 && !(await tab.evaluate(() => document.activeElement.tagName === 'TEXTAREA')); n += 1)
    await keyboard.press('Tab');
  await keyboard.press('Control+End');
  await keyboard.type(' Edited.');
  assert.match(await tab.locator('article textarea').first().inputValue(), /Edited\.$/);
  await tab.focus('h1');
  await tabTo(tab, 'text', 'Export as a workbook');
  const [download] = await Promise.all([tab.waitForEvent('download'), keyboard.press('Enter')]);
  assert.ok(
    Object.values(unzipped(await download.path()))
      .join('')
      .includes(' Edited.'),
  );

  await open('Models');
  await enter('Retrain');
  await tab.waitForSelector('h1:has-text("Retrain")');
  await enter('Start a retraining');
  await tab.waitForSelector('text=How it ended', { timeout: 60_000 });
  const second = await live();
  assert.notEqual(second, first);
  await isShown(second);

  // Two versions beside one another, then the ways to train, and the best one is published.
  await open('Models');
  await tab.waitForSelector('[name=compare]');
  for (let n = 0, boxes = 0; n < 80 && boxes < 2; n += 1) {
    await keyboard.press('Tab');
    if (await tab.evaluate(() => document.activeElement.name === 'compare')) {
      await keyboard.press('Space');
      boxes += 1;
    }
  }
  await tab.focus('h1');
  await enter('Compare two');
  await tab.waitForSelector('text=What differs');
  await enter('Compare ways to train');
  await tab.waitForSelector('text=Ways to train, the best first', { state: 'attached', timeout: 120_000 });
  // The button that was pressed has the focus again.
  await tab.waitForFunction(() => document.activeElement.textContent === 'Compare ways to train');
  await enter('Publish');
  await tab.waitForSelector('dialog');
  await enter('Train and publish');
  await tab.waitForFunction(was => document.querySelector('#version').title !== was, second, { timeout: 60_000 });
  const third = await live();

  // And back to the first one.
  await tab.waitForSelector(`tr:has([value="${first}"])`);
  await tab.focus('h1');
  await tabTo(tab, 'text', 'Make it live', { times: 2 });
  await keyboard.press('Enter');
  await tab.waitForSelector('dialog');
  await enter('Make it live');
  await isShown(first);
  assert.notEqual(third, second);
  assert.deepEqual(faults, []);
});
