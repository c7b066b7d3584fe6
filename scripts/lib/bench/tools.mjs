// What the parts of the benchmark share: running, timing, medians, tables, the case's files.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const cli = join(root, 'dist/artifacts');
export const runs = Number(process.env.BENCH_RUNS ?? 5);
export const BUILDER = 'wheelwright-test/pontoon-builder';

export function cases() {
  const folder = resolve(root, process.env.WHEELWRIGHT_CASES ?? '../shared/cases');
  if (!existsSync(folder)) throw new Error(`bench: no cases at ${folder}; set WHEELWRIGHT_CASES`);
  return folder;
}

/** Copies a case with the registry's address in its lock files put back. */
export function prepare(name, target) {
  execFileSync(join(cases(), 'prepare'), [name, target], { stdio: 'inherit' });
}

export function temporary(label) {
  return mkdtempSync(join(tmpdir(), `wheelwright-bench-${label}-`));
}

/** Runs our CLI; resolves to its JSON, and the seconds of the whole process. */
export function artifacts(args, cwd) {
  const started = performance.now();
  const ran = spawnSync(cli, ['--json', '--quiet', ...args], { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  const seconds = (performance.now() - started) / 1000;
  if (ran.status !== 0) throw new Error(`artifacts ${args.join(' ')}: ${ran.stderr}`);
  return { seconds, result: JSON.parse(ran.stdout) };
}

export function docker(args, options = {}) {
  return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28, ...options }).trim();
}

/** Seconds of a command in a running container. */
export function inside(container, script) {
  const started = performance.now();
  docker(['exec', container, 'sh', '-ec', script]);
  return (performance.now() - started) / 1000;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function table(title, head, rows) {
  tableHead(title, head);
  rows.forEach(tableRow);
}

/** For tables that take minutes: each row as soon as it is measured. */
export function tableHead(title, head) {
  console.log(`\n${title}\n`);
  tableRow(head);
  tableRow(head.map(() => '---'));
}

export function tableRow(row) {
  console.log(`| ${row.join(' | ')} |`);
}

export const s = (value) => `${value.toFixed(2)} s`;
export const x = (value) => `${value.toFixed(2)}×`;

export { cpSync, existsSync, join, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync };
