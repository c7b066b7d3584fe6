// Timed processes, one at a time: wall clock around the whole process, and the peak of its resident memory.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const LIMIT = 30 * 60_000;
const running = new Set();

let stopped;

/** Kills what is being measured; nothing starts any more, and what waits ends with this error. */
export function stop(error) {
  stopped = error;
  for (const child of running) child.kill('SIGKILL');
}

/** Fails once the run was stopped: a contestant's failure goes to its cell, this one ends the run. */
export function throwIfStopped() {
  if (stopped !== undefined) throw stopped;
}

/** Runs a program to its end: seconds, stdout, and with `memory` the peak of its resident memory in bytes. Fails on a status but 0. */
export async function timed(program, args, { cwd, env = {}, memory = false } = {}) {
  throwIfStopped();
  // What another contestant wrote before is not this one's to wait for: a store that syncs its own waits for all.
  execFileSync('sync');
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT, killSignal: 'SIGKILL' });
    running.add(child);
    let peak = 0;
    // VmHWM is the kernel's own high-water mark: only what grows in the last interval is missed.
    const poll = memory ? setInterval(() => (peak = Math.max(peak, highWater(child.pid))), 20) : undefined;
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (out[name] += text));
    let seconds;
    child.on('exit', () => {
      seconds = Number(process.hrtime.bigint() - started) / 1e9;
      clearInterval(poll);
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      running.delete(child);
      if (status === 0) resolve({ seconds, peak, stdout: out.stdout });
      else reject(new Error(`${[program, ...args].join(' ')}: ${signal ?? `status ${status}`}: ${out.stderr.trim() || out.stdout.trim()}`));
    });
  });
}

function highWater(pid) {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
