import { readFileSync, readlinkSync, statSync, utimesSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { atomicWrite } from '../util/atomic-write.js';
import { errorCode } from '../util/disk.js';
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
/** So many looks, at least 250 ms apart, without a heartbeat make a suspect dead. */
const LOOKS = 40;
/** A heartbeat older than this (ms) counts as dead at once. */
const LONG_SILENCE = 24 * 3_600_000;

/** What a process writes about itself; `start` is in clock ticks since boot (proc(5), field 22). */
interface Sign {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
  readonly namespace: string;
  readonly host: string;
  readonly command: string;
  readonly since: number;
}

/**
 * Which processes use the store, and whether they live. Each writes one file `processes/<token>.json` before it makes
 * its first lock or temporary file, and touches it every two seconds.
 *
 * Seen from the same kernel and pid namespace the answer is exact: a process lives as long as /proc shows its pid with
 * the start time it wrote. From elsewhere (a container, another host on a shared disk) pids mean nothing, so a
 * process is dead when its heartbeat is a minute old *and* stays silent for ten seconds of watching; the watching keeps a
 * machine that was asleep from burying its own processes. Tokens are never reused, so dead is dead for ever.
 */
export class Processes {
  private registered: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly here: Pick<Sign, 'boot' | 'namespace' | 'start'>;
  private readonly watched = new Map<string, { beat: number; looks: number }>();

  constructor(
    private readonly layout: Layout,
    private readonly self: Self,
    private readonly now: () => number,
  ) {
    this.here = whereAmI(self.pid);
  }

  /** Makes this process known to the others; cheap after the first time. */
  register(): Promise<void> {
    this.registered ??= this.write().then(
      () => this.startHeartbeat(),
      (error: unknown) => {
        this.registered = undefined;
        throw error;
      },
    );
    return this.registered;
  }

  /** Forgets this process; everything it owned must be gone. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    if (this.registered === undefined) return;
    await this.registered.catch(() => undefined);
    await rm(this.path(this.self.token), { force: true });
  }

  /** False only if the process is certainly gone (see above). Ask again, 250 ms apart, while it is true. */
  isAlive(token: string): boolean {
    if (token === this.self.token) return true;
    const sign = this.read(token);
    if (sign === undefined) return false;
    if (sign === 'unreadable') return this.hasHeartbeat(token);
    const local = sign.boot === this.here.boot && sign.namespace === this.here.namespace && sign.start !== '' && this.here.start !== '';
    return local ? startTime(sign.pid) === sign.start || isHidden(sign) : this.hasHeartbeat(token);
  }

  /** Who it is, for people. */
  describe(token: string): string {
    const sign = this.read(token);
    if (sign === undefined || sign === 'unreadable') return 'another process';
    return `${sign.command} (pid ${sign.pid} on ${sign.host}, since ${new Date(sign.since).toISOString()})`;
  }

  private hasHeartbeat(token: string): boolean {
    const beat = statSync(this.path(token), { throwIfNoEntry: false })?.mtimeMs;
    if (beat === undefined) return false;
    const silence = this.now() - beat;
    if (silence > LONG_SILENCE) return false;
    const seen = this.watched.get(token);
    if (silence < SILENCE || seen?.beat !== beat) {
      this.watched.set(token, { beat, looks: 1 });
      return true;
    }
    seen.looks += 1;
    return seen.looks < LOOKS;
  }

  private async write(): Promise<void> {
    const { pid, host, command, token } = this.self;
    const sign: Sign = { pid, host, command, since: this.now(), ...this.here };
    await atomicWrite(this.path(token), `${JSON.stringify(sign)}\n`, { temp: join(this.layout.processes, `${token}.new`) });
  }

  private startHeartbeat(): void {
    this.timer = setInterval(() => this.beat(), HEARTBEAT);
    this.timer.unref();
  }

  private beat(): void {
    const seconds = this.now() / 1000;
    try {
      utimesSync(this.path(this.self.token), seconds, seconds);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') void this.write().catch(() => undefined);
    }
  }

  private read(token: string): Sign | 'unreadable' | undefined {
    try {
      const sign = JSON.parse(readFileSync(this.path(token), 'utf8')) as Partial<Sign> | null;
      const whole = typeof sign?.pid === 'number' && typeof sign.since === 'number' && Number.isSafeInteger(sign.since);
      const named = [sign?.start, sign?.boot, sign?.namespace, sign?.host, sign?.command].every((text) => typeof text === 'string');
      return whole && named ? (sign as Sign) : 'unreadable';
    } catch (error) {
      return errorCode(error) === 'ENOENT' ? undefined : 'unreadable';
    }
  }

  private path(token: string): string {
    return join(this.layout.processes, `${token}.json`);
  }
}

/** Boot, pid namespace and start time; an empty start where /proc can't be trusted, and then only heartbeats count. */
function whereAmI(pid: number): Pick<Sign, 'boot' | 'namespace' | 'start'> {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = readlinkSync('/proc/self/ns/pid');
    // A /proc of another namespace would show us under another pid.
    const start = readlinkSync('/proc/self') === String(pid) ? (startTime(pid) ?? '') : '';
    return { boot, namespace, start };
  } catch {
    return { boot: '', namespace: '', start: '' };
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
function isHidden({ pid }: Sign): boolean {
  if (statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
