// The map with its controls: colours, legend, zoom, what a mark is, the same as a table; by pointer and by keys.
import { all, called, el, fill, look, name, num, pct, plural, put, q, table, title, value } from './dom.js';
import { Plane } from './map.js';

const MANY = 8;
const OTHER = { colour: '#8A8F98', shape: 'circle' };
/** The map on the screen, for whoever measures. @type {{ plane: Plane | null }} */
export const shown = { plane: null };

/** The figure of an answer of `GET /map`, with an upload's places where there are any. */
export function mapFigure(map, upload = undefined, file = '') {
	const root = fill('map');
	const part = key => q(root, `[data-k=${key}]`);
	const canvas = part('canvas');
	const points = withUpload(map, upload);
	const groups = groupings(map, points, upload, file);
	put(
		part('colour'),
		groups.map((group, at) => el('option', { value: String(at) }, group.title)),
	);
	const nSegments = new Set(map.segment.filter(id => id !== null)).size;
	canvas.setAttribute(
		'aria-label',
		`${plural(points.x.length, 'profile')} in ${plural(nSegments, 'segment')}; a mark’s area is its customers`,
	);
	const teach = 'Point at a mark, or use the arrow keys, to see who it is.';
	const readout = part('readout');
	readout.textContent = teach;
	const view = { root, map, points, part, groups, teach, plane: null, group: groups[0], at: -1 };
	requestAnimationFrame(() => begin(view));
	return root;
}

function begin(view) {
	const { root, part, points } = view;
	const plane = new Plane(part('canvas'), points);
	view.plane = plane;
	shown.plane = plane;
	colour(view, 0);
	plane.arrive();
	let seen = plane.width;
	new ResizeObserver(() => {
		if (plane.canvas.clientWidth === seen) return;
		seen = plane.canvas.clientWidth;
		plane.measure();
		plane.draw();
	}).observe(part('canvas'));
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plane.draw());
	part('colour').addEventListener('change', event => colour(view, Number(event.target.value)));
	part('in').addEventListener('click', () => plane.zoom(1.5));
	part('out').addEventListener('click', () => plane.zoom(1 / 1.5));
	part('table').addEventListener('click', event => toggleTable(view, event.currentTarget));
	pointing(view, part('plane'));
	part('plane').addEventListener('keydown', event => keys(view, event));
	root.dataset.ready = 'true';
}

function pointing(view, at) {
	const { plane } = view;
	let held = null;
	const place = event => {
		const box = plane.canvas.getBoundingClientRect();
		return [event.clientX - box.left, event.clientY - box.top];
	};
	at.addEventListener('pointermove', event => {
		const [x, y] = place(event);
		if (held) {
			plane.pan(x - held[0], y - held[1]);
			held = [x, y];
		} else point(view, plane.nearest(x, y), true);
	});
	at.addEventListener('pointerdown', event => {
		if (plane.zoomed.by > 1) held = place(event);
	});
	addEventListener('pointerup', () => {
		held = null;
	});
	at.addEventListener('pointerleave', () => point(view, -1, true));
	at.addEventListener('click', event => {
		const mark = plane.nearest(...place(event));
		if (mark >= 0) choose(view, view.points.segment[mark] ?? -1);
	});
	at.addEventListener(
		'wheel',
		event => {
			if (event.deltaY > 0 && plane.zoomed.by === 1) return;
			event.preventDefault();
			plane.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, ...place(event));
		},
		{ passive: false },
	);
}

/** Left and right go from segment to segment, up and down from mark to mark within one. */
function keys(view, event) {
	const { plane, points } = view;
	const ids = [...plane.middles.keys()];
	const own = view.at >= 0 ? points.segment[view.at] : null;
	const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
	const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
	if (turn && ids.length) {
		const next = own === null ? (turn > 0 ? 0 : ids.length - 1) : (ids.indexOf(own) + turn + ids.length) % ids.length;
		point(view, plane.middles.get(ids[next]), false);
	} else if (step && view.at >= 0) {
		const same = plane.order.filter(at => points.segment[at] === own);
		point(view, same[(same.indexOf(view.at) + step + same.length) % same.length], false);
	} else if (event.key === 'Enter' && own !== null) location.hash = `#/segments/${own}`;
	else if (event.key === 'Escape') {
		point(view, -1, false);
		choose(view, null);
	} else if (event.key === '+' || event.key === '=') plane.zoom(1.5);
	else if (event.key === '-') plane.zoom(1 / 1.5);
	else return;
	event.preventDefault();
}

