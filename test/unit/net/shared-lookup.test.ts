import { expect, test } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAgents } from '../../../src/net/agents.js';
import { sharedLookup, type AskAll } from '../../../src/net/shared-lookup.js';

const ADDRESSES: LookupAddress[] = [{ address: '192.0.2.1', family: 4 }, { address: '2001:db8::1', family: 6 }];

function rig(answers: readonly (readonly LookupAddress[] | Error)[]) {
  let asked = 0;
  let time = 0;
  const ask: AskAll = (_name, _options, callback) => {
    const answer = answers[Math.min(asked, answers.length - 1)]!;
    asked += 1;
    setImmediate(() => (answer instanceof Error ? callback(answer, []) : callback(null, [...answer])));
  };
  const lookup = sharedLookup({ ask, now: () => time });
  return {
    asked: () => asked,
    pass: (ms: number) => (time += ms),
    all: (name: string) => new Promise((resolve, reject) => lookup(name, { all: true }, (error, list) => (error === null ? resolve(list) : reject(error)))),
    one: (name: string, family?: number) => new Promise((resolve, reject) => lookup(name, family === undefined ? {} : { family }, (error, address) => (error === null ? resolve(address) : reject(error)))),
  };
}

test('connections that begin together ask once, and so do those of the next minute', async () => {
  const { all, one, asked, pass } = rig([ADDRESSES]);
  expect(await Promise.all(Array.from({ length: 16 }, () => all('registry.example')))).toEqual(Array.from({ length: 16 }, () => ADDRESSES));
  expect(await one('registry.example')).toBe('192.0.2.1');
  expect(asked()).toBe(1);
  pass(61_000);
  await all('registry.example');
  expect(asked()).toBe(2);
});

test('other names and other families are other questions', async () => {
  const { all, one, asked } = rig([ADDRESSES]);
  await Promise.all([all('a.example'), all('b.example'), one('a.example', 6)]);
  expect(asked()).toBe(3);
});

test('a failure is everybody’s who waits for it, and nobody’s afterwards', async () => {
  const { all, asked } = rig([new Error('EAI_AGAIN'), ADDRESSES]);
  const outcomes = await Promise.allSettled([all('a.example'), all('a.example')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await all('a.example')).toEqual(ADDRESSES);
  expect(asked()).toBe(2);
});

test('connections are made with it', async () => {
  const server = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    let asked = 0;
    const ask: AskAll = (_name, _options, callback) => ((asked += 1), callback(null, [{ address: '127.0.0.1', family: 4 }]));
    const agents = await createAgents({}, sharedLookup({ ask }));
    const url = new URL(`http://registry.example:${port}/`);
    const texts = await Promise.all(Array.from({ length: 8 }, () => new Promise((resolve, reject) => {
      get(url, { agent: agents(url).http, family: 4 }, (response) => response.setEncoding('utf8').on('data', resolve)).on('error', reject);
    })));
    expect(new Set(texts)).toEqual(new Set(['ok']));
    expect(asked).toBe(1);
    agents(url).http.destroy();
  } finally {
    server.close();
  }
});
