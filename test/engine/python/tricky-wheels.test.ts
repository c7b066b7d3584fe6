import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Built } from '../../../src/artifact/artifact.js';
import { differences, failureOf, openRig } from './install-rig.js';
import type { Rig } from './install-rig.js';

/** Writes wheels with everything that the format allows and people do. Prints {file name: base64}. */
const MAKE = `
import base64, hashlib, io, json, zipfile
made = {}
def hashed(data, algorithm="sha256"):
    return algorithm + "=" + base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
def quoted(path):
    return '"' + path.replace('"', '""') + '"' if any(c in path for c in ',"') else path
def wheel(project, files, version="1.0", tag="py3-none-any", pure="true", algorithm="sha256", executable=(), folders=(), entry_points=None, newline="\\n", record=True, name=None, extra_rows=(), drop=()):
    distribution = project.replace("-", "_")
    info = "%s-%s.dist-info" % (distribution, version)
    everything = dict(files)
    everything[info + "/METADATA"] = newline.join(["Metadata-Version: 2.1", "Name: " + (name or project), "Version: " + version, "", "text", ""])
    everything[info + "/WHEEL"] = newline.join(["Wheel-Version: 1.0", "Generator: test", "Root-Is-Purelib: " + pure, "Tag: " + tag, ""])
    if entry_points:
        everything[info + "/entry_points.txt"] = entry_points
    rows = []
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            archive.writestr(zipfile.ZipInfo(folder + "/"), b"")
        for path, data in everything.items():
            data = data.encode() if isinstance(data, str) else data
            member = zipfile.ZipInfo(path)
            member.external_attr = (0o100755 if path in executable else 0o100664) << 16
            archive.writestr(member, data)
            if path not in drop:
                rows.append("%s,%s,%d" % (quoted(path), hashed(data, algorithm), len(data)))
        rows += list(extra_rows)
        if record:
            archive.writestr(zipfile.ZipInfo(info + "/RECORD"), newline.join(rows + [info + "/RECORD,,", ""]))
    made["%s-%s-%s.whl" % (distribution, version, tag)] = base64.b64encode(out.getvalue()).decode()
`;

const GOOD = `
wheel("data-files", {
    "data_files/__init__.py": "x = 1\\n",
    "data_files-1.0.data/data/share/data files/a.txt": "a",
    "data_files-1.0.data/data/etc/deep/er/b.cfg": "b",
    "data_files-1.0.data/data/bin/from-data": "#!python\\n",
    "data_files-1.0.data/headers/a.h": "#define A",
    "data_files-1.0.data/headers/sub/b.h": "#define B",
    "data_files-1.0.data/purelib/pure_mod.py": "p = 1\\n",
    "data_files-1.0.data/platlib/plat_mod.py": "p = 2\\n",
    "data_files-1.0.data/scripts/hello": "#!python\\nprint('hello')\\n",
    "data_files-1.0.data/scripts/window": "#!pythonw -x\\nprint('hello')\\n",
    "data_files-1.0.data/scripts/crlf": "#!python3.7\\r\\nprint('hello')\\r\\n",
    "data_files-1.0.data/scripts/only": "#!python",
    "data_files-1.0.data/scripts/other.sh": "#!/bin/sh\\nexit 0\\n",
    "data_files-1.0.data/scripts/short": "#!",
    "data_files-1.0.data/scripts/binary": bytes(range(256)),
}, executable=("data_files-1.0.data/scripts/binary",))
wheel("ns-one", {"shared/ns/one/__init__.py": "one = 1\\n", "shared/same.txt": "same"})
wheel("ns-two", {"shared/ns/two/__init__.py": "two = 2\\n", "shared/same.txt": "same"})
wheel("entry-points", {"entry_points_pkg/__init__.py": "def main(): pass\\n"}, entry_points="""
# a comment
[console_scripts]
plain=entry_points_pkg:main
spaced  =  entry_points_pkg : main
dotted.name = entry_points_pkg.deep.mod:Class.method
with-extra = entry_points_pkg:main [some,extra]
Mixed_Case = entry_points_pkg:main
pip3 = entry_points_pkg:main
pip3.7 = entry_points_pkg:main

[gui_scripts]
window-app = entry_points_pkg:main
[other.group]
thing = entry_points_pkg:nothing
""")
wheel("long-hashes", {"long_hashes.py": "h = 512\\n"}, algorithm="sha512")
wheel("odd-names", {
    "odd_names/__init__.py": "",
    "odd_names/with space.txt": "1",
    "odd_names/comma,comma.txt": "2",
    'odd_names/quote"quote.txt': "3",
    "odd_names/\\u00fcml\\u00e4ut-\\u4e2d\\u6587.txt": "4",
    "odd_names/\\U0001f40d.py": "s = 1\\n",
    "odd_names/\\ufb01.py": "s = 2\\n",
    "odd_names/" + "/".join(["a-rather-long-folder-name"] * 8) + "/" + "file" * 20 + ".py": "deep = 1\\n",
    "odd_names/.py": "hidden = 1\\n",
    "odd_names/.hidden.py": "hidden = 2\\n",
    "odd_names/not.python.py": "n = 1\\n",
})
wheel("code", {
    "code_pkg/__init__.py": "",
    "code_pkg/broken.py": "def (:\\n",
    "code_pkg/old.py": "print 'python 2'\\n",
    "code_pkg/nul.py": b"x = 1\\n\\0",
    "code_pkg/latin.py": b"# -*- coding: latin-1 -*-\\nx = '\\xe4'\\n",
    "code_pkg/badcoding.py": b"x = '\\xe4'\\n",
    "code_pkg/crlf.py": b"x = 1\\r\\ny = 2\\r\\n",
    "code_pkg/sets.py": "def f(x): return x in {'a', 'b', 'c', 1, 2.5, None, (1, 2)}\\n",
    "code_pkg/escape.py": "x = '\\\\d'\\n",
    "code_pkg/tool.py": "#!/usr/bin/env python\\nx = 1\\n",
    "code_pkg/lib/native.so": b"\\x7fELF",
    "code_pkg/__pycache__/stale.cpython-30.pyc": b"stale",
    "code-1.0.dist-info/licenses/code.py": "l = 1\\n",
}, executable=("code_pkg/tool.py", "code_pkg/lib/native.so"), pure="false", tag="py3-none-any", folders=("code_pkg/empty", "code_pkg/empty/deeper"))
wheel("Dotted.Name", {"dotted_name/__init__.py": ""}, version="1.0+local.1")
wheel("healed", {"healed.py": "h = 1\\n", "healed-1.0.data/data/healed.txt": "h"}, drop=("healed.py", "healed-1.0.data/data/healed.txt"), extra_rows=("gone.py,sha256=AAAA,5", "/healed.py,,"))
wheel("crlf", {"crlf_pkg.py": "x = 1\\n"}, newline="\\r\\n")
wheel("script-twice", {
    "script_twice.py": "def main(): pass\\n",
    "script_twice-1.0.data/scripts/twice": "#!python\\nprint('from scripts')\\n",
}, entry_points="[console_scripts]\\ntwice = script_twice:main\\n")
`;

