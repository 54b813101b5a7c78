// Why a segment is one, how surely it is found again, and how far data is from the training: in a marketer's words.
import {
  badge, bar, details, el, figure, link, look, note, num, para, pct, table, title, value,
} from './dom.js';

/** Every row of a segment's lift with its key. @returns {any[][]} */
const lifts = ({ lift = {} }) => Object.entries(lift).flatMap(([key, of]) => [of].flat().map(row => [key, row]));

/** What sets a segment apart, strongest first: what the service tells, or else what is clearly more frequent there. */
function strongest(segment) {
  if (segment.distinguishing) return segment.distinguishing;
  const shares = lifts(segment).map(([key, row]) => ({ key, ...row }));
  const gap = row => row.share - row.share_overall;
  return shares.filter(row => row.lift >= 1.25 && row.share >= 0.1).sort((a, b) => gap(b) - gap(a));
}

const CLAIM = { all: 'all', most: 'most', more_often: 'more often than elsewhere' };

/** A few strongest traits in words. */
export function inWords(segment, n = 2) {
  const words = strongest(segment).slice(0, n).map(trait => {
    if ('median' in trait) return `${title(trait.key)}: half of them from ${num(trait.median)}`;
    const claim = trait.claim && trait.claim !== 'more_often' ? `, ${CLAIM[trait.claim]}` : '';
    return `${title(trait.key)}: ${value(trait.key, trait.value)} (${pct(trait.share)}${claim})`;
  });
  return words.join(' · ') || 'Nothing sets them apart';
}

/** Every trait beside everyone's: bars with a line where everyone is, and the same as numbers. */
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

/** How surely a segment is found again by a training on other customers, in a word and a share. */
export function steady(jaccard) {
  if (!Number.isFinite(jaccard)) return '–';
  const [word, tone] = jaccard >= 0.75 ? ['stable', 'good'] : jaccard >= 0.6 ? ['fair', 'fair'] : ['shaky', 'bad'];
  return el('span', badge(word, tone), ` ${pct(jaccard)}`);
}
export const STEADY = 'How much of a segment comes back in a training on four fifths of the customers. Below 60\u202f% '
  + 'build no campaign on it.';

/** What decides the segments, as a box; where one column does, what to do about it. @param {any} by a `DecidedBy` */
export function decided(by, isModels = false) {
  if (!by) return null;
  const isOne = by.columns.length === 1;
  return note(isOne ? 'fair' : '', by.sentence.replaceAll('_', ' '),
    isOne && !isModels && link('See whether another way to train tells more', '#/models'));
}
export const decidedShort = by => (by ? by.columns.map(title).join(', ') || 'no few columns' : '–');

const LEVEL = { steady: 'good', shifted: 'fair', drifted: 'bad' };
const level = of => badge(of, LEVEL[of]);

/** How far each column, and the segments' shares, have drifted. @param {any} drift a `Drift` of the API */
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
/** How far the data is from the training, in a sentence. */
export const driftSentence = drift => para('', level(drift.level), ` ${strange(drift)}.`);

/** What was read of an upload, how it was understood, and how far it is from the training. @param {any} answer */
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
