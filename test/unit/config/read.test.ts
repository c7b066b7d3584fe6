import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProject } from '../../../src/config/find.js';
import { readProject } from '../../../src/config/read.js';
import { Rig } from './rig.js';

const rig = new Rig();
afterAll(() => rig.remove());
const at = (line: number, column: number, file = 'project.yml'): object => ({ file, line, column });

describe('defaults', () => {
  test('of a project', async () => {
    expect(await rig.read('name: shop\n')).toEqual({
      name: 'shop',
      root: rig.root,
      file: 'project.yml',
      store: rig.path('.artifacts'),
      network: { noProxy: [] },
      builders: { network: 'bridge', env: [] },
      artifacts: new Map(),
      images: new Map(),
      dev: new Map(),
    });
  });

  test('of each kind of artifact', async () => {
    const { artifacts } = await rig.read(`name: shop
artifacts:
  python: { kind: python, builder: debian, requirements: [requirements/prod.txt] }
  node: { kind: node, builder: debian }
  static: { kind: command, builder: debian, inputs: [src/**], run: make, output: dist/ }
`);
    expect([...artifacts.values()]).toEqual([
      {
        kind: 'python', name: 'python', place: at(3, 3), builder: { value: 'debian', place: at(3, 36) }, env: [], prefix: '/opt/venv',
        requirements: [{ value: 'requirements/prod.txt', place: at(3, 59) }], extras: [], groups: [], extraIndex: [], findLinks: [], strict: false, compileBytecode: true,
      },
      { kind: 'node', name: 'node', place: at(4, 3), builder: { value: 'debian', place: at(4, 32) }, env: [], prefix: '/app', package: { value: 'package.json', place: at(4, 3) }, omit: [], scripts: 'allow', lean: false },
      {
        kind: 'command', name: 'static', place: at(5, 3), builder: { value: 'debian', place: at(5, 37) }, env: [], prefix: '/app/static',
        needs: [], inputs: [{ value: 'src/**', place: at(5, 54) }], run: 'make', output: 'dist',
      },
    ]);
  });

  test('of an image and a development mode', async () => {
    const { images, dev } = await rig.read('name: shop\nimages:\n  web: { context: images/web/ }\ndev:\n  web:\n');
    expect([...images.values()]).toEqual([{
      name: 'web', place: at(3, 3), repository: 'shop-web', context: { value: 'images/web', place: at(3, 19) }, dockerfile: { value: 'images/web/Dockerfile', place: at(3, 19) },
      artifacts: [], role: false, args: {}, secrets: {}, ssh: [], cacheFrom: [],
    }]);
    expect([...dev.values()]).toEqual([{ name: 'web', place: at(5, 3), image: { value: 'web', place: at(5, 3) }, mounts: [], ports: [], env: {}, passEnv: [] }]);
  });
});

