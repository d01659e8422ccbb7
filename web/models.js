/*
 * What is served: each model with the figures of its card, and, for an admin, another file under
 * its name or the one before. The board sorts by any column; a missing figure stays last either way.
 */
import {call, isAborted, models as allModels, path} from './api.js';
import {modelName} from './asker.js';
import {announce, button, h, scrolling, set} from './dom.js';
import {errorBox} from './errors.js';
import {duration, number, t, when} from './i18n.js';
import {confirm} from './dialogs.js';
import {evaluations, listReports, reportLinks} from './reports.js';

/* A figure is a number, or an estimate with its interval. */
function figure(value) {
  if (Number.isFinite(value))
    return {value};
  if (!value || typeof value !== 'object')
    return null;
  const middle = value.value ?? value.mean;
  if (!Number.isFinite(middle))
    return null;
  const low = value.lo ?? value.low;
  const high = value.hi ?? value.high;
  return Number.isFinite(low) && Number.isFinite(high) ? {value: middle, low, high}
    : {value: middle};
}

/* Metrics of a card, wherever an evaluation left them; a report's come last and count: {name: {value, low?, high?}}. */
export function metricsOf(card) {
  const found = {};
  for (const place of [card?.train?.validation, card?.evaluation?.metrics, card?.metrics]) {
    for (const [name, value] of Object.entries(place || {})) {
      const one = figure(value);
      if (one)
        found[name] = one;
    }
  }
  return found;
}

/* Errors are better small, everything else large. */
const isError = (name) => /rmse|mae|mse|loss|error|seconds/i.test(name);

function columnsOf(models) {
  const names = [...new Set(models.flatMap((m) => Object.keys(metricsOf(m.card))))];
  const column = (key, title, value, show) => ({key, title, value, show});
  return [
    column('name', t('models.name'), (m) => m.name, null),
    ...names.map((name) => column(name, name, (m) => metricsOf(m.card)[name]?.value,
      (m) => {
        const one = metricsOf(m.card)[name];
        return one && [number(one.value, 4), one.low !== undefined && h('span',
          {class: 'ci'}, ` ${number(one.low)}–${number(one.high)}`)];
      })),
    column('events', t('models.events'), (m) => m.card?.data?.events),
    column('users', t('models.users'), (m) => m.users),
    column('items', t('models.items'), (m) => m.items),
    column('seconds', t('models.seconds'), (m) => m.card?.train?.seconds,
      (m) => m.card?.train?.seconds !== undefined && duration(m.card.train.seconds)),
    column('generation', t('models.generation'), (m) => m.generation),
    column('loaded', t('models.loaded'), (m) => m.loaded, (m) => m.loaded && when(m.loaded)),
  ];
}

function compareBy(column, down) {
  return (a, b) => {
    const x = column.value(a);
    const y = column.value(b);
    if (x === undefined || y === undefined)
      return (x === undefined) - (y === undefined);
    const order = typeof x === 'number' ? x - y : String(x).localeCompare(String(y));
    return down ? -order : order;
  };
}

