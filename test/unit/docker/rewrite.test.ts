import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hashRecord } from '../../../src/core/record.js';
import { parseDockerfile } from '../../../src/docker/dockerfile.js';
import { dockerfileMeaning } from '../../../src/docker/meaning.js';
import { resolveDockerfile, type ResolveOptions } from '../../../src/docker/resolve.js';
import { rewriteDockerfile } from '../../../src/docker/rewrite.js';

const resolve = (text: string, options: ResolveOptions = {}) => resolveDockerfile(parseDockerfile(text, 'D'), options);

function rewrite(text: string, options: ResolveOptions = {}, fixArgs = false): string {
  return rewriteDockerfile(resolve(text, options), { image: ({ reference }) => (reference.startsWith('our') ? `new/${reference}` : undefined), fixArgs });
}

describe('rewriting', () => {
  test.each<[string, ResolveOptions, string]>([
    ['FROM our', {}, 'FROM new/our'],
    ['FROM our AS ours\nFROM ours', {}, 'FROM new/our AS ours\nFROM ours'],
    ['from  --platform=linux/amd64 \\\n # our\n our:1 as x # our', {}, ''],
    ['FROM --platform=linux/amd64 \\\n # our\n our:1 as x', {}, 'FROM --platform=linux/amd64 \\\n # our\n new/our:1 as x'],
    ['FROM "our"', {}, 'FROM new/our'],
    ['FROM o\\\nur\nRUN x', {}, 'FROM new/our\nRUN x'],
    ['FROM theirs\nCOPY --from=our our our', {}, 'FROM theirs\nCOPY --from=new/our our our'],
    ['FROM theirs\nCOPY --chown=1 --from="our" a b', {}, 'FROM theirs\nCOPY --chown=1 --from=new/our a b'],
    ['FROM theirs\nRUN --mount=type=bind,from=our,target=/our our', {}, 'FROM theirs\nRUN --mount=type=bind,from=new/our,target=/our our'],
    ['ARG X=our\nFROM $X\r\nRUN x\r\n', {}, 'ARG X=our\nFROM new/our\r\nRUN x\r\n'],
    ['FROM a AS x\nRUN 1\n\nFROM b\nRUN 2\n', {}, 'FROM scratch AS x\n\n\nFROM b\nRUN 2\n'],
    ['FROM a AS x\nRUN 1\nFROM b\nRUN 2\n', { target: 'x' }, 'FROM a AS x\nRUN 1\n'],
    ['FROM a\nRUN <<EOF\nFROM our\nEOF\nFROM our', {}, 'FROM scratch\n\n\n\nFROM new/our'],
    ['FROM our\nRUN <<EOF\nFROM our\nEOF\n', {}, 'FROM new/our\nRUN <<EOF\nFROM our\nEOF\n'],
  ])('%j with %j', (text, options, expected) => {
    if (expected !== '') expect(rewrite(text, options)).toBe(expected);
    else expect(() => rewrite(text, options)).toThrow('FROM needs an image');
  });

  test('build args become defaults wherever they are declared', () => {
    const args = { A: 'one "two" $three \\', B: 'b', C: 'unused' };
    expect(rewrite('ARG A=x B\nFROM scratch\nARG A\nARG D=1 B="2 3" E\nCOPY $A /', { args }, true)).toBe(
      'ARG A="one \\"two\\" \\$three \\\\" B="b"\nFROM scratch\nARG A="one \\"two\\" \\$three \\\\"\nARG D=1 B="b" E\nCOPY $A /',
    );
  });

  test('a rewritten file with its args fixed means what the first one meant with them', () => {
    const value = fc.string({ maxLength: 8 }).filter((text) => !/[\r\n]/.test(text) && text === text.trim());
    fc.assert(
      fc.property(value, value, (one, two) => {
        const text = 'ARG A\nFROM scratch\nARG A\nARG B=x\nCOPY ["$A-$B", "/"]\n';
        const options = { args: { A: one, B: two } };
        const fixed = rewriteDockerfile(resolve(text, options), { image: () => undefined, fixArgs: true });
        expect(resolve(fixed).stages[0]!.sources[0]!.pattern).toBe(resolve(text, options).stages[0]!.sources[0]!.pattern);
      }),
    );
  });
});

describe('what a Dockerfile says', () => {
  const meaning = (text: string, options?: ResolveOptions) => hashRecord(dockerfileMeaning(resolve(text, options)));
  const PLAIN = 'FROM a\nCOPY b c\nRUN x  y\n';

  test.each([
    '# c\nFROM a\n\n# d\nCOPY b c\nRUN x  y\n',
    'from a\ncopy   b\tc  \nrun x  y',
    'FROM a\nCOPY \\\n # d\n b \\\n\n c\nRUN x  y\n',
    'FROM a\r\nCOPY b c\r\nRUN x  y\r\n',
    '\uFEFFFROM a\nCOPY b c\nRUN x  y\n',
  ])('%j is the same', (text) => {
    expect(meaning(text)).toBe(meaning(PLAIN));
  });

  test.each([
    'FROM a\nCOPY b d\nRUN x  y\n',
    'FROM a\nCOPY --link b c\nRUN x  y\n',
    'FROM a\nRUN x  y\nCOPY b c\n',
    'FROM a\nCOPY b c\nRUN x y\n',
    'FROM a\nCOPY ["b", "c"]\nRUN x  y\n',
    'FROM a\nCOPY b c\nRUN ["x", "y"]\n',
    '# syntax=x\nFROM a\nCOPY b c\nRUN x  y\n',
    '# escape=`\nFROM a\nCOPY b c\nRUN x  y\n',
    'ARG Z\nFROM a\nCOPY b c\nRUN x  y\n',
  ])('%j is not', (text) => {
    expect(meaning(text)).not.toBe(meaning(PLAIN));
  });

  test('the content of a here-document counts, a comment in it as well', () => {
    const texts = ['FROM a\nRUN <<E\nx\nE', 'FROM a\nRUN <<E\n# c\nx\nE', 'FROM a\nRUN <<"E"\nx\nE', 'FROM a\nRUN <<-E\nx\nE'];
    expect(new Set(texts.map((text) => meaning(text))).size).toBe(4);
  });

  test('stages that the target does not need say nothing', () => {
    expect(meaning('FROM z AS a\nRUN 1\nFROM b')).toBe(meaning('FROM z AS a\nRUN 2\nFROM b'));
    expect(meaning('FROM z AS a\nRUN 1\nFROM b\nCOPY --from=a c d')).not.toBe(meaning('FROM z AS a\nRUN 2\nFROM b\nCOPY --from=a c d'));
  });
});
