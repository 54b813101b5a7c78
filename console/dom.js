// Elements, tables, numbers and marks: what every screen is made of.

/** An element, `tag.class.class`: a plain object after it sets properties, the rest are its children. Texts stay texts.
 * @param {string} tag @param {...any} rest @returns {any} */
export function el(tag, ...rest) {
  const [name, ...classes] = tag.split('.');
  const at = document.createElement(name || 'div');
  if (classes.length) at.className = classes.join(' ');
  if (rest[0]?.constructor === Object) set(at, rest.shift());
  at.append(...nodes(rest));
  return at;
}

/** Children in one list, without those that are not there. @param {...any} children */
export const nodes = (...children) => children.flat(Infinity).filter(Boolean);

/** Puts a text, nodes or properties into an element; nothing takes the element away. */
export function put(at, value) {
  if (value === null || value === undefined || value === false) at.remove();
  else if (value.constructor === Object) set(at, value);
  else at.replaceChildren(...nodes(value));
  return at;
}

function set(at, { on = {}, data = {}, css = {}, aria = {}, ...rest }) {
  for (const [event, act] of Object.entries(on)) at.addEventListener(event, act);
  for (const [name, value] of Object.entries(css)) at.style.setProperty(name, value);
  for (const [name, value] of Object.entries(aria)) at.setAttribute(`aria-${name}`, value);
  Object.assign(at.dataset, data);
  Object.assign(at, rest);
}

/** Fills the template `t-NAME`: each value goes to the elements with `data-k` of its key.
 * @param {Record<string, any>} [values] @returns {any} */
export function fill(name, values = {}) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(`t-${name}`));
  /** @type {any} */
  const root = template.content.firstElementChild.cloneNode(true);
  for (const [key, value] of Object.entries(values)) for (const at of all(root, `[data-k="${key}"]`)) put(at, value);
  return root;
}

/** The first element of a selector. */
export const q = (root, selector) => root.querySelector(selector);
/** All of them. */
export const all = (root, selector) => [...root.querySelectorAll(selector)];

export const para = (look, ...children) => el(`p${look}`, ...children);
export const badge = (words, tone = '') => el('span', { className: `badge ${tone}` }, words);
export const section = (head, ...children) => el('section', el('h2', { tabIndex: -1 }, head), children);
export const details = (summary, ...children) => el('details', el('summary', summary), children);
export const link = (words, href) => el('a', { href }, words);
/** A link that looks like a button. */
export const way = (words, href, look = '') => el(`a.button${look}`, { href }, words);

/** A button that does something; what goes wrong is said in passing. */
export function press(words, act, look = '', more = {}) {
  const click = async event => {
    try {
      await act(event);
    } catch (problem) {
      toast(sentenceOf(problem));
    }
  };
  return el(`button${look}`, { type: 'button', on: { click }, ...more }, words);
}

/** A figure with its name and what it means, for a list `dl.figures`. */
export const figure = (head, text, more = null) => el('div', el('dt', head), el('dd', text, more && el('small', more)));

/** Names and values in two columns. @param {any[][]} entries */
export const pairs = entries =>
  el('dl.pairs', entries.filter(([, value]) => value || value === 0).map(([key, of]) => [el('dt', key), el('dd', of)]));

/** A table: a title with `#` is of numbers, and the first cell of a row heads it.
 * @param {string[]} columns @param {any[][]} rows */
export function table(caption, columns, rows, quiet = true) {
  const titles = columns.map(title => title.replace('#', ''));
  const number = at => (columns[at][0] === '#' ? '.num' : '');
  const cell = (of, at) =>
    at ? el(`td${number(at)}`, { data: { l: titles[at] } }, of ?? '–') : el('th', { scope: 'row' }, of);
  return el('.scroll', el('table.stack', el(quiet ? 'caption.sr' : 'caption', caption),
    el('thead', el('tr', titles.map((title, at) => el(`th${number(at)}`, { scope: 'col' }, title)))),
    el('tbody', rows.map(row => el('tr', row.map(cell))))));
}

/** A screen: the way back, its heading, the main action beside it, and what is below.
 * @param {{ head: any, back?: string[], go?: string[] }} of */
export function screen({ head, back, go }, ...below) {
  const h1 = el('h1', head);
  return el('div', back && el('a.back', { href: back[0] }, back[1]),
    go ? el('.headline', h1, way(go[1], go[0], '.go')) : h1, below);
}

/** Fills a part of the screen with what `make` brings, or with why it cannot.
 * @param {AbortSignal} signal @param {(problem: any) => any} [instead] */
export async function bring(at, signal, make, instead = () => null) {
  try {
    const parts = await make();
    if (!signal.aborted) at.replaceChildren(...nodes(parts));
  } catch (problem) {
    if (!signal.aborted) at.replaceChildren(instead(problem) || alert(problem));
  }
}

/** What is shown while the service is asked. */
export const waiting = words => el('div', el('p.soft', { role: 'status' }, words));

const NUMBER = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 2 });
const WHEN = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const MONTHS = Array.from({ length: 12 }, (_, at) => new Date(2000, at, 15).toLocaleString('en-GB', { month: 'long' }));

