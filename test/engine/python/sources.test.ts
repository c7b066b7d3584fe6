import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Built } from '../../../src/artifact/artifact.js';
import type { Context } from '../../../src/artifact/kind.js';
import { differences, failureOf, item, openRig, PREFIX } from './install-rig.js';
import type { Rig } from './install-rig.js';

let dir: string;
let rig: Rig;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-sources-'));
  rig = await openRig(dir);
}, 60_000);

beforeEach(() => {
  rig.events.length = 0;
  rig.requests.length = 0;
});

afterAll(async () => {
  await rig?.close();
  await rm(dir, { recursive: true, force: true });
});

const warnings = (): readonly string[] => rig.events.flatMap((event) => (event.type === 'warning' ? [event.problem.message] : []));
const packages = ({ artifact }: Built): readonly string[] => artifact.parts.flatMap((part) => part.package ?? []);
const requirements = (text: string): Promise<void> => rig.write({ 'requirements.txt': text });
const build = async (...args: Parameters<Rig['plan']>): Promise<Built> => (await rig.plan(...args)).build();

const PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n';
/** A build backend without dependencies, so that compiling needs no network. */
const BACKEND = `
import base64, hashlib, os, zipfile
NAME, VERSION = open("NAME").read().split()
def build_wheel(directory, config_settings=None, metadata_directory=None):
    if os.path.exists("FAIL"):
        raise SystemExit("fatal error: libpq-fe.h: No such file or directory")
    files = {NAME + ".py": open("module.py").read() + "\\nSETTINGS = %r\\n" % (config_settings or {}),
             "%s-%s.dist-info/METADATA" % (NAME, VERSION): "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (NAME, VERSION),
             "%s-%s.dist-info/WHEEL" % (NAME, VERSION): "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    files["%s-%s.dist-info/RECORD" % (NAME, VERSION)] = "".join("%s,,\\n" % path for path in files)
    name = "%s-%s-py3-none-any.whl" % (NAME, VERSION)
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return name
`;

const project = (name: string, version = '1.0'): Record<string, string> => ({
  'pyproject.toml': `${PYPROJECT}[project]\nname = "${name}"\nversion = "${version}"\n`,
  'backend.py': BACKEND,
  NAME: `${name} ${version}\n`,
  'module.py': 'x = 1\n',
});

const below = (folder: string, files: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));

/** An sdist made in the builder, written into the project. */
async function sdist(path: string, name: string, extra: Record<string, string> = {}): Promise<void> {
  const files = { ...project(name), ...extra };
  const entries = JSON.stringify(below(`${name}-1.0`, { ...files, 'PKG-INFO': `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n` }));
  const text = await rig.shell(
    `python3 - <<'END'\nimport base64, io, json, tarfile\nout = io.BytesIO()\nwith tarfile.open(fileobj=out, mode="w:gz") as tar:\n    for path, text in json.load(open("files.json")).items():\n        data = text.encode(); info = tarfile.TarInfo(path); info.size = len(data); tar.addfile(info, io.BytesIO(data))\nprint(base64.b64encode(out.getvalue()).decode())\nEND`,
    [item('files.json', entries)],
  );
  await rig.write({ [path]: Buffer.from(text, 'base64') });
}

