/*
 * A text field with a list of what it may mean, as the ARIA combobox pattern wants it: the focus
 * stays in the field, arrows move through the list, Enter takes, Escape closes, Tab leaves.
 */
import {isAborted, newest} from './api.js';
import {announce, freshId, h, set} from './dom.js';
import {t} from './i18n.js';

const PAUSE_MS = 120; /* typing goes on for less; asking at every letter would only be noise */

/*
 * find(text, signal) → [{value, text, note}]; onPick(entry). free: what is typed may be taken as
 * it is (an unknown user is a user). keep: the field shows what was taken, else it is emptied.
 */
export function combo({label, placeholder, find, onPick, signal, free = false, keep = true,
  value = ''}) {
  const listId = freshId('options');
  const input = h('input', {type: 'text', id: freshId('combo'), role: 'combobox',
    autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', placeholder,
    'aria-expanded': 'false', 'aria-controls': listId, 'aria-autocomplete': 'list'});
  const list = h('ul', {id: listId, role: 'listbox', 'aria-label': label, hidden: true});
  const ask = newest(signal);
  let entries = [];
  let at = -1;
  let timer = 0;
  input.value = value;

  function close() {
    window.clearTimeout(timer);
    list.hidden = true;
    at = -1;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  }

  function mark(index) {
    at = index;
    [...list.children].forEach((option, i) =>
      option.setAttribute('aria-selected', String(i === at)));
    if (at < 0) {
      input.removeAttribute('aria-activedescendant');
      return;
    }
    const option = list.children[at];
    input.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({block: 'nearest'});
  }

  function take(entry) {
    ask(); /* what is still under way would open the list again */
    input.value = keep ? entry.text : '';
    close();
    onPick(entry);
  }

  function option(entry) {
    return h('li', {id: freshId('option'), role: 'option', 'aria-selected': 'false', on: {
      /* before the field loses the focus, which would close the list */
      pointerdown: (event) => event.preventDefault(),
      click: () => take(entry)}},
    h('span', {class: 'what'}, entry.text), entry.note && h('span', {class: 'note'}, entry.note));
  }

  function open(found) {
    entries = found;
    if (found.length === 0) {
      close();
      if (input.value && document.activeElement === input)
        announce(t('combo.none'));
      return;
    }
    set(list, found.map(option));
    list.hidden = false;
    at = -1;
    input.setAttribute('aria-expanded', 'true');
    input.removeAttribute('aria-activedescendant');
    announce(t('combo.found', {n: found.length}));
  }

  async function search() {
    const mine = ask();
    try {
      const found = await find(input.value.trim(), mine);
      if (!mine.aborted && document.activeElement === input)
        open(found);
    } catch (error) {
      if (!isAborted(error))
        close(); /* the list is a help; the answer itself will say what is wrong */
    }
  }

  function later() {
    window.clearTimeout(timer);
    timer = window.setTimeout(search, PAUSE_MS);
  }

  function onKey(event) {
    const isOpen = !list.hidden;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!isOpen) {
        search();
        return;
      }
      const step = event.key === 'ArrowDown' ? 1 : -1;
      const n = entries.length;
      mark(at < 0 ? (step > 0 ? 0 : n - 1) : (at + step + n) % n);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const text = input.value.trim();
      if (isOpen && at >= 0)
        take(entries[at]);
      else if (free && text)
        take({value: text, text});
      else if (isOpen)
        take(entries[0]);
    } else if (event.key === 'Escape' && (isOpen || input.value)) {
      event.stopPropagation(); /* one Escape closes one thing */
      if (isOpen)
        close();
      else
        input.value = '';
    }
  }

  input.addEventListener('input', later);
  input.addEventListener('keydown', onKey);
  input.addEventListener('click', () => { if (list.hidden) search(); });
  input.addEventListener('blur', close);
  const root = h('div', {class: 'field combo'}, h('label', {for: input.id}, label), input, list);
  return {root, input};
}