export const num = n => (Number.isFinite(n) ? NUMBER.format(n) : '–');
export const pct = share => (Number.isFinite(share) ? `${(100 * share).toFixed(1)}\u202f%` : '–');
export const dec = n => (Number.isFinite(n) ? n.toFixed(3) : '–');
export const usd = n => (Number.isFinite(n) ? `${n.toFixed(n && n < 0.1 ? 4 : 2)}\u202fUSD` : 'unknown');
export const when = text => (text ? WHEN.format(new Date(text.replace(/\[.*/, ''))) : '–');
export const plural = (n, one, many = `${one}s`) => `${num(n)} ${n === 1 ? one : many}`;
export function bytes(n) {
  if (!Number.isFinite(n)) return '–';
  const power = Math.min(4, Math.floor(Math.log10(Math.max(n, 1)) / 3));
  return `${num(Number((n / 1000 ** power).toFixed(power ? 1 : 0)))}\u202f${['B', 'kB', 'MB', 'GB', 'TB'][power]}`;
}
/** Seconds as people say them. */
export function span(seconds) {
  const unit = [86_400, 3_600, 60, 1].findIndex(size => seconds >= size);
  return plural(Math.floor(seconds / [86_400, 3_600, 60, 1].at(unit)), ['day', 'hour', 'minute', 'second'].at(unit));
}

/** A key as people say it: `Top_Join_Months` is *Join months*. */
export function title(key) {
  const words = key.replace(/^Top_/, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1).toLowerCase();
}

/** A value of a trait as people say it. @returns {string} */
export function value(key, of) {
  if (Array.isArray(of)) return of.map(each => value(key, each)).join(', ');
  if (of === null || of === undefined) return '–';
  if (/months?$/i.test(key) && MONTHS[Number(of) - 1]) return MONTHS[Number(of) - 1];
  if (/quarters?$/i.test(key)) return `Q${of}`;
  return typeof of === 'object' ? JSON.stringify(of) : String(of);
}

/** A persona's traits as names and values. */
export const personaOf = persona => pairs(Object.entries(persona).map(([key, of]) => [title(key), value(key, of)]));

// The colours and shapes of `src/retrain/page/palette.rs`: a segment looks the same in every picture.
const COLOURS = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#D55E00', '#56B4E9'];
const SHAPES = ['circle', 'triangle', 'diamond'];
export const OTHER = { colour: '#8A8F98', shape: 'circle' };

const isOutside = id => id === null || id < 0;
/** Colour and shape of a segment; grey circles are outside every one. @param {number | null} id */
export const look = id => (isOutside(id) ? OTHER : { colour: COLOURS[id % 6], shape: SHAPES[Math.floor(id / 6) % 3] });
export const mark = ({ colour, shape }) => el('span.mark', { data: { shape }, css: { '--c': colour } });
/** What a segment is called. @param {number | null} id */
export const called = id => (isOutside(id) ? 'Outside every segment' : `Segment ${id}`);
/** Mark and name of a segment, as a link where it has a page. @param {number | null} id */
export const name = (id, linked = true) =>
  el('span.name', mark(look(id)), linked && !isOutside(id) ? link(called(id), `#/segments/${id}`) : called(id));

/** A share as a bar, with a line where everyone is. */
export const bar = (share, colour, everyone = NaN) =>
  el('span.bar', { css: { '--c': colour } }, el('i', { css: { '--w': String(share) } }),
    Number.isFinite(everyone) && el('b', { css: { '--all': String(everyone) } }));

/** Sentences in a box. */
export const note = (tone, ...children) => el('div', { className: `note ${tone}` },
  nodes(children).map(each => (typeof each === 'string' ? el('p', each) : each)));

const sentenceOf = problem => problem.error ?? String(problem);
/** A problem as a sentence that is read out. */
export function alert(problem) {
  if (problem instanceof Error && !('error' in problem)) reportError(problem);
  const box = note('bad', sentenceOf(problem), problem.request_id && para('.small', `Request ${problem.request_id}`));
  box.setAttribute('role', 'alert');
  return box;
}

/** An empty state that says what to do. */
export const empty = (head, text, ...action) => el('.empty', el('h2', head), para('.soft', text), action);

/** Says something in passing. */
export function toast(text) {
  const at = document.getElementById('toast');
  at.textContent = text;
  clearTimeout(Number(at.dataset.timer));
  at.dataset.timer = String(setTimeout(put, 4000, at, []));
}

/** Asks before something that cannot be taken back lightly; true for yes.
 * @returns {Promise<boolean>} */
export function ask(head, text, yes) {
  const dialog = fill('ask', { head, text, yes });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise(answer => dialog.addEventListener('close', () => {
    answer(dialog.returnValue === 'yes');
    dialog.remove();
  }));
}

/** Hands a file to the browser. @param {any} content a Blob, or what becomes JSON */
export function save(content, filename) {
  const blob = content instanceof Blob ? content : new Blob([JSON.stringify(content, null, 1)]);
  const at = el('a', { href: URL.createObjectURL(blob), download: filename });
  at.click();
  setTimeout(() => URL.revokeObjectURL(at.href), 60_000);
}

/** Copies a text, also where the page has no secure context. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el('textarea.sr', { value: text });
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  toast(`${what} copied.`);
}