describe('local sources', () => {
  test('a folder is built as its content says; a touched file is nothing, a changed one is', async () => {
    await rig.write(below('lib', project('mylib')));
    await requirements('--no-index\n-e ./lib\n');
    const first = await rig.plan();
    const built = await first.build();
    expect([packages(built), built.packages]).toEqual([['mylib 1.0'], { total: 1, reused: 0, fetched: 0, compiled: 1 }]);
    await rig.write({ 'lib/module.py': 'x = 1\n', 'lib/__pycache__/module.cpython-313.pyc': 'junk' });
    expect((await rig.plan()).key).toBe(first.key);
    await rig.write({ 'lib/module.py': 'x = 2\n' });
    const second = await rig.plan();
    expect(second.key).not.toBe(first.key);
    expect((await second.build()).packages.compiled).toBe(1);
    expect(rig.requests).toEqual([]);
  });

  test('an sdist is compiled once, with its settings, and kept', async () => {
    await sdist('dists/tool-1.0.tar.gz', 'tool');
    await requirements('--no-index\n--find-links dists\ntool==1.0 --config-settings=mode=fast\n');
    const built = await build();
    expect(built.packages).toEqual({ total: 1, reused: 0, fetched: 0, compiled: 1 });
    const wheel = built.artifact.wheels?.[0];
    expect((await rig.store.readBlobBytes(wheel!.blob)).toString('latin1')).toContain("SETTINGS = {'mode': 'fast'}");
    expect((await build()).packages).toEqual({ total: 1, reused: 1, fetched: 0, compiled: 0 });
    await requirements('--no-index\n--find-links dists\ntool==1.0 --config-settings=mode=slow\n');
    expect((await build()).packages.compiled).toBe(1);
    await requirements('--no-index\n--find-links dists\ntool==1.0\n');
    const pip = await build({}, { facts: () => Promise.resolve({ ...rig.facts, python: without(rig.facts.python!, 'uv') }), builderKey: 'c'.repeat(64) as never });
    expect(pip.packages.compiled).toBe(1);
  });

  test('one that fails leaves the others, and says package, command, log; the next run has only that one to do', async () => {
    await sdist('broken/bad-1.0.tar.gz', 'bad', { FAIL: '' });
    await sdist('broken/fine-1.0.tar.gz', 'fine');
    await requirements('--no-index\n--find-links broken\nbad==1.0\nfine==1.0\n');
    const failure = await failureOf(build());
    expect(failure.problems).toMatchObject([{ reason: 'compile', message: expect.stringMatching(/^bad 1\.0 failed to compile \(exit status \d+\)$/), place: { file: 'requirements.txt', line: 3, column: 1 } }]);
    const detail = failure.problems[0]?.detail ?? [];
    expect(detail[0]).toBe('command: uv build --wheel source/bad-1.0.tar.gz');
    expect(detail.join('\n')).toContain('libpq-fe.h: No such file');
    expect(failure.problems[0]?.advice).toContain('libpq-dev');
    expect(detail.at(-1)).toMatch(/^whole log: .*bad/);
    await sdist('broken/bad-1.0.tar.gz', 'bad');
    rig.restart();
    expect((await build()).packages).toEqual({ total: 2, reused: 1, fetched: 0, compiled: 1 });
  });

  test('a build that only lost its network is tried again, three times in all, each in a folder of its own', async () => {
    const losing = (times: number): string => `${BACKEND}
import tempfile
whole = build_wheel
def build_wheel(*args, **options):
    if os.path.exists("half"):
        raise SystemExit("there is half a file of an earlier try")
    open("half", "w")
    if sum(1 for _ in os.scandir("/wheelwright/work") if _.name.startswith("lost-")) < ${times}:
        tempfile.mkdtemp(prefix="lost-", dir="/wheelwright/work")
        raise SystemExit("error: Connection reset by peer")
    return whole(*args, **options)
`;
    const lost = (): readonly string[] => rig.events.flatMap((event) => (event.type === 'step' && event.message.includes('lost the network') ? [`${event.subject}: ${event.message}`] : []));
    await requirements('--no-index\n./losing\n');
    await rig.write(below('losing', { ...project('losing'), 'backend.py': losing(2) }));
    expect((await build()).packages.compiled).toBe(1);
    expect(lost()).toEqual([1, 2].map((seconds) => expect.stringMatching(new RegExp(`^losing.*: its build lost the network; trying again in ${seconds} s$`))));
    rig.restart();
    await rig.write({ 'losing/backend.py': losing(9) });
    const failure = await failureOf(build());
    expect(failure.problems).toMatchObject([{ reason: 'compile', detail: expect.arrayContaining([expect.stringContaining('Connection reset by peer')]) }]);
    expect(lost()).toHaveLength(4);
  });

  test('what is ready is installed while a source compiles', async () => {
    // It goes on once an installer has ended its work on the other package, or gives up.
    const waiting = 'import time\nfor _ in range(600):\n    if os.path.exists("/wheelwright/work/ready"): break\n    time.sleep(0.1)\nelse:\n    raise SystemExit("nothing was installed")\n';
    await sdist('beside/slow-1.0.tar.gz', 'slow', { 'backend.py': `${BACKEND}\n${waiting}` });
    await sdist('beside/ready-1.0.tar.gz', 'ready');
    await requirements('--no-index\n--find-links beside\nready==1.0\nslow==1.0\n');
    const emit: Context['emit'] = (event) => {
      rig.events.push(event);
      if (event.type === 'package' && event.state === 'installed') void rig.builder.run({ subject: 'sign', argv: ['touch', '/wheelwright/work/ready'] });
    };
    const built = await build({}, { emit });
    expect(packages(built)).toEqual(['ready 1.0', 'slow 1.0']);
    const order = rig.events.flatMap((event) => (event.type === 'package' && ['compiled', 'installed'].includes(event.state) ? [`${event.package} ${event.state}`] : []));
    expect(order).toEqual(['ready 1.0 compiled', 'ready 1.0 installed', 'slow 1.0 compiled', 'slow 1.0 installed']);
  });

  test('a git requirement is built at its commit and leaves a direct_url.json like uv', async () => {
    const url = 'file:///tmp/wheelwright-git';
    const script = `rm -rf /tmp/wheelwright-git; mkdir /tmp/wheelwright-git; cp -r files/. /tmp/wheelwright-git; cd /tmp/wheelwright-git; git init -q; git add .; git -c user.name=t -c user.email=t@t commit -qm one; git config uploadpack.allowAnySHA1InWant true; git rev-parse HEAD`;
    const commit = (await rig.shell(script, Object.entries(project('gitlib')).map(([path, text]) => item(`files/${path}`, text)))).trim();
    await requirements(`gitlib @ git+${url}@${commit}\n`);
    const built = await build();
    expect(built.packages).toEqual({ total: 1, reused: 0, fetched: 0, compiled: 1 });
    const oracle = await rig.oracle(`uv pip install -q --compile-bytecode --no-config --python ${PREFIX}/bin/python 'gitlib @ git+${url}@${commit}'`);
    expect(differences(await rig.listing(built.artifact), oracle)).toEqual([]);
    // A branch is no version: the resolver finds the commit.
    await requirements(`gitlib @ git+${url}@${(await rig.shell('cd /tmp/wheelwright-git; git branch --show-current')).trim()}\n`);
    expect((await build()).packages).toEqual({ total: 1, reused: 1, fetched: 0, compiled: 0 });
    expect(warnings()).toEqual([expect.stringContaining('gitlib 1.0 (not pinned)')]);
  });
});

