import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, startCli, type CliOptions } from '../support/cli.js';
import { containersWith, docker, removeProject } from '../support/engine-cli.js';
import { wheel } from '../support/packages.js';
import { BUILDER, writeFiles } from '../support/project.js';
import { cliOnTerminal } from '../support/terminal.js';

// One project for all: its image is made by the first command, before which nothing is there.
const NAME = `e2e-dev-${randomBytes(4).toString('hex')}`;
const PROJECT = `name: ${NAME}
artifacts:
  python:
    kind: python
    builder: ${BUILDER}
    requirements: [requirements.txt]
    prefix: /opt/venv
images:
  web: { context: images/web, role: true, artifacts: [python] }
dev:
  web:
    mounts: ["./src:/app/src", "./fixed:/app/fixed:ro"]
    env: { FROM_FILE: "in the file", HOME: /app/src }
    pass_env: [FROM_HOST, NOT_SET]
    working_dir: /app/src
  lab:
    image: web
    command: [sh, -c, "echo lab $((6 * 7))"]
  server:
    image: web
    ports: ["8000"]
    command: [perl, -MIO::Socket::INET, -e, "$s = IO::Socket::INET->new(LocalPort => 8000, Listen => 1); $c = $s->accept; print $c 'hello from inside'; close $c"]
  absent:
    image: web
    mounts: ["./nowhere:/app/src"]
  hiding:
    image: web
    mounts: ["./src:/opt"]
`;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
  await writeFiles(dir, {
    'project.yml': PROJECT,
    'requirements.txt': './wheels/alpha-1.0-py3-none-any.whl\n',
    'wheels/alpha-1.0-py3-none-any.whl': wheel('alpha', '1.0'),
    'images/web/Dockerfile': 'FROM debian:trixie-slim\nADD artifacts/python.tar /\nWORKDIR /app\nUSER 65534:65534\nCMD ["echo", "the role itself"]\n',
    'src/hello.txt': 'hello\n',
    'fixed/note.txt': 'fixed\n',
  });
});
afterAll(async () => {
  await removeProject(NAME);
  await rm(dir, { recursive: true, force: true });
});

const dev = (args: readonly string[], options: Partial<CliOptions> = {}) => runCli(['dev', ...args], { cwd: dir, ...options });
const sh = (script: string, options: Partial<CliOptions> = {}) => dev(['web', '--', 'sh', '-c', script], options);
const pause = (milliseconds: number) => new Promise((resolve) => void setTimeout(resolve, milliseconds));
const until = async (what: () => Promise<boolean>) => {
  while (!(await what())) await pause(5);
};
const devContainers = () => containersWith(`wheelwright.project=${NAME}`);

test('builds what is missing first, then runs the role; only the role writes to stdout', async () => {
  const first = await dev(['web']);
  expect(first.stdout).toBe('the role itself\n');
  expect(first.status).toBe(0);
  expect(first.stderr).toMatch(/python: built, 1 package/);
  const second = await dev(['web']);
  expect(second.stdout).toBe('the role itself\n');
  expect(second.stderr).not.toMatch(/built/);
  expect(await devContainers()).toEqual([]);
});

describe('streams and status', () => {
  test('the exit status is handed on', async () => {
    expect((await sh('exit 7')).status).toBe(7);
    expect((await dev(['web', '--', 'no-such-program'])).status).toBe(127);
    expect((await sh('kill -9 $$')).status).toBe(137);
  });

  test('options after -- are the command\'s', async () => {
    const { stdout } = await dev(['web', '--', 'echo', '--json', '-f', '--', 'x']);
    expect(stdout).toBe('--json -f -- x\n');
  });

  test('input and output pass byte for byte, stderr apart', async () => {
    const input = randomBytes(3_000_000);
    const result = await sh('cat; echo done >&2', { input });
    expect(createHash('sha256').update(result.bytes).digest('hex')).toBe(createHash('sha256').update(input).digest('hex'));
    expect(result.stderr).toMatch(/done\n$/);
  });

  test('a command that ends at once: nothing of its large output is lost', async () => {
    for (let round = 0; round < 3; round += 1) {
      const result = await sh('head -c 5000000 /dev/zero | tr "\\0" x; echo end; head -c 1000000 /dev/zero | tr "\\0" y >&2');
      expect(result.bytes.length).toBe(5_000_004);
      expect(result.stdout.endsWith('xend\n')).toBe(true);
      expect(result.stderr.replaceAll(/[^y]/g, '').length).toBeGreaterThanOrEqual(1_000_000);
    }
  });

  test('a command that does not read its input ends, with input open or full', async () => {
    const running = await startCli(['dev', 'web', '--', 'true'], { cwd: dir, input: 'open' });
    expect((await running.result).status).toBe(0);
    expect((await sh('exit 3', { input: randomBytes(8_000_000) })).status).toBe(3);
  });

  test('a reader that goes away ends the command, quietly', async () => {
    const running = await startCli(['dev', 'web', '--', 'yes'], { cwd: dir });
    await running.shows('y\ny\n');
    running.closeStdout();
    const { status, stderr } = await running.result;
    expect(status).toBe(141);
    expect(stderr).not.toMatch(/error|bug/);
    expect(await devContainers()).toEqual([]);
  });

  test('with --json stdout holds one object, and the command\'s output is on stderr', async () => {
    const result = await dev(['--json', 'web', '--', 'sh', '-c', 'echo inside; exit 5']);
    expect(result.json()).toMatchObject({ role: 'web', status: 5 });
    expect(result.stderr).toMatch(/inside/);
    expect(result.status).toBe(5);
  });
});

