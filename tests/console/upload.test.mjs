// The upload: its steps, what it refuses, edits and how they leave.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { SAMPLE, browser, formWith, modelServer, page, serve, unzipped, upload } from './portal.mjs';

let chrome, portal;
before(async () => {
  [chrome, portal] = await Promise.all([browser(), serve()]);
});
after(async () => {
  await chrome?.close();
  await portal?.stop();
});

/** The number of the first match in the text of an element. */
const number = text => Number(/[\d,]+/.exec(text)[0].replaceAll(',', ''));

test('an upload is read, grouped and written step by step, and its first text is there before the last', async () => {
  const model = await modelServer(700);
  const slow = await serve({ ...model.settings, WRITERS_AT_ONCE: '1' });
  const { tab, faults, go } = await page(chrome, slow);
  await go('#/upload');
  await tab.setInputFiles('input[name=file]', SAMPLE);
  await tab.evaluate(() => {
    globalThis.steps = [];
    const note = () => {
      const now = document.querySelector('.step[data-is=now]');
      const words = now ? [now.dataset.step, now.lastElementChild.textContent].join(' ').trim() : '';
      if (words && globalThis.steps.at(-1) !== words) globalThis.steps.push(words);
    };
    new MutationObserver(note).observe(document.querySelector('main'), {
      subtree: true,
      childList: true,
      attributes: true,
      characterData: true,
    });
  });
  await tab.click('main form .go');
  await tab.waitForSelector('[data-step=writing][data-is=now]');
  await tab.waitForSelector('article textarea');
  assert.match(await tab.textContent('[data-step=writing]'), /of 4/);
  assert.ok(await tab.isVisible('text=Cancel'), 'the first text is there while the others are written');
  assert.equal(await tab.textContent('[data-step=reading] span'), '5,000 rows');
  await tab.waitForSelector('text=Export as a workbook');
  assert.equal(await tab.textContent('[data-step=writing] span'), '4 of 4');
  assert.equal(await tab.locator('article').count(), 4);
  const steps = await tab.evaluate(() => globalThis.steps);
  assert.ok(
    steps.findIndex(step => step.startsWith('reading')) < steps.findIndex(step => step.startsWith('grouping')),
    steps.join(),
  );
  const written = steps.filter(step => /^writing [1-4] of 4$/.test(step));
  assert.deepEqual(
    written,
    [1, 2, 3, 4].slice(0, written.length).map(n => `writing ${n} of 4`),
    steps.join(),
  );
  assert.ok(written.length >= 3, steps.join());
  assert.deepEqual(faults, []);

  // Closing the page ends the work: the call under way, which is paid for, has its answer, and no further one is made.
  const leaving = await page(chrome, slow);
  await leaving.go('#/upload');
  await leaving.tab.setInputFiles('input[name=file]', SAMPLE);
  const { calls } = model.seen;
  await leaving.tab.click('main form .go');
  await leaving.tab.waitForSelector('[data-step=writing][data-is=now]');
  await leaving.tab.close();
  // Longer than all four texts would take.
  await new Promise(later => setTimeout(later, 5 * 700));
  assert.deepEqual([model.seen.answered, model.seen.cut], [model.seen.calls, 0]);
  assert.ok(model.seen.calls <= calls + 2, 'further texts are not asked for');
  await slow.stop();
  model.stop();
});

test('a text file that is called a workbook is refused in a sentence, and the form stays filled', async () => {
  const { tab, go } = await page(chrome, portal);
  const file = path.join(os.tmpdir(), `not-a-workbook-${process.pid}.xlsx`);
  fs.writeFileSync(file, 'this is no workbook\n'.repeat(40));
  await go('#/upload');
  await tab.setInputFiles('input[name=file]', file);
  await tab.fill('[name=objective]', 'Sell bread');
  await tab.check('input[value=LinkedIn]', { force: true });
  await tab.click('main form .go');
  const said = await tab.textContent('[role=alert]');
  const { error } = await portal.ask('/upload-excel', { method: 'POST', body: formWith(file) });
  assert.ok(said.includes(error), `${said} and ${error}`);
  assert.equal(await tab.inputValue('[name=objective]'), 'Sell bread');
  assert.ok(await tab.isChecked('input[value=LinkedIn]'));
  assert.equal(await tab.evaluate(() => document.querySelector('input[name=file]').files.length), 1);
  fs.rmSync(file);
});

test('a wrong field is told at the field, which is then described by it', async () => {
  const { tab, go } = await page(chrome, portal);
  await go('#/write');
  await tab.fill('[name=objective]', 'x'.repeat(101));
  await tab.click('main form .go');
  const sentence = await tab.textContent('#problem-objective');
  assert.match(sentence, /100/);
  assert.equal(await tab.getAttribute('[name=objective]', 'aria-describedby'), 'problem-objective');
  assert.ok(await tab.evaluate(() => document.activeElement.name === 'objective'));
});

test('sizes add up to the rows that were used', async () => {
  const { tab, faults } = await page(chrome, portal);
  await upload(tab, portal);
  const sizes = await tab.locator('section[data-segment] p b').allTextContents();
  assert.equal(
    sizes.map(number).reduce((sum, n) => sum + n, 0),
    5000,
  );
  assert.equal(number(await tab.textContent('.figures dd')), 5000);
  assert.deepEqual(faults, []);
});

