import { expect, test } from '@jest/globals';
import { Readable } from 'node:stream';
import { engineFiles } from '../../../src/assemble/engine-files.js';
import type { Engine } from '../../../src/engine/engine.js';
import { rawTar, type Raw } from '../archive/raw-tar.js';

/** An engine whose every container answers so. */
function engineWith(answers: Readonly<Record<string, readonly Raw[]>>): Engine {
  const getArchive = async (path: string) => (answers[path] === undefined ? undefined : Readable.from([rawTar(answers[path] as readonly Raw[])], { objectMode: false }));
  return { createContainer: async () => ({ getArchive, remove: async () => undefined }) } as unknown as Engine;
}

test('names in an engine\'s answer can not lead out of what was asked for', async () => {
  const root = { name: './', type: '5' };
  for (const name of ['app/../../etc/cron.d/x', '../x', 'app/..']) {
    const files = engineFiles(engineWith({ '/': [root], '/app': [{ name: 'app/', type: '5' }, { name, content: 'x' }] }), 'image');
    await expect(files.list('app')).rejects.toThrow(/leads out of it/);
    await files.close();
  }
});
