// The sidecar's API: reads alone, with the key that the person has given, if one was needed.

const keyItem = 'sidelock-api-key'; // in sessionStorage: it goes with the tab

export const key = {
  get: () => sessionStorage.getItem(keyItem),
  set: (k) => sessionStorage.setItem(keyItem, k),
  forget: () => sessionStorage.removeItem(keyItem),
};

/** An answer that is none: a problem document, or (status 0) nobody answered. */
export class Problem extends Error {
  constructor({ status = 0, code = 'unreachable', detail = 'the sidecar does not answer' } = {}) {
    super(detail);
    Object.assign(this, { status, code });
  }
}

const answersWithin = 8000; // ms; a read sits out a missing Raft leader for 5 s

async function send(path, signal) {
  const headers = key.get() ? { Authorization: `Bearer ${key.get()}` } : {};
  let answer;
  try {
    answer = await fetch(path, { headers, signal, cache: 'no-store', redirect: 'error' });
  } catch {
    throw new Problem();
  }
  if (answer.ok) return answer;
  throw new Problem(await answer.json().catch(() => ({ status: answer.status, code: 'unknown', detail: `answered ${answer.status}` })));
}

/** Path and parameters; those that are empty are left out. */
export function address(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, v]) => v !== '' && v !== null && v !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** One read. @returns {Promise<{body: any, index: number, staleness: ?number}>} */
export async function read(path, parameters) {
  const answer = await send(address(path, parameters), AbortSignal.timeout(answersWithin));
  const staleness = answer.headers.get('Sidelock-Staleness-Ms');
  try {
    return { body: await answer.json(), index: Number(answer.headers.get('Sidelock-Index')), staleness: staleness === null ? null : Number(staleness) };
  } catch {
    throw new Problem();
  }
}

const silence = 20000; // ms; a stream that lives says something every 15 s

/**
 * Follows what happens until the stream ends, which it says by a Problem or by coming back. A `state` is not looked into: it may be
 * large, and the lists have all that the page shows.
 * @param {{prefix: string, after: string}} from
 * @param {AbortSignal} signal
 * @param {(event: {event: string, id: string}) => void} heard
 */
export async function follow(from, signal, heard) {
  const quiet = new AbortController();
  let timer = setTimeout(() => quiet.abort(), silence);
  try {
    const answer = await send(address('v1/events', from), AbortSignal.any([signal, quiet.signal]));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ''; ;) {
      const { value, done } = await reader.read().catch(() => ({ done: true }));
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), silence);
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      lines.forEach((line) => heard(parse(line)));
    }
  } finally {
    clearTimeout(timer);
  }
}

function parse(line) {
  if (!line.startsWith('{"event":"state"')) return JSON.parse(line);
  return { event: 'state', id: /^.{17}"id":"([0-9.]+)"/.exec(line)?.[1] };
}
