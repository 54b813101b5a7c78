// What is asked of the writer and what comes of it: the campaign's fields with problems as sentences at them, and texts
// as cards, which are edited against the platform's limit and copied.
import { api, here, session } from './api.js';
import {
  alert, all, ask, badge, called, copy, details, el, fill, look, nodes, num, para, press, put, q, save, toast, usd,
} from './dom.js';

const SETS = {
  platform: ['Where is it published?', 'platforms', 'Instagram'],
  tone: ['Tone', 'tones', 'Casual'],
  funnel_stage: ['How close to buying?', 'funnel_stages', 'Awareness'],
  past_engagement: ['How did they react before?', 'past_engagement', 'Moderate'],
  post_type: ['What is made?', 'post_types', 'TextAndPrompt'],
};
const SAID = {
  TextAndPrompt: 'Text and image prompt', ImagePrompt: 'Image prompt', Both: 'Text and picture', Image: 'Picture',
};

/** One of several, as buttons. @param {string[][]} values */
export const choices = (field, legend, values, chosen) =>
  el('fieldset.field', { data: { field } }, legend && el('legend', legend), el('.choices', values.map(([value, text]) =>
    el('label.choice', el('input', { type: 'radio', name: field, value, checked: value === chosen }),
      el('span', text)))));

/** The fields, filled with what was asked for before. @param {Record<string, any>} [before] */
export function campaign(before = session.upload?.campaign ?? {}) {
  const sets = Object.entries(SETS).map(([field, [legend, list, usual]]) => {
    const names = (session.status.options?.[list] ?? []).map(each => each.name ?? each);
    return [field, choices(field, legend, names.map(name => [name, SAID[name] ?? name]), before[field] ?? usual)];
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

/** Shows a problem in `[data-k=problem]`, or as a sentence at each field that it names, which is then described by it;
 * nothing takes them away. */
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
    set(input, 'invalid', 'true');
    set(input, 'describedby', id);
    if (at === 0) input.focus();
  });
  const isSaid = !problem || (named.length > 0 && named.length === problem.details.length);
  put(q(form, '[data-k=problem]'), isSaid ? [] : alert(problem));
}

const set = (at, name, to) => at.setAttribute(`aria-${name}`, to);

/** Lets a form do something when it is sent: its button says so meanwhile, and problems are shown in it.
 * @param {(inputs: Record<string, any>) => Promise<any>} act */
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

/** A form that writes for an audience, with what is written shown by `show`.
 * @param {(inputs: any) => any} audience @param {(answer: Api['GenerateAnswer'], platform: string) => any} show */
export const writes = (form, audience, show) =>
  sends(form, 'Writing…', async ({ who, ...inputs }) =>
    show(await api.write({ ...inputs, ...audience(who) }), inputs.platform));

/** The title of a file field once files are chosen. @param {HTMLFormElement} form */
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

/** How many characters a platform takes; nothing where it cuts none. @returns {number | null} */
const limitOf = platform => session.status.options?.platforms.find(each => each.name === platform)?.max_chars ?? null;
const length = text => [...text].length;
const over = (text, platform) => Math.max(0, length(text) - (limitOf(platform) ?? Infinity));

/** Whether a text may leave: one past its platform's limit is asked about first. */
export async function mayLeave(text, platform, way) {
  const many = over(text, platform);
  const words = `It is ${num(many)} characters over the ${num(limitOf(platform))} that ${platform} takes.`;
  return !many || ask('This text is too long', words, `${way} all the same`);
}

/** The cards of one answer, its variants side by side. `textOf` and `edited` read and keep a variant's text.
 * @param {any} content a `Content` of the API
 * @param {{ id: number | null, platform: string, textOf?: (at: number) => string, actions?: any[],
 *   edited?: (at: number, text: string) => void }} how */
