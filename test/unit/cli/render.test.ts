import { describe, expect, test } from '@jest/globals';
import type { Event } from '../../../src/core/events.js';
import { liveRenderer } from '../../../src/cli/render/live.js';
import { plainRenderer } from '../../../src/cli/render/plain.js';
import { printable, renderProblem } from '../../../src/cli/render/problem.js';

/** What somebody may call a file, a package, or print in a build. */
const EVIL = 'a\x1b]0;title\x07b\x1b[2Jc\nerror: forged\r\n::set-env name=x::y\u009b31md\u202ee';
const SAFE = 'a\ufffd]0;title\ufffdbc error: forged ::set-env name=x::y\ufffd31md\ufffde';

describe('foreign text', () => {
  test('is one line without anything that drives a terminal; tabs and other scripts stay', () => {
    expect(printable(EVIL)).toBe(SAFE);
    expect(printable('\tnaïve 日本 😀 ünï')).toBe('\tnaïve 日本 😀 ünï');
  });

  test('in every part of a problem', () => {
    const place = { file: EVIL, line: 1, column: 2 };
    const lines = renderProblem({ reason: 'build', message: EVIL, place, detail: [EVIL], related: { message: EVIL, place }, advice: EVIL });
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toBe(printable(line));
  });

  test('in logs and in names, in plain lines and in the region of a terminal', () => {
    const events: Event[] = [
      { type: 'artifact', name: EVIL, state: 'started' },
      { type: 'package', artifact: EVIL, package: EVIL, state: 'compiling' },
      { type: 'image', name: EVIL, state: 'started' },
      { type: 'log', subject: EVIL, line: EVIL },
      { type: 'push', name: EVIL, state: 'started' },
      { type: 'step', subject: EVIL, message: EVIL },
      { type: 'waiting', message: EVIL },
    ];
    const written: string[] = [];
    const plain = plainRenderer((text) => written.push(text), { verbose: true });
    const region = Object.assign((text: string) => written.push(`${text}\n`), { clear: () => undefined, done: () => undefined });
    const live = liveRenderer(region, (text) => written.push(text), { verbose: true });
    for (const event of events) for (const renderer of [plain, live]) renderer.event(event);
    live.close();
    const lines = written.join('').split('\n');
    expect(lines.length).toBeGreaterThan(events.length * 2);
    expect(lines.filter((line) => /^(?:error: forged|::)/.test(line.trim()) || line !== printable(line))).toEqual([]);
  });
});