describe('what is inside', () => {
  test('mounts are the host\'s folders, written as the project\'s owner; the artifact is where it belongs', async () => {
    const { stdout } = await sh('cat hello.txt; ls -d /opt/venv/lib/python*/site-packages/alpha/__init__.py; id -u; echo new > made.txt; echo no > /app/fixed/x');
    const owner = await stat(dir);
    expect(stdout).toMatch(/^hello\n\/opt\/venv\/lib\/python[0-9.]+\/site-packages\/alpha\/__init__\.py\n\d+\n$/);
    expect(stdout).toMatch(new RegExp(`\n${owner.uid}\n`));
    expect(await readFile(join(dir, 'src/made.txt'), 'utf8')).toBe('new\n');
    expect((await stat(join(dir, 'src/made.txt'))).uid).toBe(owner.uid);
    await expect(stat(join(dir, 'fixed/x'))).rejects.toThrow('ENOENT');
  });

  test('the user has a name and a home there', async () => {
    const { stdout } = await dev(['lab', '--', 'sh', '-c', 'id -un; cd; pwd; touch x && echo writable']);
    expect(stdout).toMatch(/^[a-z_].*\n\/.*\nwritable\n$/);
  });

  test('variables: those of the file and named ones of the host, and no others', async () => {
    const { stdout } = await sh('env', { env: { FROM_HOST: 'from outside', SECRET: 'hidden' } });
    expect(stdout).toContain('FROM_FILE=in the file\n');
    expect(stdout).toContain('FROM_HOST=from outside\n');
    expect(stdout).toContain('HOME=/app/src\n');
    expect(stdout).not.toMatch(/hidden|NOT_SET/);
  });

  test('a named mode with a command of its own', async () => {
    expect((await dev(['lab'])).stdout).toBe('lab 42\n');
  });

  test('a port is forwarded; one that the engine chose is told', async () => {
    const running = await startCli(['dev', 'server'], { cwd: dir, input: 'open' });
    await running.shows('port 8000');
    const port = Number((await docker('ps', '--filter', `label=wheelwright.project=${NAME}`, '--format', '{{.Ports}}')).match(/:(\d+)->8000/)?.[1]);
    // The engine accepts connections before the program does, and then hangs up.
    let heard = '';
    while (heard === '') {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
      await once(socket, 'close');
    }
    expect(heard).toBe('hello from inside');
    const { status, stderr } = await running.result;
    expect(stderr).toContain(`port 8000/tcp is 127.0.0.1:${port}`);
    expect(status).toBe(0);
  });
});

