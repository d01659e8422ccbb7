/*
 * The frame: which view the address names, language, key. A view is a module with
 * mount(root, {query, kind, id, signal}); everything it starts ends with the signal, so that
 * leaving a view leaves nothing behind that could draw into the next one.
 */
import {getKey, isAborted, onKeyNeeded, setKey} from './api.js';
import * as compare from './compare.js';
import {askForKey} from './dialogs.js';
import {announce, h, set, skeleton} from './dom.js';
import {errorBox} from './errors.js';
import {language, setLanguage, t, translateShell} from './i18n.js';
import * as lookup from './lookup.js';
import * as models from './models.js';
import * as operations from './operations.js';
import * as recommend from './recommend.js';

const views = {recommend, compare, lookup, models, operations};
const titles = {recommend: 'rec.title', compare: 'compare.title', lookup: 'look.title',
  models: 'models.title', operations: 'ops.title'};
const main = document.getElementById('main');
let current = null; /* AbortController of the view that is shown */
let isFirst = true;

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; /* a '%' that somebody typed */
  }
}

/* '#/items/a%2Fb?x=1' → {view, kind, id, query} */
function parseHash(hash) {
  const text = hash.replace(/^#\/?/, '');
  const mark = text.indexOf('?');
  const parts = (mark < 0 ? text : text.slice(0, mark)).split('/');
  const query = new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1));
  if ((parts[0] === 'items' || parts[0] === 'users') && parts[1])
    return {view: 'lookup', kind: parts[0], id: decoded(parts[1]), query};
  return {view: Object.hasOwn(views, parts[0]) ? parts[0] : 'recommend', query};
}

function markNav(view) {
  for (const link of document.querySelectorAll('#nav a')) {
    if (link.dataset.view === view)
      link.setAttribute('aria-current', 'page');
    else
      link.removeAttribute('aria-current');
  }
}

async function show() {
  const where = parseHash(window.location.hash);
  current?.abort();
  current = new AbortController();
  const {signal} = current;
  markNav(where.view);
  document.title = `${t(`nav.${where.view}`)} · akin`;
  /* views fill a root of their own: what comes late from an old one is drawn nowhere */
  const root = h('div', {class: `view ${where.view}`});
  const title = h('h1', {tabindex: '-1'}, t(titles[where.view]));
  set(root, title, h('ol', {class: 'cards', 'aria-busy': 'true'}, skeleton(4)));
  set(main, root);
  try {
    await views[where.view].mount(root, {...where, signal});
    if (signal.aborted)
      return;
    if (!isFirst) {
      root.querySelector('h1')?.focus();
      announce(document.title);
    }
    isFirst = false;
    root.dataset.ready = ''; /* for who drives the page by program */
  } catch (error) {
    if (!isAborted(error) && !signal.aborted)
      set(root, title, errorBox(error, show));
  }
}

function drawAccount() {
  const account = document.getElementById('account');
  account.textContent = t(getKey() ? 'key.out' : 'key.in');
}

function translate() {
  translateShell();
  drawAccount();
}

document.getElementById('lang').value = language();
document.getElementById('lang').addEventListener('change', (event) => {
  setLanguage(event.target.value);
  translate();
  show();
});

document.getElementById('account').addEventListener('click', async () => {
  if (getKey()) {
    setKey(null);
    drawAccount();
    show();
  } else if (await askForKey(false)) {
    show();
  }
});
document.addEventListener('akin-key', drawAccount);

/* A plain jump to #main would be taken for a view by the router. */
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});

window.addEventListener('hashchange', show);
onKeyNeeded(askForKey);
translate();
show();
