import { describe, expect, test } from '@jest/globals';
import { Failed } from '../../../src/core/failure.js';
import { needsBuildkit } from '../../../src/docker/buildkit-needs.js';
import { parseDockerfile } from '../../../src/docker/dockerfile.js';
import { contextSources, parents, resolveDockerfile, type ResolveOptions } from '../../../src/docker/resolve.js';

const resolve = (text: string, options?: ResolveOptions) => resolveDockerfile(parseDockerfile(text, 'D'), options);
const names = (text: string, options?: ResolveOptions) => parents(resolve(text, options)).map(({ reference }) => reference);
const sources = (body: string, options?: ResolveOptions) =>
  contextSources(resolve(/^(FROM|ARG)/.test(body) ? body : `FROM scratch\n${body}`, options)).map(({ pattern }) => pattern ?? '(all)');

describe('image references that a build needs', () => {
  const CASES: [string, ResolveOptions, string[]][] = [
    ['FROM a', {}, ['a']],
    ['FROM scratch', {}, []],
    ['FROM SCRATCH', {}, []],
    ['from --platform=linux/amd64 a:1 as b', {}, ['a:1']],
    ['FROM "a"', {}, ['a']],
    ['ARG V=1\nFROM a:$V', {}, ['a:1']],
    ['ARG V=1\nFROM a:${V}-slim', { args: { V: '2' } }, ['a:2-slim']],
    ['ARG V\nFROM a:${V:-3}', {}, ['a:3']],
    ['ARG B=a\nARG V=${B}:1\nFROM $V', {}, ['a:1']],
    ['ARG B=a\nARG V=${B}:1\nFROM $V', { args: { B: 'z' } }, ['z:1']],
    ['ARG V="1-2"\nFROM a:${V%%-*}', {}, ['a:1']],
    ['FROM a\nARG V=1\nFROM b:${V:-0}', {}, ['b:0']],
    ['FROM a-$TARGETARCH', { platform: 'linux/arm64' }, ['a-arm64']],
    ['FROM --platform=$BUILDPLATFORM a', {}, ['a']],
    ['FROM a AS x\nFROM x', {}, ['a']],
    ['FROM a AS x\nFROM X', {}, ['a']],
    ['FROM a AS x\nFROM b\nCOPY --from=x /f /f', {}, ['a', 'b']],
    ['FROM a AS x\nFROM b\nCOPY --from=0 /f /f', {}, ['a', 'b']],
    ['FROM a AS x\nFROM b', {}, ['b']],
    ['FROM a AS x\nFROM b AS y\nFROM x', {}, ['a']],
    ['FROM a AS x\nFROM b AS y\nFROM c', { target: 'Y' }, ['b']],
    ['FROM a AS x\nFROM b AS y\nFROM c', { target: '0' }, ['a']],
    ['FROM a\nCOPY --from=img:1 /f /f', {}, ['a', 'img:1']],
    ['FROM a\nCOPY --from="img" /f /f', {}, ['a', 'img']],
    ['FROM a\nCOPY --from=r.example:5000/t/img@sha256:aa --link /f /f', {}, ['a', 'r.example:5000/t/img@sha256:aa']],
    ['FROM a\nRUN --mount=type=bind,from=img,target=/x true', {}, ['a', 'img']],
    ['FROM a\nRUN --mount=type=cache,target=/c,from=img true', {}, ['a', 'img']],
    ['FROM a AS x\nFROM b\nRUN --mount=from=x,target=/x true', {}, ['a', 'b']],
    ['FROM a AS t\nCOPY --from=deps /f /f\nFROM b\nCOPY --from=t /f /f', {}, ['a', 'deps', 'b']],
    ['FROM a\nCOPY --from=later /f /f\nFROM b AS later\nFROM c', { target: '0' }, ['a', 'b']],
    ['FROM a\nCOPY --from=scratch x y', {}, ['a']],
  ];
  test.each(CASES)('%j with %j', (text, options, expected) => {
    expect(names(text, options)).toEqual(expected);
  });

  test('each is where it is written', () => {
    const text = 'ARG B=deps\nFROM $B\nCOPY --from=img /a /a\nRUN --mount=type=bind,from=other,target=/x true';
    expect(parents(resolve(text)).map(({ place, range }) => [place.line, place.column, text.slice(range.start, range.end)])).toEqual([
      [2, 6, '$B'],
      [3, 13, 'img'],
      [4, 28, 'other'],
    ]);
  });
});

