import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readTar } from '../../../src/archive/read-tar.js';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { Failed } from '../../../src/core/failure.js';
import type { Builder } from '../../../src/builders/builder.js';
import type { Engine } from '../../../src/engine/engine.js';
import { BUILDER_KEY, removeVolumes, runOf, testBuilders } from '../../support/builders.js';
import { ENGINES, connectTestEngine } from '../../support/engines.js';
import { inTemporaryFolder } from '../../support/temporary.js';
import { Readable } from 'node:stream';

/** One suite for both ways that files travel, and for every engine; folders of this machine can't be mounted on the second ones. */
const SUBJECTS = ENGINES.flatMap((one) => (['bind', 'archive'] as const).filter((transport) => transport === 'archive' || one.binds).map((transport) => ({ name: one.name, transport, one })));

describe.each(SUBJECTS)('a builder of $name whose files travel by $transport', ({ transport, one }) => {
  let engine: Engine;
  let builder: Builder;
  let run: string;
  let rig: Awaited<ReturnType<typeof testBuilders>>;
  let finish: (() => void) | undefined;
  let done: Promise<void>;
  const abort = new AbortController();
  const shared = async () => (await readdir(dirname(rig.folders.root))).filter((name) => name.startsWith('exchange-'));

  beforeAll(async () => {
    engine = await connectTestEngine(one);
    await new Promise<void>((ready, failed) => {
      done = inTemporaryFolder(async (dir) => {
        run = runOf(dir);
        rig = await testBuilders(dir, { engine, resolveImage: () => Promise.resolve(one.image), transport, env: { SECRET_TOKEN: 'hunter2hunter2' }, signal: abort.signal });
        await writeFile(join(rig.folders.root, 'setup.py'), 'print("source")\n');
        await writeFile(join(rig.folders.store, 'blob'), 'not for the builder');
        builder = await rig.builders.open(BUILDER_KEY);
        ready();
        await new Promise<void>((resolve) => (finish = resolve));
        await removeVolumes(dir, one.host?.slice('unix://'.length));
      });
      done.catch(failed);
    });
  });

  afterAll(async () => {
    await rig.builders.close();
    expect(await shared()).toEqual([]);
    finish?.();
    await done;
    expect(await engine.containers([`wheelwright.run=${run}`])).toEqual([]);
  });

  test('gives exit code, last lines, log file and events, with secrets masked', async () => {
    const result = await builder.run({ subject: 'demo 1.0', argv: ['sh', '-c', 'echo "token $SECRET_TOKEN"; echo oops >&2; seq 100; exit 3'] });
    expect(result.exitCode).toBe(3);
    expect(result.tail).toHaveLength(40);
    expect(result.tail.at(-1)).toBe('100');
    const log = await readFile(result.log, 'utf8');
    expect(log).toContain('token ***');
    expect(log).toContain('oops');
    expect(log).not.toContain('hunter2');
    expect(JSON.stringify(rig.events)).not.toContain('hunter2');
    expect(rig.events).toContainEqual({ type: 'log', subject: 'demo 1.0', line: 'token ***' });
  });

  test('keeps machine-read output apart and exact', async () => {
    let size = 0;
    const result = await builder.run({ subject: 'bytes', argv: ['head', '-c', '3000000', '/dev/zero'], onStdout: (chunk) => void (size += chunk.length) });
    expect([result.exitCode, size, result.tail]).toEqual([0, 3_000_000, []]);
  });

  test('feeds standard input and environment, and runs where it is told', async () => {
    const folder = await builder.scratch('work here');
    const result = await builder.run({ subject: 'input', argv: ['sh', '-c', 'cat; echo; pwd; echo $COLOUR'], cwd: folder, env: { COLOUR: 'green' }, stdin: 'given' });
    expect(result.tail).toEqual(['given', folder, 'green']);
  });

  test('runs each command in a new folder by default, with our umask, home and time zone', async () => {
    const result = await builder.run({ subject: 'place', argv: ['sh', '-c', 'ls -A | wc -l; umask; echo $HOME $TZ; touch "$HOME/mine" && id -u'] });
    expect(result.tail).toEqual(['0', '0022', '/wheelwright/home UTC', String(process.geteuid!())]);
  });

  test('shares a folder with this machine where binds reach the engine', async () => {
    const exchange = builder.exchange();
    if (transport === 'archive') return expect(exchange).toBeUndefined();
    await exchange!.put('question', Readable.from(['from outside\n']));
    const script = 'cat "$1question" && echo from inside > "$1answer"; rmdir "${1%/*}" || mv "${1%/*}" "${1%/*}-"';
    const result = await builder.run({ subject: 'exchange', argv: ['sh', '-c', script, 'sh', exchange!.inside] });
    expect(result.tail[0]).toBe('from outside');
    let answer = '';
    await exchange!.take('answer', 12, async (bytes) => {
      for await (const chunk of bytes) answer += String(chunk);
    });
    expect(answer).toBe('from inside\n');
    // The folder can't be replaced from inside.
    expect([result.exitCode, await shared()]).toEqual([1, [expect.stringMatching(/^exchange-/)]]);
  });

  test('has no capabilities and cannot gain any', async () => {
    const result = await builder.run({ subject: 'rights', argv: ['grep', '-E', '^(CapEff|CapBnd|NoNewPrivs)', '/proc/self/status'] });
    expect(result.tail.map((line) => line.split(/\s+/))).toEqual([['CapEff:', '0000000000000000'], ['CapBnd:', '0000000000000000'], ['NoNewPrivs:', '1']]);
  });

  test('takes files in and gives them back with modes, links and times', async () => {
    const folder = await builder.scratch('exchange');
    await builder.put(folder, tarOf([
      { entry: { type: 'directory', path: 'd', ...common(0o755) } },
      { entry: { type: 'file', path: 'd/run', ...common(0o755), size: 4 }, content: Buffer.from('run\n') },
      { entry: { type: 'file', path: 'd/-odd name', ...common(0o600), size: 0 } },
      { entry: { type: 'symlink', path: 'd/link', ...common(0o777), target: 'run' } },
    ]));
    const me = process.geteuid!();
    const ids = await builder.run({ subject: 'owner', argv: ['stat', '-c', '%u', `${folder}/d/run`] });
    expect(ids.tail).toEqual([String(me)]);
    expect(await entries(await builder.take(`${folder}/d`))).toEqual([
      'd directory 755 1000000000', 'd/-odd name file 600 1000000000', 'd/link symlink 777 1000000000 -> run', 'd/run file 755 1000000000',
    ]);
  });

  test('large trees survive the journey, and a slow reader holds the sender back', async () => {
    const folder = await builder.scratch('large');
    await builder.run({ subject: 'large', argv: ['sh', '-c', 'head -c 40000000 /dev/urandom > big; sha256sum < big'], cwd: folder });
    const tar = await builder.take(`${folder}/big`);
    const copy = await builder.scratch('copy');
    await builder.put(copy, tar); // one stream into the other, through the same container
    const sums = await builder.run({ subject: 'compare', argv: ['cmp', `${folder}/big`, `${copy}/big`] });
    expect(sums.exitCode).toBe(0);
  });

  test('a path that is not there', async () => {
    const failure = await builder.take('/wheelwright/work/nothing').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failed);
    expect((failure as Failed).problems[0]).toMatchObject({ reason: 'not-found' });
    await expect(builder.put('/wheelwright/work/nothing', tarOf([]))).rejects.toMatchObject({ problems: [{ reason: 'not-found' }] });
  });

  test('an archive that is left unread stops its sender', async () => {
    const folder = await builder.scratch('unread');
    await builder.run({ subject: 'unread', argv: ['sh', '-c', 'head -c 20000000 /dev/zero > big'], cwd: folder });
    const tar = await builder.take(folder);
    await new Promise((resolve) => tar.on('close', resolve).destroy());
    const result = await builder.run({ subject: 'after', argv: ['true'] });
    expect(result.exitCode).toBe(0);
  });

  test('discards scratch folders, read-only ones too', async () => {
    const folder = await builder.scratch('short-lived');
    await builder.run({ subject: 'fill', argv: ['sh', '-c', 'mkdir -p a/b && touch a/b/c && chmod -R a-w a'], cwd: folder });
    await builder.discard(folder);
    expect((await builder.run({ subject: 'gone', argv: ['ls', folder] })).exitCode).not.toBe(0);
  });

  test('shows the project, but lets nobody write into it', async () => {
    const source = await builder.source();
    expect((await builder.run({ subject: 'source', argv: ['cat', `${source}/setup.py`] })).tail).toEqual(['print("source")']);
    await builder.run({ subject: 'intrusion', argv: ['sh', '-c', `echo changed > ${source}/setup.py`] });
    expect(await readFile(join(rig.folders.root, 'setup.py'), 'utf8')).toBe('print("source")\n');
  });

  test('programs of ours are there', async () => {
    expect((await builder.run({ subject: 'agent', argv: ['test', '-f', builder.agent('facts.sh')] })).exitCode).toBe(0);
  });

  test('the certificate bundle is there under every name', async () => {
    const result = await builder.run({ subject: 'tls', argv: ['sh', '-c', 'test -s "$SSL_CERT_FILE" && echo "$PIP_CERT $npm_config_cafile $NODE_EXTRA_CA_CERTS $GIT_SSL_CAINFO"'] });
    expect(result.tail).toEqual([Array(4).fill('/wheelwright/ca.pem').join(' ')]);
  });

  test('an interrupted command is ended with all that it started', async () => {
    const one = new AbortController();
    const running = builder.run({
      subject: 'sleeper',
      argv: ['sh', '-c', 'sleep 4711 & echo ready; wait'],
      onStdout: () => one.abort(),
      signal: one.signal,
    });
    await expect(running).rejects.toMatchObject({ problems: [{ reason: 'interrupted' }] });
    const left = await builder.run({ subject: 'left', argv: ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -c "sleep 471[1]"'] });
    expect(left.tail).toEqual(['0']);
  });
});

function common(mode: number) {
  return { mode, uid: 12345, gid: 12345, mtime: 1_000_000_000 };
}

async function entries(tar: Readable): Promise<string[]> {
  const lines: string[] = [];
  for await (const { entry } of readTar(tar, { subject: 'test', links: 'keep' })) {
    const link = entry.type === 'symlink' ? ` -> ${entry.target}` : '';
    lines.push(`${entry.path} ${entry.type} ${entry.mode.toString(8)} ${entry.mtime}${link}`);
  }
  return lines.sort();
}
