// The page as a whole: what is looked at, when it is read anew, and what is said of the connection.

import { Problem, follow, key, read } from './api.js';
import { counted, detail, pathOf } from './detail.js';
import { byID, el, show, text, tick } from './dom.js';
import { feed } from './feed.js';
import { electionTable, keptTable, lockTable, memberTable } from './tables.js';
import { capital, duration, plural, verdict } from './words.js';

const perPage = 50;
const refreshEvery = 2000; // ms: renewals are no events, and time that is left is only known by asking
const refreshAtLeast = 250; // ms between two refreshes, however much happens
const retryAfter = [500, 1000, 2000, 4000]; // ms, of the stream
const roles = ['voter', 'spare', 'agent'];
const remembered = 2000; // entries of the log that the feed looks back, where the sidecar remembers them

const cluster = { now: null, members: memberTable(byID('member-rows')) };
const happened = feed();
const lists = [
  list('v1/locks', 'locks', 'lock', lockTable),
  list('v1/elections', 'elections', 'election', electionTable),
];
const kept = keptTable(byID('kept-rows'));
const link = { heard: 0, up: false, ever: false, locked: false };
let opened = null; // {kind, name, view, index}
let prefix = new URLSearchParams(location.search).get('prefix') ?? '';

// Lists, in pages.

/** One paged list. `before` has where the pages before this one begin. */
function list(path, noun, kind, table) {
  const l = { path, noun, before: [], after: '', rows: table(byID(`${kind}-rows`)), next: null, nav: byID(`${kind}-pages`) };
  const turn = (label, go) => {
    const button = el('button', { type: 'button', class: 'quiet' }, label);
    button.addEventListener('click', () => { go(); refresh(); byID(noun).focus(); });
    return button;
  };
  l.previous = turn('Previous', () => { l.after = l.before.pop() ?? ''; });
  l.following = turn('Next', () => { l.before.push(l.after); l.after = l.next; });
  l.words = el('span');
  l.nav.append(l.previous, l.words, l.following);
  return l;
}

/** Where there is no majority only this sidecar's own replica can be read; an agent has none. */
const consistency = () => (cluster.now?.node.role === 'agent' ? '' : 'local');

async function readList(l) {
  const { body, index, staleness } = await read(l.path, { prefix, after: l.after, limit: perPage, consistency: consistency() });
  const items = body[l.noun];
  l.rows(items);
  Object.assign(l, { next: body.next, index, staleness });
  const first = l.before.length * perPage + 1;
  const paged = l.before.length > 0 || body.next !== null;
  text(byID(`${l.noun}-count`), items.length ? (paged ? `${first} to ${first + items.length - 1}${body.next === null ? '' : ', and more'}` : String(items.length)) : '');
  text(byID(`${l.noun}-none`), prefix ? `No ${l.noun} whose names begin with ${prefix}.` : `No ${l.noun}.`);
  show(byID(`${l.noun}-none`), items.length === 0);
  byID(`${l.noun}-none`).previousElementSibling.hidden = items.length === 0;
  show(l.nav, paged);
  l.previous.disabled = l.before.length === 0;
  l.following.disabled = body.next === null;
  text(l.words, `Page ${l.before.length + 1}`);
}

async function readKept() {
  const { body } = await read('v1/holds', { prefix, limit: 100 });
  kept(counted(body.holds, (h) => [h.kind, h.name, h.owner, h.state, h.token].join('\n')));
  const hidden = body.total - body.holds.length;
  text(byID('kept-count'), [body.total ? String(body.total) : '', body.in_jeopardy ? `${body.in_jeopardy} in jeopardy` : '', hidden ? `the first ${body.holds.length} shown` : ''].filter(Boolean).join(', '));
  byID('kept-count').classList.toggle('bad', body.in_jeopardy > 0);
  text(byID('kept-none'), 'Nothing.');
  show(byID('kept-none'), body.holds.length === 0);
  byID('kept-none').previousElementSibling.hidden = body.holds.length === 0;
}

async function readCluster() {
  const { body } = await read('v1/cluster');
  cluster.now = body;
  cluster.members(body.members
    .map((m) => ({ ...m, here: m.id === body.node.id, leads: m.id === body.raft_leader?.id }))
    .sort((a, b) => roles.indexOf(a.role) - roles.indexOf(b.role) || a.name.localeCompare(b.name)));
  text(byID('group-count'), plural(body.members.length, 'sidecar'));
  text(byID('node'), body.node.name);
  document.title = `${body.node.name}: sidelock`;
}