test('every key', async () => {
  rig.write({ 'ca.pem': '' });
  const project = await rig.read(`
name: shop
registry: registry.example.com:5000/team/
store: /var/cache/artifacts
network: { ca: ca.pem, proxy: "http://proxy.example.com:3128", no_proxy: [localhost, .example.com] }
builders: { memory: 1.5g, cpus: 2, network: none, env: [TOKEN] }
artifacts:
  python:
    kind: python
    builder: builder
    env: [USER_NAME]
    prefix: /srv//venv/
    requirements: [./requirements/prod.txt, requirements/dev.txt]
    extras: [aws]
    groups: [test]
    index: https://\${USER_NAME}:\${TOKEN}@pypi.example.com/simple
    extra_index: [https://other.example.com/simple]
    find_links: [wheels, https://example.com/wheels]
    strict: true
    compile_bytecode: false
  node:
    kind: node
    builder: registry.example.com:5000/node:20@sha256:${'a'.repeat(64)}
    prefix: /
    package: shrunk/package.json
    omit: [dev, optional, dev]
    registry: https://npm.example.com/
    scripts: [esbuild, "@swc/core"]
    engine_strict: true
    lean: true
images:
  builder: { context: images/builder, repository: "example.com:80/b/c" }
  web:
    context: .
    dockerfile: images/web/Dockerfile
    include: [src/**, "!src/tests"]
    artifacts: [python, node]
    role: true
    args: { PYTHON: 3.10, DEBUG: true, EMPTY: "" }
    target: final
    platform: linux/arm64/v8
    network: host
    secrets: { npmrc: { file: /etc/npmrc }, token: { env: TOKEN } }
    ssh: [default]
    cache_from: [example.com/cache]
dev:
  lab:
    image: web
    mounts: [./src/:/app/src, /data:/data:ro, ../other:/other]
    ports: [8888, "8000:80/udp", "0.0.0.0:9000-9001:90-91", "[::1]:1:1"]
    command: jupyter lab --port 8888
    env: { PORT: 0x10, FLAG: yes }
    pass_env: [DISPLAY]
    working_dir: /app/
    network: host
`);
  expect(project).toMatchObject({
    registry: 'registry.example.com:5000/team',
    store: '/var/cache/artifacts',
    network: { ca: rig.path('ca.pem'), proxy: 'http://proxy.example.com:3128', noProxy: ['localhost', '.example.com'] },
    builders: { memory: 1.5 * 1024 ** 3, cpus: 2, network: 'none', env: ['TOKEN'] },
  });
  expect(project.artifacts.get('python')).toMatchObject({
    env: ['USER_NAME'], prefix: '/srv/venv', extras: ['aws'], groups: ['test'], index: 'https://${USER_NAME}:${TOKEN}@pypi.example.com/simple',
    extraIndex: ['https://other.example.com/simple'], findLinks: ['wheels', 'https://example.com/wheels'], strict: true, compileBytecode: false,
    requirements: [{ value: 'requirements/prod.txt' }, { value: 'requirements/dev.txt' }],
  });
  expect(project.artifacts.get('node')).toMatchObject({ prefix: '/', omit: ['dev', 'optional'], registry: 'https://npm.example.com/', scripts: ['esbuild', '@swc/core'], engineStrict: true, lean: true });
  expect(project.images.get('builder')?.repository).toBe('example.com:80/b/c');
  expect(project.images.get('web')).toMatchObject({
    repository: 'registry.example.com:5000/team/shop-web', context: { value: '.' }, dockerfile: { value: 'images/web/Dockerfile' }, include: ['src/**', '!src/tests'],
    role: true, args: { PYTHON: '3.10', DEBUG: 'true', EMPTY: '' }, target: 'final', platform: 'linux/arm64/v8', network: 'host',
    secrets: { npmrc: { file: '/etc/npmrc' }, token: { env: 'TOKEN' } }, ssh: ['default'], cacheFrom: ['example.com/cache'],
  });
  expect(project.dev.get('lab')).toMatchObject({
    image: { value: 'web' },
    mounts: [{ source: 'src', target: '/app/src', readOnly: false }, { source: '/data', target: '/data', readOnly: true }, { source: '../other', target: '/other' }],
    ports: [
      { hostIp: '127.0.0.1', hostPort: 0, containerPort: 8888, protocol: 'tcp' },
      { hostIp: '127.0.0.1', hostPort: 8000, containerPort: 80, protocol: 'udp' },
      { hostIp: '0.0.0.0', hostPort: 9000, containerPort: 90, protocol: 'tcp' },
      { hostIp: '0.0.0.0', hostPort: 9001, containerPort: 91, protocol: 'tcp' },
      { hostIp: '::1', hostPort: 1, containerPort: 1, protocol: 'tcp' },
    ],
    command: ['sh', '-c', 'jupyter lab --port 8888'],
    env: { PORT: '0x10', FLAG: 'yes' }, passEnv: ['DISPLAY'], workingDir: '/app', network: 'host',
  });
});

