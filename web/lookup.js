/* Items and people by name or id: what is known of them, what happened, what is near. */
import {call, isAborted, item as itemDetails, newest, path} from './api.js';
import {findItems, findUsers} from './asker.js';
import {titleOf} from './cards.js';
import {combo} from './combo.js';
import {button, h, scrolling, set, skeleton} from './dom.js';
import {errorBox, errorLine} from './errors.js';
import {number, t, when} from './i18n.js';
import {factList, nearInto} from './panel.js';

const PAGE = 20;

const go = (kind, id) => { window.location.hash = `#/${kind}/${encodeURIComponent(id)}`; };

function searchField(signal) {
  const find = async (text, inner) => {
    const [items, users] = await Promise.all([findItems(text, inner), findUsers(text, inner)]);
    return [...users.slice(0, 4).map((u) => ({...u, kind: 'users', note: t('look.user')})),
      ...items.map((i) => ({...i, kind: 'items', note: t('look.item')}))];
  };
  return combo({label: t('look.search'), placeholder: t('look.hint'), find, signal,
    onPick: (entry) => go(entry.kind, entry.value)});
}

/* ---- Events, page by page ---- */

function eventRow(event, isUser) {
  const other = isUser ? event.item_id : event.user_id;
  const kind = isUser ? 'items' : 'users';
  const name = isUser ? titleOf(event) : other;
  return h('tr', {},
    h('td', {class: 't'}, h('a', {href: `#/${kind}/${encodeURIComponent(other)}`}, name)),
    h('td', {}, event.event_type || '—'),
    h('td', {class: 'n'}, Number.isFinite(event.value) ? number(event.value) : '—'),
    h('td', {}, event.time ? when(event.time) : '—'));
}

function eventPages(kind, id, signal) {
  const isUser = kind === 'users';
  const body = h('tbody');
  const status = h('p', {class: 'note', role: 'status'});
  const table = h('table', {},
    h('thead', {}, h('tr', {}, [isUser ? 'look.item' : 'look.user', 'event.type', 'event.value',
      'event.time'].map((key, i) =>
      h('th', {scope: 'col', class: i === 2 ? 'n' : null}, t(key))))), body);
  const more = button(t('look.older'), () => load(), {hidden: true});
  const frame = scrolling(t('look.events'), table);
  const root = h('div', {}, frame, status, more);
  frame.hidden = true; /* a head without rows says nothing */
  let next = null;
  let n = 0;

  async function load() {
    more.disabled = true;
    try {
      const answer = await call(path([kind, id, 'events'],
        {limit: PAGE, before: next ?? undefined}), {signal});
      const events = answer.events || [];
      body.append(...events.map((event) => eventRow(event, isUser)));
      n += events.length;
      frame.hidden = n === 0;
      next = answer.next ?? null;
      more.hidden = next === null;
      status.textContent = n ? t('look.events.n', {n}) : t('look.events.none');
    } catch (error) {
      if (!isAborted(error))
        set(status, errorLine(error).textContent);
    } finally {
      more.disabled = false;
    }
  }
  load();
  return root;
}

/* ---- One item ---- */

async function usersInto(place, id, signal) {
  set(place, h('ol', {class: 'mini'}, skeleton(3, 'line')));
  try {
    const answer = await call(path(['items', id, 'users'], {k: 10}), {signal});
    const users = answer.users || [];
    set(place, users.length === 0 ? h('p', {class: 'note'}, t('near.none'))
      : h('ol', {class: 'mini'}, users.map((user) => h('li', {},
        h('a', {href: `#/users/${encodeURIComponent(user.user_id)}`}, user.user_id),
        Number.isFinite(user.score) && h('span', {class: 'points'}, number(user.score))))));
  } catch (error) {
    if (!isAborted(error)) {
      set(place, error.status === 409 ? h('p', {class: 'note'}, t('near.unable'))
        : errorLine(error));
    }
  }
}

async function showItem(place, id, signal) {
  const details = await itemDetails(id, signal);
  const similar = h('div');
  const together = h('div');
  const users = h('div');
  const wanted = button(t('look.users.show'), () => usersInto(users, id, signal));
  users.append(wanted);
  set(place, h('h2', {}, titleOf(details)), factList(details),
    h('div', {class: 'three'},
      h('section', {}, h('h3', {}, t('near.similar')), similar),
      h('section', {}, h('h3', {}, t('near.together')), together),
      h('section', {}, h('h3', {}, t('look.users')), users)),
    h('h3', {}, t('look.events')), eventPages('items', id, signal));
  const options = {signal, onOpen: (entry) => go('items', entry.item_id)};
  nearInto(similar, id, 'similar', options);
  nearInto(together, id, 'bought-together', options);
}

/* ---- One person ---- */

async function showUser(place, id, signal) {
  const user = await call(path(['users', id]), {signal});
  const rows = [[t('fact.id'), user.user_id],
    [t('user.trained'), user.trained ? t('yes') : t('no')],
    [t('user.events_trained'), number(user.events_trained || 0)],
    [t('user.events_since'), number(user.events_since || 0)]];
  for (const [name, value] of Object.entries(user.attributes || {}))
    rows.push([name, Array.isArray(value) ? value.join(', ') : String(value)]);
  set(place, h('h2', {}, t('user.title', {id: user.user_id})),
    h('dl', {class: 'facts-list'}, rows.map(([name, value]) =>
      [h('dt', {}, name), h('dd', {}, value)])),
    h('p', {}, h('a', {href: `#/?${new URLSearchParams({user: user.user_id})}`},
      t('user.recommend'))),
    h('h3', {}, t('look.events')), eventPages('users', id, signal));
}

export async function mount(root, {kind, id, signal}) {
  const place = h('section', {'aria-label': t('look.result')});
  const ask = newest(signal);
  set(root, h('h1', {tabindex: '-1'}, t('look.title')),
    h('div', {class: 'controls'}, searchField(signal).root), place);
  async function load() {
    const mine = ask();
    set(place, h('ol', {class: 'mini'}, skeleton(4, 'line')));
    try {
      await (kind === 'items' ? showItem : showUser)(place, id, mine);
    } catch (error) {
      if (!isAborted(error))
        set(place, errorBox(error, load));
    }
  }
  if (id)
    load();
  else
    set(place, h('p', {class: 'notice'}, t('look.start')));
}