/** Says what a mark is. */
function point(view, at, byPointer) {
	const { plane, part, root } = view;
	if (at === view.at) return;
	view.at = at;
	plane.pointed = at;
	plane.draw();
	const tip = q(root, '.tip');
	if (at < 0) {
		tip.hidden = true;
		part('readout').textContent = view.teach;
		return;
	}
	const words = said(view, at);
	part('readout').textContent = words.join(' · ');
	part('plane').dataset.at = String(at);
	tip.hidden = !byPointer && !root.contains(document.activeElement);
	put(
		tip,
		words.map(word => el('div', {}, word)),
	);
	const { clientWidth: width, clientHeight: height } = plane.canvas;
	const x = Math.min(Math.max(plane.sx[at] + 14, 8), Math.max(8, width - tip.offsetWidth - 8));
	const below = plane.sy[at] + 14 + tip.offsetHeight < height;
	const y = below ? plane.sy[at] + 14 : Math.max(4, plane.sy[at] - tip.offsetHeight - 14);
	tip.style.transform = `translate(${x}px, ${y}px)`;
}

/** Who a mark is, in words. */
function said({ points, map }, at) {
	const words = [`${called(points.segment[at])}, ${plural(points.customers[at], 'customer')}`];
	if (at >= map.x.length) return [...words, 'of your upload; not among those trained on'];
	for (const { title: column, values, codes, is_number } of map.columns ?? []) {
		const is = is_number ? num(values[codes[at]]) : value(column, values[codes[at]]);
		if (is !== '–') words.push(`${title(column)}: ${is}`);
	}
	const strength = map.strength?.[at];
	if (Number.isFinite(strength) && points.segment[at] !== null) words.push(`Strength ${pct(strength)}`);
	return words;
}

/** The ways to colour: by segment, by any column of few values, and an upload's newcomers. */
function groupings(map, points, upload, file) {
	const ids = [...new Set(points.segment)].sort((a, b) => Number(a === null) - Number(b === null) || a - b);
	const bySegment = {
		title: 'Segment',
		of: at => points.segment[at],
		list: ids.map(id => ({ key: id, text: called(id), look: look(id) })),
	};
	const byColumn = (map.columns ?? []).map(column => (column.is_number ? byNumber(column) : byValue(map, column)));
	if (!upload?.x?.length) return [bySegment, ...byColumn];
	const known = new Set(upload.profile.filter(number => number !== null));
	const isIt = at => (at >= map.x.length ? 'new' : known.has(map.profile[at]) ? 'known' : 'absent');
	const list = [
		['new', 'New since training', 4],
		['known', 'In the upload, and trained on', 0],
		['absent', 'Not in the upload', null],
	];
	const byUpload = {
		title: `The upload ${file}`,
		of: isIt,
		list: list.map((/** @type {any[]} */ [key, text, id]) => ({ key, text, look: look(id) })),
	};
	return [bySegment, byUpload, ...byColumn];
}

function byValue(map, { title: column, values, codes }) {
	const sums = values.map((_, code) => [code, 0]);
	codes.forEach((code, at) => {
		if (code !== null) sums[code][1] += map.customers[at];
	});
	const most = sums
		.sort((a, b) => b[1] - a[1])
		.slice(0, MANY)
		.map(([code]) => code);
	// Years and months in their own order.
	if (most.every(code => typeof values[code] === 'number')) most.sort((a, b) => values[a] - values[b]);
	const list = most.map((code, at) => ({
		key: code,
		text: value(column, values[code]),
		look: { colour: look(at).colour, shape: look(at).shape },
	}));
	const rest =
		values.length > most.length ? [{ key: 'rest', text: `${values.length - most.length} others`, look: OTHER }] : [];
	const shown = new Set(most);
	return {
		title: title(column),
		of: at => (at < codes.length && shown.has(codes[at]) ? codes[at] : 'rest'),
		list: [...list, ...rest],
	};
}

