import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import type { Artifact } from '../../../src/artifact/artifact.js';
import { Failed } from '../../../src/core/failure.js';
import { connectEngine } from '../../../src/engine/connect.js';
import { createImagePlanner } from '../../../src/images/create-planner.js';
import type { ImageResult, PlannerDependencies } from '../../../src/images/planner.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { contentOf, docker, removeImages } from '../../support/images/docker.js';
import { placed, projectOf, quietPlanning, temporaryFolder, writeTree, type ImageSketch } from '../../support/images/project.js';

// A name of its own, so that runs side by side do not share images.
const PROJECT = `test-${randomUUID().slice(0, 8)}`;
const engine = connectEngine();
const store = new MemoryStore();
let root: string;

beforeAll(async () => {
  root = await temporaryFolder();
});

afterAll(async () => {
  const images = (await docker(['images', '-q', '--no-trunc', '--filter', `label=wheelwright.project=${PROJECT}`])).split('\n').filter(Boolean);
  await removeImages([...new Set(images)]);
});

function planner(images: Record<string, ImageSketch>, more: Partial<PlannerDependencies> = {}) {
  return createImagePlanner(projectOf(root, images, [], PROJECT), {
    engine,
    store,
    ...quietPlanning(),
    artifact: async () => artifactOf({ 'bin/tool': '#!/bin/sh\n' }),
    ...more,
  });
}

async function artifactOf(files: Record<string, string>): Promise<Artifact> {
  const items = Object.entries(files).flatMap(([path, text]) => [
    { entry: { type: 'directory' as const, path: path.split('/')[0]!, mode: 0o755, uid: 0, gid: 0, mtime: FIXED_TIME } },
    { entry: { type: 'file' as const, path, mode: 0o755, uid: 0, gid: 0, mtime: FIXED_TIME, size: text.length }, content: Buffer.from(text) },
  ]);
  const piece = await store.writeBlob(Readable.from(tarOf(items)));
  const wheel = await store.writeBlob(Buffer.from('a wheel'));
  return {
    format: 1, kind: 'python', prefix: '/opt/tools', parts: [{ at: '/opt/tools', piece: piece.digest, size: piece.size }],
    wheels: [{ filename: 'a-1-py3-none-any.whl', blob: wheel.digest, size: wheel.size }],
  };
}

const statuses = (results: readonly ImageResult[]) => results.map(({ name, status }) => `${name} ${status}`);
const idOf = async (reference: string) => (await docker(['image', 'inspect', '-f', '{{.Id}}', reference])).trim();

describe('a family of images', () => {
  const images = { base: {}, shared: {}, web: {}, job: {} };
  beforeAll(() => writeTree(root, {
    'images/base/Dockerfile': 'FROM debian:trixie-slim\nCOPY . /code\n',
    'images/base/base.txt': '1',
    'images/shared/Dockerfile': 'FROM base\nCOPY . /code\n',
    'images/shared/shared.txt': '1',
    'images/web/Dockerfile': 'FROM shared\nRUN cat /code/base.txt /code/shared.txt > /all\n',
    'images/job/Dockerfile': `FROM ${PROJECT}-base:latest\nENTRYPOINT ["/bin/true"]\n`,
  }));

  test('is built in order, tagged, retagged without a build, and rebuilt from where it changed', async () => {
    const first = await planner(images, { revision: { commit: '1'.repeat(40), branchTag: 'main', changed: [] } }).build();
    expect(statuses(first)).toEqual(['base built', 'shared built', 'web built', 'job built']);
    for (const { tags, id } of first) for (const tag of tags) expect(await idOf(tag)).toBe(id);
    expect(first[2]!.tags.map((tag) => tag.split(':')[1])).toEqual([first[2]!.key.slice(0, 12), '111111111111', 'main', 'latest']);

    const again = await planner(images, { revision: { commit: '1'.repeat(40), branchTag: 'main', changed: [] } }).build();
    expect(again).toEqual(first.map((result) => ({ ...result, status: 'present' })));

    await writeFile(join(root, 'images/shared/shared.txt'), '2');
    const third = await planner(images, { revision: { commit: '2'.repeat(40), branchTag: 'main', changed: [] } }).build();
    expect(statuses(third)).toEqual(['base retagged', 'shared built', 'web built', 'job retagged']);
    expect(await docker(['run', '--rm', third[2]!.tags[0]!, 'cat', '/all'])).toBe('12');
    expect(await idOf(`${PROJECT}-web:111111111111`)).toBe(first[2]!.id);
  });

  test('labels tell what each image is, and a child does not pass for its parent', async () => {
    const [base, shared] = await planner(images).build(['shared']);
    const labels = JSON.parse(await docker(['image', 'inspect', '-f', '{{json .Config.Labels}}', shared!.id])) as Record<string, string>;
    expect(labels).toMatchObject({ 'wheelwright.project': PROJECT, 'wheelwright.image': 'shared', 'wheelwright.key': shared!.key });
    expect(JSON.parse(labels['wheelwright.record']!)).toMatchObject({ kind: 'image', parents: { base: `image ${base!.key}` } });
  });

  test('two planners at once build each image once', async () => {
    await writeFile(join(root, 'images/base/base.txt'), '3');
    const [one, two] = await Promise.all([planner(images).build(), planner(images).build()]);
    expect(one.map(({ id }) => id)).toEqual(two.map(({ id }) => id));
    expect([...one, ...two].every(({ status }) => status === 'built')).toBe(true);
  });
});

