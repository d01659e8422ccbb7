/*
 * What is known of one item, beside a list: details, similar items, items bought together. On a
 * narrow screen it lies over the page. Escape closes it and gives the focus back.
 */
import {call, isAborted, item as itemDetails, newest, path} from './api.js';
import {factsOf, genresOf, tagsOf, titleOf} from './cards.js';
import {button, h, set, skeleton} from './dom.js';
import {errorBox, errorLine} from './errors.js';
import {number, t} from './i18n.js';

const NEAR = 6;
const shownElsewhere = new Set(['item_id', 'title']);

function valueText(value) {
  if (Array.isArray(value))
    return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/* All attributes, the well-known ones with a name in the reader's language. */
export function factList(details) {
  const known = {year: t('fact.year'), genres: t('fact.genres'), categories: t('fact.genres'),
    tags: t('fact.tags')};
  const rows = [[t('fact.id'), details.item_id]];
  for (const [name, value] of Object.entries(details)) {
    if (!shownElsewhere.has(name) && value !== null && value !== undefined)
      rows.push([Object.hasOwn(known, name) ? known[name] : name, valueText(value)]);
  }
  return h('dl', {class: 'facts-list'}, rows.map(([name, value]) =>
    [h('dt', {}, name), h('dd', {}, value)]));
}

/* A short list of items; onOpen(item) when one is chosen. */
export function miniList(items, onOpen) {
  return h('ol', {class: 'mini'}, items.map((entry) => h('li', {},
    button(titleOf(entry), () => onOpen(entry), {class: 'link'}),
    Number.isFinite(entry.score) && h('span', {class: 'points'}, number(entry.score)))));
}

/* Fills a place with what a route lists near an item. A server without such a model says so. */
export async function nearInto(place, id, route, {signal, model, onOpen}) {
  set(place, h('ol', {class: 'mini'}, skeleton(3, 'line')));
  try {
    const answer = await call(path(['items', id, route], {k: NEAR, model}), {signal});
    const items = answer.items || [];
    set(place, items.length ? miniList(items, onOpen) : h('p', {class: 'note'}, t('near.none')));
  } catch (error) {
    if (isAborted(error))
      return;
    const isNotServed = error.status === 409 || error.status === 404;
    set(place, isNotServed ? h('p', {class: 'note'}, t('near.unable')) : errorLine(error));
  }
}

/* onLike(item): a like button, or none. onClose: after it is closed. */
export function itemPanel({signal, onLike}) {
  const heading = h('h2', {tabindex: '-1', id: 'panel-title'});
  const body = h('div', {class: 'panel-body'});
  const root = h('aside', {class: 'panel', 'aria-labelledby': 'panel-title', hidden: true},
    h('div', {class: 'panel-head'}, heading,
      button('×', () => close(), {class: 'quiet close', 'aria-label': t('close')})), body);
  const ask = newest(signal);
  let opener = null;

  function close() {
    if (root.hidden)
      return;
    ask();
    root.hidden = true;
    document.body.classList.remove('has-panel');
    if (opener && opener.isConnected)
      opener.focus();
    else
      document.getElementById('main').focus();
  }

  async function open(entry, from) {
    const mine = ask();
    if (from)
      opener = from;
    root.hidden = false;
    document.body.classList.add('has-panel');
    heading.textContent = titleOf(entry);
    const facts = h('div', {class: 'facts'}, h('span', {class: 'ghost'}));
    const similar = h('div');
    const together = h('div');
    set(body, facts,
      h('p', {class: 'row'},
        onLike && button(`♥ ${t('like')}`, (event) => onLike(entry, event.currentTarget),
          {class: 'like', 'aria-label': t('like.label', {title: titleOf(entry)})}),
        h('a', {href: `#/items/${encodeURIComponent(entry.item_id)}`}, t('panel.all'))),
      h('h3', {}, t('near.similar')), similar,
      h('h3', {}, t('near.together')), together);
    heading.focus();
    const next = {signal: mine, onOpen: (other) => open(other)};
    nearInto(similar, entry.item_id, 'similar', next);
    nearInto(together, entry.item_id, 'bought-together', next);
    try {
      const details = await itemDetails(entry.item_id, mine);
      const isPlain = genresOf(details).length === 0 && tagsOf(details).length === 0;
      set(facts, isPlain ? factList(details) : factsOf(details));
    } catch (error) {
      if (!isAborted(error))
        set(facts, errorBox(error));
    }
  }

  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      close();
    }
  });
  /* Escape also works from the list beside it */
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !event.defaultPrevented)
      close();
  }, {signal});
  signal.addEventListener('abort', () => document.body.classList.remove('has-panel'));
  return {root, open, close};
}
