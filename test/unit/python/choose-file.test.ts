import { describe, expect, test } from '@jest/globals';
import { chooseFile } from '../../../src/python/choose-file.js';
import type { FormatPolicy } from '../../../src/python/choose-file.js';
import type { IndexFile } from '../../../src/python/index-file.js';
import { parseSpecifiers } from '../../../src/python/specifier.js';
import { sourceUrl } from '../../../src/python/source-url.js';

const TAGS = ['cp313-cp313-manylinux_2_17_x86_64', 'cp313-abi3-manylinux_2_17_x86_64', 'cp313-none-any', 'py3-none-any'];
const TARGET = { tags: new Map(TAGS.map((tag, rank) => [tag, rank])), pythonVersion: '3.13.5' };
const ANY: FormatPolicy = { noBinary: [], onlyBinary: [], preferBinary: false };
const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;

const file = (filename: string, more: Partial<IndexFile> = {}): IndexFile => ({ filename, location: { kind: 'url', url: sourceUrl(`https://files.test/${filename}`) }, hashes: [], yanked: false, rank: 0, ...more });

function choose(files: readonly (string | IndexFile)[], specifier = '==1.0', { hashes = [] as readonly string[], policy = ANY } = {}) {
  const pin = { name: 'a', specifiers: parseSpecifiers(specifier) ?? [], hashes };
  const choice = chooseFile(files.map((each) => (typeof each === 'string' ? file(each) : each)), pin, { target: TARGET, policy });
  return 'file' in choice ? choice.file.filename : [choice.reason, choice.why, choice.available];
}

describe('which file', () => {
  test('the best tag, a wheel before an sdist, the build number, then the first index', () => {
    expect(choose(['a-1.0.tar.gz', 'a-1.0-py3-none-any.whl', 'a-1.0-cp313-abi3-manylinux_2_17_x86_64.whl', 'a-1.0-cp313-cp313-win_amd64.whl'])).toBe('a-1.0-cp313-abi3-manylinux_2_17_x86_64.whl');
    expect(choose(['a-1.0.tar.gz', 'a-1.0-cp313-cp313-win_amd64.whl'])).toBe('a-1.0.tar.gz');
    expect(choose(['a-1.0-py3-none-any.whl', 'a-1.0-2-py3-none-any.whl', 'a-1.0-1-py3-none-any.whl'])).toBe('a-1.0-2-py3-none-any.whl');
    expect(choose([file('a-1.0.zip', { rank: 1 }), file('a-1.0.tar.gz', { rank: 0 })])).toBe('a-1.0.tar.gz');
  });

  test('versions by PEP 440: other spellings, the highest local one', () => {
    expect(choose(['a-1.tar.gz'])).toBe('a-1.tar.gz');
    expect(choose(['a-1.0.tar.gz', 'a-1.0+cpu-py3-none-any.whl', 'a-1.0+cpu.2.tar.gz', 'a-1.0.1.tar.gz'])).toBe('a-1.0+cpu.2.tar.gz');
    expect(choose(['a-1.0rc1.tar.gz'], '==1.0rc1')).toBe('a-1.0rc1.tar.gz');
  });

  test('yanked files are taken for a pin, files for another Python are not', () => {
    expect(choose([file('a-1.0.tar.gz', { yanked: true })])).toBe('a-1.0.tar.gz');
    expect(choose([file('a-1.0.tar.gz', { requiresPython: '>=3.8' }), file('a-1.0-py3-none-any.whl', { requiresPython: '>=3.14' })])).toBe('a-1.0.tar.gz');
    expect(choose([file('a-1.0.tar.gz', { requiresPython: 'nonsense' })])).toBe('a-1.0.tar.gz');
    expect(choose([file('a-1.0.tar.gz', { requiresPython: '<3' })])).toEqual(['unsupported', 'it requires Python <3, and the builder has 3.13.5', ['a-1.0.tar.gz']]);
  });

  test('formats that are excluded', () => {
    const both = ['a-1.0.tar.gz', 'a-1.0-py3-none-any.whl'];
    expect(choose(both, '==1.0', { policy: { ...ANY, noBinary: ['a'] } })).toBe('a-1.0.tar.gz');
    expect(choose(both, '==1.0', { policy: { ...ANY, noBinary: 'all' } })).toBe('a-1.0.tar.gz');
    expect(choose(['a-1.0.tar.gz'], '==1.0', { policy: { ...ANY, onlyBinary: 'all' } })).toMatchObject(['unsupported', expect.stringContaining('--only-binary'), ['a-1.0.tar.gz']]);
  });

  test('only files with a pinned hash; what the index does not say is checked later', () => {
    const wheel = file('a-1.0-py3-none-any.whl', { hashes: [A] });
    const sdist = file('a-1.0.tar.gz', { hashes: [B] });
    expect(choose([wheel, sdist], '==1.0', { hashes: [B] })).toBe('a-1.0.tar.gz');
    expect(choose([file('a-1.0-py3-none-any.whl'), sdist], '==1.0', { hashes: [B] })).toBe('a-1.0-py3-none-any.whl');
    expect(choose([wheel], '==1.0', { hashes: [B] })).toEqual(['integrity', 'no file of this version has one of the pinned hashes', [`a-1.0-py3-none-any.whl (${A})`]]);
    expect(choose([wheel], '==1.0', { hashes: [`sha512:${'c'.repeat(128)}`] })).toBe('a-1.0-py3-none-any.whl');
  });

  test('what there is instead', () => {
    expect(choose(['b-1.0.tar.gz', 'readme.html'])).toEqual(['not-found', 'no index has a package of this name', []]);
    expect(choose(['a-1.1.tar.gz', 'a-2.0.tar.gz', 'a-2.0-py3-none-any.whl'])).toEqual(['not-found', 'no index has this version', ['2.0', '1.1']]);
    expect(choose(['a-1.0-cp313-cp313-win_amd64.whl'])).toEqual([
      'unsupported',
      'it has no source distribution and no wheel for this interpreter (Python 3.13.5, cp313-cp313-manylinux_2_17_x86_64)',
      ['a-1.0-cp313-cp313-win_amd64.whl'],
    ]);
  });
});
