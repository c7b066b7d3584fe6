import { lstatSync, lutimesSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, onDisk } from '../util/disk.js';
import type { Layout } from './layout.js';

/** The process that opens a store, as values. */
export interface Self {
  /** Random and unique per opened store: at least 16 letters, digits or dashes. */
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** For people: "artifacts build". No secrets. */
  readonly command: string;
  /** Effective numeric user id; undefined where the system has none. */
  readonly uid: number | undefined;
}

/** Milliseconds between two signs of life. */
const HEARTBEAT = 2_000;
/** A heartbeat older than this (ms) makes a process suspect where nothing better is known. */
const SILENCE = 60_000;
/** So many looks, at least so far apart (ms), without a heartbeat make a suspect dead. */
const LOOKS = 40;
const LOOK_INTERVAL = 200;
/** A heartbeat older than this (ms) counts as dead at once. */
const LONG_SILENCE = 24 * 3_600_000;

/** Where a process lives; `start` is in clock ticks since boot (proc(5), field 22). Empty texts: not known. */
interface Sign {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
  readonly namespace: string;
}

/**
 * Which processes use the store, and whether they live. Before its first lock or temporary file each puts up a sign:
 *
 *     processes/<token>         symbolic link to "<pid>:<start>:<boot>:<pid namespace>", touched every two seconds
 *     processes/<token>.about   who it is, for people
 *
 * A link appears whole or not at all, and one this short needs no disk block, so that `gc` works on a full disk.
 *
 * Seen from the same kernel and pid namespace the answer is exact: a process lives as long as /proc shows its pid with
 * the start time of the sign. From elsewhere (a container, another host on a shared disk) pids mean nothing, so a
 * process is dead when its last touch is a minute old *and* stays it for ten seconds of watching; the watching keeps a
 * machine that was asleep from burying its own processes. Tokens are never reused, so dead is dead for ever.
 */
export class Processes {
  private registered: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly here: Sign;
  private readonly watched = new Map<string, { beat: number; looks: number; last: number }>();

  constructor(
    private readonly layout: Layout,
    private readonly self: Self,
    private readonly now: () => number,
  ) {
    this.here = whereAmI(self.pid);
  }

  /** Makes this process known to the others; cheap after the first time. */
  register(): Promise<void> {
    this.registered ??= this.putUp().catch((error: unknown) => {
      this.registered = undefined;
      throw error;
    });
    return this.registered;
  }

  /** Forgets this process; everything it owned must be gone. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    if (this.registered === undefined) return;
    await this.registered.catch(() => undefined);
    await rm(this.about(this.self.token), { force: true });
    await rm(this.sign(this.self.token), { force: true });
  }

  /** False only if the process is certainly gone (see above). */
  isAlive(token: string): boolean {
    if (token === this.self.token) return true;
    const target = readSign(this.sign(token));
    if (target === undefined) return false;
    const sign = parseSign(target);
    const near = sign !== undefined && sign.boot === this.here.boot && sign.namespace === this.here.namespace;
    if (!near || sign.start === '' || this.here.start === '') return this.hasHeartbeat(token);
    return startTime(sign.pid) === sign.start || isHidden(sign.pid);
  }

  /** Who it is, for people. */
  describe(token: string): string {
    try {
      return readFileSync(this.about(token), 'utf8').trim() || 'another process';
    } catch {
      return 'another process';
    }
  }

  private hasHeartbeat(token: string): boolean {
    const beat = lstatSync(this.sign(token), { throwIfNoEntry: false })?.mtimeMs;
    if (beat === undefined) return false;
    const now = this.now();
    if (now - beat > LONG_SILENCE) return false;
    const seen = this.watched.get(token);
    if (now - beat < SILENCE || seen?.beat !== beat) {
      this.watched.set(token, { beat, looks: 1, last: now });
      return true;
    }
    if (now - seen.last >= LOOK_INTERVAL) {
      seen.looks += 1;
      seen.last = now;
    }
    return seen.looks < LOOKS;
  }

  private async putUp(): Promise<void> {
    const { pid, host, command, token } = this.self;
    const { start, boot, namespace } = this.here;
    await onDisk(this.sign(token), () => symlink(`${pid}:${start}:${boot}:${namespace}`, this.sign(token)));
    this.timer ??= setInterval(() => this.beat(), HEARTBEAT).unref();
    // A full disk must not stop what frees it.
    await writeFile(this.about(token), `${command} (pid ${pid} on ${host}, since ${new Date(this.now()).toISOString()})\n`).catch(() => undefined);
  }

  private beat(): void {
    const seconds = this.now() / 1000;
    try {
      lutimesSync(this.sign(this.self.token), seconds, seconds);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') void this.putUp().catch(() => undefined);
    }
  }

  private sign(token: string): string {
    return join(this.layout.processes, token);
  }

  private about(token: string): string {
    return join(this.layout.processes, `${token}.about`);
  }
}

/** undefined if there is none; an unreadable one is the empty text. */
function readSign(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? undefined : '';
  }
}

function parseSign(target: string): Sign | undefined {
  const [, pid, start, boot, namespace] = /^(\d+):(\d*):([0-9a-f]*):(\d*)$/.exec(target) ?? [];
  if (pid === undefined || start === undefined || boot === undefined || namespace === undefined) return undefined;
  return { pid: Number(pid), start, boot, namespace };
}

/** Boot, pid namespace and start time; an empty start where /proc can't be trusted, and then only heartbeats count. */
function whereAmI(pid: number): Sign {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replace(/[^0-9a-f]/g, '').slice(0, 16);
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    // A /proc of another namespace would show us under another pid.
    const start = readlinkSync('/proc/self') === String(pid) ? (startTime(pid) ?? '') : '';
    return { pid, boot, namespace, start };
  } catch {
    return { pid, boot: '', namespace: '', start: '' };
  }
}

/** Field 22 of /proc/<pid>/stat; undefined if there is no such process or it is only a zombie. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in brackets may hold anything, spaces and brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** With /proc mounted `hidepid`, other users' processes are not shown, but they can be told from none at all. */
function isHidden(pid: number): boolean {
  if (statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
