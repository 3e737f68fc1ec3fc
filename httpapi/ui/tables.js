// The tables: one row for each lock, election, hold and member.

import { countDown, countUp, el, keyed, still, text } from './dom.js';
import { capital, duration, fine } from './words.js';

/** A link that opens the detail of a name; app.js takes the click. */
export const link = (kind, name) => el('a', { href: `?${new URLSearchParams({ [kind]: name })}`, 'data-open': kind }, name);

const cell = (label, attributes = {}, ...children) => el('td', { 'data-label': label, ...attributes }, ...children);
const number = (label) => cell(label, { class: 'number' });

/** Time left, as a number and as a bar. A renewal is due when a third has gone: where half has, one was missed. */
export function timeLeft() {
  const words = el('span');
  const bar = el('progress', { max: 1, 'aria-hidden': 'true' });
  const update = (holder) => {
    bar.hidden = !holder || Boolean(holder.ended);
    if (!holder) return still(words, '');
    if (holder.ended) return countDown(words, Math.max(holder.expires_in_ms, holder.min_hold_left_ms ?? 0));
    const whole = holder.expires_in_ms + holder.last_renewed_ago_ms;
    bar.value = whole ? holder.expires_in_ms / whole : 0;
    bar.classList.toggle('low', bar.value < 0.5);
    return countDown(words, holder.expires_in_ms);
  };
  return { nodes: [words, bar], update };
}

/** What is unusual about a holder, in a word; '' if nothing is. */
export function remark(holder) {
  if (!holder?.ended) return '';
  return holder.min_hold_left_ms !== undefined ? `${holder.ended}; place kept` : holder.ended;
}

/** Rows of locks or of elections: they differ in where the holder, and what is special, stand. */
function names(body, kind, labels, holderOf, more, waiting) {
  const rows = keyed(body, (n) => n.name, (first) => {
    const owner = el('span', { class: 'owner' });
    const also = el('span', { class: 'also' });
    const tag = el('span', { class: 'tag' });
    const token = number('Token');
    const held = number(labels.held);
    const left = timeLeft();
    const queue = number(labels.queue);
    const row = el('tr', {}, el('th', { scope: 'row' }, link(kind, first.name)), cell(labels.holder, { class: 'who' }, owner, ' ', also, ' ', tag),
      token, held, cell('Time left', { class: 'number left' }, ...left.nodes), queue);
    return [row, (n) => {
      const holder = holderOf(n);
      row.classList.toggle('free', !holder);
      text(owner, holder ? holder.owner : labels.nobody);
      text(also, holder ? more(n, holder) : '');
      text(tag, remark(holder));
      text(token, holder ? String(holder.token) : '');
      if (holder) countUp(held, holder.held_for_ms ?? holder.leading_for_ms);
      else still(held, '');
      left.update(holder);
      text(queue, waiting(n) ? String(waiting(n)) : '');
      queue.classList.toggle('some', waiting(n) > 0);
    }];
  });
  return rows;
}

export const lockTable = (body) => names(body, 'lock', { holder: 'Holder', held: 'Held for', queue: 'Waiting', nobody: 'free' },
  (l) => l.holders[0],
  (l) => [l.holder_count > 1 ? `and ${l.holder_count - 1} more` : '', l.limit === null ? 'shared' : l.limit > 1 ? `of ${l.limit}` : ''].filter(Boolean).join(', '),
  (l) => l.queue_length);

export const electionTable = (body) => names(body, 'election', { holder: 'Leader', held: 'Leading for', queue: 'Standing by', nobody: 'nobody' },
  (e) => e.leader, (_, leader) => leader.value, (e) => e.candidate_count);

/** What this sidecar keeps. Several may stand at one name, so the key is the place. */
export const keptTable = (body) => keyed(body, (h) => [h.kind, h.name, h.owner, h.state, h.token, h.nth].join('\n'), (first) => {
  const state = cell('State');
  const safe = number('Safe for');
  const row = el('tr', {}, el('th', { scope: 'row' }, link(first.kind, first.name), ' ', el('span', { class: 'also' }, first.kind === 'election' ? 'election' : '')),
    cell('For', { class: 'who' }, el('span', { class: 'owner' }, first.owner)), el('td', { class: 'number', 'data-label': 'Token' }, first.token === null ? '' : String(first.token)), state, safe);
  return [row, (h) => {
    row.classList.toggle('jeopardy', h.jeopardy);
    text(state, h.jeopardy ? `in jeopardy: ${h.reason}` : h.position ? `${h.state}, number ${h.position} in line` : h.state);
    if (h.valid_for_ms === null) still(safe, '');
    else countDown(safe, h.valid_for_ms, 'over');
  }];
});

export const memberTable = (body) => keyed(body, (m) => m.id, (first) => {
  const name = el('span');
  const here = el('span', { class: 'also' });
  const [role, health, contact] = [cell('Role'), cell('Health'), number('Last contact')];
  const [version, where] = [cell('Version'), cell('Address', { class: 'address' })];
  const row = el('tr', {}, el('th', { scope: 'row' }, name, ' ', here), role, health, contact, version, where);
  return [row, (m) => {
    row.classList.toggle('silent', !m.healthy);
    text(name, m.name || first.id);
    text(here, m.here ? 'this one' : '');
    text(role, m.leads ? `${capital(m.role)}, Raft leader` : capital(m.role));
    text(health, m.healthy ? 'well' : 'not heard of');
    text(contact, m.here ? 'now' : m.last_contact_ms === null ? 'not known here' : `${m.last_contact_ms < 10000 ? fine(m.last_contact_ms) : duration(m.last_contact_ms)} ago`);
    text(version, m.version ?? '');
    text(where, [m.address, m.zone && `zone ${m.zone}`].filter(Boolean).join(', '));
  }];
});
