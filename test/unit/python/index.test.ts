import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failed } from '../../../src/core/failure.js';
import type { Http, HttpResponse } from '../../../src/net/http.js';
import { credentialsOf } from '../../../src/python/credentials.js';
import { createIndexClient } from '../../../src/python/index-client.js';
import type { IndexOptions } from '../../../src/python/requirement.js';
import { parseSimplePage } from '../../../src/python/simple-page.js';
import { sourceUrl } from '../../../src/python/source-url.js';

const page = (body: string, contentType: string, url = 'https://index.test/simple/a/') => parseSimplePage({ body: Buffer.from(body), contentType, url, subject: 'index page of a', rank: 0 });
const HEX = 'ab'.repeat(32);

describe('project pages', () => {
  test('HTML: relative links, entities, hashes, yanked files, attributes in any quotes', () => {
    const html = `<!DOCTYPE html><html><body>
      <a href="../../files/a-1.0.tar.gz#sha256=${HEX}" data-requires-python="&gt;=3.8,&lt;4">a-1.0.tar.gz</a><br/>
      <a data-yanked="" href='https://files.test/a-1.0-py3-none-any.whl#md5=${'0'.repeat(32)}'>a-1.0-py3-none-any.whl</a>
      <A HREF=/x/a-2.0%2Blocal-py3-none-any.whl>label</A>
      <a href="javascript:alert(1)">no</a> <a name="x">no</a></body></html>`;
    expect(page(html, 'text/html')).toEqual([
      { filename: 'a-1.0.tar.gz', location: { kind: 'url', url: sourceUrl('https://index.test/files/a-1.0.tar.gz') }, hashes: [`sha256:${HEX}`], requiresPython: '>=3.8,<4', yanked: false, rank: 0 },
      { filename: 'a-1.0-py3-none-any.whl', location: { kind: 'url', url: sourceUrl('https://files.test/a-1.0-py3-none-any.whl') }, hashes: [`md5:${'0'.repeat(32)}`], yanked: true, rank: 0 },
      { filename: 'a-2.0+local-py3-none-any.whl', location: { kind: 'url', url: sourceUrl('https://index.test/x/a-2.0%2Blocal-py3-none-any.whl') }, hashes: [], yanked: false, rank: 0 },
    ]);
  });

  test('JSON', () => {
    const json = JSON.stringify({
      files: [
        { filename: 'a-1.0.tar.gz', url: 'a-1.0.tar.gz', hashes: { sha256: HEX.toUpperCase(), strange: 'x' }, 'requires-python': null, yanked: false },
        { filename: 'a-2.0.tar.gz', url: '/a-2.0.tar.gz', hashes: {}, 'requires-python': '>=3', yanked: 'broken' },
        { filename: '../evil', url: '/x' },
        { filename: 'ftp', url: 'ftp://x/y' },
        null,
      ],
    });
    expect(page(json, 'application/vnd.pypi.simple.v1+json; charset=utf-8')).toMatchObject([
      { filename: 'a-1.0.tar.gz', hashes: [`sha256:${HEX}`], yanked: false, location: { url: { url: 'https://index.test/simple/a/a-1.0.tar.gz' } } },
      { filename: 'a-2.0.tar.gz', hashes: [], requiresPython: '>=3', yanked: true, location: { url: { url: 'https://index.test/a-2.0.tar.gz' } } },
    ]);
  });

  test('pins leave out the same files however a page is written', () => {
    const hash = (index: number): string => index.toString(16).repeat(64);
    const some = fc.constantFrom(0, 1, 2, 3).map(hash);
    const target = fc.oneof(
      { arbitrary: some.map((hex) => `x.tar.gz#sha256=${hex}`), weight: 5 },
      some.map((hex) => `x.tar.gz#sha256=${hex.toUpperCase()}`), some.map((hex) => `x.tar.gz#md5=${hex.slice(32)}`), fc.constantFrom('x.tar.gz', 'x.tar.gz#sha256=12', 'x.tar.gz#frag'),
    );
    const title = fc.oneof(fc.constant(''), some.map((hex) => ` title="#sha256=${hex}"`), fc.constantFrom(' title="<a b"', ' title="&#39;"', ' data-requires-python="<3"', ' data-yanked=""'));
    const anchor = fc.tuple(title, target, title, fc.constantFrom('x', 'x &amp; y', '')).map(([before, href, after, label]) => `<a${before} href="${href}"${after}>${label}</a>`);
    const text = fc.oneof({ arbitrary: anchor, weight: 8 }, fc.constantFrom('<br/>', '<abbr>a</abbr>', '<A HREF="x.tar.gz">x</A>', '<a href="x.tar.gz">', 'text'));
    const pins: fc.Arbitrary<readonly string[]> = fc.oneof(fc.array(some.map((hex) => `sha256:${hex}`), { minLength: 1, maxLength: 2 }), fc.constantFrom<readonly string[]>([], [`md5:${hash(1).slice(32)}`], [`sha256:${hash(1)}`, `md5:${hash(2).slice(32)}`]));
    fc.assert(fc.property(fc.array(text, { maxLength: 6 }), pins, (texts, pinned) => {
      const read = (hashes: readonly string[]) => parseSimplePage({ body: Buffer.from(`<html>${texts.join('\n')}`), contentType: 'text/html', url: 'https://index.test/simple/x/', subject: 'page', rank: 0, pinned: hashes });
      const kinds = new Set(pinned.map((one) => one.split(':')[0]));
      const left = ({ hashes }: { readonly hashes: readonly string[] }): boolean => !hashes.some((one) => kinds.has(one.split(':')[0]) && !pinned.includes(one));
      expect(read(pinned).filter(left)).toEqual(read([]).filter(left));
    }), { numRuns: 3000, seed: 9 });
  });

  test('of what a pin excludes by its hashes nothing is looked at; what the page does not say stays', () => {
    const [other, pinned] = ['1'.repeat(64), `sha256:${HEX.toLowerCase()}`];
    const html = ['a-1.0.tar.gz#sha256=' + HEX.toUpperCase(), `a-2.0.tar.gz#sha256=${other}`, `a-3.0.tar.gz#md5=${'0'.repeat(32)}`, 'a-4.0.tar.gz'].map((href) => `<a href="${href}">x</a>`).join('');
    const json = JSON.stringify({ files: [[1, { sha256: HEX }], [2, { sha256: other, md5: 'x' }], [3, { md5: '0'.repeat(32) }], [4, {}]].map(([version, hashes]) => ({ filename: `a-${version as number}.0.tar.gz`, url: 'x', hashes })) });
    const names = (body: string, contentType: string, hashes: readonly string[]): readonly string[] =>
      parseSimplePage({ body: Buffer.from(body), contentType, url: 'https://index.test/simple/a/', subject: 'index page of a', rank: 0, pinned: hashes }).map(({ filename }) => filename);
    for (const [body, type] of [[html, 'text/html'], [json, 'application/json']] as const) {
      expect(names(body, type, [pinned])).toEqual(['a-1.0.tar.gz', 'a-3.0.tar.gz', 'a-4.0.tar.gz']);
      expect(names(body, type, [`sha512:${'0'.repeat(128)}`])).toHaveLength(4);
      expect(names(body, type, [])).toHaveLength(4);
    }
  });

  test.each([['{', 'application/json'], ['{"no":"files"}', 'application/json'], ['PK\u0003\u0004', 'text/html'], ['', '']])('garbage is a failure of the registry: %j', (body, type) => {
    expect(() => page(body, type)).toThrow(Failed);
  });
});