describe('a failing build', () => {
  test('has its step, its last lines, and leaves the others whole', async () => {
    await writeTree(root, {
      'images/works/Dockerfile': 'FROM scratch\nCOPY Dockerfile /x\n',
      'images/crashes/Dockerfile': '# a comment\nARG X=1\nFROM debian:trixie-slim AS unneeded\nRUN exit 1\n\nFROM debian:trixie-slim\n# more\nRUN echo first \\\n && echo almost \\\n && exit 7\n',
      'images/child/Dockerfile': 'FROM crashes\nRUN true\n',
      'images/missing/Dockerfile': 'FROM scratch\nLABEL a=b\nCOPY nothing /x\n',
    });
    const subject = planner({ crashes: {}, child: {}, missing: {}, works: {} });
    const failure = (await subject.build().catch((error: unknown) => error)) as Failed;
    expect(failure).toBeInstanceOf(Failed);
    expect(failure.problems.map(({ place, message }) => `${place!.file}:${place!.line}:${place!.column} ${message.split(':')[0]}`)).toEqual([
      'images/crashes/Dockerfile:8:1 image "crashes"',
      'images/missing/Dockerfile:3:1 image "missing"',
    ]);
    expect(failure.problems[0]!.detail!.join('\n')).toContain('almost');
    expect(await idOf(`${PROJECT}-works:latest`)).toMatch(/^sha256:/);
    await expect(idOf(`${PROJECT}-child:latest`)).rejects.toThrow();
  });
});

