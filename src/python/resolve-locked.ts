import { resolve } from 'node:path';
import { Failed } from '../core/failure.js';
import { chooseFile } from './choose-file.js';
import type { IndexFile } from './index-file.js';
import type { LockedFile, LockedPackage } from './locks/locked-package.js';
import type { Requirement } from './requirement.js';
import type { PinContext } from './resolve-pin.js';
import { resolvePin } from './resolve-pin.js';
import { parseSpecifiers } from './specifier.js';
import type { Wanted } from './wanted.js';

/** The best file, or the commit or folder, of a package that a lock file selects. Files without an address are looked up. */
export async function resolveLocked(item: LockedPackage, context: PinContext): Promise<Wanted> {
  const { name, version, source, place } = item;
  const specifiers = parseSpecifiers(version === undefined ? '' : `==${version}`) ?? [];
  const plain = { name, extras: item.extras, hashes: [], editable: false, configSettings: [], globalOptions: [], place };
  switch (source.kind) {
    case 'index': {
      const files = source.files.flatMap((file, rank) => located(file, rank, context));
      if (files.length < source.files.length || files.length === 0) {
        return resolvePin({ ...plain, specifiers, source: { kind: 'index' }, hashes: source.files.flatMap(({ hashes }) => hashes) }, context);
      }
      return chosen({ ...plain, specifiers, source: { kind: 'index' } }, files, context);
    }
    case 'git':
      return resolvePin({ ...plain, specifiers: [], source: { ...source, kind: 'vcs', vcs: 'git', revision: source.commit } }, context);
    case 'url': {
      const { url } = source.file;
      if (url === undefined) throw new Error(`${name} is locked to a URL that is not there`);
      return resolvePin({ ...plain, specifiers: [], hashes: source.file.hashes, source: { ...source, url } }, context);
    }
    case 'path':
      return resolvePin({ ...plain, specifiers: [], hashes: source.hashes, source }, context);
  }
}

function located(file: LockedFile, rank: number, { work }: PinContext): IndexFile[] {
  const { filename, url, path, hashes } = file;
  if (url !== undefined) return [{ filename, location: { kind: 'url', url }, hashes, yanked: false, rank }];
  if (path !== undefined) return [{ filename, location: { kind: 'path', path: resolve(work.context.root, path), shown: path }, hashes, yanked: false, rank }];
  return [];
}

function chosen(requirement: Requirement, files: readonly IndexFile[], { work }: PinContext): Wanted {
  const name = requirement.name as string;
  const choice = chooseFile(files, { name, specifiers: requirement.specifiers, hashes: [] }, { target: work.interpreter, policy: work.options });
  if (!('file' in choice)) {
    const { reason, why, available } = choice;
    throw new Failed({ reason, message: `${name} cannot be installed: ${why}`, place: requirement.place, detail: available, advice: 'lock again for this interpreter and platform, or use another builder' });
  }
  const { file, format, version } = choice;
  return {
    ...{ name, version, hashes: file.hashes, configSettings: [], globalOptions: [], resolved: false, place: requirement.place },
    source: { kind: 'archive', format, filename: file.filename, location: file.location, direct: false },
  };
}
