// Why a segment is one: what may be said of it, and how its customers differ from everyone.
import { bar, dec, el, look, num, para, pct, table, title, value } from './dom.js';

/** What sets a segment apart, strongest first: what the service tells, or else what is clearly more frequent there.
 * @returns {{ key: string, value: any, share: number, share_overall: number, lift: number, claim?: string }[]} */
export function strongest(segment) {
	if (segment.distinguishing) return segment.distinguishing;
	const shares = Object.entries(segment.lift ?? {}).flatMap(([key, rows]) =>
		Array.isArray(rows) ? rows.map(row => ({ key, ...row })) : [],
	);
	return shares
		.filter(row => row.lift >= 1.25 && row.share >= 0.1)
		.sort((a, b) => b.share - b.share_overall - (a.share - a.share_overall));
}

const CLAIM = { all: 'all', most: 'most', more_often: 'more often than elsewhere' };

/** One trait in words. */
export function sentence(trait) {
	if ('median' in trait) return `${title(trait.key)}: half of them from ${num(trait.median)}`;
	const claim = trait.claim && trait.claim !== 'more_often' ? `, ${CLAIM[trait.claim]}` : '';
	return `${title(trait.key)}: ${value(trait.key, trait.value)} (${pct(trait.share)}${claim})`;
}

/** A few strongest traits in words. */
export function inWords(segment, n = 2) {
	const traits = strongest(segment).slice(0, n);
	return traits.length ? traits.map(sentence).join(' · ') : 'Nothing sets them apart';
}

/** Every trait beside everyone's: bars with a line where everyone is, and the same as numbers. */
export function why(segment) {
	const { colour } = look(segment.cluster_id);
	const told = new Map((segment.distinguishing ?? []).map(trait => [`${trait.key}=${trait.value}`, trait.claim]));
	const rows = Object.entries(segment.lift ?? {}).flatMap(([key, of]) =>
		(Array.isArray(of) ? of : [of]).map(row => shares(key, row, colour, told)),
	);
	/** @type {any[]} */
	const head = [['Trait'], ['Value'], ['Here, beside everyone'], ['Here', true], ['Everyone', true], ['Lift', true]];
	if (told.size) head.push(['May be said of']);
	return table(
		'Traits of the segment beside everyone\u2019s',
		head,
		rows.map(row => row.slice(0, head.length)),
	);
}

function shares(key, row, colour, told) {
	if ('difference_sd' in row || 'mean' in row) {
		const [here, everyone] = [row.mean ?? row.value, row.mean_overall];
		return [
			title(key),
			'mean',
			`${num(row.difference_sd)} standard deviations apart`,
			num(here),
			num(everyone),
			'',
			'',
		];
	}
	const claim = told.get(`${key}=${row.value}`);
	return [
		title(key),
		value(key, row.value),
		bar(row.share, colour, row.share_overall),
		pct(row.share),
		pct(row.share_overall),
		row.lift === null ? '–' : `${num(row.lift)}\u202f×`,
		claim ? el('span', { className: 'badge' }, CLAIM[claim] ?? claim) : '',
	];
}

/** What decides the segments, as a sentence; nothing where the service does not say. */
export function decided(of) {
	const by = of?.decided_by ?? of?.scores?.decided_by;
	return by?.sentence ?? null;
}

const LEVEL = { steady: 'good', shifted: 'fair', drifted: 'bad', moving: '' };

/** A word for how far data has drifted. */
export const level = level => el('span', { className: `badge ${LEVEL[level] ?? ''}` }, level);

/** How far each column has drifted. */
export function drifts(drift) {
	const columns = Object.entries(drift?.columns ?? {});
	const moved = columns.some(([, of]) => of.total_variation !== undefined);
	const heads = moved
		? [['Column'], ['Level'], ['Moved', true], ['What moved most']]
		: [['Column'], ['Level'], ['PSI', true]];
	const rows = columns.map(([column, of]) => {
		const most = of.largest_shift;
		const words = most ? `${value(column, most.value)}: ${pct(most.share_before)} to ${pct(most.share)}` : '';
		return [title(column), level(of.level), ...(moved ? [pct(of.total_variation), words] : [dec(of.psi)])];
	});
	return table('Drift of each column', heads, rows);
}

/** How far the data is from the training, in a sentence. */
export const driftSentence = drift =>
	para(
		'',
		level(drift.level),
		` ${pct(drift.unseen_share)} with values never seen, `,
		`${pct(drift.outside_share)} outside every segment.`,
	);
