import { describe, expect, test } from '@jest/globals';
import { assembleStage } from '../../../src/assemble/assemble-stage.js';
import type { AssembleInputs, LayerDraft } from '../../../src/assemble/assemble.js';
import { NotThin } from '../../../src/assemble/not-thin.js';
import { scratchConfig } from '../../../src/assemble/parent-config.js';
import { whyNotThin } from '../../../src/assemble/thin.js';
import type { Tree } from '../../../src/assemble/tree.js';
import { Failed } from '../../../src/core/failure.js';
import { parseDockerfile } from '../../../src/docker/dockerfile.js';
import { resolveDockerfile } from '../../../src/docker/resolve.js';
import { applyLayers, asTree } from '../../support/assemble/file-tree.js';
import { memoryContext } from '../../support/assemble/memory-context.js';
import { file, folder, hardlink, tar, type TestEntry } from '../../support/assemble/node.js';
import { PARENTS } from '../../support/assemble/parents.js';

const CONTEXT = [file('a.txt', 'A'), folder('dir', 0o700), file('dir/one', '1'), file('site.tar', await tar([file('app/lib', 'x')]))];
const odd = asTree(await applyLayers(new Map(), await Promise.all(PARENTS.odd.layers.map((layer) => tar(layer)))));

async function assemble(text: string, more: Partial<AssembleInputs> = {}, context: readonly TestEntry[] = CONTEXT) {
  return assembleStage({
    resolved: resolveDockerfile(parseDockerfile(`FROM parent\n${text}\n`, 'Dockerfile')),
    parent: { config: { ...scratchConfig('linux/amd64'), config: PARENTS.odd.config }, tree: odd },
    context: memoryContext(context, { 'site.tar': 'site' }),
    from: async () => { throw new Error('nothing is copied from'); },
    artifactTree: async () => ({ lstat: async (path) => (path === 'app' ? FOLDER : path === 'app/lib' ? { type: 'file', mode: 0o644, uid: 0, gid: 0, size: 1 } : undefined), readFile: async () => undefined }),
    args: {},
    platform: 'linux/amd64',
    labels: {},
    created: '1980-01-01T00:00:00Z',
    ...more,
  });
}

const FOLDER = { type: 'directory', mode: 0o755, uid: 0, gid: 0 } as const;

function shown(layer: LayerDraft | undefined): string[] {
  if (layer?.kind !== 'entries') return [];
  return layer.entries.map(({ entry }) => `${entry.type} ${entry.path} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`);
}

async function problemOf(work: Promise<unknown>) {
  return work.then(() => undefined, (error: unknown) => (error instanceof Failed ? error.problems[0] : Promise.reject(error)));
}

describe('a layer', () => {
  test('repeats the folders above with the mode and owner that the parent has', async () => {
    const { steps } = await assemble('COPY a.txt /deep/x');
    expect(shown(steps[0]!.layer)).toEqual(['directory real 755 1000:1001', 'directory real/deep 700 2000:2000', 'file real/deep/x 644 0:0']);
  });

  test('has parents first, each path once, and one time', async () => {
    const { steps } = await assemble('COPY dir a.txt dir /z/');
    const entries = (steps[0]!.layer as LayerDraft & { kind: 'entries' }).entries.map(({ entry }) => entry);
    expect(entries.map(({ path }) => path)).toEqual(['z', 'z/a.txt', 'z/one']);
    expect(new Set(entries.map(({ mtime }) => mtime))).toEqual(new Set([315_532_800]));
  });

  test('is not made by a step that changes nothing', async () => {
    const { steps } = await assemble('WORKDIR /second\nCOPY *.nothing /x/\nLABEL a=1');
    expect(steps).toEqual([{ createdBy: 'WORKDIR /second' }, { createdBy: 'COPY *.nothing /x/ # buildkit' }, { createdBy: 'LABEL a=1' }]);
  });

  test('later steps see what earlier ones wrote', async () => {
    const { steps, tree } = await assemble('COPY accounts/ /etc/\nCOPY --chown=new a.txt /made/x\nCOPY a.txt /made', {}, [...CONTEXT, folder('accounts'), file('accounts/passwd', 'new:x:500:501::/:\n')]);
    expect(shown(steps[1]!.layer)).toEqual(['directory made 755 500:501', 'file made/x 644 500:501']);
    expect(shown(steps[2]!.layer)).toEqual(['directory made 755 500:501', 'file made/a.txt 644 0:0']);
    expect(await tree.lstat('made/x')).toMatchObject({ type: 'file', uid: 500 });
  });
});

describe('artifacts', () => {
  test('are layers of their own, and later steps see them', async () => {
    const { steps } = await assemble('ADD site.tar /\nCOPY a.txt /app');
    expect(steps[0]!.layer).toMatchObject({ kind: 'artifact', name: 'site' });
    const { below } = steps[0]!.layer as { below: Tree };
    expect(await below.lstat('app')).toBeUndefined();
    expect(shown(steps[1]!.layer)).toEqual(['directory app 755 0:0', 'file app/a.txt 644 0:0']);
  });

  test('among other sources keep their order', async () => {
    const { steps } = await assemble('ADD a.txt site.tar dir /');
    expect(steps.map(({ layer }) => layer?.kind)).toEqual(['entries', 'artifact', 'entries']);
  });

  test('are files to COPY, and elsewhere than at / left to the builder', async () => {
    expect(shown((await assemble('COPY site.tar /x')).steps[0]!.layer)).toEqual(['file x 644 0:0']);
    await expect(assemble('ADD site.tar /opt/')).rejects.toThrow(NotThin);
  });
});

