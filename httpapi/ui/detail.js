// One lock or election: who has it, who waits, what happened to it and why it was lost, and the command that takes it away.

import { byID, countUp, el, keyed, show, still, text } from './dom.js';
import { remark, timeLeft } from './tables.js';
import { ending, fine, timeOfDay } from './words.js';

const places = { lock: 'v1/locks', election: 'v1/elections' };
export const pathOf = ({ kind, name }) => `${places[kind]}/${encodeURIComponent(name)}`;

/** The page reads. What ends a grant is said in a terminal, where one sees as whom. */
export const command = ({ kind, name }, token) =>
  `sidelock release --force ${name}${kind === 'election' ? ' --election' : ''} --token ${token} --reason 'WHY'`;

/** The detail of one name. It is made when that is opened, and brought up to date from then on. */
export function detail(what) {
  const state = el('p', { class: 'state' });
  const holders = el('ul', { class: 'holders' });
  const queueTitle = el('h3', { hidden: true });
  const queue = el('ol', { class: 'queue' });
  const lost = el('ol', { class: 'past' });
  const past = el('ol', { class: 'past' });
  const lostTitle = el('h3', { hidden: true }, 'Why it was lost');
  const pastTitle = el('h3', { hidden: true }, 'Last events');
  byID('detail-body').replaceChildren(state, holders, queueTitle, queue, lostTitle, lost, pastTitle, past);
  text(byID('detail-title'), what.name);

  const holderList = keyed(holders, (h) => String(h.token), (h) => holder(what, h));
  const queueList = keyed(queue, (w) => [w.owner, w.nth].join('\n'), (w) => {
    const since = el('span', { class: 'also' });
    return [el('li', {}, el('span', { class: 'owner' }, w.owner), ' ', since), (now) => countUp(since, now.waiting_for_ms)];
  });
  const lists = [keyed(lost, eventKey, event), keyed(past, eventKey, event)];
  const update = (body) => {
    const holding = what.kind === 'lock' ? body.holders : body.leader ? [body.leader] : [];
    const waiting = what.kind === 'lock' ? body.queue : body.candidates;
    text(state, summary(what, body, holding, waiting));
    holderList(holding);
    queueList(counted(waiting.slice(0, mostWaiters), (w) => w.owner));
    text(queueTitle, what.kind === 'lock' ? 'Waiting, the next one first' : 'Standing by, the next one first');
    show(queueTitle, waiting.length > 0);
  };
  const remember = (history) => {
    const worth = history.notable.filter((e) => ending(e.event) || e.why);
    lists[0](counted(worth.toReversed(), eventOf));
    lists[1](counted(history.events.toReversed(), eventOf));
    show(lostTitle, worth.length > 0);
    show(pastTitle, history.events.length > 0);
  };
  return { update, remember };
}

const mostWaiters = 100; // shown; there may be a thousand

function summary(what, body, holding, waiting) {
  const noun = what.kind === 'lock' ? 'Lock' : 'Election';
  const has = holding.length === 0 ? (what.kind === 'lock' ? 'free' : 'nobody leads')
    : what.kind === 'election' ? 'led' : body.limit === null ? 'shared' : body.limit > 1 ? `held by ${holding.length} of ${body.limit}` : 'held';
  const more = waiting.length > mostWaiters ? `; of ${waiting.length} that wait, the first ${mostWaiters} are shown` : '';
  return `${noun}, ${has}${more}`;
}

/** Numbers those that are alike, so that each has a key of its own. */
export function counted(items, key) {
  const seen = new Map();
  return items.map((item) => {
    const nth = seen.get(key(item)) ?? 0;
    seen.set(key(item), nth + 1);
    return { ...item, nth };
  });
}

function holder(what, first) {
  const held = el('dd');
  const left = timeLeft();
  const renewed = el('dd');
  const value = el('dd');
  const tag = el('span', { class: 'tag' });
  const line = command(what, first.token);
  const facts = el('dl', {},
    ...fact('Token', el('dd', { class: 'figures' }, String(first.token))),
    ...(what.kind === 'election' ? fact('Value', value) : []),
    ...fact(what.kind === 'lock' ? 'Held for' : 'Leading for', held),
    ...fact('Time left', el('dd', { class: 'left' }, ...left.nodes)),
    ...fact('Last renewed', renewed),
    ...fact('Through', el('dd', {}, first.via_node)),
    ...fact('Granted', el('dd', {}, el('time', { datetime: first.granted_at }, timeOfDay(first.granted_at)))),
    ...Object.entries(first.metadata).flatMap(([k, v]) => fact(k, el('dd', { class: 'data' }, v))));
  const node = el('li', {}, el('p', { class: 'holder' }, el('strong', { class: 'owner' }, first.owner), ' ', tag), facts, force(line));
  return [node, (h) => {
    text(tag, remark(h));
    text(value, h.value ?? '');
    countUp(held, h.held_for_ms ?? h.leading_for_ms);
    left.update(h);
    if (h.ended) still(renewed, '');
    else text(renewed, `${fine(h.last_renewed_ago_ms)} ago`);
  }];
}

const fact = (name, dd) => [el('dt', {}, name), dd];

function force(line) {
  const code = el('code', {}, line);
  const copy = el('button', { type: 'button', class: 'quiet' }, 'Copy');
  copy.addEventListener('click', async () => {
    getSelection().selectAllChildren(code);
    const done = await navigator.clipboard?.writeText(line).then(() => true, () => false);
    copy.textContent = done ? 'Copied' : 'Selected'; // without TLS, and not on this machine, a page may not copy
  });
  return el('details', { class: 'force' }, el('summary', {}, 'Take it away by force'),
    el('p', {}, 'In a terminal, beside a sidecar of the group and as its user. The holder is told the reason, and others get it when he lets go, or at the time that is left.'),
    el('div', { class: 'command' }, code, copy));
}

const eventOf = (e) => [e.event, e.owner, e.token, e.at].join('\n');
const eventKey = (e) => `${eventOf(e)}\n${e.nth}`;

function event(e) {
  const end = ending(e.event);
  const line = el('li', { class: e.event },
    el('time', { datetime: e.at, title: e.at }, timeOfDay(e.at)), ' ',
    el('span', { class: 'event' }, e.event), ' ', el('span', { class: 'owner' }, e.owner),
    e.why ? el('span', { class: 'why' }, `“${e.why}”`) : null,
    el('span', { class: 'also more' }, [
      `token ${e.token}`,
      end && e.held_ms !== undefined ? `held ${fine(e.held_ms)}, last renewed ${fine(e.last_renewed_ago_ms)} before the end` : '',
      e.via_node && `through ${e.via_node}`,
    ].filter(Boolean).join(' · ')));
  return [line, () => {}];
}