function byNumber({ title: column, values, codes }) {
	const numbers = codes.map(code => values[code]);
	const sorted = numbers.filter(Number.isFinite).sort((a, b) => a - b);
	const cuts = [0, 0.25, 0.5, 0.75].map(share => sorted[Math.floor(share * sorted.length)]);
	const list = cuts.map((from, at) => ({ key: at, text: `from ${num(from)}`, look: look(at) }));
	const of = at => (Number.isFinite(numbers[at]) ? cuts.filter(cut => numbers[at] >= cut).length - 1 : 'rest');
	return { title: title(column), of, list };
}

function withUpload(map, upload) {
	const added = (upload?.profile ?? [])
		.map((known, at) => (known === null ? at : -1))
		.filter(at => at >= 0 && upload.x?.[at] !== undefined);
	if (!added.length) return map;
	const join = key => [...map[key], ...added.map(at => upload[key][at])];
	return { x: join('x'), y: join('y'), segment: join('segment'), customers: join('customers') };
}

function colour(view, which) {
	const group = view.groups[which];
	view.group = group;
	const looks = new Map(group.list.map(({ key, look }) => [key, look]));
	view.plane.lookOf = at => looks.get(group.of(at)) ?? OTHER;
	view.plane.isShown = () => true;
	put(
		view.part('legend'),
		group.list.map(({ key, text, look }) => {
			const sign = el('span', { className: 'mark', data: { shape: look.shape }, css: { '--c': look.colour } });
			const button = el(
				'button',
				{ type: 'button', className: 'small-button', aria: { pressed: 'false' }, data: { key: String(key) } },
				sign,
				text,
			);
			button.addEventListener('click', () => choose(view, key));
			return button;
		}),
	);
	choose(view, null);
}

/** Shows one group alone, or all again. */
function choose(view, key) {
	const { plane, group } = view;
	const is = group.title === 'Segment' && key === -1 ? null : key;
	const chosen = view.chosen === key || key === null ? undefined : is;
	view.chosen = chosen === undefined ? null : key;
	const isSegment = group.title === 'Segment';
	plane.chosen = chosen !== undefined && isSegment ? chosen : null;
	plane.isShown = chosen === undefined || isSegment ? () => true : at => group.of(at) === chosen;
	for (const button of all(view.part('legend'), 'button'))
		button.setAttribute('aria-pressed', String(chosen !== undefined && button.dataset.key === String(is)));
	plane.draw();
}

function toggleTable(view, button) {
	const there = q(view.root, '[data-table]');
	button.setAttribute('aria-expanded', String(!there));
	if (there) return there.remove();
	const { group, points } = view;
	const sums = new Map(group.list.map(({ key }) => [key, [0, 0]]));
	for (let at = 0; at < points.x.length; at += 1) {
		const sum = sums.get(group.of(at));
		if (sum) {
			sum[0] += points.customers[at];
			sum[1] += 1;
		}
	}
	const total = points.customers.reduce((sum, n) => sum + n, 0) || 1;
	const rows = group.list.map(({ key, text, look }) => {
		const [customers, profiles] = sums.get(key);
		const head =
			group.title === 'Segment'
				? name(key)
				: el(
						'span',
						{ className: 'name' },
						el('span', { className: 'mark', data: { shape: look.shape }, css: { '--c': look.colour } }),
						text,
					);
		return [head, num(customers), pct(customers / total), num(profiles)];
	});
	const box = el(
		'div',
		{ data: { table: '' }, className: 'readout' },
		table(
			`The map by ${group.title.toLowerCase()}`,
			[[group.title], ['Customers', true], ['Share', true], ['Profiles', true]],
			rows,
		),
	);
	q(view.root, '.legend').after(box);
}
