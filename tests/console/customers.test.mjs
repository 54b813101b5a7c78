// The customers: the map by pointer and by keys, what segments say, texts for one, pictures.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT, browser, formWith, page, serve, unlock, upload } from './portal.mjs';

let chrome, portal;
before(async () => {
  [chrome, portal] = await Promise.all([browser(), serve()]);
});
after(async () => {
  await chrome?.close();
  await portal?.stop();
});

/** The customers' page with its map drawn. */
async function customers(options) {
  const opened = await page(chrome, portal, options);
  await opened.go('#/');
  await opened.tab.waitForSelector('.map[data-ready]');
  await opened.tab.waitForFunction(() => Number(document.querySelector('canvas').dataset.marks) > 0);
  return opened;
}

/** Runs a function on the map that is on the screen. */
async function onPlane(tab, work, argument) {
  const plane = await tab.evaluateHandle(async () => (await import('/console/map.js')).shown.plane);
  return plane.evaluate(work, argument);
}

test('the page is usable soon after a cold start, from this origin alone', async () => {
  // Each in a context of its own, without a cache; the best of three, since other work takes the processor as well.
  const took = [];
  for (let n = 0; n < 3; n += 1) {
    const { tab, faults } = await customers();
    took.push(await tab.evaluate(() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd));
    assert.deepEqual(faults, []);
  }
  assert.ok(Math.min(...took) < 500, `${took} ms`);
});

test('the map has a mark for every point, and the mark under the pointer is the profile at its place', async () => {
  const { tab, faults } = await customers();
  const map = await portal.ask('/map');
  assert.equal(Number(await tab.getAttribute('canvas', 'data-marks')), map.points);
  await tab.locator('canvas').evaluate(canvas => canvas.scrollIntoView({ block: 'center' }));
  const box = await tab.locator('canvas').boundingBox();
  for (let n = 0; n < 20; n += 1) {
    const at = Math.floor((n * map.points) / 20);
    const [x, y] = await onPlane(tab, (plane, mark) => [plane.sx[mark], plane.sy[mark]], at);
    await tab.mouse.move(box.x + x, box.y + y);
    const said = await tab.textContent('.readout');
    const found = Number(await tab.getAttribute('.plane', 'data-at'));
    // Profiles may lie on one another; whichever is named lies there.
    const [fx, fy] = await onPlane(tab, (plane, mark) => [plane.sx[mark], plane.sy[mark]], found);
    assert.ok(Math.hypot(fx - x, fy - y) <= 1, `${found} for ${at}`);
    const many = map.customers[found];
    const wanted = `Segment ${map.segment[found]}, ${many} customer${many === 1 ? '' : 's'}`;
    assert.ok(said.startsWith(wanted), `${said}, wanted ${wanted}`);
    const place = map.columns.find(column => column.title === 'Location');
    assert.ok(said.includes(`Location: ${place.values[place.codes[found]]}`), said);
  }
  assert.deepEqual(faults, []);
});

test('arrow keys reach every segment, and Enter opens one', async () => {
  const { tab } = await customers();
  const { segments } = await portal.ask('/segments');
  await tab.focus('.plane');
  const reached = new Set();
  for (const _ of segments) {
    await tab.keyboard.press('ArrowRight');
    reached.add(/^Segment (\d+)/.exec(await tab.textContent('.readout'))[1]);
  }
  assert.equal(reached.size, segments.length);
  const before = await tab.textContent('.readout');
  await tab.keyboard.press('ArrowDown');
  assert.notEqual(await tab.textContent('.readout'), before, 'down goes to another customer of it');
  await tab.keyboard.press('Enter');
  await tab.waitForFunction(() => location.hash.startsWith('#/segments/'));
  // The heading takes the focus once the screen is filled.
  await tab.waitForFunction(() => document.activeElement.tagName === 'H1');
  assert.match(await tab.title(), /^\s*Segment \d/);
});

test('a screen that is left before all of it was brought is no fault of the page', async () => {
  const { tab, context, faults } = await page(chrome, portal);
  let asked;
  const isAsked = new Promise(done => (asked = done));
  // Never answered: only the segments are.
  await context.route('**/map', asked);
  const segments = tab.waitForResponse('**/segments');
  await tab.goto(`${portal.url}/#/`);
  await Promise.all([isAsked, segments.then(response => response.finished())]);
  await tab.evaluate(() => {
    location.hash = '#/health';
  });
  await tab.waitForSelector('.figures');
  assert.deepEqual(faults, []);
});