function notice(words) {
  text(byID('notice'), words);
  show(byID('notice'), words !== '');
}

// The name that is open.

async function readDetail() {
  if (!opened) return;
  const what = opened;
  const { body } = await read(pathOf(what), { consistency: consistency() });
  if (what !== opened) return;
  what.view.update(body);
  if (what.index === body.index) return;
  const history = await read(`${pathOf(what)}/history`, { consistency: consistency() });
  if (what !== opened) return;
  what.view.remember(history.body);
  what.index = body.index;
}

function openFromAddress() {
  const query = new URLSearchParams(location.search);
  const kind = ['lock', 'election'].find((k) => query.get(k));
  const name = kind && query.get(kind);
  if (kind === opened?.kind && name === opened?.name) return;
  opened = kind ? { kind, name, view: null } : null;
  show(byID('detail'), opened !== null);
  if (opened) {
    opened.view = detail(opened);
    refresh();
  }
}

/** Changes the address, which says what is looked at, so that it can be sent to somebody. */
function go(changes, how = 'pushState') {
  const query = new URLSearchParams(location.search);
  for (const [k, v] of Object.entries(changes)) {
    if (v) query.set(k, v);
    else query.delete(k);
  }
  history[how](null, '', query.size ? `?${query}` : location.pathname);
  openFromAddress();
}

let opener = null; // where the focus goes back to

function openName(a) {
  opener = a;
  const name = a.textContent;
  go({ lock: '', election: '', [a.dataset.open]: name });
  byID('detail-title').focus();
  byID('detail').scrollIntoView({ block: 'nearest' });
}

function closeName() {
  if (!opened) return;
  go({ lock: '', election: '' });
  if (opener?.isConnected) opener.focus();
  else byID('locks').focus();
}

// Reading anew.

let running = false;
let again = false;
let timer = 0;
let last = 0;

/** Reads everything that is looked at, soon; what happens meanwhile is read by the next round. */
function refresh() {
  again = true;
  if (running || link.locked || document.hidden) return;
  clearTimeout(timer);
  timer = setTimeout(round, Math.max(0, last + refreshAtLeast - performance.now()));
}

async function round() {
  [running, again, last] = [true, false, performance.now()];
  const results = await Promise.allSettled([readCluster(), ...lists.map(readList), readKept(), readDetail()]);
  running = false;
  const problems = results.filter((r) => r.status === 'rejected').map((r) => r.reason);
  problems.filter((p) => !(p instanceof Problem)).forEach(reportError); // faults of this page
  const refused = problems.find((p) => p.status === 401);
  if (refused) return askKey(refused);
  link.up = results[0].reason?.status !== 0; // of the group, for which the sidecar asks nobody
  if (link.up) link.heard = performance.now();
  const worst = link.up && problems[0];
  if (worst) notice(`${capital(worst.message)} (${worst.code ?? 'a fault of this page'}).`);
  else if (byID('prefix').value.trim() === prefix) notice('');
  sayLink();
  clearTimeout(timer);
  if (again) refresh();
  else timer = setTimeout(refresh, refreshEvery);
  return undefined;
}

// The stream.

let stream = new AbortController();
let position = '';

/** Follows what happens, and goes on where it was after each break. */
async function listen() {
  stream.abort();
  stream = new AbortController();
  const { signal } = stream;
  position = '';
  happened.clear();
  for (let tries = 0; !signal.aborted;) {
    try {
      position ||= await start();
      await follow({ prefix, after: position }, signal, (e) => {
        if (signal.aborted) return;
        tries = 0;
        position = e.id ?? position;
        link.heard = performance.now();
        if (!link.up || e.event !== 'alive') refresh();
        happened.add(e);
      });
    } catch (p) {
      if (!(p instanceof Problem)) reportError(p);
      if (p.status === 401) return askKey(p);
    }
    if (signal.aborted) return undefined;
    refresh(); // which tells whether the sidecar has gone, or the stream alone
    await new Promise((wake) => { setTimeout(wake, retryAfter[Math.min(tries++, retryAfter.length - 1)]); });
  }
  return undefined;
}

/** A little before now, so that the feed does not begin empty. */
async function start() {
  const { index } = await read('v1/locks', { prefix, limit: 1, consistency: consistency() });
  return `${Math.max(0, index - remembered)}.0`;
}

// The key.

