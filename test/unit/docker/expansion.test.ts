import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { expand, ExpansionError, UNKNOWN } from '../../../src/docker/expansion.js';

const VARIABLES: Record<string, string> = { a: 'one', b: 'two words', e: '', path: '/usr/local/lib', v: 'v1.2.3', x_1: 'u', 1: 'pos' };
const lookup = (name: string) => (name === 'secret' ? UNKNOWN : VARIABLES[name]);

// Word, what BuildKit's shell lexer makes of it (from its own envVarTest table and its documentation).
const WORDS: [string, string][] = [
  ['hello', 'hello'],
  ["he'll'o", 'hello'],
  ["he'llo'", 'hello'],
  ['he\\\'llo', "he'llo"],
  ["he\\\\'llo'", 'he\\llo'],
  ['"hello"', 'hello'],
  ['"hel\'lo"', "hel'lo"],
  ["'hello\\there'", 'hello\\there'],
  ['"hello\\there"', 'hello\\there'],
  ['hello\\there', 'hellothere'],
  ['"hello\\"there"', 'hello"there'],
  ['"\\$a"', '$a'],
  ['$a', 'one'],
  ['${a}', 'one'],
  ['$a.txt', 'one.txt'],
  ['$a/b', 'one/b'],
  ['x${a}y', 'xoney'],
  ['$a$a', 'oneone'],
  ['$ab', ''],
  ['$missing', ''],
  ['$', '$'],
  ['$-', ''],
  ['$$', ''],
  ['$éa', ''],
  ['$.', '$.'],
  ['a$', 'a$'],
  ["'$a'", '$a'],
  ['"$a"', 'one'],
  ['\\$a', '$a'],
  ['"$b"', 'two words'],
  ['$x_1', 'u'],
  ['$1', 'pos'],
  ['${1}', 'pos'],
  ['${a:-z}', 'one'],
  ['${e:-z}', 'z'],
  ['${e-z}', ''],
  ['${missing:-z}', 'z'],
  ['${missing-z}', 'z'],
  ['${missing:-}', ''],
  ['${missing:-$a}', 'one'],
  ['${missing:-${a}}', 'one'],
  ['${missing:-${missing:-deep}}', 'deep'],
  ['${missing:-"quoted}"}', 'quoted}'],
  ['${missing:-a b}', 'a b'],
  ['${a:+z}', 'z'],
  ['${e:+z}', ''],
  ['${e+z}', 'z'],
  ['${missing:+z}', ''],
  ['${missing+z}', ''],
  ['${a:?needed}', 'one'],
  ['${e?needed}', ''],
  ['${v#v}', '1.2.3'],
  ['${v#x}', 'v1.2.3'],
  ['${v#*.}', '2.3'],
  ['${v##*.}', '3'],
  ['${v%.*}', 'v1.2'],
  ['${v%%.*}', 'v1'],
  ['${path#/usr}', '/local/lib'],
  ['${path##*/}', 'lib'],
  ['${path%/*}', '/usr/local'],
  ['${path%%/*}', ''],
  ['${v#?}', '1.2.3'],
  ['${v/./-}', 'v1-2.3'],
  ['${v//./-}', 'v1-2-3'],
  ['${path//\\//_}', '_usr_local_lib'],
  ['${v/*/all}', 'all'],
  ['${v//[/x}', 'v1.2.3'],
  ['${v/./$a}', 'v1one2.3'],
  ['${a/missing/x}', 'one'],
  ['안녕$a', '안녕one'],
];