describe('the context', () => {
  const COPIES = [
    '. /all/', 'a.txt /one', 'a.txt b.md /two/', '*.txt /glob/', 'src /dir/', 'src/ /dir2/', 'src/*/* /deep/', 's?c/[a-m]* /class/', '["a b", "/space/"]',
    'link /link', 'linkdir /linkdir/', 'linkdir/x.py /through/', 'src/link2 /inner', './src/../a.txt /dots', '/a.txt /abs', 'empty /empty/',
    '--chown=7:8 src /owned/',
  ];

  test('reaches the image as the engine itself would send it', async () => {
    const folder = 'images/copies';
    await writeTree(root, {
      [`${folder}/Dockerfile`]: `FROM scratch\n${COPIES.map((copy) => `COPY ${copy}`).join('\n')}\n`,
      [`${folder}/.dockerignore`]: '**/*.pyc\nignored\n!ignored/kept\n.dockerignore\n',
      [`${folder}/a.txt`]: 'a', [`${folder}/b.md`]: 'b', [`${folder}/src/x.py`]: 'x', [`${folder}/src/x.pyc`]: 'no', [`${folder}/src/sub/y.py`]: 'y',
      [`${folder}/a b/c`]: 'c', [`${folder}/ignored/no`]: 'no', [`${folder}/ignored/kept`]: 'kept', [`${folder}/empty/`]: '', [`${folder}/ünï/ö`]: 'u',
      [`${folder}/link`]: '→ a.txt', [`${folder}/linkdir`]: '→ src', [`${folder}/src/link2`]: '→ ../b.md', [`${folder}/dangling`]: '→ nowhere', [`${folder}/${'long'.repeat(30)}`]: 'l',
    });
    await chmod(join(root, folder, 'a.txt'), 0o4751);
    await chmod(join(root, folder, 'src/sub'), 0o2770);
    await chmod(join(root, folder, 'b.md'), 0o400);
    const theirs = `${PROJECT}-theirs`;
    // The classic builder clears set-user-id bits where BuildKit, and what is assembled directly, keeps them.
    for (const [engineBuild, DOCKER_BUILDKIT] of [[true, '0'], [false, '1']] as const) {
      const [ours] = await planner({ copies: {} }, { engineBuild, store: new MemoryStore() }).build(undefined, { anew: true });
      await docker(['build', '-q', '-t', theirs, '--label', `wheelwright.project=${PROJECT}`, join(root, folder)], { DOCKER_BUILDKIT });
      expect(await contentOf(ours!.id)).toEqual(await contentOf(theirs));
    }
  });

  test('written to a folder, a plain docker build of either builder makes the same image', async () => {
    await writeTree(root, {
      'images/os/Dockerfile': 'FROM scratch\nCOPY Dockerfile /etc/os\n',
      'docker/app.Dockerfile': [
        'ARG FLAVOUR=plain', 'FROM os AS tools', 'ADD artifacts/tools.tar /', 'FROM os AS unneeded', 'COPY nothing /x', 'FROM ${BASE:-os} AS app',
        'ARG FLAVOUR', 'COPY app/${FLAVOUR} /app/', 'COPY artifacts/tools/wheels/*.whl /wheels/', 'COPY --from=tools /opt/tools /tools', 'COPY app /everything/', 'FROM scratch AS later', 'COPY nothing /x', '',
      ].join('\n'),
      'docker/app.Dockerfile.dockerignore': '*\n!app\n**/*.log\n',
      '.dockerignore': '*\n',
      'app/spicy/hot': 'hot', 'app/spicy/x.log': 'no', 'app/plain/mild': 'mild', 'app/Dockerfile': 'FROM other\n', Dockerfile: 'FROM another\n',
    });
    const images = { os: {}, app: { context: '.', dockerfile: 'docker/app.Dockerfile', artifacts: ['tools'], args: { FLAVOUR: 'spicy', UNUSED: '$x"' }, target: 'app' } };
    const subject = planner(images);
    const results = await subject.build(['app']);
    const ours = await contentOf(results.at(-1)!.id);
    expect(ours.map((line) => line.split(' ').at(-1)).filter((path) => !path!.endsWith('/'))).toEqual(expect.arrayContaining(['app/hot', 'wheels/a-1-py3-none-any.whl', 'tools/bin/tool', 'everything/Dockerfile']));
    const out = join(root, '..', `${PROJECT}-context`);
    expect(await subject.exportContext('app', out)).toEqual({ folder: out, dockerfile: 'Dockerfile' });
    for (const [index, DOCKER_BUILDKIT] of ['0', '1'].entries()) {
      const theirs = `${PROJECT}-plain${index}`;
      await docker(['build', '-q', '-t', theirs, '--label', `wheelwright.project=${PROJECT}`, out], { DOCKER_BUILDKIT });
      expect(await contentOf(theirs)).toEqual(ours);
    }
    await rm(out, { recursive: true });
  });

  test('the Dockerfile is in the image only where COPY reaches it and no ignore file says otherwise', async () => {
    const copied = async (name: string, files: Record<string, string>, sketch: ImageSketch = {}) => {
      await writeTree(root, files);
      const [result] = await planner({ [name]: sketch }).build();
      return (await contentOf(result!.id)).map((line) => line.split(' ').at(-1)).sort();
    };
    expect(await copied('seen', { 'images/seen/Dockerfile': 'FROM scratch\nCOPY . /\n' })).toEqual(['Dockerfile']);
    expect(await copied('unseen', { 'images/unseen/Dockerfile': 'FROM scratch\nCOPY . /\n', 'images/unseen/.dockerignore': 'Dockerfile', 'images/unseen/f': '' })).toEqual(['f']);
    expect(await copied('two', { 'images/two/Dockerfile': 'FROM nothing\n', 'images/two/b/x.Dockerfile': 'FROM scratch\nCOPY . /\n' }, { dockerfile: 'images/two/b/x.Dockerfile' })).toEqual([
      'Dockerfile', 'b/', 'b/x.Dockerfile',
    ]);
  });
});

test('BuildKit builds what the classic builder can not', async () => {
  await writeTree(root, {
    'images/kit/Dockerfile': 'FROM debian:trixie-slim AS run\nRUN --mount=type=bind,target=/ctx cat /ctx/f > /out\nFROM scratch\nCOPY --chmod=600 f /text\nCOPY --from=run /out /out\nCOPY . /all/\n',
    'images/kit/f': 'f',
  });
  const [result] = await planner({ kit: {} }).build();
  expect((await contentOf(result!.id)).map((line) => `${line.slice(0, 10)} ${line.split(' ').at(-1)}`)).toEqual([
    '-rw------- text', '-rw-r--r-- all/f', '-rw-r--r-- out', '-rw-r--r-- all/Dockerfile', 'drwxr-xr-x all/',
  ]);
});

describe('builders', () => {
  test('are built when they are first needed, and found again', async () => {
    await writeTree(root, { 'images/builder/Dockerfile': 'FROM debian:trixie-slim\nRUN echo compiler > /cc\n' });
    const subject = planner({ builder: {} });
    const id = await subject.ensureBuilder(placed('builder', 1));
    expect(await docker(['run', '--rm', id, 'cat', '/cc'])).toBe('compiler\n');
    expect(await planner({ builder: {} }).ensureBuilder(placed('builder', 1))).toBe(id);
    expect(await subject.ensureBuilder(placed('debian:trixie-slim', 1))).toBe(await idOf('debian:trixie-slim'));
  });
});