function without<T extends object, Key extends keyof T>(value: T, key: Key): Omit<T, Key> {
  const { [key]: _, ...rest } = value;
  return rest;
}

describe('an index', () => {
  test('requirements that are not exact are resolved once; pip finds the same as uv', async () => {
    await requirements('# comment\nflask>=3,<3.1\nclick==8.1.7\n');
    const planned = await rig.plan();
    const built = await planned.build();
    expect(packages(built)).toEqual(expect.arrayContaining([expect.stringMatching(/^flask 3\.0\./), 'click 8.1.7', expect.stringMatching(/^jinja2 /)]));
    expect(warnings()).toEqual([expect.stringMatching(/^the files of python do not pin everything; .*flask 3\.0\.\d+ \(not pinned\)/)]);
    expect(warnings()[0]).not.toContain('click');
    expect(differences(await rig.listing(built.artifact), await rig.uvListing(built))).toEqual([]);
    rig.requests.length = 0;
    await requirements('click==8.1.7\nflask  <3.1, >=3\n');
    expect((await rig.plan({}, { offline: true })).key).toBe(planned.key);
    expect(rig.requests).toEqual([]);
    const pip = await rig.plan({}, { facts: () => Promise.resolve({ ...rig.facts, python: without(rig.facts.python!, 'uv') }), builderKey: 'd'.repeat(64) as never });
    expect(pip.record['packages']).toEqual(planned.record['packages']);
  });

  test('strict names all that is not pinned, with its place', async () => {
    await requirements('flask>=3\nsix\nclick==8.1.7\n');
    expect((await failureOf(rig.plan({ strict: true }))).problems).toMatchObject([
      { reason: 'requirements', message: 'flask>=3 does not name one version', place: { file: 'requirements.txt', line: 1, column: 1 } },
      { reason: 'requirements', message: 'six does not name one version', place: { line: 2 } },
    ]);
    await requirements('jinja2==3.1.6\n');
    expect((await failureOf(rig.plan({ strict: true }))).problems).toMatchObject([{ reason: 'requirements', message: 'markupsafe>=2.0 is needed by jinja2 3.1.6 and not pinned', place: { line: 1 } }]);
  });

  test('extras are part of what is needed, and markers that do not hold are not', async () => {
    await requirements('requests[socks]==2.32.3\ncolorama==0.4.6 ; sys_platform == "win32"\n');
    const names = packages(await build()).map((name) => name.split(' ')[0]);
    expect(names).toContain('pysocks');
    expect(names).not.toContain('colorama');
  });

  test('what an index or a pin gets wrong is said with place and advice', async () => {
    await requirements(
      [
        'no-such-package-of-wheelwright==1.0',
        'six==99.0',
        `idna==3.7 --hash=sha256:${'0'.repeat(64)}`,
        'pywin32-ctypes-no==0 ; python_version < "3"',
        'wheel==0.45.1',
      ].join('\n'),
    );
    const failure = await failureOf(rig.plan());
    expect(failure.problems.map(({ reason, message, place }) => [reason, message, place?.line])).toEqual([
      ['not-found', 'no-such-package-of-wheelwright==1.0 cannot be installed: no index has a package of this name', 1],
      ['not-found', 'six==99.0 cannot be installed: no index has this version', 2],
      ['integrity', 'idna==3.7 cannot be installed: no file of this version has one of the pinned hashes', 3],
    ]);
    expect(failure.problems[2]?.detail).toEqual(expect.arrayContaining([`expected sha256:${'0'.repeat(64)}`, expect.stringContaining('found')]));
    expect(rig.events).toContainEqual(expect.objectContaining({ type: 'package', package: 'wheel 0.45.1', state: 'fetched' }));
  });

  test('no file for this interpreter: what there is', async () => {
    await requirements('pywin32==306\n');
    const [problem] = (await failureOf(rig.plan())).problems;
    expect(problem).toMatchObject({ reason: 'unsupported', message: expect.stringContaining('no source distribution and no wheel for this interpreter') });
    expect(problem?.detail?.join('\n')).toContain('win_amd64.whl');
  });

  test('a URL is taken as it is, its hash checked, and leaves a direct_url.json like uv', async () => {
    await requirements('six==1.17.0\n');
    await build();
    const url = rig.requests.find((request) => request.endsWith('.whl')) as string;
    await requirements(`${url}\n`);
    const built = await build();
    const oracle = await rig.oracle(`uv pip install -q --compile-bytecode --no-config --python ${PREFIX}/bin/python ${url}`);
    expect(differences(await rig.listing(built.artifact), oracle)).toEqual([]);
    await requirements(`six @ ${url} --hash=sha256:${'1'.repeat(64)}\n`);
    const failure = await failureOf(rig.plan());
    expect(failure.problems).toMatchObject([{ reason: 'integrity', place: { file: 'requirements.txt', line: 1, column: 1 }, message: expect.stringContaining('six') }]);
    expect(failure.problems[0]?.detail).toEqual([`expected sha256:${'1'.repeat(64)}`, expect.stringMatching(/^found {4}sha256:[0-9a-f]{64}$/)]);
  });
});
