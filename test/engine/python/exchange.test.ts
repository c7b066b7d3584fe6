import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Part } from '../../../src/artifact/artifact.js';
import { removeVolumes } from '../../support/builders.js';
import { failureOf, openRig } from './install-rig.js';
import type { Rig } from './install-rig.js';

const LINES = '--no-index\n--find-links wheels\n';

/** A wheel whose file is small however much it unpacks to, and one that is as large as it unpacks to. Prints {file name: base64}. */
const MAKE = `
import base64, io, json, os, zipfile
made = {}
def wheel(name, data, kind):
    info = name + "-1.0.dist-info/"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name + ".py", "X = 1\\n")
        archive.writestr(name + ".bin", data, kind)
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: %s\\nVersion: 1.0\\n" % name)
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "RECORD", "%s.py,,6\\n%s.bin,,\\n" % (name, name))
    made[name + "-1.0-py3-none-any.whl"] = base64.b64encode(out.getvalue()).decode()
wheel("small", b"x", zipfile.ZIP_STORED)
wheel("unfolds", bytes(6000000), zipfile.ZIP_DEFLATED)
wheel("large", os.urandom(6000000), zipfile.ZIP_STORED)
wheel("lzma", b"l" * 300000, zipfile.ZIP_LZMA)
print(json.dumps(made))
`;

let dir: string;
let byFiles: Rig;
let byStreams: Rig;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-exchange-'));
  byFiles = await openRig(join(dir, 'files'));
  byStreams = await openRig(join(dir, 'streams'), { transport: 'archive' });
  await Promise.all([byFiles, byStreams].map(async (rig) => rig.write(await wheels())));
});

afterAll(async () => {
  await Promise.all([byFiles, byStreams].map((rig) => rig.close()));
  await removeVolumes(join(dir, 'streams'));
  await rm(dir, { recursive: true, force: true });
});

let made: Promise<Readonly<Record<string, Buffer>>> | undefined;
function wheels(): Promise<Readonly<Record<string, Buffer>>> {
  return (made ??= byFiles.shell(`python3 - <<'END'\n${MAKE}\nEND`).then((text) => Object.fromEntries(Object.entries(JSON.parse(text) as Record<string, string>).map(([name, data]) => [`wheels/${name}`, Buffer.from(data, 'base64')]))));
}

/** What is in the folders that containers share. */
async function leftIn(folder: string): Promise<string[][]> {
  const shared = (await readdir(folder)).filter((name) => name.startsWith('exchange-'));
  return Promise.all(shared.map((name) => readdir(join(folder, name))));
}

async function build(rig: Rig, ...names: string[]): Promise<readonly Part[]> {
  await rig.write({ 'requirements.txt': `${LINES}${names.map((name) => `${name}==1.0\n`).join('')}` });
  return (await (await rig.plan()).build()).artifact.parts;
}

test('pieces are the same whether they go through files or streams', async () => {
  expect([byFiles.builder.exchange(), byStreams.builder.exchange()]).toEqual([expect.anything(), undefined]);
  const names = ['small', 'unfolds', 'large', 'lzma'];
  const [one, other] = [await build(byFiles, ...names), await build(byStreams, ...names)];
  expect(one).toEqual(other);
  expect(one.filter((part) => part.package !== undefined)).toHaveLength(4);
  expect(await leftIn(dirname(byFiles.root))).toEqual([[]]);
});

describe('a disk that is full', () => {
  let disk: string;
  let rig: Rig;

  beforeAll(async () => {
    disk = join(dir, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    const root = join(dir, 'full');
    const folders = { root: join(root, 'project'), store: join(root, 'store'), caches: join(root, 'caches'), logs: join(root, 'logs'), temporary: () => mkdtemp(join(disk, 'exchange-')) };
    for (const folder of [folders.root, folders.store, folders.caches, folders.logs]) await mkdir(folder, { recursive: true });
    rig = await openRig(root, { folders });
    await rig.write(await wheels());
  });

  afterAll(async () => {
    await rig.close();
    execFileSync('umount', ['--lazy', disk]);
  });

  test.each([
    ['the wheel has no room', 'large', /^can't write to .*exchange-\w+: no space left on the disk$/],
    ['what it unpacks to has no room', 'unfolds', /^no space was left to install unfolds 1\.0: OSError: .*No space left on device/],
  ])('%s: it is told, and the others are kept', async (_, name, message) => {
    const failure = await failureOf(build(rig, 'small', name));
    expect(failure.problems).toHaveLength(1);
    expect(failure.problems[0]).toMatchObject({ reason: 'disk', message: expect.stringMatching(message), advice: expect.any(String) });
    expect(await leftIn(disk)).toEqual([[]]);
    rig.restart();
    expect((await build(rig, 'small')).some((part) => part.package === 'small 1.0')).toBe(true);
  });
});