describe('refused before anything starts', () => {
  test('a mount without its source', async () => {
    const { status, stderr } = await dev(['absent']);
    expect(stderr).toMatch(/project\.yml:\d+:\d+: the mount's source nowhere does not exist/);
    expect(status).toBe(1);
    await expect(stat(join(dir, 'nowhere'))).rejects.toThrow('ENOENT');
  });

  test('a mount that hides an artifact', async () => {
    const { status, stderr } = await dev(['hiding']);
    expect(stderr).toMatch(/project\.yml:\d+:\d+: the mount at \/opt hides the artifact "python" at \/opt\/venv/);
    expect(status).toBe(1);
  });

  test('an unknown role', async () => {
    const { status, stderr } = await dev(['wbe']);
    expect(stderr).toMatch(/no role or dev mode is named "wbe"\n\s*hint: Did you mean "?web"?\?/);
    expect(status).toBe(1);
  });

  test('a port that is taken', async () => {
    const holder = await docker('run', '--detach', '--rm', '--publish', '127.0.0.1::9000', '--label', `wheelwright.project=${NAME}`, 'debian:trixie-slim', 'sleep', '60');
    const port = (await docker('port', holder, '9000')).split(':').at(-1);
    await writeFiles(dir, { 'taken.yml': PROJECT.replace('ports: ["8000"]', `ports: ["${port}:8000"]`) });
    const { status, stderr } = await runCli(['-f', 'taken.yml', 'dev', 'server'], { cwd: dir });
    await docker('rm', '--force', holder);
    expect(stderr).toMatch(new RegExp(`error: .*\n\\s*hint: .*port ${port}`));
    expect(stderr).not.toMatch(/ at .*\.js:/);
    expect(status).toBe(1);
    expect(await devContainers()).toEqual([]);
  });
});

describe('signals', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)('%s reaches the command, whose status is handed on', async (signal) => {
    const name = signal.slice(3);
    const script = `trap 'echo got ${name}; exit 42' ${name}; echo ready; while :; do sleep 0.1; done`;
    const running = await startCli(['dev', 'web', '--', 'sh', '-c', script], { cwd: dir, input: 'open' });
    await running.shows('ready');
    running.killGroup(signal);
    const { status, stdout } = await running.result;
    expect(stdout).toBe(`ready\ngot ${name}\n`);
    expect(status).toBe(42);
    expect(await devContainers()).toEqual([]);
  });

  test('without a handler the status says the signal', async () => {
    const running = await startCli(['dev', 'web', '--', 'sh', '-c', 'echo ready; exec sleep 60'], { cwd: dir, input: 'open' });
    await running.shows('ready');
    running.killGroup('SIGTERM');
    expect((await running.result).status).toBe(143);
  });

  test('at any moment before the command runs: no container is left', async () => {
    const started = performance.now();
    await dev(['web', '--', 'true']);
    const whole = performance.now() - started;
    for (let part = 1; part <= 10; part += 1) {
      const running = await startCli(['dev', 'web', '--', 'sleep', '60'], { cwd: dir, input: 'open' });
      await pause((whole * part) / 10);
      running.killGroup('SIGINT');
      const { status, signal, stderr } = await running.result;
      expect(stderr).not.toMatch(/bug/);
      // Killed outright while node itself starts, 130 afterwards.
      expect([130, 'SIGINT']).toContain(status ?? signal);
    }
    expect(await devContainers()).toEqual([]);
  });

  test('a signal that comes with the start is not lost', async () => {
    for (let round = 0; round < 5; round += 1) {
      const running = await startCli(['dev', 'web', '--', 'sleep', '60'], { cwd: dir, input: 'open' });
      await until(async () => (await docker('ps', '--quiet', '--filter', `label=wheelwright.project=${NAME}`)) !== '');
      running.killGroup('SIGINT');
      expect((await running.result).status).toBe(130);
    }
  });

  test('a killed command leaves a container, and the next run on the store removes it', async () => {
    const running = await startCli(['dev', 'web', '--', 'sh', '-c', 'trap "" TERM HUP; echo ready; while :; do sleep 1; done'], { cwd: dir, input: 'open' });
    await running.shows('ready');
    const beside = await startCli(['dev', 'web', '--', 'sh', '-c', 'trap "" TERM HUP; echo ready; while :; do sleep 1; done'], { cwd: dir, input: 'open' });
    await beside.shows('ready');
    running.killGroup('SIGKILL');
    await running.result;
    const before = await devContainers();
    await runCli(['status'], { cwd: dir });
    const after = await devContainers();
    beside.killGroup('SIGKILL');
    await beside.result;
    expect([before.length, after.length]).toEqual([2, 1]);
    await dev(['lab']);
    expect(await devContainers()).toEqual([]);
  });
});

describe('on a terminal', () => {
  test('the command has it: size, changes of size, keys; afterwards it is as before', async () => {
    const script = [
      'stty size; trap "stty size" WINCH; trap "echo interrupted" INT; test -t 0 && test -t 1 && echo terminal',
      'n=0; while [ $n -lt 600 ] && [ ! -e stop ]; do sleep 0.1; n=$((n+1)); done',
      'read -r line; echo "read $line"; exit 9',
    ].join('; ');
    const terminal = await cliOnTerminal(['dev', 'web', '--', 'sh', '-c', script], { cwd: dir, columns: 91, rows: 31 });
    await terminal.shows('terminal');
    terminal.size(101, 41);
    await terminal.shows('41 101');
    terminal.type('\u0003');
    await terminal.shows('interrupted');
    await writeFiles(dir, { 'src/stop': '' });
    terminal.type('abc\u007fd\r');
    await terminal.shows('read abd');
    expect(await terminal.ended).toMatchObject({ status: 9, echo: true, lines: true });
    expect(await devContainers()).toEqual([]);
  });

  test('the size is right from the start', async () => {
    const terminal = await cliOnTerminal(['dev', 'web', '--', 'sh', '-c', 'sleep 0.5; stty size'], { cwd: dir, columns: 77, rows: 17 });
    await terminal.shows('17 77');
    expect((await terminal.ended).status).toBe(0);
  });

  test('closing its window ends the container', async () => {
    const terminal = await cliOnTerminal(['dev', 'web', '--', 'sh', '-c', 'echo ready; exec sleep 60'], { cwd: dir, columns: 80, rows: 24 });
    await terminal.shows('ready');
    terminal.hangUp();
    await terminal.ended;
    expect(await devContainers()).toEqual([]);
  });

  test('after a failure it is as before', async () => {
    const failed = await (await cliOnTerminal(['dev', 'absent'], { cwd: dir, columns: 80, rows: 24 })).ended;
    expect(failed).toMatchObject({ status: 1, echo: true, lines: true });
    // Neither a hidden cursor nor another screen.
    expect(failed.shown.lastIndexOf('\u001b[?25l')).toBeLessThanOrEqual(failed.shown.lastIndexOf('\u001b[?25h'));
    expect(failed.shown).not.toContain('\u001b[?1049h');
  });
});
