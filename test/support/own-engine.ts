import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectEngine } from '../../src/engine/connect.js';

/** A Docker Engine for one test file, without a network, whose disk can be taken from it. */
export interface OwnEngine {
  /** In the syntax of DOCKER_HOST. */
  readonly host: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What it has on disk is gone; only while it is stopped. */
  empty(): void;
  /** Its folder goes too. */
  remove(): void;
}

/** `folder` must be on a disk that overlay2 can work on. */
export function ownEngine(folder: string): OwnEngine {
  const socket = join(folder, 'docker.sock');
  const host = `unix://${socket}`;
  let running: ChildProcess | undefined;
  return { host, start, stop, empty, remove };

  async function start(): Promise<void> {
    mkdirSync(folder, { recursive: true });
    // In place of the machine's own, which may say what the arguments say.
    writeFileSync(join(folder, 'daemon.json'), '{}');
    const args = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'docker.pid'), '--host', host];
    // In a network of its own: without a bridge, dockerd removes the default one, which is another engine's.
    const started = spawn('unshare', ['--net', 'dockerd', ...args, '--config-file', join(folder, 'daemon.json'), '--bridge', 'none', '--iptables=false', '--ip-masq=false'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    started.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
    running = started;
    for (let tries = 0; tries < 240; tries += 1) {
      if (started.exitCode !== null) throw new Error(`dockerd ended:\n${said}`);
      if (await connectEngine({ host }).info().then(() => true, () => false)) return;
      await pause(250);
    }
    throw new Error(`dockerd does not answer:\n${said}`);
  }

  async function stop(): Promise<void> {
    const child = running;
    running = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  function empty(): void {
    if (running !== undefined) throw new Error('the engine runs');
    // Mounts that a daemon leaves behind when it ends would keep the folder.
    for (const mount of mountsBelow(folder)) execFileSync('umount', ['-l', mount]);
    rmSync(join(folder, 'data'), { recursive: true, force: true });
  }

  function remove(): void {
    empty();
    rmSync(folder, { recursive: true, force: true });
  }
}

function mountsBelow(folder: string): string[] {
  const lines = execFileSync('cat', ['/proc/self/mounts'], { encoding: 'utf8' }).split('\n');
  return lines.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(`${folder}/`)).reverse();
}
