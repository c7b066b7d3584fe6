import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Failed, type Problem } from '../../../src/core/failure.js';
import { createCredentialFinder, type CredentialSources } from '../../../src/registry/find-credentials.js';
import { inTemporaryFolder } from '../../support/temporary.js';

const HOST = 'registry.example.com:5000';
const config = (content: unknown): Pick<CredentialSources, 'dockerConfig'> => ({ dockerConfig: async () => ({ text: JSON.stringify(content), path: '~/.docker/config.json' }) });
const auths = (user: string) => ({ auths: { [HOST]: { username: user, password: 'p' } } });
const userOf = async (sources: CredentialSources, registry = HOST): Promise<string | undefined> => {
  const found = await createCredentialFinder(sources)(registry);
  return found?.kind === 'password' ? found.username : found?.kind;
};

async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error: unknown = await work.then(() => new Error('it did not fail'), (reason: unknown) => reason);
  if (!(error instanceof Failed)) throw error;
  return error.problems[0] as Problem;
}

describe('the order of sources', () => {
  const all = {
    ARTIFACTS_REGISTRY_AUTH_REGISTRY_EXAMPLE_COM_5000: 'host:p',
    ARTIFACTS_REGISTRY_AUTH: 'own:p',
    DOCKER_AUTH_CONFIG: JSON.stringify(auths('inline')),
  };

  test('the first that has some wins', async () => {
    const file = config(auths('file'));
    expect(await userOf({ env: all, ownRegistry: HOST, ...file })).toBe('host');
    const { ARTIFACTS_REGISTRY_AUTH_REGISTRY_EXAMPLE_COM_5000: _, ...second } = all;
    expect(await userOf({ env: second, ownRegistry: HOST, ...file })).toBe('own');
    expect(await userOf({ env: second, ownRegistry: 'another.example.com', ...file })).toBe('inline');
    expect(await userOf({ env: second, ...file })).toBe('inline');
    expect(await userOf({ env: {}, ownRegistry: HOST, ...file })).toBe('file');
    expect(await userOf({ env: {}, ...file }, 'another.example.com')).toBeUndefined();
    expect(await userOf({ env: {} })).toBeUndefined();
  });

  test('a value without a colon is named, and not shown', async () => {
    const problem = await problemOf(userOf({ env: { ARTIFACTS_REGISTRY_AUTH: 'topsecret' }, ownRegistry: HOST }));
    expect(problem).toMatchObject({ reason: 'config', message: expect.stringContaining('ARTIFACTS_REGISTRY_AUTH') });
    expect(JSON.stringify(problem)).not.toContain('topsecret');
  });
});

/** A helper that is a shell script, found by PATH. */
async function withHelper<T>(script: string, work: (env: Record<string, string>) => Promise<T>): Promise<T> {
  return inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'bin'));
    const file = join(dir, 'bin/docker-credential-test');
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
    return work({ PATH: `${join(dir, 'bin')}:/usr/bin:/bin`, HOME: dir });
  });
}

describe('credential helpers', () => {
  const HELPED = config({ ...auths('file'), credHelpers: { [HOST]: 'test' } });
  const ask = (script: string, more: Partial<CredentialSources> = {}) => withHelper(script, (env) => createCredentialFinder({ env, ...HELPED, ...more })(HOST));

  test('are asked for the address on stdin', async () => {
    expect(await ask('read address; echo "{\\"ServerURL\\":\\"x\\",\\"Username\\":\\"$1 $address\\",\\"Secret\\":\\"s\\"}"')).toEqual({ kind: 'password', username: `get ${HOST}`, password: 's' });
  });

  test('may give a refresh token', async () => {
    expect(await ask('echo \'{"Username":"<token>","Secret":"refresh"}\'')).toEqual({ kind: 'identity-token', token: 'refresh' });
  });

  test('are asked by the address of Docker Hub that they know', async () => {
    const store = config({ credsStore: 'test' });
    const found = await withHelper('read address; echo "{\\"Username\\":\\"$address\\",\\"Secret\\":\\"s\\"}"', (env) => createCredentialFinder({ env, ...store })('docker.io'));
    expect(found).toMatchObject({ username: 'https://index.docker.io/v1/' });
  });

  test('that have nothing leave it to the file', async () => {
    expect(await ask('echo "credentials not found in native keychain"; exit 1')).toMatchObject({ username: 'file' });
  });

  test.each([
    ['fails', 'echo "key ring is locked" >&2; echo topsecret; exit 3', 'with status 3'],
    ['gives garbage', 'echo topsecret', 'not JSON'],
    ['gives other JSON', 'echo \'{"topsecret":1}\'', 'without a user name'],
    ['gives null', 'echo null', 'without a user name'],
  ])('a helper that %s', async (_, script, message) => {
    const problem = await problemOf(ask(script));
    expect(problem).toMatchObject({ reason: 'registry', message: expect.stringContaining(message) });
    expect(JSON.stringify(problem)).not.toContain('topsecret');
  });

  test('a helper that hangs, one that is not there, one that is no name', async () => {
    expect(await problemOf(ask('sleep 2', { helperTimeout: 50 }))).toMatchObject({ message: expect.stringContaining('does not answer') });
    expect(await problemOf(ask('', config({ credsStore: 'missing' })))).toMatchObject({ message: expect.stringContaining('is not installed') });
    expect(await problemOf(ask('', config({ credsStore: '../x' })))).toMatchObject({ message: expect.stringContaining('is not the name') });
  });

  test('each registry is asked for once', async () => {
    await inTemporaryFolder(async (dir) => {
      const found = await withHelper(`echo x >> ${dir}/calls; echo '{"Username":"u","Secret":"s"}'`, async (env) => {
        const find = createCredentialFinder({ env, ...HELPED });
        return Promise.all([find(HOST), find(HOST)]);
      });
      expect(found[0]).toEqual(found[1]);
      const { readFile } = await import('node:fs/promises');
      expect(await readFile(join(dir, 'calls'), 'utf8')).toBe('x\n');
    });
  });
});
