/*
 * Estimates with their intervals, one under the other on a common axis: a dot on a bar each, and a
 * line where nothing is different. What it shows is in its label too.
 */
import {h, svg} from './dom.js';

const W = 420;
const LEFT = 110;
const RIGHT = 16;
const ROW = 26;
const AXIS = 22;

/* rows: [{name, value, lo, hi}], shares; value null = nothing known yet; mark: where the line
 * stands, and then the axis goes to 1. */
export function intervalPlot({title, rows, format, mark = null}) {
  const known = rows.filter((row) => row.value !== null);
  const high = mark === null ? Math.max(...known.map((row) => row.hi), 1e-9) : 1;
  const x = (value) => LEFT + (W - LEFT - RIGHT) * value / high;
  const bottom = rows.length * ROW + 4;
  const words = rows.map((row) => row.value === null ? `${row.name} —`
    : `${row.name} ${format(row.value)} (${format(row.lo)} – ${format(row.hi)})`);
  const row = (one, i) => {
    const y = i * ROW + ROW / 2;
    return [svg('text', {x: LEFT - 10, y: y + 4, 'text-anchor': 'end'}, one.name),
      one.value !== null && [
        svg('line', {class: 'line c1', x1: x(one.lo), x2: x(one.hi), y1: y, y2: y}),
        [one.lo, one.hi].map((end) => svg('line', {class: 'line c1', x1: x(end), x2: x(end),
          y1: y - 4, y2: y + 4})),
        svg('circle', {class: 'dot c1', cx: x(one.value), cy: y, r: 4})]];
  };
  return h('div', {class: 'plot small', role: 'img', 'aria-label': `${title}: ${words.join(', ')}`},
    svg('svg', {viewBox: `0 0 ${W} ${bottom + AXIS}`, 'aria-hidden': 'true', focusable: 'false'},
      mark !== null && svg('line', {class: 'cursor', x1: x(mark), x2: x(mark), y1: 0, y2: bottom}),
      known.length > 0 && [0, high].map((end, i) => svg('text', {x: x(end), y: bottom + 14,
        'text-anchor': i ? 'end' : 'start'}, format(end))),
      rows.map(row)));
}
