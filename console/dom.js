// Templates, elements and numbers: the few helpers that every screen uses.

/** Fills the template `t-NAME`: each value goes to the elements with `data-k` of its key.
 * @param {Record<string, any>} [values] @returns {any} */
export function fill(name, values = {}) {
	const template = /** @type {HTMLTemplateElement} */ (document.getElementById(`t-${name}`));
	/** @type {any} */
	const root = template.content.firstElementChild.cloneNode(true);
	for (const [key, value] of Object.entries(values)) {
		for (const at of root.querySelectorAll(`[data-k="${key}"]`)) put(at, value);
	}
	return root;
}

/** Puts a text, nodes or properties into an element; nothing takes the element away.
 * */
export function put(at, value) {
	if (value === null || value === undefined || value === false) at.remove();
	else if (value instanceof Node) at.replaceChildren(value);
	else if (Array.isArray(value)) at.replaceChildren(...value.filter(Boolean));
	else if (typeof value === 'object') set(at, value);
	else at.textContent = String(value);
}

function set(at, { on = {}, data = {}, css = {}, aria = {}, ...rest }) {
	for (const [event, act] of Object.entries(on)) at.addEventListener(event, act);
	for (const [name, value] of Object.entries(css)) at.style.setProperty(name, value);
	for (const [name, value] of Object.entries(aria)) at.setAttribute(`aria-${name}`, value);
	Object.assign(at.dataset, data);
	Object.assign(at, rest);
}

/** An element with properties and children; texts stay texts.
 * @param {Record<string, any>} [properties] */
export function el(tag, properties = {}, ...children) {
	const at = document.createElement(tag);
	set(at, properties);
	at.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
	return at;
}

/** A paragraph. */
export const para = (className, ...children) => el('p', { className }, ...children);

/** A button that does something. */
export const press = (words, act, className = '') =>
	el('button', { type: 'button', className, on: { click: act } }, words);

/** A link that looks like a button. */
export const way = (words, href, className = '') => el('a', { href, className: `button ${className}` }, words);

/** The first element of a selector. */
export const q = (root, selector) => root.querySelector(selector);
/** */
export const all = (root, selector) => [...root.querySelectorAll(selector)];

/** A table: `columns` are `[title, is a number]`, rows are lists of cells; the first cell of each heads its row.
 * @param {any[]} columns @param {any[][]} rows */
export function table(caption, columns, rows, quiet = true) {
	const heads = columns.map(([title, isNumber]) =>
		el('th', { scope: 'col', className: isNumber ? 'num' : '' }, title),
	);
	const cell = (value, at) => {
		const [title, isNumber] = columns[at];
		const properties = at ? { data: { l: title }, className: isNumber ? 'num' : '' } : { scope: 'row' };
		return el(at ? 'td' : 'th', properties, value ?? '–');
	};
	return el(
		'div',
		{ className: 'scroll' },
		el(
			'table',
			{ className: 'stack' },
			el('caption', { className: quiet ? 'sr' : '' }, caption),
			el('thead', {}, el('tr', {}, heads)),
			el(
				'tbody',
				{},
				rows.map(row => el('tr', {}, row.map(cell))),
			),
		),
	);
}

/** Two columns of names and values. @param {[string, any][]} pairs */
export const pairs = pairs =>
	el(
		'dl',
		{ className: 'pairs' },
		pairs
			.filter(([, value]) => value !== null && value !== undefined && value !== '')
			.map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
	);

const NUMBER = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 2 });
const WHEN = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const MONTHS = Array.from({ length: 12 }, (_, at) =>
	new Date(2000, at, 15).toLocaleString('en-GB', { month: 'long' }),
);

export const num = n => (Number.isFinite(n) ? NUMBER.format(n) : '–');
export const pct = share => (Number.isFinite(share) ? `${(100 * share).toFixed(1)}\u202f%` : '–');
export const dec = n => (Number.isFinite(n) ? n.toFixed(3) : '–');
export const usd = n => (Number.isFinite(n) ? `${n.toFixed(n && n < 0.1 ? 4 : 2)}\u202fUSD` : 'unknown');
export const when = text => (text ? WHEN.format(new Date(text)) : '–');
export const plural = (n, one, many = `${one}s`) => `${num(n)} ${n === 1 ? one : many}`;
export function bytes(n) {
	if (!Number.isFinite(n)) return '–';
	const power = Math.min(4, Math.floor(Math.log10(Math.max(n, 1)) / 3));
	return `${num(Number((n / 1000 ** power).toFixed(power ? 1 : 0)))}\u202f${['B', 'kB', 'MB', 'GB', 'TB'][power]}`;
}

