/*
 * The start: choose a recommender and a person, see the top of the list and why; like something and
 * see the list move. Someone new is a history of clicks that lives in this page only.
 */
import {ApiError, call, isAborted, item as itemDetails, likeValue, models as allModels, newest,
  path} from './api.js';
import {findItems, hasAsker, modelOf, modelOptions, readState, recommend, userField,
  writeState} from './asker.js';
import {cardList, titleOf} from './cards.js';
import {combo} from './combo.js';
import {announce, button, field, freshId, h, select, set} from './dom.js';
import {errorBox, explain} from './errors.js';
import {t} from './i18n.js';
import {itemPanel} from './panel.js';

const SIZES = [5, 10, 20, 50];

/* An event is posted with an id of our own: a repeat after a lost answer counts once. */
function eventId() {
  const bits = crypto.getRandomValues(new Uint8Array(16));
  return [...bits].map((b) => b.toString(16).padStart(2, '0')).join('');
}

async function postLike(user, itemId, value, signal) {
  const event = {event_id: eventId(), user_id: user, item_id: itemId, event_type: 'like', value};
  for (let attempt = 0; ; attempt++) {
    try {
      return await call(path(['events']), {method: 'POST', body: {events: [event]}, signal});
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 0 || attempt > 0)
        throw error;
    }
  }
}

