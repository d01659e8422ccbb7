/* The two dialogues: a key, and "are you sure". Native ones keep the focus and know Escape. */
import {setKey} from './api.js';
import {t} from './i18n.js';

const byId = (id) => document.getElementById(id);

/* Resolves to whether there is a key to try now. wasWrong: the key before was refused. */
export function askForKey(wasWrong) {
  const dialog = byId('signin');
  const input = byId('signin-key');
  const error = byId('signin-error');
  input.value = '';
  error.hidden = !wasWrong;
  error.textContent = wasWrong ? t('key.wrong') : '';
  if (wasWrong)
    setKey(null);
  return new Promise((resolve) => {
    let key = '';
    const take = (event) => {
      event.preventDefault();
      key = input.value.trim();
      if (key)
        dialog.close();
    };
    const cancel = () => dialog.close();
    const closed = () => {
      byId('signin-form').removeEventListener('submit', take);
      byId('signin-cancel').removeEventListener('click', cancel);
      input.value = ''; /* not to be read from a page that is left open */
      if (key)
        setKey(key);
      document.dispatchEvent(new CustomEvent('akin-key'));
      resolve(key !== '');
    };
    byId('signin-form').addEventListener('submit', take);
    byId('signin-cancel').addEventListener('click', cancel);
    dialog.addEventListener('close', closed, {once: true});
    if (!dialog.open)
      dialog.showModal();
    input.focus();
  });
}

/* Resolves to null if it is cancelled, else to the text of the field. value: what the field begins
 * with; without one there is no field. */
export function confirm(title, text, yes, value) {
  const dialog = byId('confirm');
  const input = byId('confirm-input');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-yes').textContent = yes;
  byId('confirm-field').hidden = value === undefined;
  input.required = value !== undefined;
  input.value = value ?? '';
  byId('confirm-no').onclick = () => dialog.close('no');
  dialog.returnValue = 'no'; /* also what Escape means */
  return new Promise((resolve) => {
    dialog.addEventListener('close', () =>
      resolve(dialog.returnValue === 'yes' ? input.value.trim() : null), {once: true});
    dialog.showModal();
  });
}