test('an edit past a platform’s limit is flagged, and asked about on every way out', async () => {
  const { tab } = await page(chrome, portal);
  await upload(tab, portal);
  const area = tab.locator('article textarea').first();
  await area.fill('x'.repeat(2201));
  assert.equal(await area.getAttribute('aria-invalid'), 'true');
  assert.match(await tab.locator('article .over').first().textContent(), /1 too many for Instagram/);
  for (const way of ['Copy text', 'Export as a workbook', 'Export as CSV', 'Keep the answer']) {
    await tab.click(`button:has-text("${way}")`);
    assert.match(await tab.textContent('dialog'), /1 characters over/, way);
    await tab.click('dialog button[value=no]');
    await tab.waitForSelector('dialog', { state: 'detached' });
  }
  // By keyboard: select all and copy.
  await area.focus();
  await tab.keyboard.press('Control+a');
  await tab.keyboard.press('Control+c');
  assert.match(await tab.textContent('#toast'), /too long for Instagram/);
});

test('writing one segment anew leaves the others and their edits', async () => {
  const { tab } = await page(chrome, portal);
  await upload(tab, portal);
  const areas = tab.locator('article textarea');
  const others = await areas.nth(1).inputValue();
  await areas.nth(2).fill('An edit of mine.');
  await areas.nth(0).fill('Another edit of mine.');
  await tab.locator('button:has-text("Write it anew")').first().click();
  await tab.click('dialog button[value=yes]');
  await tab.waitForFunction(() => document.querySelector('#toast').textContent.includes('anew'));
  assert.notEqual(await areas.nth(0).inputValue(), 'Another edit of mine.');
  assert.equal(await areas.nth(1).inputValue(), others);
  assert.equal(await areas.nth(2).inputValue(), 'An edit of mine.');
});

test('the clipboard holds exactly the edited text', async () => {
  const { tab } = await page(chrome, portal);
  await upload(tab, portal);
  const text = 'Two lines,\n\nand “quotes” – and 🍞 <b>no markup</b>';
  await tab.locator('article textarea').first().fill(text);
  await tab.locator('button:has-text("Copy text")').first().click();
  await tab.waitForFunction(() => document.querySelector('#toast').textContent === 'Text copied.');
  assert.equal(await tab.evaluate(() => navigator.clipboard.readText()), text);
});

test('the exported workbook holds the edits and no formula', async () => {
  const { tab } = await page(chrome, portal);
  await upload(tab, portal);
  await tab.locator('article textarea').first().fill('=HYPERLINK("http://example.com"), an edit');
  const [download] = await Promise.all([tab.waitForEvent('download'), tab.click('text=Export as a workbook')]);
  const parts = unzipped(await download.path());
  const all = Object.values(parts).join('');
  assert.ok(
    all.includes('=HYPERLINK(&quot;http://example.com&quot;), an edit') ||
      all.includes('=HYPERLINK("http://example.com"), an edit'),
  );
  assert.ok(!/<f[ >]/.test(all) && !Object.keys(parts).some(name => name.includes('hyperlink')), 'no formula, no link');
});

test('a reload asks before edits are lost', async () => {
  const { tab } = await page(chrome, portal);
  await upload(tab, portal);
  await tab.locator('article textarea').first().fill('An edit.');
  const asked = new Promise(ask =>
    tab.on('dialog', async dialog => {
      ask(dialog.type());
      await dialog.accept();
    }),
  );
  await tab.reload();
  assert.equal(await asked, 'beforeunload');
});

test('a kept answer is opened again, with its texts', async () => {
  const { tab } = await page(chrome, portal);
  await upload(tab, portal);
  await tab.locator('article textarea').first().fill('A kept edit.');
  const [download] = await Promise.all([tab.waitForEvent('download'), tab.click('text=Keep the answer')]);
  const file = path.join(os.tmpdir(), `kept-${process.pid}.json`);
  await download.saveAs(file);
  const again = await page(chrome, portal);
  await again.go('#/upload');
  await again.tab.setInputFiles('[data-k=kept]', file);
  assert.equal(await again.tab.locator('article textarea').first().inputValue(), 'A kept edit.');
  fs.rmSync(file);
});

test('hostile values are shown as text', async () => {
  const hostile = ['<img src=x onerror="document.title=1">', '\u202Eright to left', 'ß'.repeat(10_000)];
  const answer = {
    segments: hostile.map((text, id) => ({
      cluster_id: id,
      size: 3,
      share: 0.3,
      persona: { Top_Locations: [text] },
      persona_summary: text,
      content: {
        text,
        variants: [text],
        images: [],
        flags: {},
        tokens: { prompt: 0, completion: 0 },
        cost_usd: 0,
        model: text,
      },
    })),
  };
  const file = path.join(os.tmpdir(), `hostile-${process.pid}.json`);
  fs.writeFileSync(file, JSON.stringify(answer));
  const { tab, faults, go } = await page(chrome, portal);
  await go('#/upload');
  await tab.setInputFiles('[data-k=kept]', file);
  await tab.waitForSelector('article textarea');
  const shown = await tab.locator('article textarea').evaluateAll(areas => areas.map(area => area.value));
  assert.deepEqual(shown, hostile);
  assert.equal(await tab.locator('main img').count(), 0);
  assert.ok(
    await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    'nothing pushes the page wide',
  );
  assert.deepEqual(faults, []);
  fs.rmSync(file);
});
