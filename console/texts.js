// A text of the writer as a card: edit it against the platform's limit, copy it, save its picture.
import { api, here } from './api.js';
import { alert, ask, called, copy, el, fill, look, num, para, press, save, toast, usd } from './dom.js';

/** @typedef {{ id: number | null, at: number, of: number, content: any, platform: string, limit: number | null,
 *   text: string, edited: (text: string) => void, actions?: any[], head?: string }} Text */

const length = text => [...text].length;

/** Whether a text may leave: one past its platform's limit is asked about first.
 * @param {number | null} limit */
export async function mayLeave(text, platform, limit, way) {
	if (limit === null || length(text) <= limit) return true;
	const over = length(text) - limit;
	return ask(
		'This text is too long',
		el(
			'p',
			{},
			`It is ${num(over)} characters over the ${num(limit)} that ${platform} takes, and would be cut there.`,
		),
		`${way} all the same`,
	);
}

/** @param {Text} text */
export function textCard(text) {
	const { content, id, at, of } = text;
	const head = text.head ?? (of > 1 ? `Variant ${at + 1} of ${of}` : 'Text');
	const card = fill('text', {
		head,
		badges: badges(content),
		picture: picture(content, at, id),
		slogan: content.slogan && at === 0 ? `\u201c${content.slogan}\u201d` : null,
		...(hasText(content)
			? editor(text, head)
			: { editor: content.image_prompt, count: null, actions: text.actions ?? null }),
		more: more(content),
	});
	card.style.setProperty('--c', id === null ? 'var(--line)' : look(id).colour);
	return card;
}

const hasText = content => Boolean(content.text || content.variants?.length);

function editor(text, head) {
	const { platform, limit } = text;
	const count = el('span', { aria: { live: 'polite' } });
	const area = el('textarea', {
		value: text.text,
		rows: 8,
		dir: 'auto',
		spellcheck: true,
		aria: { label: `${head}, ${text.id === null ? 'for the audience' : `for ${called(text.id).toLowerCase()}`}` },
	});
	const judge = () => {
		const n = length(area.value);
		const isOver = limit !== null && n > limit;
		count.textContent =
			limit === null
				? `${num(n)} characters`
				: isOver
					? `${num(n)} of ${num(limit)} characters: ${num(n - limit)} too many for ${platform}`
					: `${num(n)} of ${num(limit)} characters for ${platform}`;
		count.className = isOver ? 'over' : 'soft';
		if (isOver) area.setAttribute('aria-invalid', 'true');
		else area.removeAttribute('aria-invalid');
	};
	area.addEventListener('input', () => {
		text.edited(area.value);
		judge();
	});
	area.addEventListener('copy', () => {
		if (limit !== null && length(area.value) > limit) toast(`This text is too long for ${platform}.`);
	});
	judge();
	const copyIt = async () => {
		if (await mayLeave(area.value, platform, limit, 'Copy')) await copy(area.value, 'Text');
	};
	const button = press('Copy text', copyIt, 'small-button');
	return { editor: area, count, actions: [button, ...(text.actions ?? [])] };
}

function badges(content) {
	const { flags = {} } = content;
	const words = [
		[flags.is_offline, 'offline'],
		[flags.is_trimmed, 'shortened to fit'],
		[flags.is_repaired, 'repaired'],
		[flags.is_unstructured, 'unstructured'],
	];
	return words.filter(([is]) => is).map(([, word]) => el('span', { className: 'badge' }, word));
}

function picture(content, at, id) {
	const url = content.images?.[at];
	if (!url) return content.image_error && at === 0 ? alert({ error: content.image_error.message }) : null;
	const alt =
		[content.slogan, content.image_prompt].filter(Boolean).join(' \u2013 ').slice(0, 300) ||
		'A picture without a description';
	const filename = `${id === null ? 'audience' : `segment-${id}`}-${at + 1}.png`;
	const download = async () => {
		try {
			save(await api.picture(here(url), filename), filename);
		} catch (problem) {
			toast(problem.error);
		}
	};
	return el(
		'figure',
		{},
		el('img', { src: here(url), alt, loading: 'lazy' }),
		el('figcaption', {}, press('Download the picture', download, 'plain')),
	);
}

function more(content) {
	const facts = [
		content.model && `Written by ${content.model}`,
		content.image_model && `drawn by ${content.image_model}`,
		content.tokens && `${num(content.tokens.prompt + content.tokens.completion)} tokens`,
		'cost_usd' in content && usd(content.cost_usd),
	]
		.filter(Boolean)
		.join(', ');
	const part = (head, text) =>
		text
			? [
					el('h3', {}, head),
					el('pre', { tabIndex: 0, aria: { label: head }, role: 'region' }, text),
					press(`Copy the ${head.toLowerCase()}`, () => copy(text, head), 'plain'),
				]
			: [];
	return el(
		'details',
		{},
		el('summary', {}, 'How it was made'),
		para('soft small', `${facts}.`),
		part('Image prompt', content.image_prompt),
		part('Prompt', content.prompt_used),
	);
}

/** The cards of one answer: its variants side by side; `of` says the rest of each. */
export function textCards(content, of) {
	const n = Math.max(content.variants?.length ?? 0, content.images?.length ?? 0, 1);
	return Array.from({ length: n }, (_, at) => textCard({ ...of(at), content, at, of: n }));
}

/** What could not be written, and the button that tries again. @param {() => void} again */
export const failedText = (content, again) =>
	el(
		'div',
		{ className: 'card' },
		alert({ error: content.error.message }),
		content.regenerate ? press('Write it again', again) : null,
	);
