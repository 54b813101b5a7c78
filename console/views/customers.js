// Customers: their map and the segments as a table; one segment, who they are and why; and texts for a segment, for a
// customer who is described, or for everyone.
import { api, closed, session } from '../api.js';
import {
  alert, bar, bring, called, details, el, empty, figure, fill, look, mark, name, note, num, pairs, para, pct, personaOf,
  plural, press, put, q, screen, section, table, title, toast, waiting, way,
} from '../dom.js';
import { mapFigure, shown } from '../map.js';
import { STEADY, decided, inWords, steady, why } from '../traits.js';
import { campaign, choices, mend, sends, textCards, writes } from '../writing.js';

export function customers({ signal, again }) {
  const body = waiting('Looking at the live version…');
  const load = isNew => bring(body, signal, async () => {
    const [answer, map] = await Promise.all([api.segments({ signal }), api.map('', { signal }).catch(fault => fault)]);
    return overview(answer, map, isNew);
  }, problem => problem.status === 503 && empty('No model yet',
    'The first one is trained: seconds for a few thousand customers.', press('Look again', again)));
  load(false);
  document.addEventListener('version', () => load(true), { signal });
  return screen({ head: 'Customers', go: ['#/upload', 'Upload a workbook'] }, body);
}

/** @param {Api['Segments']} answer @param {any} map */
function overview(answer, map, isNew) {
  const { segments, outside, model_version: version } = answer;
  const [many, of] = [plural(answer.customers, 'customer'), plural(segments.length, 'segment')];
  const day = version.replace(/(\d{4})(\d\d)(\d\d).*/, '$1-$2-$3');
  const lead = para('.lead', el('b', many), ' in ', el('b', of), `, as trained on ${day}.`,
    outside.customers ? ` ${plural(outside.customers, 'customer')} (${pct(outside.share)}) outside every one.` : '');
  const rows = segments.map(of => [
    name(of.cluster_id), num(of.customers), el('span', pct(of.share), bar(of.share, look(of.cluster_id).colour)),
    el('span.pre', of.persona_summary), inWords(of), steady(of.found_again), change(of),
  ]);
  return [
    isNew && put(note('good', `A new version is live: ${version}. Map and table are its own.`), { role: 'status' }),
    lead,
    decided(answer.decided_by),
    answer.trained_on_sample
      && note('', 'These customers are the sample\u2019s, and invented. Upload your own, then retrain.'),
    drawn(map),
    section('Segments', table('Segments with their size and what sets them apart', ['Segment', '#Customers', 'Share',
      'Who they are', 'What sets them apart', 'Found again', '#Since the version before'], rows),
    segments.some(of => of.found_again !== null) && para('.soft.small', STEADY)),
  ];
}

function drawn(map) {
  if (map instanceof Error) return alert(map);
  if (!map.points) return note('', 'This version was found without a map. The table below says everything.');
  const { answer, file } = session.upload ?? {};
  const before = shown.plane?.canvas.isConnected ? shown.plane.spots() : undefined;
  const left = map.customers_left_out;
  const few = left ? `, and ${plural(left, 'customer')} of smaller groups are left out` : '';
  return [mapFigure(map, { upload: map.profile && answer?.places, file, before }),
    !map.profile && para('.soft.small', `Without the administrator\u2019s key a mark is ten customers or more${few}.`)];
}

/** How a segment has changed since the version before. @param {Api['TrainedSegment']} of */
function change({ before, fate, share }) {
  if (!before) return fate === 'new' ? 'new' : '–';
  const points = 100 * (share - before.share);
  return Math.abs(points) < 0.05 ? 'unchanged' : `${points > 0 ? '+' : '−'}${Math.abs(points).toFixed(1)} points`;
}

export function segment({ parameter, signal }) {
  const id = Number(parameter);
  const body = waiting('Looking at the segment…');
  bring(body, signal, async () => {
    const answer = await api.segments({ signal });
    const found = answer.segments.find(each => each.cluster_id === id);
    return found ? parts(found, answer) : empty('No such segment', `The live version, ${answer.model_version}, has no `
      + `segment ${id}. An earlier one may have had it.`, way('All customers', '#/'));
  });
  return put(screen({ head: [mark(look(id)), ` ${called(id)}`], back: ['#/', 'All customers'] }, body),
    { css: { '--c': look(id).colour } });
}

