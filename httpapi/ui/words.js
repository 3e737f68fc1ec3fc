// Words for people. Nothing here touches the page.

const small = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/** 2 → "two"; large numbers stay figures. */
export const inWords = (n) => small[n] ?? String(n);

export const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

export const capital = (s) => s.charAt(0).toUpperCase() + s.slice(1);

/** A duration with its two greatest units: 8m 12s. Rounded down: time that is left must not be overstated. */
export function duration(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${pad(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${pad(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d ${pad(Math.floor(s / 3600) % 24)}h`;
}

const pad = (n) => String(n).padStart(2, '0');

/** The same, with milliseconds where it is short. */
export const fine = (ms) => (ms < 1000 ? `${ms}ms` : ms < 10000 ? `${(Math.floor(ms / 100) / 10).toFixed(1)}s` : duration(ms));

/** The time of day of an RFC 3339 time, and the date where that is not today's. */
export function timeOfDay(at) {
  const t = new Date(at);
  const time = t.toLocaleTimeString('en-GB');
  return t.toDateString() === new Date().toDateString() ? time : `${t.toLocaleDateString('sv-SE')} ${time}`;
}

const ends = {
  released: 'given back',
  expired: 'expired: nobody renewed it',
  disconnected: 'its connection closed',
  revoked: 'its lease was ended',
  forced: 'ended by force',
};

/** Why a grant ended, in words; undefined where the event is no end. */
export const ending = (event) => ends[event];

/** How the group is, worst first: {mood, headline, because}. The words are those of `sidelock status`. */
export function verdict(cluster) {
  const voters = cluster.members.filter((m) => m.role === 'voter');
  const silent = cluster.members.filter((m) => !m.healthy).map((m) => m.name || m.id).sort();
  const missing = silent.length ? `${silent.join(', ')} ${silent.length > 1 ? 'are' : 'is'} not heard of` : '';
  const say = (mood, headline, ...because) => ({ mood, headline, because: because.filter(Boolean).join('. ') });
  const tolerance = cluster.failure_tolerance;
  if (!cluster.members.length) {
    return say('bad', 'The group has not formed yet', 'This sidecar waits for the others');
  }
  if (tolerance < 0) {
    return say('bad', 'There is no majority', 'Nothing is granted or renewed until it is back', missing);
  }
  if (!cluster.raft_leader) {
    return say('bad', 'There is no Raft leader', 'Nothing is granted or renewed until there is one; mostly a matter of a second', missing);
  }
  const well = voters.filter((m) => m.healthy).length;
  const leader = `Raft leader is ${cluster.raft_leader.name}; ${well === voters.length ? 'all' : `${inWords(well)} of`} ${inWords(voters.length)} voters are well`;
  const noun = voters.length === cluster.members.length ? 'sidecar' : 'voter';
  if (tolerance > 0) {
    return say(silent.length ? 'warn' : 'good', `${capital(inWords(tolerance))} more ${noun}${tolerance > 1 ? 's' : ''} may be lost`, missing, leader);
  }
  if (voters.length === 1) {
    return say('good', 'This is a group of one', 'It stops with its one voter', missing);
  }
  return say('warn', `No more ${noun}s may be lost`, missing, 'One less, and the group stops', leader);
}
