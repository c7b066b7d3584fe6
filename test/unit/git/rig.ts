import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder for the checkouts of one test file, with a HOME of its own. */
export class Rig {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'wheelwright-git-')));
  readonly env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: join(this.root, 'home'),
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.com',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.com',
    LC_ALL: 'C',
  };

  constructor() {
    mkdirSync(this.env['HOME']!);
    this.git('.', 'config', '--global', 'init.defaultBranch', 'main');
    this.git('.', 'config', '--global', 'protocol.file.allow', 'always');
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  git(folder: string, ...args: string[]): string {
    return execFileSync('git', args, { cwd: this.path(folder), env: this.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  write(files: { readonly [path: string]: string }): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(this.path(path)), { recursive: true });
      writeFileSync(this.path(path), content);
    }
  }

  /** A repository with one commit of these files; gives the commit. */
  repository(name: string, files: { readonly [path: string]: string }): string {
    mkdirSync(this.path(name), { recursive: true });
    this.git(name, 'init', '-q');
    this.write(Object.fromEntries(Object.entries(files).map(([path, content]) => [join(name, path), content])));
    return this.commit(name);
  }

  commit(name: string): string {
    this.git(name, 'add', '-A');
    this.git(name, 'commit', '-q', '--allow-empty', '-m', 'c');
    return this.git(name, 'rev-parse', 'HEAD').trim();
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