let dir: string;
let rig: Rig;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-tricky-'));
  rig = await openRig(dir);
}, 60_000);

afterAll(async () => {
  await rig?.close();
  await rm(dir, { recursive: true, force: true });
});

/** Makes wheels in the builder and writes them into the project, with a requirements file that names them all. */
async function project(wheels: string): Promise<readonly string[]> {
  const text = await rig.shell(`python3 - <<'END'\n${MAKE}${wheels}\nprint(json.dumps(made))\nEND`);
  const made = JSON.parse(text) as Record<string, string>;
  const names = Object.keys(made).sort();
  await rm(join(rig.root, 'wheels'), { recursive: true, force: true });
  const pins = names.map((name) => name.split('-').slice(0, 2).join('==').replace('Dotted.Name', 'dotted-name'));
  await rig.write({
    'requirements.txt': `--no-index\n--find-links wheels\n${pins.join('\n')}\n`,
    ...Object.fromEntries(names.map((name) => [`wheels/${name}`, Buffer.from(made[name] as string, 'base64')])),
  });
  return names;
}

async function build(): Promise<Built> {
  return (await rig.plan()).build();
}

describe('wheels with everything that the format allows', () => {
  let built: Built;

  beforeAll(async () => {
    await project(GOOD);
    built = await build();
  });

  test('are installed as uv installs them', async () => {
    expect(differences(await rig.listing(built.artifact), await rig.uvListing(built))).toEqual([]);
  });

  test('give the same pieces in another order, company and run', async () => {
    const pieces = (from: Built): Map<string | undefined, string> => new Map(from.artifact.parts.map((part) => [part.package, part.piece]));
    const first = pieces(built);
    await rig.write({ 'requirements.txt': '--no-index\n--find-links wheels\nlong-hashes==1.0\nodd-names==1.0\ncode==1.0\n' });
    for await (const { key } of rig.store.listRecords('pieces')) await rig.store.deleteRecord('pieces', key);
    const second = pieces(await (await rig.plan({}, { jobs: 1 })).build());
    expect(second.size).toBe(4);
    for (const [name, piece] of second) expect([name, piece]).toEqual([name, first.get(name)]);
  });

  test('touch no network', () => {
    expect(rig.requests).toEqual([]);
  });
});

