// What every screen is made of, and what is said of segments and of drift.

/** An element, `tag.class`: a plain object sets properties, the rest are its children. @returns {any} */
export function el(tag, ...rest) {
  const [name, ...classes] = tag.split('.');
  const at = document.createElement(name || 'div');
  if (classes.length) at.className = classes.join(' ');
  if (rest[0]?.constructor === Object) set(at, rest.shift());
  at.append(...nodes(rest));
  return at;
}

/** Children in one list, without those that are not there. */
export const nodes = (...children) => children.flat(Infinity).filter(Boolean);

/** Puts a text, nodes or properties into an element; null takes it away. */
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

/** Fills the template `t-NAME`: each value goes to the `data-k` of its key. @returns {any} */
export function fill(name, values = {}) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(`t-${name}`));
  /** @type {any} */
  const root = template.content.firstElementChild.cloneNode(true);
  for (const [key, value] of Object.entries(values)) for (const at of all(root, `[data-k="${key}"]`)) put(at, value);
  return root;
}

export const q = (root, selector) => root.querySelector(selector);
export const all = (root, selector) => [...root.querySelectorAll(selector)];

export const para = (look, ...children) => el(`p${look}`, ...children);
export const badge = (words, tone = '') => el('span', { className: `badge ${tone}` }, words);
export const section = (head, ...children) => el('section', el('h2', { tabIndex: -1 }, head), children);
export const details = (summary, ...children) => el('details', el('summary', summary), children);
export const link = (words, href) => el('a', { href }, words);
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

export const figure = (head, text, more = null) => el('div', el('dt', head), el('dd', text, more && el('small', more)));

export const pairs = entries =>
  el('dl.pairs', entries.filter(([, value]) => value || value === 0).map(([key, of]) => [el('dt', key), el('dd', of)]));

/** A table: a title with `#` is of numbers, and the first cell of a row heads it. */
export function table(caption, columns, rows, quiet = true) {
  const titles = columns.map(title => title.replace('#', ''));
  const number = at => (columns[at][0] === '#' ? '.num' : '');
  const cell = (of, at) =>
    at ? el(`td${number(at)}`, { data: { l: titles[at] } }, of ?? '–') : el('th', { scope: 'row' }, of);
  return el('.scroll', el('table.stack', el(quiet ? 'caption.sr' : 'caption', caption),
    el('thead', el('tr', titles.map((title, at) => el(`th${number(at)}`, { scope: 'col' }, title)))),
    el('tbody', rows.map(row => el('tr', row.map(cell))))));
}

/** A screen: its heading, the way back, the main action. @param {{ head: any, back?: string[], go?: string[] }} of */
export function screen({ head, back, go }, ...below) {
  const h1 = el('h1', head);
  return el('div', back && el('a.back', { href: back[0] }, back[1]),
    go ? el('.headline', h1, way(go[1], go[0], '.go')) : h1, below);
}

/** Fills a part of the screen with what `make` brings, or with why it cannot. */
export async function bring(at, signal, make, instead = alert) {
  const parts = await make().catch(problem => signal.aborted || instead(problem));
  if (!signal.aborted) put(at, parts);
}

/** What `answer` brings, or its fault as a value; of a screen that was left, neither. */
export const orFault = (answer, signal) => answer.catch(fault => {
  signal.throwIfAborted();
  return fault;
});

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
export function span(seconds) {
  const unit = [86_400, 3_600, 60, 1].findIndex(size => seconds >= size);
  return plural(Math.floor(seconds / [86_400, 3_600, 60, 1].at(unit)), ['day', 'hour', 'minute', 'second'].at(unit));
}

/** `Top_Join_Months` as people say it: Join months. */
export function title(key) {
  const words = key.replace(/^Top_/, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1).toLowerCase();
}

export function value(key, of) {
  if (Array.isArray(of)) return of.map(each => value(key, each)).join(', ');
  if (of === null || of === undefined) return '–';
  if (/months?$/i.test(key) && MONTHS[Number(of) - 1]) return MONTHS[Number(of) - 1];
  if (/quarters?$/i.test(key)) return `Q${of}`;
  return typeof of === 'object' ? JSON.stringify(of) : String(of);
}

export const personaOf = persona => pairs(Object.entries(persona).map(([key, of]) => [title(key), value(key, of)]));

// As in `src/retrain/page/palette.rs`: a segment looks the same in every picture.
const COLOURS = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#D55E00', '#56B4E9'];
const SHAPES = ['circle', 'triangle', 'diamond'];
export const OTHER = { colour: '#8A8F98', shape: 'circle' };

