import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wheelwright-pack-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('npm pack carries the command, its schema and its documents, and a global install of it runs', () => {
  // A copy, so that packing (which builds) does not disturb a dist that others run.
  const copy = join(folder, 'copy');
  for (const path of ['src', 'schema', 'scripts', 'package.json', 'package-lock.json', '.npmrc', 'README.md', 'CHANGELOG.md', 'LICENSE', 'tsconfig.json']) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const [packed] = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], copy)) as [{ filename: string; files: { path: string }[] }];
  const paths = packed.files.map((file) => file.path);
  expect(paths.filter((path) => !/^(dist\/|schema\/|(package\.json|README\.md|CHANGELOG\.md|LICENSE)$)/.test(path))).toEqual([]);
  expect(paths).toEqual(expect.arrayContaining(['dist/artifacts', 'dist/artifacts.js', 'dist/agent/install.py', 'schema/project.schema.json']));
  npm(['install', '--global', '--prefix', join(folder, 'global'), join(folder, packed.filename)], folder);
  const installed = join(folder, 'global/bin/artifacts');
  expect(execFileSync(installed, ['--version'], { encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(execFileSync(installed, ['--help'], { encoding: 'utf8' })).toContain('artifacts');
});

function npm(args: readonly string[], cwd: string): string {
  const quiet = ['--silent', '--no-audit', '--no-fund', '--ignore-scripts=false'];
  return execFileSync('npm', [...args, ...quiet], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