test('ten thousand marks are drawn within 150 ms, and one is found within 8 ms', async () => {
  const { tab } = await customers();
  const took = await tab.evaluate(async () => {
    const { Plane } = await import('/console/map.js');
    const n = 10_000;
    const at = of => Array.from({ length: n }, (_, i) => of(i));
    const plane = new Plane(document.querySelector('canvas'), {
      x: at(i => Math.sin(i) * i),
      y: at(i => Math.cos(i * 1.7) * i),
      segment: at(i => i % 9),
      customers: at(i => 1 + (i % 5)),
    });
    const time = work => {
      const from = performance.now();
      work();
      return performance.now() - from;
    };
    plane.draw();
    return {
      draw: Math.min(
        ...[1, 2, 3].map(() =>
          time(() => {
            plane.draw();
            plane.context.getImageData(0, 0, 1, 1);
          }),
        ),
      ),
      hover:
        time(() => {
          for (let i = 0; i < 100; i += 1) plane.nearest(i * 9, i * 5);
        }) / 100,
    };
  });
  console.log(`draw ${took.draw.toFixed(1)} ms, find ${took.hover.toFixed(4)} ms`);
  assert.ok(took.draw <= 150 && took.hover <= 8, JSON.stringify(took));
});

test('the legend, the colours and the table say the same as the map', async () => {
  const { tab } = await customers();
  const map = await portal.ask('/map');
  await tab.click('.legend button:has-text("Segment 2")');
  assert.equal(await tab.getAttribute('.legend button:has-text("Segment 2")', 'aria-pressed'), 'true');
  assert.equal(await onPlane(tab, plane => plane.chosen), 2);
  await tab.click('text=As a table');
  const rows = await tab.locator('[data-table] tbody tr').allTextContents();
  assert.equal(rows.length, new Set(map.segment).size);
  const customersOf = id => map.customers.filter((_, at) => map.segment[at] === id).reduce((sum, n) => sum + n, 0);
  assert.ok(rows[2].includes(customersOf(2).toLocaleString('en-GB')), rows[2]);
  await tab.selectOption('[data-k=colour]', { label: 'Gender' });
  assert.deepEqual(await tab.locator('.legend button').allTextContents(), ['Female', 'Male']);
  const colours = await onPlane(tab, plane => [...new Set(plane.order.map(at => plane.lookOf(at).colour))].length);
  assert.equal(colours, 2);
});

test('the map shows an upload: what is new since training, and what was trained on', async () => {
  const { tab } = await page(chrome, portal);
  const file = path.join(ROOT, 'tests/fixtures/upload_2000.xlsx');
  await upload(tab, portal, { file });
  const { places } = await portal.ask('/upload-excel?places=1&members=0', { method: 'POST', body: formWith(file) });
  const map = await portal.ask('/map');
  const unseen = places.profile.filter(profile => profile === null).length;
  const known = new Set(places.profile.filter(profile => profile !== null));
  assert.ok(unseen > 0 && known.size > 0, `${unseen} and ${known.size}`);
  await tab.click('text=See it on the map');
  await tab.waitForSelector('.map[data-ready]');
  await tab.selectOption('[data-k=colour]', { label: 'The upload upload_2000.xlsx' });
  const marks = async group => {
    await tab.click(`.legend button:has-text("${group}")`);
    return Number(await tab.getAttribute('canvas', 'data-marks'));
  };
  assert.equal(await marks('New since training'), unseen);
  assert.equal(await marks('In the upload, and trained on'), map.profile.filter(profile => known.has(profile)).length);
  assert.equal(await marks('Not in the upload'), map.profile.filter(profile => !known.has(profile)).length);
  const at = await onPlane(tab, plane => plane.points.x.length - 1);
  const [x, y] = await onPlane(tab, (plane, mark) => [plane.points.x[mark], plane.points.y[mark]], at);
  assert.ok(places.x.includes(x) && places.y.includes(y), 'what is new lies where the answer has it');
});

test('segments say how surely they are found again', async () => {
  const { tab, go } = await customers();
  const { segments } = await portal.ask('/segments');
  const words = ({ found_again: share }) =>
    `${share >= 0.75 ? 'stable' : share >= 0.6 ? 'fair' : 'shaky'} ${(100 * share).toFixed(1)}\u202f%`;
  const rows = await tab.locator('main section tbody tr').allTextContents();
  segments.forEach((segment, at) => {
    assert.ok(segment.found_again > 0 && segment.found_again <= 1);
    assert.ok(rows[at].includes(words(segment)), rows[at]);
  });
  await go(`#/segments/${segments[0].cluster_id}`);
  await tab.waitForSelector('.figures');
  assert.ok((await tab.textContent('.figures')).includes(words(segments[0])));
});

