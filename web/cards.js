/*
 * A list of recommended items: rank, title, details, score, reasons, buttons. Details come one by
 * one after the list is there, into room that is kept for them. When a list follows another, cards
 * glide from where they were and say how they moved, so that the effect of a like is seen.
 */
import {isAborted, item as itemDetails} from './api.js';
import {button, h, motionIsWelcome, set, skeleton} from './dom.js';
import {listed, number, t} from './i18n.js';

const CHIPS = 5;
const GLIDE_MS = 320;
const BECAUSE = 3;

export const titleOf = (item) => item.title || item.item_id;

/* Values of the attributes that people know an item by. */
function listOf(details, names) {
  for (const name of names) {
    const value = details[name];
    if (Array.isArray(value) && value.length)
      return value.map(String);
    if (typeof value === 'string' && value)
      return value.split('|');
  }
  return [];
}

export const genresOf = (details) => listOf(details, ['genres', 'categories', 'genre', 'category']);
export const tagsOf = (details) => listOf(details, ['tags', 'tag', 'keywords']);

function chips(texts, kind) {
  return texts.slice(0, CHIPS).map((text) => h('span', {class: `chip ${kind}`}, text));
}

/* Year, genres, tags in one line. */
export function factsOf(details) {
  const year = details.year ?? details.release_year;
  return [year !== undefined && year !== null && h('span', {class: 'year'}, String(year)),
    chips(genresOf(details), 'genre'), chips(tagsOf(details), 'tag')];
}

/* "Because you liked Heat and Ronin." */
export function reasonText(reasons) {
  const because = reasons.filter((r) => r.code === 'because_of');
  const towards = because.filter((r) => !(r.contribution < 0));
  if (because.length) {
    const names = (towards.length ? towards : because).slice(0, BECAUSE).map(titleOf);
    return t(towards.length ? 'reason.because_of' : 'reason.despite', {items: listed(names)});
  }
  const first = reasons[0];
  if (!first)
    return '';
  const key = `reason.${first.code}`;
  const text = t(key, {model: first.model || ''});
  return text === key ? first.code : text;
}

/* How long each bar is, 0…1: of the best score, or of the range where some are negative. */
function shares(items) {
  const scores = items.map((i) => i.score).filter((s) => Number.isFinite(s));
  const high = Math.max(...scores);
  const low = Math.min(0, ...scores);
  return items.map((i) => Number.isFinite(i.score) && high > low
    ? (i.score - low) / (high - low) : 0);
}

function scoreBar(score, share) {
  if (!Number.isFinite(score))
    return h('div', {class: 'score'}, h('span', {class: 'note'}, t('score.none')));
  const fill = h('span', {class: 'fill'});
  /* the object model, not a style attribute, which the page's policy forbids */
  fill.style.width = `${Math.max(2, share * 100)}%`;
  return h('div', {class: 'score'}, h('span', {class: 'track', 'aria-hidden': 'true'}, fill),
    h('span', {class: 'points'}, h('span', {class: 'hidden'}, `${t('score')} `), number(score)));
}

/* Since the list before: a new card, or places up or down. */
function moveMark(before, now) {
  if (before === now)
    return null;
  if (before === undefined)
    return h('span', {class: 'move new'}, t('move.new'));
  const by = Math.abs(before - now);
  const up = now < before;
  return h('span', {class: up ? 'move up' : 'move down'},
    h('span', {'aria-hidden': 'true'}, `${up ? '▲' : '▼'} ${by}`),
    h('span', {class: 'hidden'}, t(up ? 'move.up' : 'move.down', {n: by})));
}

/* onLike(item, button), onOpen(item, button): buttons there are none of without them. */
export function cardList({label, onLike, onOpen, marks = null}) {
  const list = h('ol', {class: 'cards', 'aria-label': label});
  let shown = [];

  function card(entry, rank, share, move) {
    const title = titleOf(entry);
    const facts = h('p', {class: 'facts'});
    const text = entry.reasons ? reasonText(entry.reasons) : '';
    const also = marks && marks(entry);
    const element = h('li', {class: also ? 'card also' : 'card', 'data-item': entry.item_id},
      h('span', {class: 'rank', 'aria-hidden': 'true'}, String(rank)),
      h('div', {class: 'body'},
        h('h3', {}, onOpen
          ? button(title, (event) => onOpen(entry, event.currentTarget), {class: 'title'})
          : title, ' ', move, also && h('span', {class: 'move same'}, also)),
        facts,
        text && h('p', {class: 'reason'}, text),
        scoreBar(entry.score, share)),
      onLike && button(`♥ ${t('like')}`, (event) => onLike(entry, event.currentTarget),
        {class: 'like', 'aria-label': t('like.label', {title})}));
    return {element, facts, id: entry.item_id};
  }

  async function addFacts(cards, signal) {
    await Promise.all(cards.map(async ({facts, id}) => {
      try {
        set(facts, factsOf(await itemDetails(id, signal)));
      } catch (error) {
        if (!isAborted(error))
          facts.textContent = ''; /* the list is right without it */
      }
    }));
  }

  function glide(oldTops) {
    for (const element of list.children) {
      const old = oldTops.get(element.dataset.item);
      if (old === undefined) {
        element.animate([{opacity: 0, transform: 'translateX(24px)'},
          {opacity: 1, transform: 'none'}], {duration: GLIDE_MS, easing: 'ease-out'});
        continue;
      }
      const by = old - element.getBoundingClientRect().top;
      if (by) {
        element.animate([{transform: `translateY(${by}px)`}, {transform: 'none'}],
          {duration: GLIDE_MS, easing: 'ease-in-out'});
      }
    }
  }

  /* Draws a list. isNext: it follows the one that is shown for the same person. Returns what
   * changed: {added, moved}. */
  function show(items, signal, isNext = false) {
    const compare = isNext && shown.length > 0;
    const ranks = new Map(shown.map((entry, i) => [entry.item_id, i + 1]));
    const tops = new Map([...list.children].map((element) =>
      [element.dataset.item, element.getBoundingClientRect().top]));
    const bars = shares(items);
    const change = {added: 0, moved: 0};
    const cards = items.map((entry, i) => {
      const before = ranks.get(entry.item_id);
      if (compare && before === undefined)
        change.added += 1;
      else if (compare && before !== i + 1)
        change.moved += 1;
      return card(entry, i + 1, bars[i], compare ? moveMark(before, i + 1) : null);
    });
    set(list, cards.map((c) => c.element));
    list.removeAttribute('aria-busy');
    shown = items;
    if (compare && motionIsWelcome())
      glide(tops);
    addFacts(cards, signal);
    return change;
  }

  /* An answer is on its way: shapes if there is nothing to look at, else the old list, dimmed. */
  function wait(rows) {
    list.setAttribute('aria-busy', 'true');
    if (shown.length === 0)
      set(list, skeleton(rows));
  }

  function clear() {
    shown = [];
    list.removeAttribute('aria-busy');
    set(list);
  }

  return {root: list, show, wait, clear, items: () => shown};
}