const isOutside = id => id === null || id < 0;
/** Colour and shape of a segment. */
export const look = id => (isOutside(id) ? OTHER : { colour: COLOURS[id % 6], shape: SHAPES[Math.floor(id / 6) % 3] });
export const mark = ({ colour, shape }) => el('span.mark', { data: { shape }, css: { '--c': colour } });
export const called = id => (isOutside(id) ? 'Outside every segment' : `Segment ${id}`);
/** Mark and name of a segment, as a link where it has a page. */
export const name = (id, linked = true) =>
  el('span.name', mark(look(id)), linked && !isOutside(id) ? link(called(id), `#/segments/${id}`) : called(id));

export const bar = (share, colour, everyone = NaN) =>
  el('span.bar', { css: { '--c': colour } }, el('i', { css: { '--w': String(share) } }),
    Number.isFinite(everyone) && el('b', { css: { '--all': String(everyone) } }));

export const note = (tone, ...children) => el('div', { className: `note ${tone}` },
  nodes(children).map(each => (typeof each === 'string' ? el('p', each) : each)));

const sentenceOf = problem => problem.error ?? String(problem);
export function alert(problem) {
  if (problem instanceof Error && !('error' in problem)) reportError(problem);
  const box = note('bad', sentenceOf(problem), problem.request_id && para('.small', `Request ${problem.request_id}`));
  box.setAttribute('role', 'alert');
  return box;
}

export const empty = (head, text, ...action) => el('.empty', el('h2', head), para('.soft', text), action);

export function toast(text) {
  const at = document.getElementById('toast');
  at.textContent = text;
  clearTimeout(Number(at.dataset.timer));
  at.dataset.timer = String(setTimeout(put, 4000, at, []));
}

/** Asks before something is done. @returns {Promise<boolean>} */
export function ask(head, text, yes) {
  const dialog = fill('ask', { head, text, yes });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise(answer => dialog.addEventListener('close', () => {
    answer(dialog.returnValue === 'yes');
    dialog.remove();
  }));
}

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

/** @returns {any} */
function filled(form) {
  const entries = [...new FormData(form)].filter(([, value]) => typeof value === 'string' && value.trim());
  return Object.fromEntries(entries.map(([name, value]) => [name, name === 'num_variants' ? Number(value) : value]));
}

/** Shows a problem in the form, at the fields that it names; null takes it away. */
export function mend(form, problem = null) {
  for (const old of all(form, '.field .problem')) old.remove();
  for (const old of all(form, '[aria-invalid]')) old.removeAttribute('aria-invalid');
  const named = (problem?.details ?? []).filter(({ field }) => q(form, `[data-field="${field}"]`));
  named.forEach(({ field, message }, at) => {
    const place = q(form, `[data-field="${field}"]`);
    const input = q(place, 'input, select, textarea');
    const id = `problem-${field}`;
    const head = q(place, 'label, legend').firstChild.textContent.trim().replace(/\?$/, '');
    place.append(el('p.problem', { id }, `${head} ${message}.`));
    if (place.closest('details')) place.closest('details').open = true;
    put(input, { aria: { invalid: 'true', describedby: id } });
    if (at === 0) input.focus();
  });
  const isSaid = !problem || (named.length > 0 && named.length === problem.details.length);
  put(q(form, '[data-k=problem]'), isSaid ? [] : alert(problem));
}

/** What a form does when it is sent: its button says so meanwhile, and problems are shown in it. */
export function sends(form, meanwhile, act) {
  const go = q(form, 'button');
  const words = go.textContent;
  form.addEventListener('submit', async event => {
    event.preventDefault();
    put(go, { disabled: true, textContent: meanwhile });
    mend(form);
    try {
      await act(filled(form));
    } catch (problem) {
      mend(form, problem);
    }
    put(go, { disabled: false, textContent: words });
    // A disabled button loses the focus.
    if (document.activeElement === document.body) go.focus({ preventScroll: true });
  });
  return form;
}

export function dropping(form, field) {
  const input = q(form, `[name=${field}]`);
  const label = input.closest('label');
  const head = q(label, 'b');
  const usual = head.textContent;
  const over = is => () => label.classList.toggle('over', is);
  const change = () => put(head, [...input.files].map(file => file.name).join(', ') || usual);
  put(input, { on: { change } });
  put(label, { on: { dragenter: over(true), dragover: over(true), dragleave: over(false), drop: over(false) } });
}

const lifts = ({ lift = {} }) => Object.entries(lift).flatMap(([key, of]) => [of].flat().map(row => [key, row]));

/** What sets a segment apart, strongest first. */
function strongest(segment) {
  if (segment.distinguishing) return segment.distinguishing;
  const shares = lifts(segment).map(([key, row]) => ({ key, ...row }));
  const gap = row => row.share - row.share_overall;
  return shares.filter(row => row.lift >= 1.25 && row.share >= 0.1).sort((a, b) => gap(b) - gap(a));
}

const CLAIM = { all: 'all', most: 'most', more_often: 'more often than elsewhere' };