export async function mount(root, {query, signal}) {
  const state = readState(query);
  const models = await allModels(signal);
  const chosen = modelOf(models, state.model);
  state.model = chosen ? chosen.name : '';
  const ask = newest(signal);
  const model = () => modelOf(models, state.model);

  /* ---- What is shown ---- */

  const notice = h('div');
  const status = h('p', {class: 'note', id: freshId('status')});
  const panel = itemPanel({signal, onLike: (entry, from) => like(entry, from)});
  const cards = cardList({label: t('rec.list'), onLike: (entry, from) => like(entry, from),
    onOpen: (entry, from) => panel.open(entry, from)});

  function empty() {
    cards.clear();
    set(notice, h('p', {class: 'notice'}, t('rec.start')));
    status.textContent = '';
  }

  function noticeFor(answer) {
    const why = answer.fallback && answer.fallback.code;
    if (why)
      return h('p', {class: 'notice'}, t(why === 'no_history' ? 'rec.no_history'
        : 'rec.fallback', {code: why}));
    return null;
  }

  function faulted(error) {
    if (isAborted(error))
      return;
    cards.clear();
    status.textContent = '';
    if (error.status === 400 && state.filter) {
      filterFault(explain(error).detail);
      set(notice);
      return;
    }
    set(notice, errorBox(error, () => refresh()));
  }

  /* isNext: the same person a moment later, so that the list may move instead of appear. */
  async function refresh(isNext = false) {
    writeState('recommend', state);
    filterFault('');
    if (!hasAsker(state)) {
      empty();
      return null;
    }
    const mine = ask();
    if (!isNext)
      cards.clear();
    cards.wait(state.k);
    try {
      const answer = await recommend(state, state.model, likeValue(model()), mine);
      if (mine.aborted)
        return null;
      const items = answer.items || [];
      set(notice, noticeFor(answer),
        items.length === 0 && h('p', {class: 'notice'}, t('rec.empty')));
      const change = cards.show(items, mine, isNext);
      const who = state.isNew ? t('asker.new') : state.user;
      status.textContent = t('rec.shown', {n: items.length, who, model: state.model});
      if (!isNext)
        announce(status.textContent);
      return change;
    } catch (error) {
      faulted(error);
      return null;
    }
  }

  /* ---- Liking ---- */

  function tellChange(title, change) {
    const text = change
      ? t('like.done', {title, added: t('like.added', {n: change.added}),
        moved: t('like.moved', {n: change.moved})})
      : t('like.kept', {title});
    status.textContent = text;
    announce(text);
  }

  /* The liked card is gone from the list; the keyboard goes on where it was. */
  function focusAt(place) {
    const rows = cards.root.querySelectorAll('.like');
    if (rows.length)
      rows[Math.min(Math.max(place, 0), rows.length - 1)].focus({preventScroll: true});
  }

  async function like(entry, from) {
    const title = titleOf(entry);
    const place = cards.items().findIndex((other) => other.item_id === entry.item_id);
    const isInList = cards.root.contains(from);
    if (from)
      from.disabled = true;
    try {
      if (state.isNew)
        addLike(entry);
      else
        await postLike(state.user, entry.item_id, likeValue(model()), signal);
      const change = await refresh(true);
      tellChange(title, change);
      if (isInList)
        focusAt(place);
    } catch (error) {
      if (from)
        from.disabled = false;
      if (!isAborted(error))
        set(notice, errorBox(error, () => like(entry, from)));
    }
  }

  /* ---- Who and how ---- */

  const likes = h('ul', {class: 'likes', 'aria-label': t('asker.history')});

  function drawLikes() {
    set(likes, state.likes.map((entry) => h('li', {class: 'chip'}, titleOf(entry), ' ',
      button('×', () => {
        state.likes = state.likes.filter((other) => other.item_id !== entry.item_id);
        drawLikes();
        refresh(true);
        newField.input.focus();
      }, {class: 'quiet', 'aria-label': t('asker.remove', {title: titleOf(entry)})}))));
  }

  /* An address holds ids only. */
  async function nameLikes() {
    await Promise.allSettled(state.likes.map(async (entry) => {
      entry.title ??= (await itemDetails(entry.item_id, signal)).title;
    }));
    drawLikes();
  }

  function addLike(entry) {
    if (!state.likes.some((other) => other.item_id === entry.item_id))
      state.likes.push({item_id: entry.item_id, title: entry.title});
    drawLikes();
  }

  const known = userField(state, signal, (user) => {
    state.user = user;
    panel.close();
    refresh();
  });
  const newField = combo({label: t('asker.add'), placeholder: t('asker.add.hint'), signal,
    find: findItems, keep: false, onPick: (entry) => {
      addLike({item_id: entry.value, title: entry.text});
      refresh(true);
    }});
  const isNewBox = h('input', {type: 'checkbox', id: freshId('new'), on: {change: () => {
    state.isNew = isNewBox.checked;
    showWho();
    refresh();
  }}});
  const newPart = h('div', {}, newField.root, likes);

  function showWho() {
    isNewBox.checked = state.isNew;
    known.root.hidden = state.isNew;
    newPart.hidden = !state.isNew;
  }

  const modelSelect = select(modelOptions(models), state.model, (name) => {
    state.model = name;
    refresh();
  });
  const sizes = [...new Set([...SIZES, state.k])].sort((a, b) => a - b);
  const sizeSelect = select(sizes.map((k) => [String(k), String(k)]), String(state.k), (k) => {
    state.k = Number(k);
    refresh();
  });
  const explainBox = h('input', {type: 'checkbox', id: freshId('explain'),
    on: {change: () => {
      state.explain = explainBox.checked;
      refresh();
    }}});
  explainBox.checked = state.explain;

  /* ---- The filter: an error stands at the field it is about ---- */

  const faultId = freshId('fault');
  const helpId = freshId('help');
  const fault = h('p', {class: 'fault', id: faultId, role: 'alert', hidden: true});
  const filterInput = h('input', {type: 'text', id: freshId('filter'), spellcheck: 'false',
    autocapitalize: 'none', autocomplete: 'off', 'aria-describedby': `${helpId} ${faultId}`,
    placeholder: 'year >= 1990'});
  filterInput.value = state.filter;

  function filterFault(text) {
    fault.textContent = text && t('filter.fault', {text});
    fault.hidden = !text;
    if (text)
      filterInput.setAttribute('aria-invalid', 'true');
    else
      filterInput.removeAttribute('aria-invalid');
  }

  const filterForm = h('form', {class: 'filter', on: {submit: (event) => {
    event.preventDefault();
    state.filter = filterInput.value.trim();
    refresh();
  }}},
  h('div', {class: 'field'},
    h('label', {for: filterInput.id}, t('filter')),
    h('div', {class: 'row tight'}, filterInput,
      h('button', {type: 'submit'}, t('filter.apply'))),
    h('p', {class: 'note', id: helpId}, t('filter.help'), ' ',
      h('code', {}, 'categories in ["Comedy", "Drama"] and year >= 1990')), fault));

  showWho();
  nameLikes();
  set(root,
    h('h1', {tabindex: '-1'}, t('rec.title')),
    h('div', {class: 'with-panel'},
      h('div', {class: 'column'},
        h('section', {class: 'controls', 'aria-label': t('rec.controls')},
          field(t('rec.model'), modelSelect), known.root, newPart,
          field(t('rec.k'), sizeSelect),
          h('div', {class: 'checks'},
            h('label', {for: isNewBox.id}, isNewBox, ' ', t('asker.new')),
            h('label', {for: explainBox.id}, explainBox, ' ', t('rec.explain'))),
          filterForm),
        h('section', {'aria-label': t('rec.list')},
          h('h2', {class: 'hidden'}, t('rec.list')), status, notice, cards.root)),
      panel.root));
  if (models.length === 0)
    set(notice, h('p', {class: 'notice'}, t('models.none')));
  else
    refresh();
}
