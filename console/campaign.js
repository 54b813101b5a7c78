// The campaign's inputs, the same on every screen, with problems as sentences at their fields.
import { session } from './api.js';
import { all, el, fill, q } from './dom.js';

const WORDS = {
	platform: ['Where is it published?', 'platforms', 'Instagram'],
	tone: ['Tone', 'tones', 'Casual'],
	funnel_stage: ['How close to buying?', 'funnel_stages', 'Awareness'],
	past_engagement: ['How did they react before?', 'past_engagement', 'Moderate'],
	post_type: ['What is made?', 'post_types', 'TextAndPrompt'],
};
const SAID = {
	TextAndPrompt: 'Text and image prompt',
	ImagePrompt: 'Image prompt',
	Both: 'Text and picture',
	Image: 'Picture',
	Text: 'Text',
};
/** One of several, as buttons. @param {[string, string][]} values */
export function choices(field, legend, values, chosen) {
	return el(
		'fieldset',
		{ className: 'field', data: { field } },
		el('legend', {}, legend),
		el(
			'div',
			{ className: 'choices' },
			values.map(([value, text]) =>
				el(
					'label',
					{ className: 'choice' },
					el('input', { type: 'radio', name: field, value, checked: value === chosen }),
					el('span', {}, text),
				),
			),
		),
	);
}

/** The fields, filled with what was asked for before. @param {Record<string, any>} [before] */
export function campaign(before = {}) {
	const options = session.status?.options ?? {};
	const sets = Object.entries(WORDS).map(([field, [legend, list, usual]]) => {
		const names = (options[list] ?? []).map(each => each.name ?? each);
		return [
			field,
			choices(
				field,
				legend,
				names.map(name => [name, SAID[name] ?? name]),
				before[field] ?? usual,
			),
		];
	});
	const root = fill('campaign', Object.fromEntries(sets));
	for (const field of ['objective', 'industry', 'num_variants'])
		if (before[field]) q(root, `[name=${field}]`).value = before[field];
	return root;
}

/** What the fields say, without empty ones. @param {HTMLFormElement} form @returns {Record<string, any>} */
export function filled(form) {
	const entries = [...new FormData(form)].filter(([, value]) => typeof value === 'string' && value.trim());
	return Object.fromEntries(entries.map(([name, value]) => [name, name === 'num_variants' ? Number(value) : value]));
}

/** Shows a problem: a sentence at each field that it names, which is then described by it. Returns whether all were
 * found.
 * @param {HTMLElement} form */
export function mend(form, problem) {
	for (const old of all(form, '.field .problem')) old.remove();
	for (const old of all(form, '[aria-invalid]')) old.removeAttribute('aria-invalid');
	const details = (problem?.details ?? []).filter(({ field }) => q(form, `[data-field="${field}"]`));
	details.forEach(({ field, message }, at) => {
		const place = q(form, `[data-field="${field}"]`);
		const input = q(place, 'input, select, textarea');
		const id = `problem-${field}`;
		const head = q(place, 'label, legend').firstChild.textContent.trim().replace(/\?$/, '');
		place.append(el('p', { className: 'problem', id }, `${head} ${message}.`));
		for (const details of all(form, 'details')) if (details.contains(place)) details.open = true;
		input.setAttribute('aria-invalid', 'true');
		input.setAttribute('aria-describedby', id);
		if (at === 0) input.focus();
	});
	return details.length > 0 && details.length === problem.details.length;
}

/** How many characters a platform takes; nothing where it cuts none. @returns {number | null} */
export function limitOf(platform) {
	const found = session.status?.options?.platforms?.find(each => each.name === platform);
	return found?.max_chars ?? null;
}

/** The title of this or that file field once files are chosen. @param {HTMLFormElement} form */
export function dropping(form, field, usual) {
	const input = q(form, `[name=${field}]`);
	const label = input.closest('label');
	input.addEventListener('change', () => {
		const names = [...input.files].map(file => file.name);
		q(label, 'b').textContent = names.length ? names.join(', ') : usual;
	});
	for (const event of ['dragenter', 'dragover']) label.addEventListener(event, () => label.classList.add('over'));
	for (const event of ['dragleave', 'drop']) label.addEventListener(event, () => label.classList.remove('over'));
}
