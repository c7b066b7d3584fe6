import { afterAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { runCli } from '../support/cli.js';
import { PASSWORD, startImageRegistry, USER } from '../support/image-registry.js';
import { docker, removeImages } from '../support/images/docker.js';
import { writeTree } from '../support/images/project.js';
import { inTemporaryFolder } from '../support/temporary.js';

const PROJECT = `secrets-${randomUUID().slice(0, 8)}`;
const TOKEN = `tok-${randomUUID()}`;

afterAll(async () => {
  const images = (await docker(['images', '-q', '--no-trunc', '--filter', `label=wheelwright.project=${PROJECT}`])).split('\n').filter(Boolean);
  await removeImages([...new Set(images)]);
});

test('a secret of the command line reaches its step, and nothing that the run leaves or says', async () => {
  await inTemporaryFolder(async (dir) => {
    await writeTree(dir, {
      'project.yml': `name: ${PROJECT}\nimages:\n  web: {context: web}\n`,
      'web/Dockerfile': `FROM debian:trixie-slim\nRUN --mount=type=secret,id=token,required=true cat /run/secrets/token; sha256sum /run/secrets/token | cut -c 1-8 > /sum # ${PROJECT}\n`,
    });
    const env = { TOKEN };
    const without = await runCli(['images', '--offline'], { cwd: dir, env });
    expect(without.status).toBe(1);
    expect(without.stderr).toContain('web/Dockerfile:2:1');
    const result = await runCli(['images', '--offline', '--json', '--verbose', '--secret', 'id=token,env=TOKEN'], { cwd: dir, env });
    expect([result.status, result.stderr]).toEqual([0, expect.any(String)]);
    const [image] = result.json<{ images: { id: string; status: string }[] }>().images;
    expect(image?.status).toBe('built');
    expect(await docker(['run', '--rm', '--network=none', image!.id, 'wc', '-c', '/sum'])).toBe('9 /sum\n');
    expect(result.stderr).toContain('***');
    expect([without, result].map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain(TOKEN);
    // grep -r ends with 1 where it finds nothing.
    expect(() => execFileSync('grep', ['-r', '-q', TOKEN, join(dir)], { timeout: 60_000 })).toThrow(expect.objectContaining({ status: 1 }));
  });
});

test('a base from a registry with a password is pulled with the credentials for that registry, and no others', async () => {
  const registry = await startImageRegistry({ password: true });
  const base = `${registry.host}/private/base:1`;
  try {
    await inTemporaryFolder(async (dir) => {
      await writeTree(dir, {
        'base/Dockerfile': `FROM scratch\nCOPY Dockerfile /\nLABEL test=${PROJECT}\n`,
        'project.yml': `name: ${PROJECT}\nimages:\n  child: {context: child}\n`,
        'child/Dockerfile': `FROM ${base}\nLABEL child=1\n`,
      });
      const auth = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
      const config = (host: string) => JSON.stringify({ auths: { [host]: { auth } } });
      await writeTree(dir, { 'docker/config.json': config(registry.host) });
      await docker(['build', '-q', '-t', base, join(dir, 'base')], { DOCKER_BUILDKIT: '0' });
      await docker(['push', '-q', base], { DOCKER_CONFIG: join(dir, 'docker') });
      await docker(['rmi', base]);
      const stranger = await runCli(['images'], { cwd: dir, env: { DOCKER_AUTH_CONFIG: config('other.example') } });
      expect(stranger.status).toBe(1);
      expect(stranger.stderr).toContain('child/Dockerfile:1:6');
      const known = await runCli(['images', '--json'], { cwd: dir, env: { DOCKER_AUTH_CONFIG: config(registry.host) } });
      expect([known.status, known.stderr]).toEqual([0, expect.any(String)]);
      expect([stranger, known].map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain(PASSWORD);
    });
  } finally {
    await removeImages([base]);
    await registry.close();
  }
});
