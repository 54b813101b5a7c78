// The map on a canvas: every profile a mark, its area by customers, its colour and shape by segment or by a column.
// It draws and finds; what is said of a mark is the screen's affair.
import { called, look } from './dom.js';

const COVERED = 0.12;
const RADII = [1.6, 42];
const CELL = 24;
const GROW_MS = 450;

/** @typedef {{ x: number[], y: number[], segment: (number | null)[], customers: number[] }} Points */
/** @typedef {{ colour: string, shape: string }} Look */

export class Plane {
	/** @param {HTMLCanvasElement} canvas @param {Points} points */
	constructor(canvas, points) {
		this.width = this.height = this.ratio = 1;
		this.canvas = canvas;
		this.context = canvas.getContext('2d');
		this.points = points;
		/** @type {(at: number) => Look} */
		this.lookOf = at => look(points.segment[at]);
		/** @type {(at: number) => boolean} */
		this.isShown = () => true;
		this.chosen = null;
		this.pointed = -1;
		this.zoomed = { by: 1, x: 0, y: 0 };
		this.grown = 1;
		this.middles = middles(points);
		// Small marks over large ones, and segments over what is outside.
		this.order = points.x
			.map((_, at) => at)
			.sort(
				(a, b) =>
					Number(points.segment[a] !== null) - Number(points.segment[b] !== null) ||
					points.customers[b] - points.customers[a],
			);
		this.measure();
	}

	/** Fits the picture to the canvas's size on the screen. */
	measure() {
		const { x, y, customers } = this.points;
		const { clientWidth: width, clientHeight: height } = this.canvas;
		const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
		Object.assign(this, { width, height, ratio });
		this.canvas.width = Math.max(1, width * ratio);
		this.canvas.height = Math.max(1, height * ratio);
		const [left, right] = ends(x);
		const [low, high] = ends(y);
		const room = Math.min(width, height) * 0.07 + 16;
		const unit = Math.min(
			(width - 2 * room) / Math.max(right - left, 1e-9),
			(height - 2 * room) / Math.max(high - low, 1e-9),
		);
		const scale = Number.isFinite(unit) && unit < 1e8 ? unit : 1;
		this.base = { scale, x: width / 2 - (scale * (left + right)) / 2, y: height / 2 + (scale * (low + high)) / 2 };
		const total = customers.reduce((sum, n) => sum + n, 0) || 1;
		this.radius = Math.sqrt((width * height * COVERED) / (Math.PI * total));
		this.place();
	}

	/** Where every mark is on the screen, and a grid to find it by. */
	place() {
		const { by, x: dx, y: dy } = this.zoomed;
		const { scale, x: ox, y: oy } = this.base;
		const n = this.points.x.length;
		this.sx = new Float64Array(n);
		this.sy = new Float64Array(n);
		this.sr = new Float64Array(n);
		this.grid = new Map();
		for (let at = 0; at < n; at += 1) {
			this.sx[at] = (ox + scale * this.points.x[at] - this.width / 2) * by + this.width / 2 + dx;
			this.sy[at] = (oy - scale * this.points.y[at] - this.height / 2) * by + this.height / 2 + dy;
			const radius = this.radius * Math.sqrt(this.points.customers[at]) * Math.sqrt(by);
			this.sr[at] = Math.min(Math.max(radius, RADII[0]), RADII[1]);
			const key = cell(this.sx[at], this.sy[at]);
			const there = this.grid.get(key);
			if (there) there.push(at);
			else this.grid.set(key, [at]);
		}
	}

	/** The mark that is nearest to a place on the screen, at most a finger away; −1 where there is none. */
	nearest(px, py) {
		let [best, least] = [-1, 22 ** 2];
		for (let i = -1; i <= 1; i += 1) {
			for (let j = -1; j <= 1; j += 1) {
				for (const at of this.grid.get(cell(px + i * CELL, py + j * CELL)) ?? []) {
					const distance = (this.sx[at] - px) ** 2 + (this.sy[at] - py) ** 2;
					if (distance < least && this.isShown(at)) [best, least] = [at, distance];
				}
			}
		}
		return best;
	}

	/** Enlarges about a place of the screen. */
	zoom(factor, px = this.width / 2, py = this.height / 2) {
		const was = this.zoomed;
		const by = Math.min(Math.max(was.by * factor, 1), 40);
		const [cx, cy] = [px - this.width / 2, py - this.height / 2];
		this.zoomed =
			by === 1
				? { by, x: 0, y: 0 }
				: { by, x: cx - ((cx - was.x) * by) / was.by, y: cy - ((cy - was.y) * by) / was.by };
		this.place();
		this.draw();
	}

