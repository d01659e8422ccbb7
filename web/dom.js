/*
 * Elements. This is the only place where markup comes into being, and text goes in as text nodes
 * only: titles, tags and ids come from strangers, and a title that looks like a tag stays a title.
 * There is no innerHTML in any file of the page; a test greps for it.
 */

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false)
      continue;
    if (name === 'on') {
      for (const [event, run] of Object.entries(value))
        element.addEventListener(event, run);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  put(element, children);
  return element;
}

/* Appends; nested lists are opened, nothing is skipped but null, undefined and false. */
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false)
      continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/* h('a', {class: 'x', href: '#/', on: {click: f}}, 'text', element, …) */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/* The same for SVG, whose elements need their own name space. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/* Replaces what is in an element. */
export function set(element, ...children) {
  element.replaceChildren();
  return put(element, children);
}

let lastId = 0;
/* An id for labels and descriptions, unlike any other in the document. */
export function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

/* A control under its label. Screen readers and a click on the words both reach it. */
export function field(label, control, ...more) {
  if (!control.id)
    control.id = freshId('field');
  return h('div', {class: 'field'}, h('label', {for: control.id}, label), control, more);
}

export function select(options, chosen, onChange) {
  const element = h('select', {on: {change: () => onChange(element.value)}},
    options.map(([value, text]) => h('option', {value}, text)));
  element.value = chosen;
  return element;
}

export function button(text, onClick, attributes) {
  return h('button', {type: 'button', on: {click: onClick}, ...attributes}, text);
}

/* Grey shapes in the place of what comes, so that nothing jumps when it is there. */
export function skeleton(rows, kind = 'card') {
  return Array.from({length: rows}, () =>
    h('li', {class: `${kind} skeleton`, 'aria-hidden': 'true'},
      h('span', {class: 'ghost wide'}), h('span', {class: 'ghost'})));
}

export const motionIsWelcome = () =>
  !window.matchMedia('(prefers-reduced-motion: reduce)').matches;

/* Tells screen readers what sighted people see happen. An equal text twice is read twice. */
export function announce(text) {
  const live = document.getElementById('live');
  live.textContent = '';
  window.setTimeout(() => { live.textContent = text; }, 30);
}

/* A wide table scrolls in its own frame; the frame can be reached by the keyboard. */
export function scrolling(label, table) {
  return h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label}, table);
}
