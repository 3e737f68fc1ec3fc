// What happened, the newest first.

import { byID, el, show } from './dom.js';
import { link } from './tables.js';
import { ending, fine, timeOfDay } from './words.js';

const kept = 100; // events

const silent = new Set(['state', 'alive']);

/** Gathers events, and puts them on the page together: there may be thousands a second. */
export function feed() {
  const list = byID('feed');
  let fresh = [];
  let asked = 0;
  const paint = () => {
    asked = 0;
    list.prepend(...fresh.map(line).reverse());
    fresh = [];
    while (list.childElementCount > kept) list.lastElementChild.remove();
    show(byID('feed-none'), list.childElementCount === 0);
  };
  return {
    add(e) {
      if (silent.has(e.event)) return;
      fresh.push(e);
      if (fresh.length > kept) fresh.shift();
      asked ||= requestAnimationFrame(paint);
    },
    clear() {
      fresh = [];
      list.replaceChildren();
      show(byID('feed-none'), true);
    },
  };
}

function line(e) {
  return el('li', { class: ending(e.event) && e.event !== 'released' ? 'bad' : e.event },
    el('time', { datetime: e.at, title: e.at }, timeOfDay(e.at)), ' ',
    el('span', { class: 'event' }, e.event.replace('_', ' ')), ' ',
    el('span', {}, link(e.kind, e.name), ' ', el('span', { class: 'owner' }, e.owner), el('span', { class: 'also' }, extra(e))));
}

/** What there is to say besides. The token is in the detail: sixteen digits in each line hide the rest. */
function extra(e) {
  const words = [];
  if (e.waited_ms > 0) words.push(`waited ${fine(e.waited_ms)}`);
  if (e.reason) words.push(e.reason);
  if (e.why) words.push(`“${e.why}”`);
  return words.length ? ` ${words.join(', ')}` : '';
}
