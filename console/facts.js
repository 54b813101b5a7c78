// What was read of a workbook, how it was understood, and how far it is from the training.
import { el, note, num, pct, table, title } from './dom.js';
import { drifts, level } from './traits.js';

/** What was read and how far it is from the training. */
export function facts(answer) {
	const { rows = {}, drift, unseen_values: unseen = {} } = answer;
	const dropped = rows.dropped ?? [];
	const n = dropped.reduce((sum, each) => sum + (each.rows ?? each.count ?? 0), 0);
	const details = [
		dropped.length
			? table(
					'Rows that were left out',
					[['Reason'], ['Rows', true], ['Values']],
					dropped.map(each => [
						title(each.reason ?? ''),
						num(each.rows ?? each.count),
						Array.isArray(each.values) ? each.values.map(of => of.value ?? of).join(', ') : '',
					]),
					false,
				)
			: null,
		rows.columns_used
			? table('Columns', [['Needed'], ['Taken from']], Object.entries(rows.columns_used), false)
			: null,
		rows.sheets?.length
			? table(
					'Sheets',
					[['Sheet'], ['Rows used', true], ['What became of it']],
					rows.sheets.map(sheet => [
						sheet.name,
						num(sheet.rows_used),
						sheet.used ? 'used' : (sheet.sentence ?? sheet.reason),
					]),
					false,
				)
			: null,
		Object.keys(unseen).length
			? table(
					'Values that training never saw',
					[['Column'], ['Values']],
					Object.entries(unseen).map(([column, values]) => [title(column), unseenWords(values)]),
					false,
				)
			: null,
		drift ? drifts(drift) : null,
	].filter(Boolean);
	const figures = [
		el(
			'div',
			{},
			el('dt', {}, 'Rows used'),
			el('dd', {}, num(rows.rows_used), el('small', {}, `of ${num(rows.rows_read)} read; ${num(n)} left out`)),
		),
		drift
			? el(
					'div',
					{},
					el('dt', {}, 'Beside the training'),
					el(
						'dd',
						{},
						level(drift.level),
						el(
							'small',
							{},
							`${pct(drift.unseen_share)} with values never seen, ${pct(drift.outside_share)} outside every segment`,
						),
					),
				)
			: null,
		answer.members_truncated
			? el(
					'div',
					{},
					el('dt', {}, 'Customers listed'),
					el('dd', {}, 'Not all', el('small', {}, 'The export holds the first of them; MAX_MEMBERS says how many.')),
				)
			: null,
	].filter(Boolean);
	const notes = (rows.notes ?? []).map(of => note('fair', of.sentence ?? String(of)));
	return [
		el('dl', { className: 'figures' }, figures),
		...notes,
		el(
			'details',
			{},
			el('summary', {}, 'What was read, and how it was understood'),
			el('div', { className: 'fields' }, details),
		),
	];
}

const unseenWords = values =>
	(Array.isArray(values) ? values : Object.entries(values).map(([value, n]) => `${value} (${num(n)})`))
		.map(of => (typeof of === 'string' ? of : (of.value ?? JSON.stringify(of))))
		.join(', ');