	/** Moves the picture. */
	pan(dx, dy) {
		if (this.zoomed.by === 1) return;
		this.zoomed.x += dx;
		this.zoomed.y += dy;
		this.place();
		this.draw();
	}

	/** Lets the marks grow, where motion is welcome. */
	arrive() {
		if (matchMedia('(prefers-reduced-motion: reduce)').matches) return this.draw();
		const from = performance.now();
		const step = now => {
			const share = Math.min(Math.max((now - from) / GROW_MS, 0), 1);
			this.grown = 1 - (1 - share) ** 3;
			this.draw();
			if (share < 1 && this.canvas.isConnected) requestAnimationFrame(step);
		};
		this.grown = 0.01;
		requestAnimationFrame(step);
	}

	draw() {
		const { context, ratio } = this;
		const style = getComputedStyle(this.canvas);
		const ink = style.getPropertyValue('--ink');
		context.setTransform(ratio, 0, 0, ratio, 0, 0);
		context.clearRect(0, 0, this.width, this.height);
		let n = 0;
		for (const at of this.order) {
			if (!this.isShown(at)) continue;
			const { colour, shape } = this.lookOf(at);
			const isAside = this.chosen !== null && this.points.segment[at] !== this.chosen;
			context.globalAlpha = isAside ? 0.1 : 0.72;
			context.fillStyle = colour;
			context.beginPath();
			trace(context, shape, this.sx[at], this.sy[at], this.sr[at] * this.grown);
			context.fill();
			n += 1;
		}
		context.globalAlpha = 1;
		this.canvas.dataset.marks = String(n);
		if (this.pointed >= 0) this.ring(ink);
		this.label(ink, style.getPropertyValue('--card'), style.getPropertyValue('--body'));
	}

	ring(ink) {
		const at = this.pointed;
		this.context.beginPath();
		this.context.arc(this.sx[at], this.sy[at], this.sr[at] + 4, 0, 7);
		this.context.lineWidth = 2;
		this.context.strokeStyle = ink;
		this.context.stroke();
	}

	label(ink, card, font) {
		const { context } = this;
		context.font = `560 14px ${font}`;
		context.textAlign = 'center';
		context.textBaseline = 'middle';
		context.lineJoin = 'round';
		for (const [id, at] of this.middles) {
			if (this.chosen !== null && this.chosen !== id) continue;
			context.lineWidth = 5;
			context.strokeStyle = card;
			context.strokeText(called(id), this.sx[at], this.sy[at]);
			context.fillStyle = ink;
			context.fillText(called(id), this.sx[at], this.sy[at]);
		}
	}
}

const cell = (x, y) => Math.floor(x / CELL) * 65_536 + Math.floor(y / CELL);

function ends(numbers) {
	let [low, high] = [Infinity, -Infinity];
	for (const n of numbers) {
		if (n < low) low = n;
		if (n > high) high = n;
	}
	return low <= high ? [low, high] : [0, 1];
}

/** Equal areas: a triangle and a diamond are drawn by what they fit into. */
function trace(context, shape, x, y, r) {
	if (shape === 'triangle') {
		const a = r * 1.55;
		context.moveTo(x, y - a);
		context.lineTo(x + a * 0.866, y + a / 2);
		context.lineTo(x - a * 0.866, y + a / 2);
	} else if (shape === 'diamond') {
		const a = r * 1.25;
		context.moveTo(x, y - a);
		context.lineTo(x + a, y);
		context.lineTo(x, y + a);
		context.lineTo(x - a, y);
	} else {
		context.arc(x, y, r, 0, 7);
	}
}

/** For each segment the profile that is nearest to its mean, in the order of the ids. */
function middles({ x, y, segment, customers }) {
	const sums = new Map();
	segment.forEach((id, at) => {
		if (id === null) return;
		const sum = sums.get(id) ?? { x: 0, y: 0, n: 0, best: Infinity, at };
		sum.x += customers[at] * x[at];
		sum.y += customers[at] * y[at];
		sum.n += customers[at];
		sums.set(id, sum);
	});
	segment.forEach((id, at) => {
		if (id === null) return;
		const sum = sums.get(id);
		const distance = (x[at] - sum.x / sum.n) ** 2 + (y[at] - sum.y / sum.n) ** 2;
		if (distance < sum.best) Object.assign(sum, { best: distance, at });
	});
	return new Map([...sums].sort(([a], [b]) => a - b).map(([id, sum]) => [id, sum.at]));
}
