// The page's elements. What comes from the API is text of strangers, so it gets in as text alone: there is no way here to make markup of it.

import { duration } from './words.js';

export const byID = (id) => document.getElementById(id);

/**
 * An element. Attributes that are null or false are left out; children are nodes or text.
 * @param {string} tag
 * @param {Object<string, string|number|boolean|null>} attributes
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

/** Sets a text, if it is another one: what is selected stays so, and a screen reader is not told twice. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export const show = (node, yes) => { node.hidden = !yes; };

/**
 * Keeps the children of a parent in step with a list. An element lives as long as its key is in the list, so that focus and selection do.
 * @param {(item: any) => string} key
 * @param {(item: any) => [Node, (item: any) => void]} make the element, and how it is brought up to date
 */
export function keyed(parent, key, make) {
  const all = new Map();
  return (items) => {
    const keys = new Set(items.map(key));
    for (const [k, [node]] of all) {
      if (!keys.has(k)) {
        node.remove();
        all.delete(k);
      }
    }
    let at = parent.firstElementChild;
    for (const item of items) {
      const k = key(item);
      if (!all.has(k)) all.set(k, make(item));
      const [node, update] = all.get(k);
      update(item);
      if (node === at) at = at.nextElementSibling;
      else parent.insertBefore(node, at);
    }
  };
}

// What counts by itself: elements with a time by the page's own clock.
const clocks = new Map();

/** An element shows how long ago something was. */
export function countUp(node, ms) {
  set(node, { since: performance.now() - ms, words: duration });
}

/** An element shows how long it is until something, and then some words. */
export function countDown(node, ms, over = 'due') {
  set(node, { until: performance.now() + ms, words: (left) => (left > 0 ? duration(left) : over) });
}

export function still(node, words) {
  clocks.delete(node);
  text(node, words);
}

function set(node, clock) {
  clocks.set(node, clock);
  tell(node, clock, performance.now());
}

const tell = (node, c, now) => text(node, c.words(c.until === undefined ? now - c.since : c.until - now));

/** Brings all of them up to date, and forgets those that are gone from the page. */
export function tick() {
  const now = performance.now();
  for (const [node, clock] of clocks) {
    if (node.isConnected) tell(node, clock, now);
    else clocks.delete(node);
  }
}
