// What the walk needs around it: a service on a folder of its own and port 0, a model server that takes its time, a
// browser that notes whatever goes wrong, and a reader of workbooks.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';
import { chromium } from 'playwright-core';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SAMPLE = path.join(ROOT, 'base_data/2026-01-01/customers.xlsx');
export const ADMIN_KEY = 'a-key-of-the-walks-administrator';
const BINARY = process.env.CONTENT_PORTAL ?? path.join(ROOT, 'target/release/content-portal');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Starts a service; resolves once it is ready, or waits for a first workbook. */
export async function serve(settings = {}, files = { 'base_data/first/customers.xlsx': SAMPLE }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'console-walk-'));
  for (const [name, from] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.copyFileSync(from, path.join(folder, name));
  }
  const env = { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', WRITER: 'offline', ADMIN_KEY, ...settings };
  const child = spawn(BINARY, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const address = await new Promise((found, failed) => {
    child.on('exit', code => failed(new Error(`the service ended with ${code}: ${log}`)));
    child.stderr.on('data', data => {
      log += data;
      const listening = /"message":"listening".*?"address":"([^"]+)"/.exec(log);
      if (listening && /"message":"ready"|"event":"no_model"/.test(log)) found(listening[1]);
    });
  });
  const url = `http://${address}`;
  const ask = async (route, options = {}) =>
    (
      await fetch(url + route, { ...options, headers: { authorization: `Bearer ${ADMIN_KEY}`, ...options.headers } })
    ).json();
  // Until it has ended, it may still write into its folder.
  const stop = async () => {
    child.removeAllListeners('exit');
    const ended = new Promise(done => child.once('exit', done));
    const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
    if (child.exitCode === null && child.kill()) await ended;
    clearTimeout(late);
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return { url, folder, ask, stop, log: () => log };
}

/** A workbook of invented customers of four kinds, which differ in every column. */
export function customersOf(n) {
  const kinds = [
    ['Bedok', 'Gold', 'Female', [1, 2, 3]],
    ['Novena', 'Silver', 'Male', [4, 5, 6]],
    ['Yishun', 'Platinum', 'Female', [7, 8, 9]],
    ['Bishan', 'Gold', 'Male', [10, 11, 12]],
  ];
  let seed = 7;
  const dice = sides => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % sides;
  };
  const rows = Array.from({ length: n }, (_, id) => {
    const own = kinds[id % 4];
    // One value in ten is another kind's.
    const [town, tier, gender] = [0, 1, 2].map(column => (dice(10) ? own : kinds[dice(4)])[column]);
    const date = `202${dice(4)}-${String(own[3][dice(3)]).padStart(2, '0')}-${String(1 + dice(28)).padStart(2, '0')}`;
    return `${id},${date},${town},${gender},${tier}\n`;
  });
  const file = path.join(os.tmpdir(), `customers-${n}-${process.pid}.csv`);
  fs.writeFileSync(file, `Customer ID,Date Joined,Location,Gender,Loyalty Tier\n${rows.join('')}`);
  return file;
}

/** A form with a workbook. */
export function formWith(file) {
  const form = new FormData();
  form.append('file', new Blob([fs.readFileSync(file)]), path.basename(file));
  return form;
}

/** A model server: answers after `delay` milliseconds, and counts calls, answers, and calls that were broken off. */
export async function modelServer(delay) {
  const seen = { calls: 0, answered: 0, cut: 0 };
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const data of request) body += data;
    seen.calls += 1;
    const n = Number(/Write (\d+) variant/.exec(body)?.[1] ?? 1);
    const variants = Array.from({ length: n }, (_, at) => `Text ${seen.calls}.${at + 1} of the model server.`);
    const content = JSON.stringify({ variants, image_prompt: 'A shop.', slogan: 'Come by' });
    const timer = setTimeout(() => {
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          model: 'walk-1',
          choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
          usage: { prompt_tokens: 10, completion_tokens: 10 },
        }),
      );
    }, delay);
    response.on('close', () => {
      seen[response.writableEnded ? 'answered' : 'cut'] += 1;
      clearTimeout(timer);
    });
  });
  await new Promise(listening => server.listen(0, '127.0.0.1', listening));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return {
    settings: {
      WRITER: 'openai',
      OPENAI_BASE_URL: `http://127.0.0.1:${server.address().port}/v1`,
      OPENAI_MODEL: 'walk-1',
    },
    seen,
    stop,
  };
}

/** A browser. */
export const browser = () => chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

/** A page of a context of its own; `faults` holds console errors, policy reports and requests to other origins. */
export async function page(chrome, portal, options = {}) {
  const context = await chrome.newContext({
    viewport: { width: 1280, height: 900 },
    acceptDownloads: true,
    ...options,
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: portal.url });
  const tab = await context.newPage();
  tab.setDefaultTimeout(10_000);
  const faults = [];
  tab.on('pageerror', error => faults.push(`error: ${error.message}`));
  tab.on('console', message => {
    // A refusal that the page shows as a sentence is one line of the browser's own.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      faults.push(`console: ${message.text()}`);
  });
  tab.on('request', request => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== portal.url && !['blob:', 'data:'].includes(protocol)) faults.push(`request: ${request.url()}`);
  });
  const go = async hash => {
    await tab.goto(`${portal.url}/${hash}`);
    await tab.waitForFunction(() => !document.querySelector('main')?.hasAttribute('aria-busy'));
  };
  return { tab, faults, go, context };
}

/** Enters the administrators' key. */
export async function unlock(tab, key = ADMIN_KEY) {
  await tab.click('#keys');
  await tab.fill('#k-admin', key);
  await tab.click('dialog button[value=use]');
}

/** Uploads a workbook and waits for the last text. */
export async function upload(tab, portal, { file = SAMPLE, objective = 'Increase sales of winter coats' } = {}) {
  await tab.goto(`${portal.url}/#/upload`);
  await tab.setInputFiles('input[name=file]', file);
  await tab.fill('[name=objective]', objective);
  await tab.click('main form .go');
  await tab.waitForSelector('text=Export as a workbook', { timeout: 30_000 });
}

/** The files of a zip archive, as texts by their names. */
export function unzipped(file) {
  const bytes = fs.readFileSync(file);
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const texts = {};
  let at = bytes.readUInt32LE(end + 16);
  for (let n = bytes.readUInt16LE(end + 10); n > 0; n -= 1) {
    const [method, size, nameSize] = [
      bytes.readUInt16LE(at + 10),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt16LE(at + 28),
    ];
    const name = bytes.toString('utf8', at + 46, at + 46 + nameSize);
    const start = bytes.readUInt32LE(at + 42);
    const data = start + 30 + bytes.readUInt16LE(start + 26) + bytes.readUInt16LE(start + 28);
    const packed = bytes.subarray(data, data + size);
    texts[name] = (method === 0 ? packed : inflateRawSync(packed)).toString('utf8');
    at += 46 + nameSize + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return texts;
}