export function inWords(segment, n = 2) {
  const words = strongest(segment).slice(0, n).map(trait => {
    if ('median' in trait) return `${title(trait.key)}: half of them from ${num(trait.median)}`;
    const claim = trait.claim && trait.claim !== 'more_often' ? `, ${CLAIM[trait.claim]}` : '';
    return `${title(trait.key)}: ${value(trait.key, trait.value)} (${pct(trait.share)}${claim})`;
  });
  return words.join(' · ') || 'Nothing sets them apart';
}

export function why(segment) {
  const { colour } = look(segment.cluster_id);
  const told = new Map(segment.distinguishing?.map(({ key, value, claim }) => [`${key}=${value}`, CLAIM[claim]]));
  const rows = lifts(segment).map(([key, of]) => {
    const claim = told.get(`${key}=${of.value}`);
    return 'mean' in of
      ? [title(key), 'mean', `${num(of.difference_sd)} standard deviations apart`, num(of.mean), num(of.mean_overall)]
      : [title(key), value(key, of.value), bar(of.share, colour, of.share_overall), pct(of.share),
        pct(of.share_overall), `${num(of.lift)}\u202f×`, claim ? badge(claim) : ''];
  });
  const heads = ['Trait', 'Value', 'Here, beside everyone', '#Here', '#Everyone', '#Lift', 'May be said of'];
  return table('Traits of the segment beside everyone\u2019s', heads, rows);
}

export function steady(jaccard) {
  if (!Number.isFinite(jaccard)) return '–';
  const [word, tone] = jaccard >= 0.75 ? ['stable', 'good'] : jaccard >= 0.6 ? ['fair', 'fair'] : ['shaky', 'bad'];
  return el('span', badge(word, tone), ` ${pct(jaccard)}`);
}
export const STEADY = 'How much of a segment comes back in a training on four fifths of the customers. Below 60\u202f% '
  + 'build no campaign on it.';

export function decided(by, isModels = false) {
  if (!by) return null;
  const isOne = by.columns.length === 1;
  return note(isOne ? 'fair' : '', by.sentence.replaceAll('_', ' '),
    isOne && !isModels && link('See whether another way to train tells more', '#/models'));
}
export const decidedShort = by => (by ? by.columns.map(title).join(', ') || 'no few columns' : '–');

const LEVEL = { steady: 'good', moving: 'fair', shifted: 'fair', drifted: 'bad' };
const level = of => badge(of, LEVEL[of]);

export function drifts(drift) {
  const all = { ...drift.columns, ...(drift.segments && { 'Shares of the segments': drift.segments }) };
  const rows = Object.entries(all).map(([column, { level: of, total_variation: moved, largest_shift: most }]) => [
    title(column), level(of), pct(moved),
    most ? `${value(column, most.value)}: ${pct(most.share_before)} to ${pct(most.share)}` : '',
  ]);
  return table('Drift of each column', ['Column', 'Level', '#Moved', 'What moved most'], rows);
}

const strange = drift =>
  `${pct(drift.unseen_share)} with values never seen, ${pct(drift.outside_share)} outside every segment`;
export const driftSentence = drift => para('', level(drift.level), ` ${strange(drift)}.`);

/** What was read of an upload, and how far it is from the training. @param {any} answer */
export function facts({ rows = {}, drift, unseen_values: unseen = {}, members_truncated: isCut }) {
  const dropped = rows.dropped ?? [];
  const listed = (head, columns, list) => list.length && table(head, columns, list, false);
  const values = list => list.map(each => each.value).join(', ');
  const seen = of => Object.entries(of.most_frequent).map(([value, n]) => `${value} (${num(n)})`).join(', ');
  return [
    el('dl.figures',
      figure('Rows used', num(rows.rows_used),
        `of ${num(rows.rows_read)} read; ${num(dropped.reduce((sum, each) => sum + each.rows, 0))} left out`),
      drift && figure('Beside the training', level(drift.level), strange(drift)),
      isCut && figure('Customers listed', 'Not all', 'The export holds the first of them; MAX_MEMBERS says how many.')),
    (rows.notes ?? []).map(of => note('fair', of.sentence)),
    details('What was read, and how it was understood', el('.fields',
      listed('Rows that were left out', ['Reason', 'Column', '#Rows', 'Values'],
        dropped.map(of => [title(of.reason), of.column, num(of.rows), values(of.values)])),
      listed('Columns', ['Needed', 'Taken from'], Object.entries(rows.columns_used ?? {})),
      listed('Sheets', ['Sheet', '#Rows used', 'What became of it'],
        (rows.sheets ?? []).map(of => [of.name, num(of.rows_used), of.used ? 'used' : of.sentence])),
      listed('Values that training never saw', ['Column', '#Rows', 'Values'],
        Object.entries(unseen).map(([column, of]) => [title(column), num(of.rows), seen(of)])),
      drift && drifts(drift))),
  ];
}
