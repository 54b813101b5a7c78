// Makes the pictures of docs/console.md: `CONTENT_PORTAL=… node pictures.mjs`.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT, browser, customersOf, page, serve, unlock, upload } from './portal.mjs';

const MAX_BYTES = 150_000;
const files = { 'base_data/own/customers.csv': customersOf(400) };
const [chrome, portal, ways] = await Promise.all([browser(), serve(), serve({}, files)]);
try {
  const { tab, go } = await page(chrome, portal, { viewport: { width: 1100, height: 1080 } });
  const to = hash =>
    tab.evaluate(address => {
      location.hash = address;
      scrollTo(0, 0);
    }, hash);
  const take = async (name, of = tab) => {
    await of.waitForTimeout(900);
    const file = path.join(ROOT, 'docs/console', `${name}.png`);
    await of.screenshot({ path: file });
    assert.ok(fs.statSync(file).size <= MAX_BYTES, `${name} has ${fs.statSync(file).size} bytes`);
  };
  await ways.ask('/compare?wait=true', { method: 'POST' });
  await go('#/');
  await unlock(tab);
  await tab.waitForSelector('dialog', { state: 'detached' });
  await tab.waitForSelector('.map[data-ready]');
  await tab.focus('.plane');
  await tab.keyboard.press('ArrowRight');
  await tab.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  await take('customers');
  await tab.setViewportSize({ width: 1100, height: 800 });
  await upload(tab, portal);
  await take('upload');
  await to('#/segments/1');
  await tab.waitForSelector('td');
  await tab.evaluate(() =>
    [...document.querySelectorAll('h2')].find(head => head.textContent.startsWith('Why')).scrollIntoView(),
  );
  await take('segment');
  const own = await page(chrome, ways, { viewport: { width: 1100, height: 1000 } });
  await own.go('#/');
  await unlock(own.tab);
  await own.tab.waitForSelector('dialog', { state: 'detached' });
  await own.tab.evaluate(() => {
    location.hash = '#/models';
  });
  await own.tab.waitForSelector('text=Ways to train, the best first', { state: 'attached' });
  await own.tab.evaluate(() =>
    [...document.querySelectorAll('h2')].find(head => head.textContent.startsWith('Which way')).scrollIntoView(),
  );
  await take('models', own.tab);
} finally {
  await chrome.close();
  await Promise.all([portal.stop(), ways.stop()]);
}
