import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Failed } from '../../../src/core/failure.js';
import { formatPlace } from '../../../src/core/place.js';
import type { Project } from '../../../src/config/project.js';
import { readProject } from '../../../src/config/read.js';

/** A folder with files that project files of the tests refer to. */
export class Rig {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'wheelwright-config-')));

  constructor() {
    this.write({
      'requirements/prod.txt': '',
      'requirements/dev.txt': '',
      'package.json': '{}',
      'package-lock.json': '{}',
      'unlocked/package.json': '{}',
      'shrunk/package.json': '{}',
      'shrunk/npm-shrinkwrap.json': '{}',
      'images/builder/Dockerfile': 'FROM scratch',
      'images/deps/Dockerfile': 'FROM scratch',
      'images/web/Dockerfile': 'FROM scratch',
      'images/empty/keep': '',
      'src/app.py': '',
    });
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  write(files: { readonly [path: string]: string | Buffer }): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(this.path(path)), { recursive: true });
      writeFileSync(this.path(path), content);
    }
  }

  read(text: string | Buffer): Promise<Project> {
    this.write({ 'project.yml': text });
    return readProject({ cwd: this.root });
  }

  /** Every problem as `line:column message | advice | second place`, as far as there is one. */
  async problems(text: string | Buffer): Promise<string[]> {
    try {
      await this.read(text);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      return error.problems.map(({ reason, message, place, advice, related }) => {
        const where = place ? formatPlace(place).replace(/^project\.yml:/, '') : '';
        const second = related ? [`${related.message} ${formatPlace(related.place).replace(/^project\.yml:/, '')}`] : [];
        return [`${where} ${reason === 'config' ? '' : `(${reason}) `}${message}`.trim(), ...(advice ? [advice] : []), ...second].join(' | ');
      });
    }
    return [];
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