function cardDetails(model) {
  const params = Object.entries(model.card?.params || {})
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`).join('  ');
  return h('details', {}, h('summary', {}, t('models.card')),
    params && h('p', {}, h('code', {}, params)),
    h('pre', {tabindex: '0', 'aria-label': t('models.card')},
      JSON.stringify(model.card ?? {}, null, 2)),
    model.path && h('p', {class: 'note'}, model.path));
}

export async function mount(root, {signal}) {
  const status = h('div');
  const board = h('div');
  const cards = h('div', {class: 'grid'});
  const links = h('div');
  let models = [];
  let sortKey = null;
  let sortDown = true;

  function drawBoard() {
    const columns = columnsOf(models);
    const metric = columns[1] && metricsOf(models.find((m) => columns[1].value(m) !== undefined)
      ?.card)[columns[1].key] ? columns[1].key : 'name';
    if (sortKey === null || !columns.some((c) => c.key === sortKey)) {
      sortKey = metric;
      sortDown = metric !== 'name' && !isError(metric);
    }
    const by = columns.find((c) => c.key === sortKey);
    const rows = [...models].sort(compareBy(by, sortDown));
    const head = columns.map((c) => h('th', {scope: 'col', class: c.key === 'name' ? null : 'n',
      'aria-sort': c.key === sortKey ? (sortDown ? 'descending' : 'ascending') : null},
    button([c.title, c.key === sortKey ? (sortDown ? ' ↓' : ' ↑') : ''].join(''), () => {
      sortDown = sortKey === c.key ? !sortDown : c.key !== 'name' && !isError(c.key);
      sortKey = c.key;
      drawBoard();
      board.querySelector('th[aria-sort] button').focus();
    }, {class: 'link'})));
    const cell = (m, c) => c.show ? c.show(m) || '—'
      : (Number.isFinite(c.value(m)) ? number(c.value(m)) : c.value(m) ?? '—');
    set(board, scrolling(t('models.board'), h('table', {},
      h('thead', {}, h('tr', {}, head)),
      h('tbody', {}, rows.map((m) => h('tr', {},
        h('th', {scope: 'row'}, modelName(m), ' ',
          m.default && h('span', {class: 'chip'}, t('models.default'))),
        columns.slice(1).map((c) => h('td', {class: 'n'}, cell(m, c)))))))),
    metric === 'name' && h('p', {class: 'note'}, t('models.no_metrics')));
  }

  async function change(model, verb) {
    const isLoad = verb === 'activate';
    const words = model.canary && !isLoad ? `canary.${verb}` : `models.${verb}`;
    const file = await confirm(t(words), t(`${words}.ask`, {name: model.name}), t(words),
      isLoad ? model.path : undefined);
    if (file === null)
      return;
    try {
      await call(`${path(['models', model.name])}:${verb}`,
        {method: 'POST', body: isLoad ? {path: file} : {}, signal});
      await load();
      const done = t(`${words}.done`, {name: model.name});
      set(status, h('p', {class: 'notice'}, done));
      announce(done);
    } catch (error) {
      if (!isAborted(error))
        set(status, errorBox(error, () => change(model, verb)));
    }
  }

  function drawCards() {
    set(cards, models.map((model) => h('section', {class: 'box', 'aria-label': model.name},
      h('h2', {}, modelName(model), ' ',
        model.default && h('span', {class: 'chip'}, t('models.default'))),
      h('p', {class: 'note'}, t('models.line', {generation: model.generation ?? 0,
        loaded: model.loaded ? when(model.loaded) : '—'}), ' ',
      model.personal === false && t('models.same_for_all')),
      model.previous && h('p', {class: 'note'}, t('models.previous',
        {generation: model.previous.generation ?? 0,
          loaded: model.previous.loaded ? when(model.previous.loaded) : '—'})),
      h('p', {class: 'row'},
        button(t('models.activate'), () => change(model, 'activate'),
          {'aria-label': `${t('models.activate')}: ${model.name}`}),
        button(t('models.rollback'), () => change(model, 'rollback'),
          {disabled: !model.previous && !model.canary,
            'aria-label': `${t('models.rollback')}: ${model.name}`})),
      cardDetails(model))));
  }

  async function load() {
    const reports = await listReports(signal);
    const figures = await evaluations(reports, signal);
    models = (await allModels(signal)).map((m) => figures[m.name]
      ? {...m, card: {...m.card, metrics: {...m.card?.metrics, ...figures[m.name]}}} : m);
    set(links, reportLinks(reports));
    if (models.length === 0) {
      set(board, h('p', {class: 'notice'}, t('models.none')));
      set(cards);
      return;
    }
    drawBoard();
    drawCards();
  }

  await load();
  set(root, h('h1', {tabindex: '-1'}, t('models.title')), status,
    board, links, cards);
}