test('a text has the parameters of its links, to be copied', async () => {
  const { tab, go } = await page(chrome, portal);
  await go('#/segments/1');
  await tab.click('text=Write for this segment');
  await tab.waitForSelector('article');
  await tab.click('text=How its success is counted');
  const { tracking } = await portal.ask('/generate-promo', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      cluster_id: 1,
      platform: 'Instagram',
      tone: 'Casual',
      funnel_stage: 'Awareness',
      past_engagement: 'Moderate',
      post_type: 'TextAndPrompt',
    }),
  });
  assert.equal(await tab.textContent('article pre[aria-label="Link parameters"]'), tracking[0].utm);
  assert.equal(await tab.textContent('article pre[aria-label="Content id"]'), tracking[0].content_id);
  await tab.click('text=Copy the link parameters');
  await tab.waitForFunction(() => document.querySelector('#toast').textContent === 'Link parameters copied.');
  assert.equal(await tab.evaluate(() => navigator.clipboard.readText()), tracking[0].utm);
});

test('zoom goes by buttons and by wheel, and back', async () => {
  const { tab } = await customers();
  await tab.click('text=Zoom in');
  assert.equal(await onPlane(tab, plane => plane.zoomed.by), 1.5);
  const box = await tab.locator('canvas').boundingBox();
  await tab.mouse.move(box.x + 100, box.y + 100);
  await tab.mouse.wheel(0, -100);
  assert.ok((await onPlane(tab, plane => plane.zoomed.by)) > 1.5);
  for (let n = 0; n < 3; n += 1) await tab.click('text=Zoom out');
  assert.equal(await onPlane(tab, plane => plane.zoomed.by), 1);
});

test('marks do not grow where motion is not wanted', async () => {
  const { tab } = await customers({ reducedMotion: 'reduce' });
  assert.equal(await onPlane(tab, plane => plane.arrived), 1);
  const moving = await tab.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
});

test('each segment’s table has the lifts of the answer', async () => {
  const { tab, go } = await page(chrome, portal);
  const { segments } = await portal.ask('/segments');
  for (const segment of segments) {
    await go(`#/segments/${segment.cluster_id}`);
    await tab.waitForSelector('td');
    const told = Object.values(segment.lift).flat();
    const rows = await tab.locator('table').first().locator('tbody tr').allTextContents();
    assert.equal(rows.length, told.length);
    told.forEach((lift, at) => {
      const said = lift.lift.toLocaleString('en-GB', { maximumFractionDigits: 2 });
      assert.ok(
        rows[at].includes(`${said}\u202f×`) && rows[at].includes(`${(100 * lift.share).toFixed(1)}`),
        `${rows[at]}: ${said}`,
      );
    });
  }
});

test('pictures are shown with what they show, and are saved', async () => {
  const { tab, faults, go } = await page(chrome, portal);
  await go('#/write');
  await tab.click('summary');
  await tab.check('input[value=Both]', { force: true });
  await tab.fill('[name=num_variants]', '2');
  await tab.click('main form .go');
  await tab.waitForSelector('article img');
  await tab.locator('article img').first().scrollIntoViewIfNeeded();
  await tab.waitForFunction(() => document.querySelector('article img').naturalWidth > 100);
  assert.ok((await tab.locator('article img').first().getAttribute('alt')).length > 20);
  assert.equal(await tab.locator('article').count(), 2, 'variants side by side');
  const [download] = await Promise.all([
    tab.waitForEvent('download'),
    tab.locator('text=Download the picture').first().click(),
  ]);
  assert.match(download.suggestedFilename(), /\.png$/);
  assert.deepEqual(faults, []);
});

test('a customer who is described gets a text and a strength', async () => {
  const { tab, go } = await page(chrome, portal);
  await go('#/write');
  await tab.check('input[value=described]', { force: true });
  await tab.fill('#c-location', 'Bedok');
  await tab.fill('#c-join_month', 'August');
  await tab.click('main form .go');
  await tab.waitForSelector('article textarea');
  assert.match(await tab.textContent('main section h2'), /segment \d/);
  assert.match(await tab.textContent('main section dl'), /Strength/);
});

test('what is added to a segment is in the next prompt, and a stale change is a sentence', async () => {
  const { tab, go } = await page(chrome, portal);
  await go('#/');
  await unlock(tab);
  await tab.waitForSelector('dialog', { state: 'detached' });
  await tab.evaluate(() => {
    location.hash = '#/segments/1';
  });
  await tab.fill('#extras', 'Interests: night markets');
  await tab.click('text=Save');
  await tab.waitForFunction(() => document.querySelector('#toast').textContent.startsWith('Saved'));
  await tab.click('text=Write for this segment');
  await tab.waitForSelector('article');
  await tab.click('article summary');
  assert.match(await tab.textContent('article pre[aria-label=Prompt]'), /night markets/);

  await portal.ask('/segments/1/extras', {
    method: 'PUT',
    body: '{"Interests":"chess"}',
    headers: { 'if-match': '*', 'content-type': 'application/json' },
  });
  await tab.fill('#extras', 'Interests: mine');
  await tab.click('text=Save');
  assert.match(await tab.textContent('[role=alert]'), /Somebody changed/);
});