const NONE: IndexOptions = { extraIndexUrls: [], noIndex: false, findLinks: [], trustedHosts: [], prereleases: false, noBinary: [], onlyBinary: [], preferBinary: false, requireHashes: false, useFeatures: [] };

function client(pages: Readonly<Record<string, string>>, options: Partial<IndexOptions>, root = '/nowhere') {
  const asked: { url: string; authorization: string | undefined }[] = [];
  const http: Http = {
    get: async (url, { authorization }): Promise<HttpResponse> => {
      asked.push({ url, authorization });
      const body = pages[url];
      if (body === undefined) throw new Failed({ reason: 'not-found', message: url });
      return { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from(body), url };
    },
    stream: () => Promise.reject(new Error('no streams here')),
  };
  const all = { ...NONE, ...options };
  return { asked, files: createIndexClient({ http, root, options: all, fallback: 'https://public.example/simple/', credentials: credentialsOf(all, []), signal: new AbortController().signal }) };
}

const link = (name: string): string => `<a href="/${name}">${name}</a>`;

describe('several places', () => {
  test('all indexes are asked, an unknown package is on none, pages are asked for once', async () => {
    const { files, asked } = client(
      { 'https://one.test/simple/a-b/': link('a_b-1.0.tar.gz'), 'https://two.test/a-b/': link('a_b-2.0.tar.gz') },
      { indexUrl: sourceUrl('https://one.test/simple/'), extraIndexUrls: [sourceUrl('https://two.test'), sourceUrl('https://three.test/')] },
    );
    const found = await files('a-b');
    expect(found.map(({ filename, rank }) => [filename, rank])).toEqual([['a_b-1.0.tar.gz', 0], ['a_b-2.0.tar.gz', 1]]);
    expect(await files('a-b')).toBe(found);
    expect(await files('c')).toEqual([]);
    expect(asked.map(({ url }) => url)).toEqual(['https://one.test/simple/a-b/', 'https://two.test/a-b/', 'https://three.test/a-b/', 'https://one.test/simple/c/', 'https://two.test/c/', 'https://three.test/c/']);
  });

  test('credentials go as a header, to their own origin only', async () => {
    const { files, asked } = client({}, { indexUrl: sourceUrl('https://user:p%40ss@one.test/simple'), extraIndexUrls: [sourceUrl('https://two.test/simple')] });
    await files('a');
    expect(asked).toEqual([
      { url: 'https://one.test/simple/a/', authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}` },
      { url: 'https://two.test/simple/a/', authorization: undefined },
    ]);
    const access = credentialsOf({ ...NONE, indexUrl: sourceUrl('https://user:p%40ss@one.test/simple') }, []);
    expect(access('https://one.test/files/a.whl').authorization).toBeDefined();
    expect(access('https://one.test.evil.test/a.whl').authorization).toBeUndefined();
    expect(access('http://one.test/files/a.whl').authorization).toBeUndefined();
  });

  test('folders and pages on disk, without any network', async () => {
    const root = await mkdtemp(join(tmpdir(), 'wheelwright-links-'));
    try {
      for (const name of ['a-1.0-py3-none-any.whl', 'a-1.0.tar.gz', 'ab-1.0.tar.gz', 'notes.txt']) await writeFile(join(root, name), '');
      await writeFile(join(root, 'page.html'), '<a href="a-3.0.tar.gz">x</a>');
      const { files, asked } = client({}, { noIndex: true, findLinks: [{ path: '.' }, { path: 'page.html' }, { path: 'missing' }] }, root);
      expect((await files('a')).map(({ filename, location, rank }) => [filename, location.kind === 'path' ? location.shown : '', rank])).toEqual([
        ['a-1.0-py3-none-any.whl', 'a-1.0-py3-none-any.whl', 0],
        ['a-1.0.tar.gz', 'a-1.0.tar.gz', 0],
        ['a-3.0.tar.gz', 'a-3.0.tar.gz', 1],
      ]);
      expect(asked).toEqual([]);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