test('a prefix with a space or too long for the kernel gets a shell as interpreter, as with uv', async () => {
  await project('wheel("launcher", {"launcher.py": "def main(): pass\\n", "launcher-1.0.data/scripts/raw": "#!python\\n1\\n"}, entry_points="[console_scripts]\\nlaunch = launcher:main\\n")');
  for (const prefix of ['/tmp/wheelwright-oracle/a b', `/tmp/wheelwright-oracle/${'long/'.repeat(30)}x`]) {
    const planned = await rig.plan({ prefix });
    const { artifact } = await planned.build();
    const piece = artifact.parts.find((part) => part.package === 'launcher 1.0');
    const text = (await rig.store.readBlobBytes(piece!.piece)).toString('latin1');
    expect(text).toContain(`#!/bin/sh\n'''exec' '${prefix}/bin/python' "$0" "$@"\n' '''\n# -*- coding: utf-8 -*-`);
  }
});

test('two packages with one path: the last name wins, and it is said', async () => {
  await project('wheel("aa", {"clash.py": "a = 1\\n"})\nwheel("bb", {"clash.py": "b = 1\\n"})');
  rig.events.length = 0;
  const { artifact } = await build();
  const warnings = rig.events.flatMap((event) => (event.type === 'warning' ? [event.problem.message] : []));
  expect(warnings).toContainEqual(expect.stringMatching(/^aa and bb install different content at lib\/python3\.\d+\/site-packages\/clash\.py; the environment has that of bb$/));
  const inSite = await rig.shell(`rm -rf t; mkdir t; ls`);
  expect(inSite).toContain('t');
  expect(artifact.parts.map((part) => part.package)).toEqual([undefined, 'aa 1.0', 'bb 1.0']);
});

test('a wheel whose RECORD is wrong is a warning, since its own hash is what counts', async () => {
  await project('wheel("wrong-record", {"wrong.py": "a = 1\\n"}, drop=("wrong.py",), extra_rows=("wrong.py,sha256=AAAA,6",))');
  rig.events.length = 0;
  await build();
  const warnings = rig.events.flatMap((event) => (event.type === 'warning' ? [event.problem.message] : []));
  expect(warnings).toEqual(['wrong-record 1.0: RECORD gives another hash for wrong.py']);
});

describe('bad wheels are refused, and the others are installed', () => {
  const cases: Readonly<Record<string, readonly [string, RegExp]>> = {
    absolute: ['{"/evil.py": "x"}', /unsafe path/],
    climbing: ['{"../evil.py": "x"}', /unsafe path '\.\.\/evil\.py' in the wheel/],
    code: ['{"x.py": ""}, entry_points="[console_scripts]\\nx = bad:f(); import os\\n"', /invalid script/],
    data: ['{"data-1.0.data/data/../../../evil": "x"}', /unsafe path/],
    interpreter: ['{"x.py": ""}, entry_points="[console_scripts]\\npython3 = bad:x\\n"', /reserved for the interpreter/],
    kind: ['{"kind-1.0.data/strange/x": "x"}', /unknown wheel data/],
    record: ['{"x.py": ""}, record=False', /no RECORD/],
    script: ['{"x.py": ""}, entry_points="[console_scripts]\\n../evil = bad:x\\n"', /unsafe script name/],
    two: ['{"x.py": "", "other-1.0.dist-info/METADATA": ""}', /2 \.dist-info folders/],
    under: ['{"x": "", "under-1.0.data/purelib/x/y": ""}', /is a file and a folder/],
  };

  test('each by its name and reason, the good one installed', async () => {
    const wheels = Object.entries(cases).map(([name, [files]]) => `wheel("${name}", ${files})`);
    await project(`${wheels.join('\n')}\nwheel("good", {"good.py": ""})`);
    rig.events.length = 0;
    const failure = await failureOf(build());
    const found = [...failure.problems].sort((a, b) => (a.message < b.message ? -1 : 1));
    expect(found.map(({ reason, message }) => [reason, message])).toEqual(
      Object.entries(cases).map(([name, [, message]]) => ['archive', expect.stringMatching(new RegExp(`^${name} 1\\.0 cannot be installed: .*${message.source}`))]),
    );
    const states = rig.events.flatMap((event) => (event.type === 'package' && event.package === 'good 1.0' ? [event.state] : []));
    expect(states).toContain('installed');
  });

  test('another name inside', async () => {
    await project('wheel("bad", {"bad.py": ""}, name="other")');
    const failure = await failureOf(build());
    expect(failure.problems).toMatchObject([{ reason: 'archive', message: 'bad-1.0-py3-none-any.whl says in METADATA that it is other', place: { file: 'requirements.txt', line: 3, column: 1 } }]);
  });

  test('no ZIP at all', async () => {
    await rig.write({ 'wheels/junk-1.0-py3-none-any.whl': 'not a zip', 'requirements.txt': '--no-index\n--find-links wheels\njunk==1.0\n' });
    expect((await failureOf(build())).problems).toMatchObject([{ reason: 'archive', message: 'junk-1.0-py3-none-any.whl is not a wheel: it has no readable METADATA' }]);
  });
});