describe('what a build reaches in the context', () => {
  const CASES: [string, string[]][] = [
    ['COPY a b /x/', ['a', 'b']],
    ['COPY . /x', ['.']],
    ['COPY ["a b", "/x"]', ['a b']],
    ['COPY --from=img a /x', []],
    ['ADD a.tar https://e.org/x.tar git@github.com:a/b.git https://e.org/r.git#v1 /x/', ['a.tar']],
    ['ADD git://e.org/r.git /x', []],
    ['COPY <<EOF a /x/\ntext\nEOF', ['a']],
    ['COPY *.txt d?/[ab]* /x/', ['*.txt', 'd?/[ab]*']],
    ['ENV x=1\nARG d=src\nCOPY $d/a /x', ['src/a']],
    ['ENV d=src\nCOPY ${d}/a /x', ['src/a']],
    ['ENV d src dir\nCOPY ["$d/a", "/x"]', ['src dir/a']],
    ['ENV a=1 b=$a\nCOPY x$b /x', ['x']],
    ['COPY $missing/a /x', ['/a']],
    ['RUN --mount=type=bind,target=/x true', ['/']],
    ['RUN --mount=target=/x,source=src true', ['src']],
    ['RUN --mount=type=cache,target=/c true', []],
    ['RUN --mount=type=secret,id=a true', []],
    ['FROM a\nCOPY $d/a /x', ['(all)']],
    ['FROM a\nENV d=b\nCOPY $d/a /x', ['b/a']],
    ['FROM a\nENV d=$e\nCOPY $d/a /x', ['(all)']],
    ['FROM scratch AS x\nENV d=b\nCOPY used /x\nFROM x\nCOPY $d/a /x', ['used', 'b/a']],
    ['FROM scratch AS x\nARG d=b\nFROM x\nCOPY $d/a /x', ['/a']],
    ['FROM scratch AS x\nCOPY unused /x\nFROM scratch\nCOPY a /x', ['a']],
    ['ARG d=g\nFROM scratch\nARG d\nCOPY $d /x', ['g']],
    ['ARG d=g\nFROM scratch\nARG d=h\nCOPY $d /x', ['h']],
    ['ARG d=g\nFROM scratch\nCOPY x$d /x', ['x']],
    ['FROM scratch\nARG d=a\nENV d=b\nCOPY $d /x', ['b']],
    ['ENV d=b\nARG d=b\nCOPY $d /x', ['b']],
    ['ENV d=b\nARG d\nCOPY $d /x', ['b']],
    // BuildKit copies a, the classic builder b.
    ['ENV d=b\nARG d=a\nCOPY $d /x', ['(all)']],
  ];
  test.each(CASES)('%j', (body, expected) => {
    expect(sources(body)).toEqual(expected);
  });

  test('build args win over defaults', () => {
    expect(sources('ARG d=g\nFROM scratch\nARG d=h\nCOPY $d /x', { args: { d: 'i' } })).toEqual(['i']);
  });
});

test('only declared build args are used', () => {
  const text = 'ARG A\nFROM scratch AS x\nARG B=1\nFROM scratch\nARG C';
  const args = { A: '1', B: '2', C: '3', D: '4', HTTP_PROXY: 'http://user:password@proxy' };
  expect(resolve(text, { args }).usedArgs).toEqual({ A: '1', C: '3' });
});

describe('bad input', () => {
  test.each([
    ['FROM $B', '1:6 FROM $B names no image: the variable has no value'],
    ['FROM ${B:?missing}', '1:6 "${B:?missing}": B: missing'],
    ['FROM ${B', '1:6 "${B": a variable'],
    ['FROM a\nCOPY --from=$x a b', '2:6 from=$x: variables are not possible here'],
    ['FROM a AS x\nCOPY --from=x a b', '2:6 the stage copies from itself (x)'],
    ['FROM a AS x\nCOPY --from=4 a b', '2:6 there is no stage 4'],
    ['FROM a AS x\nCOPY --from=y a b\nFROM b AS y\nCOPY --from=x a b', 'the stages'],
  ])('%j', (text, expected) => {
    let failure: unknown;
    try {
      resolve(text);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(Failed);
    const { message, place } = (failure as Failed).problems[0]!;
    const told = `${place!.line}:${place!.column} ${message}`;
    if (expected.startsWith('the')) expect(message).toMatch(expected);
    else if (expected.endsWith('a variable')) expect(place).toMatchObject({ line: 1, column: 6 });
    else expect(told).toBe(expected);
  });

  test('an unknown target has its near match', () => {
    expect(() => resolve('FROM a AS build\nFROM b', { target: 'biuld' })).toThrow('D has no stage "biuld"');
  });
});

describe('what only BuildKit can build', () => {
  test.each([
    ['FROM a\nRUN x', undefined],
    ['# syntax=docker/dockerfile:1\nFROM a\nCOPY --chown=1 a b\nADD --chown=1 a b', undefined],
    ['FROM a AS x\nRUN --mount=type=cache,target=/c x\nFROM b', undefined],
    ['FROM a\nHEALTHCHECK --interval=5s CMD x', undefined],
    ['FROM --platform=linux/amd64 a', undefined],
    ['FROM a\nRUN --mount=type=cache,target=/c x', 'RUN --mount'],
    ['FROM a\nRUN --network=none x', 'RUN --network'],
    ['FROM a\nCOPY --chmod=755 a b', 'COPY --chmod'],
    ['FROM a\nCOPY --link a b', 'COPY --link'],
    ['FROM a\nRUN <<EOF\nx\nEOF', 'a here-document'],
    ['FROM --platform=$BUILDPLATFORM a', 'the variable BUILDPLATFORM'],
    ['FROM a\nARG TARGETARCH', 'the variable TARGETARCH'],
    ['FROM a\nADD https://e.org/r.git#v1 /x', 'ADD of a git repository'],
  ])('%j: %s', (text, expected) => {
    expect(needsBuildkit(resolve(text))).toBe(expected);
  });
});