/** @param {Api['TrainedSegment']} of @param {Api['Segments']} answer */
function parts(of, answer) {
  const rest = of.as_everywhere?.length
    ? `As everywhere: ${of.as_everywhere.map(title).join(', ').toLowerCase()}.` : '';
  return [
    para('.lead.pre', of.persona_summary),
    el('dl.figures',
      figure('Customers', num(of.customers), `${pct(of.share)} of ${num(answer.customers)}`),
      figure('Since the version before', change(of),
        of.before ? `${num(of.before.customers)} customers before` : 'there is none to compare with'),
      figure('Found again', steady(of.found_again), of.found_again === null ? 'not measured' : STEADY),
      figure('Sets them apart', el('small', inWords(of, 3)))),
    decided(answer.decided_by),
    section('What to write to them', writing(of.cluster_id)),
    section('Why they are one segment', para('.soft', 'Bars: the share here; the line: everyone. ', rest), why(of)),
    section('Persona', personaOf(of.persona)),
    section('Your additions', extras(of)),
  ];
}

/** A form that writes, with the texts below it. */
function writing(id) {
  const result = el('.cards', { aria: { live: 'polite' } });
  const form = el('form.fields', { noValidate: true }, campaign(), el('div', { data: { k: 'problem' } }),
    el('.row', el('button.go', 'Write for this segment')));
  writes(form, () => ({ cluster_id: id }), (answer, platform) => put(result, textCards(answer, { id, platform })));
  return el('.fields', form, result);
}

/** What marketers add to the persona: the next text uses it. @param {Api['TrainedSegment']} of */
function extras(of) {
  const reason = closed();
  const form = fill('extras', { why: reason });
  const text = q(form, '#extras');
  text.value = Object.entries(of.extras).map(([key, words]) => `${key}: ${words}`).join('\n');
  text.disabled = q(form, '.go').disabled = Boolean(reason);
  return sends(form, 'Saving…', async () => {
    const lines = text.value.split('\n').filter(line => line.trim()).map(line => /^([^:]*):?(.*)$/.exec(line));
    const given = Object.fromEntries(lines.map(([, key, words]) => [key.trim(), words.trim()]));
    const answer = await api.extras(of.cluster_id, given, of.extras_etag);
    Object.assign(of, { extras: answer.extras, extras_etag: answer.etag });
    toast('Saved: the next text for this segment uses it.');
  });
}

const FIELDS = {
  location: 'Location', gender: 'Gender', loyalty_tier: 'Loyalty tier', join_year: 'Year joined',
  join_month: 'Month joined',
};

export function write({ signal }) {
  const result = el('div');
  const form = fill('write', { who: [], customer: [], campaign: campaign(), problem: [] });
  const customer = q(form, '[data-k=customer]');
  const offer = segments => {
    const who = [['everyone', 'Everyone'], ['described', 'A customer I describe'], ...segments];
    put(q(form, '[data-k=who]'), choices('who', '', who, q(form, '[name=who]:checked')?.value ?? 'everyone'));
  };
  const choose = who => {
    customer.hidden = who !== 'described';
    put(customer, customer.hidden ? [] : Object.entries(FIELDS).map(([name, words]) =>
      el('.field', { data: { field: name } }, el('label', { htmlFor: `c-${name}` }, words),
        el('input', { id: `c-${name}`, name, type: 'text', autocomplete: 'off' }))));
  };
  offer([]);
  choose('everyone');
  api.segments({ signal })
    .then(({ segments }) => offer(segments.map(({ cluster_id: id }) => [String(id), called(id)])))
    .catch(problem => signal.aborted || mend(form, problem));
  form.addEventListener('change', event => event.target.name === 'who' && choose(event.target.value));
  writes(form, who => (/^\d+$/.test(who) ? { cluster_id: Number(who) } : {}), (answer, platform) => {
    put(result, written(answer, platform));
    q(result, 'h2').focus();
  });
  const lead = 'A text for one segment, for one customer as you describe them, or for everyone.';
  return screen({ head: 'Write' }, para('.lead', lead), form, result);
}

/** @param {Api['GenerateAnswer']} answer @param {string} platform */
function written(answer, platform) {
  const { audience, cluster_id: id, cluster_strength: strength, cluster_confidence: confidence, persona } = answer;
  const isAll = audience === 'everyone' || id === null;
  const share = (head, of) => [head, of !== null && pct(of)];
  return section(isAll ? 'For everyone' : [mark(look(id)), ` For ${called(id).toLowerCase()}`],
    para('.soft.pre', answer.persona_summary ?? ''),
    pairs([share('Strength', strength), share('Confidence', confidence)]),
    answer.ignored?.map(field => note('fair', `${field} was not read.`)),
    answer.notes?.map(of => note('fair', of.sentence)),
    el('.cards', textCards(answer, { id, platform })),
    persona && details('The persona it is written for', personaOf(persona)));
}