/** A key of a persona as people say it: `Top_Join_Months` is *Join months*. */
export function title(key) {
	const words = key.replace(/^Top_/, '').replaceAll('_', ' ');
	return words.charAt(0).toUpperCase() + words.slice(1).toLowerCase();
}

/** A value of a trait as people say it. @returns {string} */
export function value(key, value) {
	if (Array.isArray(value)) return value.map(each => say(key, each)).join(', ');
	return say(key, value);
}

function say(key, value) {
	if (value === null || value === undefined) return '–';
	if (/months?$/i.test(key) && MONTHS[Number(value) - 1]) return MONTHS[Number(value) - 1];
	if (/quarters?$/i.test(key)) return `Q${value}`;
	return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// The colours and shapes of `src/retrain/page/palette.rs`: a segment looks the same in every picture.
const COLOURS = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#D55E00', '#56B4E9'];
const SHAPES = ['circle', 'triangle', 'diamond'];

/** Colour and shape of a segment; grey circles are outside every one. @param {number | null} id */
export function look(id) {
	if (id === null || id < 0) return { colour: '#8A8F98', shape: 'circle' };
	return { colour: COLOURS[id % 6], shape: SHAPES[Math.floor(id / 6) % 3] };
}

/** @param {number | null} id */
export function mark(id) {
	const { colour, shape } = look(id);
	return el('span', { className: 'mark', data: { shape }, css: { '--c': colour } });
}

/** What a segment is called. @param {number | null} id */
export const called = id => (id === null || id < 0 ? 'Outside every segment' : `Segment ${id}`);

/** Mark and name of a segment, as a link where it has a page. @param {number | null} id */
export function name(id, linked = true) {
	const text = linked && id !== null && id >= 0 ? el('a', { href: `#/segments/${id}` }, called(id)) : called(id);
	return el('span', { className: 'name' }, mark(id), text);
}

/** A share as a bar, with a line where everyone is. */
export function bar(share, colour, everyone) {
	const line = Number.isFinite(everyone) ? el('b', { css: { '--all': String(everyone) } }) : null;
	return el('span', { className: 'bar', css: { '--c': colour } }, el('i', { css: { '--w': String(share) } }), line);
}

/** A sentence in a box. */
export const note = (tone, ...children) =>
	el(
		'div',
		{ className: `note ${tone}` },
		children.filter(Boolean).map(child => (typeof child === 'string' ? el('p', {}, child) : child)),
	);

/** A problem as a sentence that is read out. */
export function alert(problem) {
	const more = problem.request_id ? para('small', `Request ${problem.request_id}`) : null;
	const box = note('bad', problem.error ?? String(problem), more);
	box.setAttribute('role', 'alert');
	return box;
}

/** An empty state that says what to do. */
export const empty = (head, text, action) =>
	el('div', { className: 'empty' }, el('h2', {}, head), para('soft', text), action);

/** Says something in passing. */
export function toast(text) {
	const at = document.getElementById('toast');
	at.textContent = text;
	clearTimeout(Number(at.dataset.timer));
	at.dataset.timer = String(
		setTimeout(() => {
			at.textContent = '';
		}, 4000),
	);
}

/** Asks before something that cannot be taken back lightly; true for yes.
 * @returns {Promise<boolean>} */
export function ask(head, text, yes) {
	const dialog = fill('ask', { head, text, yes });
	document.body.append(dialog);
	dialog.showModal();
	return new Promise(answer =>
		dialog.addEventListener('close', () => {
			answer(dialog.returnValue === 'yes');
			dialog.remove();
		}),
	);
}

/** Hands a file to the browser. @param {Blob} blob */
export function save(blob, filename) {
	const link = el('a', { href: URL.createObjectURL(blob), download: filename });
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Copies a text, also where the page has no secure context. */
export async function copy(text, what) {
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		const area = el('textarea', { value: text, className: 'sr' });
		document.body.append(area);
		area.select();
		document.execCommand('copy');
		area.remove();
	}
	toast(`${what} copied.`);
}