function askKey(problem) {
  if (link.locked) return; // the stream and the reads are refused together
  link.locked = true;
  stream.abort();
  clearTimeout(timer);
  sayLink();
  text(byID('key-wrong'), key.get() ? capital(problem.message) : '');
  show(byID('key-wrong'), Boolean(key.get()));
  key.forget();
  show(byID('forget'), false);
  show(byID('enter'), true);
  if (!byID('ask-key').open) byID('ask-key').showModal();
}

function useKey(event) {
  event.preventDefault();
  const given = byID('key').value.trim();
  if (!/^[\x21-\x7e]+$/.test(given)) {
    text(byID('key-wrong'), 'A key is printable ASCII without spaces.');
    show(byID('key-wrong'), true);
    return;
  }
  key.set(given);
  byID('key').value = '';
  byID('ask-key').close();
  begin();
}

// What is said of the group and of the connection.

function sayLink() {
  const age = performance.now() - link.heard;
  const state = link.locked ? 'locked' : link.up ? 'live' : link.ever ? 'lost' : 'waiting';
  const before = byID('link').dataset.state;
  byID('link').dataset.state = state;
  document.body.classList.toggle('old', state === 'lost');
  text(byID('link'), {
    locked: 'needs a key', live: age < 4000 ? 'live' : `live, ${duration(age)} old`, lost: `connection lost, all of this is ${duration(age)} old`, waiting: 'connecting',
  }[state]);
  link.ever ||= state === 'live';
  if (state === 'lost' && before === 'live') announce('The connection to the sidecar is lost.');
  if (state === 'live' && before === 'lost') announce('The connection to the sidecar is back.');
  sayVerdict(state);
}

function sayVerdict(state) {
  if (!cluster.now) return;
  const v = verdict(cluster.now);
  if (state === 'lost') {
    v.because = `When it last answered: ${v.headline.charAt(0).toLowerCase()}${v.headline.slice(1)}. ${v.because}`;
    [v.mood, v.headline] = ['unknown', `${cluster.now.node.name} does not answer`];
  }
  const stale = Math.max(...lists.map((l) => l.staleness ?? 0));
  if (state === 'live' && stale > 3000) v.because += `. ${cluster.now.node.name} last knew all that was committed ${duration(stale)} ago: names below are as old`;
  byID('verdict').dataset.mood = v.mood;
  if (byID('headline').textContent !== v.headline && state !== 'lost') announce(`${v.headline}. ${v.because}.`);
  text(byID('headline'), v.headline);
  text(byID('because'), v.because ? `${v.because}.` : '');
}

/** For who does not see: changes of the group and of the connection, and not each lock's. */
const announce = (words) => text(byID('announce'), words);

// Wiring.

function setPrefix(value) {
  if (!/^([A-Za-z0-9][A-Za-z0-9._:-]*)?$/.test(value)) {
    return notice('No name begins so: they have letters, digits and . _ : - and begin with a letter or a digit.');
  }
  prefix = value;
  for (const l of lists) Object.assign(l, { before: [], after: '' });
  go({ prefix }, 'replaceState');
  notice('');
  listen();
  return refresh();
}

let typing = 0;
byID('prefix').value = prefix;
byID('prefix').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => setPrefix(byID('prefix').value.trim()), 200);
});
document.addEventListener('keydown', (e) => {
  const writing = e.target.closest?.('input, dialog');
  if (e.key === '/' && !writing && !e.ctrlKey && !e.metaKey && !e.altKey) {
    e.preventDefault();
    byID('prefix').focus();
  } else if (e.key === 'Escape' && !writing) {
    closeName();
  }
});
document.addEventListener('click', (e) => {
  const a = e.target.closest('a[data-open]');
  if (!a || e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
  e.preventDefault();
  openName(a);
});
byID('close').addEventListener('click', closeName);
byID('key-form').addEventListener('submit', useKey);
byID('enter').addEventListener('click', () => byID('ask-key').showModal());
byID('forget').addEventListener('click', () => {
  key.forget();
  location.reload();
});
addEventListener('popstate', () => {
  const before = new URLSearchParams(location.search).get('prefix') ?? '';
  if (before !== prefix) {
    byID('prefix').value = before;
    setPrefix(before);
  }
  openFromAddress();
});
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
setInterval(() => { tick(); sayLink(); }, 1000);

function begin() {
  link.locked = false;
  show(byID('forget'), Boolean(key.get()));
  show(byID('enter'), false);
  refresh();
  listen();
}

openFromAddress();
begin();