describe('what goes wrong', () => {
  test.each([
    ['COPY a.tx /x', 'there is no a.tx in the context', 'did you mean a.txt?'],
    ['COPY one /x', 'there is no one in the context', 'did you mean dir/one?'],
    ['COPY a.txt /real/file/x', '/real/file is not a folder', undefined],
    ['COPY a.txt /loop', '/loop leads through too many links', undefined],
    ['EXPOSE none', 'EXPOSE none names no port', undefined],
    ['COPY --chmod=u+q a.txt /x', '--chmod=u+q is no mode', 'write octal digits from 0 to 7777, or clauses like u=rwX,go=rX'],
  ])('%s: %s', async (text, message, advice) => {
    expect(await problemOf(assemble(`LABEL a=1\n${text}`))).toEqual({ reason: 'build', message, place: { file: 'Dockerfile', line: 3, column: 1 }, ...(advice === undefined ? {} : { advice }) });
  });

  test('a path that is ignored is told to be', async () => {
    const context = { ...memoryContext(CONTEXT), excludedBy: () => '.dockerignore' };
    expect(await problemOf(assemble('COPY secret /x', { context }))).toMatchObject({ advice: 'take it back with a line !secret in .dockerignore, which excludes it' });
  });

  test("the parent's triggers are left to the builder", async () => {
    const config = { ...scratchConfig('linux/amd64'), config: { OnBuild: ['RUN x'] } };
    await expect(assemble('LABEL a=1', { parent: { config, tree: odd } })).rejects.toThrow(NotThin);
  });
});

describe('thin or not', () => {
  const why = (text: string) => whyNotThin(resolveDockerfile(parseDockerfile(text, 'Dockerfile')))?.reason;
  test.each([
    ['FROM a\nRUN x', 'RUN'],
    ['FROM a\nADD https://example.com/x /', 'ADD of a URL or git repository'],
    ['FROM a\nCOPY --parents a /', 'COPY --parents'],
    ['FROM a\nADD --checksum=sha256:x a /', 'ADD --checksum'],
    ['# syntax=example/frontend\nFROM a', 'the syntax example/frontend'],
    ['FROM --platform=linux/arm64 a', 'FROM --platform'],
    ['FROM a AS b\nRUN x\nFROM b\nCOPY --from=b --chown=1 --chmod=u+x --link --exclude=y x /', undefined],
    ['# syntax=docker/dockerfile:1.7\nFROM a\nENV x=1\nARG y\nLABEL z=1\nONBUILD RUN x\nMAINTAINER me\nHEALTHCHECK NONE', undefined],
  ])('%j: %s', (text, reason) => expect(why(text)).toBe(reason));
});

describe('an archive that is unpacked', () => {
  const adding = async (entries: readonly TestEntry[], instruction = 'ADD other.tar /opt/') => assemble(instruction, {}, [...CONTEXT, file('other.tar', await tar(entries))]);

  test('has all names of a file with what the last one says, however many entries there are', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => file(`many/${index}`, ''));
    const { steps } = await adding([file('a', 'x', { mode: 0o600 }), ...many, hardlink('b', 'a', { mode: 0o640 }), file('a2', 'y', { mode: 0o600 }), hardlink('c', 'b', { mode: 0o755 })]);
    expect(shown(steps[0]!.layer).filter((line) => !line.includes('many/'))).toEqual([
      'directory opt 755 0:0', 'file opt/a 755 0:0', 'file opt/a2 600 0:0', 'hardlink opt/b 755 0:0', 'hardlink opt/c 755 0:0', 'directory opt/many 755 0:0',
    ]);
  });

  test.each(['.wh.passwd', '.wh..wh..opq', 'deep/.wh.x/file', 'deep/.wh.x/'])('is left to the builder with a name that means a removal in a layer: %s', async (name) => {
    await expect(adding([name.endsWith('/') ? folder(name.slice(0, -1)) : file(name, '')])).rejects.toThrow(NotThin);
  });
});

test.each(['COPY bad /x/', 'COPY bad/.wh.a /x/', 'COPY a.txt /x/.wh.passwd', 'COPY a.txt /.wh.x/y', 'WORKDIR /x/.wh..wh..opq', 'COPY <<.wh.x /y/\n.wh.x'])('%s is left to the builder: such a name means a removal in a layer', async (instruction) => {
  await expect(assemble(instruction, {}, [...CONTEXT, folder('bad'), file('bad/.wh.a', ''), folder('bad/.wh.b')])).rejects.toThrow(NotThin);
});

test.each(['WORKDIR /', 'COPY a.txt /', 'COPY '])('%s with a path of many folders fails as a build does, one that is no longer than a path can be does not', async (instruction) => {
  const end = instruction.includes('a.txt') || instruction.startsWith('WORKDIR') ? '' : ' /x/';
  const problem = await problemOf(assemble(`${instruction}${'a/'.repeat(30_000)}z${end}`));
  expect(problem?.message).toMatch(/too long for a path/);
  if (end === '') await assemble(`${instruction}${'a/'.repeat(200)}z`);
});