describe('expansion of variables', () => {
  test.each(WORDS)('%s → %s', (word, expected) => {
    expect(expand(word, lookup)).toMatchObject({ text: expected, known: true });
  });

  test.each([['${a'], ['${'], ['${}'], ['"open'], ["'open"], ['${a:}'], ['${a:=x}'], ['${missing:?is needed}'], ['${e:?}'], ['${a/b}'], ['${a!}']])(
    '%s is refused',
    (word) => {
      expect(() => expand(word, lookup)).toThrow(ExpansionError);
    },
  );

  test('the message of ${x:?…} is told', () => {
    expect(() => expand('${missing:?set it}', lookup)).toThrow('missing: set it');
  });

  test('a text that depends on what only the engine knows says so', () => {
    expect(expand('a/$secret/b', lookup)).toEqual({ text: 'a//b', known: false, names: ['secret'] });
    expect(expand("a/'$secret'/b", lookup).known).toBe(true);
  });

  test('the escape character is what the directive says', () => {
    expect(expand('C:\\$a', lookup, '`').text).toBe('C:\\one');
    expect(expand('`$a', lookup, '`').text).toBe('$a');
  });
});

describe('patterns in variables', () => {
  const pattern = fc.array(fc.constantFrom('a', 'b', '*', '?', '.'), { maxLength: 6 }).map((chars) => chars.join(''));
  const value = fc.array(fc.constantFrom('a', 'b', '.', '😀'), { maxLength: 8 }).map((chars) => chars.join(''));
  const regexOf = (text: string, longest: boolean): string => text.replace(/[*?.]/g, (char) => (char === '.' ? '\\.' : char === '?' ? '.' : longest ? '.*' : '.*?'));

  test('they match what regular expressions match', () => {
    fc.assert(fc.property(value, pattern, fc.boolean(), (text, wanted, longest) => {
      const double = longest ? 2 : 1;
      const ask = (operator: string): string => expand(`\${v${operator.repeat(double)}${wanted}}`, () => text).text;
      const prefix = new RegExp(`^(?:${regexOf(wanted, longest)})`, 'su').exec(text)?.[0] ?? '';
      // Two operators, and a pattern that begins with the operator, are read otherwise.
      expect(ask('#')).toBe(text.slice(prefix.length));
      const ends = Array.from({ length: text.length + 1 }, (_, at) => at).filter((at) => !/^[\udc00-\udfff]/.test(text.slice(at)) && new RegExp(`^(?:${regexOf(wanted, true)})$`, 'su').test(text.slice(at)));
      const start = longest ? ends[0] : ends.at(-1);
      expect(ask('%')).toBe(text.slice(0, start ?? text.length));
    }), { numRuns: 2000, seed: 28 });
  });

  test('a replacement takes the leftmost and longest; an empty match behind another is none', () => {
    fc.assert(fc.property(value, pattern.filter((text) => text !== ''), (text, wanted) => {
      const regex = regexOf(wanted, true);
      expect(expand(`\${v/${wanted}/-}`, () => text).text).toBe(text.replace(new RegExp(regex, 'su'), '-'));
      if (!wanted.includes('*')) expect(expand(`\${v//${wanted}/-}`, () => text).text).toBe(text.replace(new RegExp(regex, 'gsu'), '-'));
    }), { numRuns: 2000, seed: 28 });
    expect(expand('${v//*/-}', () => 'abc').text).toBe('-');
    expect(expand('${v//b*/-}', () => 'abcb').text).toBe('a-');
  });

  test('many stars end, as they do for the builder', () => {
    const text = 'a'.repeat(20_000);
    const stars = '*a'.repeat(20);
    for (const operator of ['#', '##', '%', '%%']) expect(expand(`\${v${operator}${stars}*b}`, () => text).text).toBe(text);
    expect(expand(`\${v//${stars}*b/-}`, () => text).text).toBe(text);
    expect(expand(`\${v##${stars}}`, () => text).text).toBe('');
  });

  test('variables within variables without end are an error, not the end of the stack', () => {
    const nested = (depth: number): string => '${a:-'.repeat(depth) + 'x' + '}'.repeat(depth);
    expect(expand(nested(200), () => undefined).text).toBe('x');
    expect(() => expand(nested(50_000), () => undefined)).toThrow(ExpansionError);
  });
});