describe('YAML', () => {
  test('a byte order mark and CRLF are no part of the text, and columns do not count them', async () => {
    expect((await rig.read('\uFEFFname: shop\r\nstore: s\r\n')).store).toBe(rig.path('s'));
    expect(await rig.problems('\uFEFFnam: shop\r\n')).toEqual(['1:1 unknown key "nam" | Did you mean `name`?']);
  });

  test('anchors, aliases and merges are written out; keys of the map itself win; x- keys are a home for them', async () => {
    const { artifacts, dev } = await rig.read(`name: shop
x-common: &common { builder: debian, env: [A] }
artifacts:
  one: { <<: *common, kind: python, requirements: &r [requirements/prod.txt], env: [B] }
  two: { kind: python, requirements: *r, <<: [*common, { builder: other }] }
images: { web: { context: images/web } }
dev: { web: { command: [python, -m, app, 8000, true, 1.10] } }
`);
    expect(artifacts.get('one')).toMatchObject({ builder: { value: 'debian', place: at(2, 30) }, env: ['B'] });
    expect(artifacts.get('two')).toMatchObject({ builder: { value: 'debian' }, env: ['A'], requirements: [{ value: 'requirements/prod.txt', place: at(4, 55) }] });
    expect(dev.get('web')?.command).toEqual(['python', '-m', 'app', '8000', 'true', '1.10']);
  });

  test('sections whose lines are all commented out are empty', async () => {
    const project = await rig.read('name: shop\nartifacts:\nimages:\ndev:\nnetwork:\nbuilders:\n  env:\n');
    expect(project).toMatchObject({ artifacts: new Map(), images: new Map(), builders: { env: [] } });
  });
});

describe('finding the project file', () => {
  const other = realpathSync(mkdtempSync(join(tmpdir(), 'wheelwright-find-')));
  afterAll(() => rmSync(other, { recursive: true }));

  test('in the folder, or in those above up to the root of the checkout', async () => {
    mkdirSync(join(other, 'checkout/a/b'), { recursive: true });
    mkdirSync(join(other, 'worktree'));
    mkdirSync(join(other, 'checkout/.git'));
    writeFileSync(join(other, 'worktree/.git'), 'gitdir: elsewhere');
    writeFileSync(join(other, 'project.yml'), 'name: outside\n');
    expect(await findProject(join(other, 'checkout/a/b'))).toBeUndefined();
    expect(await findProject(join(other, 'worktree'))).toBeUndefined();
    writeFileSync(join(other, 'checkout/project.yml'), 'name: inside\n');
    expect(await findProject(join(other, 'checkout/a/b'))).toBe(join(other, 'checkout/project.yml'));
    const project = await readProject({ cwd: join(other, 'checkout/a/b') });
    expect(project).toMatchObject({ name: 'inside', root: join(other, 'checkout'), file: '../../project.yml' });
    expect(await findProject(other)).toBe(join(other, 'project.yml'));
  });

  test('a folder of that name is none', async () => {
    mkdirSync(join(other, 'checkout/a/project.yml'));
    expect(await findProject(join(other, 'checkout/a'))).toBe(join(other, 'checkout/project.yml'));
  });

  test('one that is named, from any folder', async () => {
    writeFileSync(join(other, 'checkout/a/other.yml'), 'name: named\nstore: s\n');
    expect(await readProject({ cwd: other, file: 'checkout/a/other.yml' })).toMatchObject({ name: 'named', root: join(other, 'checkout/a'), file: 'checkout/a/other.yml', store: join(other, 'checkout/a/s') });
  });

  test('none', async () => {
    rmSync(join(other, 'checkout/project.yml'));
    const problems = [{ reason: 'config', message: `there is no project.yml in ${join(other, 'checkout')} or a folder above it`, advice: 'Write one, or name one with --file' }];
    await expect(readProject({ cwd: join(other, 'checkout') })).rejects.toMatchObject({ problems });
    await expect(readProject({ cwd: other, file: 'none.yml' })).rejects.toMatchObject({ problems: [{ message: 'there is no project file none.yml' }] });
    await expect(readProject({ cwd: other, file: 'checkout' })).rejects.toMatchObject({ problems: [{ message: 'the project file checkout is not a regular file' }] });
  });

  test('a link to one', async () => {
    symlinkSync(join(other, 'project.yml'), join(other, 'worktree/project.yml'));
    expect(await readProject({ cwd: join(other, 'worktree') })).toMatchObject({ name: 'outside', root: join(other, 'worktree') });
  });
});
