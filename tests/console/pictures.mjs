// Makes the pictures of docs/console.md: `CONTENT_PORTAL=… node pictures.mjs`.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT, browser, page, serve, unlock, upload } from './portal.mjs';

const MAX_BYTES = 150_000;
const [chrome, portal] = await Promise.all([browser(), serve()]);
try {
  const { tab, go } = await page(chrome, portal, { viewport: { width: 1100, height: 1080 } });
  const to = hash => tab.evaluate(address => { location.hash = address; scrollTo(0, 0); }, hash);
  const take = async name => {
    await tab.waitForTimeout(700);
    const file = path.join(ROOT, 'docs/console', `${name}.png`);
    await tab.screenshot({ path: file });
    assert.ok(fs.statSync(file).size <= MAX_BYTES, `${name} has ${fs.statSync(file).size} bytes`);
  };
  await go('#/');
  await unlock(tab);
  await tab.waitForSelector('dialog', { state: 'detached' });
  await tab.waitForSelector('.map[data-ready]');
  await tab.focus('.plane');
  await tab.keyboard.press('ArrowRight');
  await tab.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
  await take('customers');
  await tab.setViewportSize({ width: 1100, height: 800 });
  await upload(tab, portal);
  await take('upload');
  await to('#/segments/1');
  await tab.waitForSelector('td');
  await tab.evaluate(() => [...document.querySelectorAll('h2')].find(head => head.textContent.startsWith('Why')).scrollIntoView());
  await take('segment');
  await portal.ask('/retrain?wait=true&force=true', { method: 'POST' });
  await to('#/models');
  await tab.waitForSelector('tr:nth-child(2) [name=compare]');
  await tab.waitForTimeout(2500);
  for (const box of await tab.locator('[name=compare]').all()) await box.check();
  await tab.click('text=Compare two');
  await tab.waitForSelector('text=What differs');
  await tab.evaluate(() => scrollTo(0, 0));
  await take('models');
} finally {
  await chrome.close();
  await portal.stop();
}
