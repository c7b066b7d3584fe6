import { describe, expect, test } from '@jest/globals';
import { parseChmod } from '../../../src/assemble/chmod.js';
import { formatDuration, parseDuration } from '../../../src/assemble/duration.js';
import { quoted, quotedRune } from '../../../src/assemble/go-format.js';
import { exposedPorts } from '../../../src/assemble/port-specs.js';
import { resolveLinks } from '../../../src/assemble/resolve-links.js';
import { checkSignal } from '../../../src/assemble/signal.js';

test.each([
  ['0s', '0s', 0], ['90s', '1m30s', 90e9], ['1.5s', '1.5s', 1.5e9], ['100ms', '100ms', 1e8], ['1h', '1h0m0s', 3600e9], ['1h2m3.004s', '1h2m3.004s', 3_723_004_000_000], ['2us', '2µs', 2000], ['7ns', '7ns', 7], ['-3s', '-3s', -3e9], ['.5s', '500ms', 5e8],
])('the duration %s is %s', (text, written, nanoseconds) => {
  expect(parseDuration(text)).toBe(nanoseconds);
  expect(formatDuration(nanoseconds)).toBe(written);
});

test.each(['', '5', 'x', '1s x', 's', '1d'])('%j is no duration', (text) => expect(parseDuration(text)).toBeUndefined());

test.each([['a "b"', '"a \\"b\\""'], ['\t\n\\', '"\\t\\n\\\\"'], ['é日', '"é日"'], ['\u0001\u007f', '"\\x01\\x7f"'], ['\u200b', '"\\u200b"']])('%j is quoted as %s', (text, written) => expect(quoted(text)).toBe(written));

test.each([[3, "'\\x03'"], [65, "'A'"], [10, "'\\n'"], [39, "'\\''"]])('the number %d is quoted as %s', (code, written) => expect(quotedRune(code)).toBe(written));

test.each([['80', ['80/tcp']], ['8000-8002/UDP', ['8000/udp', '8001/udp', '8002/udp']], ['1:2', ['2/tcp']], ['080', ['80/tcp']]])('EXPOSE %s', (spec, ports) => expect(exposedPorts(spec)).toEqual(ports));
test.each(['x', '70000', '5-4', '80/icmp', ''])('EXPOSE %j is refused', (spec) => expect(() => exposedPorts(spec)).toThrow());

test.each([['644', 0o755, 0o644], ['u+x', 0o644, 0o744], ['a=rX,u+w', 0o711, 0o755], ['go=', 0o2777, 0o700], ['g=u', 0o2750, 0o2770], ['-w', 0o666, 0o444], ['+t', 0o755, 0o1755], ['o+t', 0o755, 0o755], ['u=,g=s,o=x', 0o777, 0o2001]])('--chmod=%s', (text, before, after) => {
  expect(parseChmod(text).change(before, 'file')).toBe(after);
});

test.each(['SIGTERM', 'kill', '9', 'RTMIN+3', 'sigrtmax-1'])('%s is a signal', (signal) => expect(() => checkSignal(signal)).not.toThrow());
test.each(['NO', '0', 'RTMIN+40', ''])('%j is no signal', (signal) => expect(() => checkSignal(signal)).toThrow());

describe('paths through links', () => {
  const links: Record<string, string> = { rel: 'real', abs: '/real', chain: 'rel', up: '../../real', 'real/back': '..', 'real/out': '../../../etc', dangling: 'no/where' };
  const lstat = async (path: string) => (path in links ? { type: 'symlink', target: links[path]! } : path === 'real' ? { type: 'directory' } : undefined);
  test.each([
    ['/rel/x', 'real/x'], ['chain/x/y', 'real/x/y'], ['/up', 'real'], ['/rel/back/rel/x', 'real/x'], ['/abs/out', 'etc'], ['/dangling/x', 'no/where/x'], ['/', ''], ['', ''], ['/a/../rel', 'real'], ['/rel/', 'real'],
  ])('%s is %s', async (path, resolved) => expect(await resolveLinks(lstat, path)).toBe(resolved));
});