export function textCards(content, how) {
  const n = Math.max(content.variants?.length ?? 0, content.images?.length ?? 0, 1);
  return Array.from({ length: n }, (_, at) => {
    const head = n > 1 ? `Variant ${at + 1} of ${n}` : 'Text';
    const drawn = { editor: content.image_prompt, count: null, actions: how.actions };
    const card = fill('text', {
      head,
      badges: badges(content.flags),
      picture: picture(content, at, how.id),
      slogan: content.slogan && at === 0 ? `\u201c${content.slogan}\u201d` : null,
      ...(content.text || content.variants?.length ? editor(content, at, head, how) : drawn),
      more: more(content, at),
    });
    if (how.id !== null) card.style.setProperty('--c', look(how.id).colour);
    return card;
  });
}

/** @param {any} content @param {number} at @param {string} head @param {any} how */
function editor(content, at, head, how) {
  const { id, platform, textOf, edited, actions = [] } = how;
  const limit = limitOf(platform);
  const count = el('span', { aria: { live: 'polite' } });
  const whom = id === null ? 'the audience' : called(id).toLowerCase();
  const area = el('textarea', {
    value: textOf?.(at) ?? content.variants?.[at] ?? content.text ?? '',
    rows: 8, dir: 'auto', spellcheck: true, aria: { label: `${head}, for ${whom}` },
    on: {
      input() {
        edited?.(at, area.value);
        judge();
      },
      copy: () => over(area.value, platform) && toast(`This text is too long for ${platform}.`),
    },
  });
  const judge = () => {
    const [n, many] = [length(area.value), over(area.value, platform)];
    const of = limit === null ? 'characters' : `of ${num(limit)} characters`;
    const rest = many ? `: ${num(many)} too many for ${platform}` : limit === null ? '' : ` for ${platform}`;
    put(count, { textContent: `${num(n)} ${of}${rest}`, className: many ? 'over' : 'soft' });
    if (many) set(area, 'invalid', 'true');
    else area.removeAttribute('aria-invalid');
  };
  judge();
  const copyIt = async () => {
    if (await mayLeave(area.value, platform, 'Copy')) await copy(area.value, 'Text');
  };
  return { editor: area, count, actions: [press('Copy text', copyIt, '.small-button'), at === 0 && actions] };
}

const FLAGS = {
  is_offline: 'offline', is_trimmed: 'shortened to fit', is_repaired: 'repaired', is_unstructured: 'unstructured',
};
const badges = (flags = {}) => Object.entries(FLAGS).filter(([flag]) => flags[flag]).map(([, words]) => badge(words));

function picture({ images, image_error, slogan, image_prompt }, at, id) {
  const url = images?.[at];
  if (!url) return image_error && at === 0 ? alert({ error: image_error.message }) : null;
  const alt = nodes(slogan, image_prompt).join(' \u2013 ').slice(0, 300) || 'A picture without a description';
  const file = `${id === null ? 'audience' : `segment-${id}`}-${at + 1}.png`;
  const download = async () => save(await api.picture(here(url), file), file);
  return el('figure', el('img', { src: here(url), alt, loading: 'lazy' }),
    el('figcaption', press('Download the picture', download, '.plain')));
}

/** How a text was made, and what its links are tracked by. */
function more(content, at) {
  const { model, image_model, tokens, cost_usd, image_prompt, prompt_used } = content;
  const { utm, content_id } = content.tracking?.[at] ?? {};
  const facts = nodes(
    model && `Written by ${model}`, image_model && `drawn by ${image_model}`,
    tokens && `${num(tokens.prompt + tokens.completion)} tokens`, cost_usd !== undefined && usd(cost_usd),
  );
  const part = (head, text) => text && [
    el('h3', head),
    el('pre', { tabIndex: 0, aria: { label: head }, role: 'region' }, text),
    press(`Copy the ${head.toLowerCase()}`, () => copy(text, head), '.plain'),
  ];
  return [
    details('How it was made', para('.soft.small', `${facts.join(', ')}.`),
      part('Image prompt', image_prompt), part('Prompt', prompt_used)),
    utm && details('How its success is counted',
      para('.soft.small', 'Behind the ? of the links in the text, it lets sales that come by them be counted for it.'),
      part('Link parameters', utm), part('Content id', content_id)),
  ];
}
