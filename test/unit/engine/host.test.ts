import { expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { connectionProblem } from '../../../src/engine/connection-problem.js';
import { engineFromContext } from '../../../src/engine/docker-context.js';
import { parseHost } from '../../../src/engine/host.js';

test.each([
  ['unix:///run/user/1000/docker.sock', false, { type: 'socket', path: '/run/user/1000/docker.sock' }],
  ['tcp://build-host', false, { type: 'tcp', hostname: 'build-host', port: 2375, tls: false }],
  ['tcp://build-host', true, { type: 'tcp', hostname: 'build-host', port: 2376, tls: true }],
  ['tcp://[::1]:1234/', false, { type: 'tcp', hostname: '::1', port: 1234, tls: false }],
  ['https://build-host:8443', false, { type: 'tcp', hostname: 'build-host', port: 8443, tls: true }],
  ['build-host:2375', false, { type: 'tcp', hostname: 'build-host', port: 2375, tls: false }],
])('%s (TLS %s)', (host, tls, expected) => expect(parseHost(host, tls)).toEqual(expected));

test.each(['unix://relative.sock', 'tcp://', 'tcp://host/path', 'ftp://host', 'tcp://host:port'])('%s is refused', (host) => {
  expect(() => parseHost(host, false)).toThrow(host);
});

test('ssh is refused with a way out', () => {
  expect(() => parseHost('ssh://me@there', false)).toThrow(expect.objectContaining({ problems: [expect.objectContaining({ advice: expect.stringContaining('ssh -NL') })] }));
});

test('permission denied, absent and refused are told apart', () => {
  const problem = (code: string) => connectionProblem('unix:///x', Object.assign(new Error('text'), { code }));
  expect(problem('EACCES')).toMatchObject({ message: expect.stringContaining('permission denied'), advice: expect.stringContaining('usermod') });
  expect(problem('ENOENT')).toMatchObject({ message: expect.stringContaining('does not exist'), advice: expect.stringContaining('start it') });
  expect(problem('ECONNRESET')).toMatchObject({ message: expect.stringContaining('was lost') });
  expect(problem('CERT_HAS_EXPIRED')).toMatchObject({ advice: expect.stringContaining('DOCKER_CERT_PATH') });
});

const id = createHash('sha256').update('remote').digest('hex');
const FILES: Readonly<Record<string, string>> = {
  '/d/config.json': JSON.stringify({ currentContext: 'remote' }),
  [`/d/contexts/meta/${id}/meta.json`]: JSON.stringify({ Name: 'remote', Endpoints: { docker: { Host: 'tcp://far:2376' } } }),
  [`/d/contexts/tls/${id}/docker/ca.pem`]: 'pem',
};
const sources = { configFolder: '/d', readFile: (path: string) => Promise.resolve(FILES[path]) };

test('the engine is the one that docker itself would use', async () => {
  expect(await engineFromContext(sources)).toEqual({ host: 'tcp://far:2376', certPath: `/d/contexts/tls/${id}/docker` });
  expect(await engineFromContext({ ...sources, host: 'unix:///x' })).toEqual({ host: 'unix:///x' });
  expect(await engineFromContext({ ...sources, host: 'tcp://x', tlsVerify: '1', certPath: '/c' })).toEqual({ host: 'tcp://x', certPath: '/c' });
  expect(await engineFromContext({ ...sources, context: 'default' })).toEqual({ host: 'unix:///var/run/docker.sock' });
  expect(await engineFromContext({ ...sources, readFile: () => Promise.resolve(undefined) })).toEqual({ host: 'unix:///var/run/docker.sock' });
  expect(await engineFromContext({ ...sources, readFile: () => Promise.resolve('not json') })).toEqual({ host: 'unix:///var/run/docker.sock' });
  await expect(engineFromContext({ ...sources, context: 'other' })).rejects.toThrow('the docker context "other"');
});
