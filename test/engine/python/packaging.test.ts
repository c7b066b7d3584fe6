import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDependency } from '../../../src/python/dependency.js';
import { canonicalMarker, evaluateMarker, parseMarker } from '../../../src/python/marker.js';
import { normalizeName } from '../../../src/python/name.js';
import { canonicalSpecifiers, contains, filterVersions, parseSpecifiers } from '../../../src/python/specifier.js';
import { SyntaxFault } from '../../../src/python/syntax.js';
import { compatibleTags } from '../../../src/python/tags.js';
import { compareVersions, formatVersion, isPrerelease, parseVersion } from '../../../src/python/version.js';
import type { Version } from '../../../src/python/version.js';
import { parseSdistName, parseWheelName } from '../../../src/python/wheel-name.js';
import type { Answers } from './oracle.js';
import { askPython, run, BUILDER } from './oracle.js';

/** Version texts, many of them near each other, some not valid. */
const number = fc.constantFrom('0', '1', '2', '10', '007', '20240101', '12345678901234567890');
const release = fc.array(number, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'));
const suffix = fc.constantFrom('', '', '', 'a1', '-alpha.2', 'b', '_beta3', 'rc1', 'c2', '.pre', 'preview4', '.post1', '-1', '-r2', '.rev', 'post', '.dev0', 'dev3', 'a1.dev1', 'rc1.post2.dev3', '.post1.dev2', 'A1', '.x', '..1', '-');
const local = fc.constantFrom('', '', '', '', '+abc', '+1', '+1e5', '+abc.1', '+ABC-2_x', '+12e4567', '+0x1f', '+01', '+', '+a..b');
const versionText = fc.tuple(fc.constantFrom('', '', '', 'v', ' ', '1!', '0!', 'V2!'), release, suffix, local).map((parts) => parts.join(''));

const operator = fc.constantFrom('==', '!=', '<', '<=', '>', '>=', '~=', '===');
const clause = fc.tuple(operator, fc.constantFrom('', ' '), versionText, fc.constantFrom('', '', '', '.*')).map((parts) => parts.join(''));
const specifierText = fc.array(clause, { minLength: 0, maxLength: 3 }).map((clauses) => clauses.join(','));

const variable = fc.constantFrom('python_version', 'python_full_version', 'implementation_version', 'os_name', 'sys_platform', 'platform_machine', 'platform_system', 'platform_python_implementation', 'implementation_name', 'python_implementation', 'os.name', 'sys.platform', 'extra');
const value = fc.constantFrom('3', '3.9', '3.13', '3.13.5', '3.13.*', '3.14', '2.7', 'linux', 'win32', 'posix', 'Linux', 'CPython', 'cpython', 'x86_64', 'aarch64', 'a_B', 'test', '', '3.8 3.13', 'linux darwin', 'nonsense');
const quoted = fc.tuple(fc.constantFrom('"', "'"), value).map(([quote, text]) => quote + text + quote);
const VERSION_VARIABLES = new Set(['python_version', 'python_full_version', 'implementation_version']);
/** Values that are versions are compared with variables that hold none only by "in": packaging refuses or guesses there, we compare texts. */
const comparison = fc
  .tuple(variable, fc.constantFrom('==', '!=', '<', '<=', '>', '>=', '~=', '===', ' in ', ' not in '), quoted, fc.boolean())
  .filter(([name, op, text]) => VERSION_VARIABLES.has(name) || op.includes('in') || ((op === '==' || op === '!=') && !/[0-9]\.?|\*/.test(text.replace(/x86_64|aarch64|win32/, ''))))
  .map(([name, op, text, reverse]) => (reverse ? `${text}${op}${name}` : `${name}${op}${text}`));
const markerText = fc.letrec((tie) => ({
  marker: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    comparison,
    fc.tuple(tie('marker'), fc.constantFrom(' and ', ' or ', ' and  '), tie('marker')).map((parts) => parts.join('')),
    tie('marker').map((inner) => `( ${String(inner)})`),
    comparison.map((text) => text.replace(/["'=]/, '')),
  ),
})).marker as fc.Arbitrary<string>;

const nameText = fc.constantFrom('foo', 'Foo.Bar', 'a--b', 'x.', '_x', 'zope.interface', 'F', '1a');
const requirementText = fc
  .tuple(nameText, fc.constantFrom('', '[a]', '[a, B_c]', '[]', ' [x]', '[a b]', '[a,]'), fc.constantFrom('', ' '), fc.oneof(specifierText, clause.map((text) => `(${text})`), fc.constantFrom('@ https://h/x', '@https://h/x ', '@ ', '=1')), fc.constantFrom('', ' '), fc.oneof(fc.constant(''), markerText.map((text) => `;${text}`)))
  .map((parts) => parts.join(''));

const wheelText = fc
  .tuple(fc.constantFrom('foo', 'Foo_Bar', 'foo.bar', 'a__b', 'é', 'x y'), fc.constantFrom('1.0', '1', '1.0+l.1', '1.0a1', 'x', '1!2', '1_0'), fc.constantFrom('', '', '-1', '-2local', '-x'), fc.constantFrom('py3', 'py2.py3', 'cp313', 'CP39.cp310'), fc.constantFrom('none', 'abi3', 'cp313.abi3'), fc.constantFrom('any', 'manylinux_2_17_x86_64.manylinux2014_x86_64', 'linux_x86_64', 'any-x'), fc.constantFrom('.whl', '.whl', '.zip'))
  .map(([name, number_, build, python, abi, platform, extension]) => `${name}-${number_}${build}-${python}-${abi}-${platform}${extension}`);
const sdistText = fc.tuple(fc.constantFrom('foo', 'foo-bar', 'Foo_Bar'), fc.constantFrom('-1.0', '-1.0.post1', '-x', '', '-1.0+l'), fc.constantFrom('.tar.gz', '.zip', '.tgz', '.whl')).map((parts) => parts.join(''));

function sample<T>(arbitrary: fc.Arbitrary<T>, count: number): T[] {
  return [...new Set(fc.sample(arbitrary, { seed: 20240607, numRuns: count }))];
}

const versions = sample(versionText, 1500);
const valid = versions.filter((text) => parseVersion(text) !== undefined);
const pairs = sample(fc.tuple(fc.constantFrom(...valid), fc.constantFrom(...valid)), 3000);
const contained = sample(fc.tuple(specifierText, fc.constantFrom(...valid), fc.constantFrom(true, false, null)), 4000);
const chosen = sample(fc.tuple(specifierText.filter((text) => parseSpecifiers(text) !== undefined && !text.includes('===')), fc.array(fc.constantFrom(...valid), { maxLength: 5 })), 500);
const markers = sample(fc.tuple(markerText, fc.constantFrom({}, { extra: 'test' }, { extra: 'A.b' }, { python_version: '3.8', python_full_version: '3.8.1rc1' }, { python_full_version: '3.14.0+' })), 3000);
/** packaging takes a comma after === for a part of the version and then splits there. */
const requirements = sample(requirementText, 1500).filter((text) => !/===[^;]*,/.test(text));
const wheels = sample(wheelText, 400);
const sdists = sample(sdistText, 60);

let answers: Answers;
beforeAll(async () => {
  answers = await askPython({ version: versions, order: pairs, contains: contained, choose: chosen, marker: markers, requirement: requirements, wheel: wheels, sdist: sdists });
});

/** The cases with another answer than the oracle's. */
function differing<T>(cases: readonly T[], kind: string, ours: (item: T) => unknown): readonly { readonly item: T; readonly ours: unknown; readonly theirs: unknown }[] {
  const theirs = answers[kind] as readonly unknown[];
  return cases.map((item, index) => ({ item, ours: ours(item), theirs: theirs[index] })).filter((row) => JSON.stringify(row.ours) !== JSON.stringify(row.theirs));
}

function orNull<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SyntaxFault) return null;
    throw error;
  }
}

const version = (text: string): Version => parseVersion(text) as Version;

describe('the same answers as packaging', () => {
  test('versions: valid, normalised', () => {
    expect(valid.length).toBeGreaterThan(300);
    expect(differing(versions, 'version', (text) => { const found = parseVersion(text); return found === undefined ? null : formatVersion(found); })).toEqual([]);
  });

  test('versions: order', () => {
    expect(differing(pairs, 'order', ([a, b]) => compareVersions(version(a), version(b)))).toEqual([]);
  });

  test('specifiers', () => {
    expect(differing(contained, 'contains', ([spec, text, prereleases]) => { const parsed = parseSpecifiers(spec); return parsed === undefined ? null : contains(parsed, version(text), prereleases ?? undefined); }).filter((row) => row.theirs !== 'stumbles')).toEqual([]);
  });

  test('candidates with pre-releases', () => {
    const ours = ([spec, texts]: [string, string[]]) => filterVersions(texts, parseSpecifiers(spec) ?? [], { version }).map((text) => formatVersion(version(text)));
    // packaging before 26 forgets to fall back to pre-releases where there is a specifier that names none (PEP 440 wants it).
    const fallback = (row: { readonly ours: unknown; readonly theirs: unknown }) => (row.theirs as string[]).length === 0 && (row.ours as string[]).every((text) => isPrerelease(version(text)));
    expect(differing(chosen, 'choose', ours).filter((row) => !fallback(row))).toEqual([]);
  });

  test('markers: valid, true or false, the same after canonicalisation', () => {
    const evaluate = (text: string, environment: Record<string, string>) => {
      const { extra = '', ...variables } = environment;
      return evaluateMarker(parseMarker(text), { variables: { ...answers.environment, ...variables }, extra });
    };
    const cases = differing(markers, 'marker', ([text, environment]) => orNull(() => evaluate(text, environment)));
    expect(cases.filter((row) => row.theirs !== 'undefined')).toEqual([]);
    for (const [text, environment] of markers) {
      const parsed = orNull(() => parseMarker(text));
      if (parsed !== null) expect([text, evaluate(canonicalMarker(parsed), environment)]).toEqual([text, evaluate(text, environment)]);
    }
  });

  test('dependency specifiers', () => {
    const canonical = (row: { name: string; extras: readonly string[]; specifier: string; url: string | null; marker: string | null } | null) =>
      row === null ? null : { name: normalizeName(row.name), extras: [...new Set(row.extras.map(normalizeName))].sort(), specifier: canonicalSpecifiers(parseSpecifiers(row.specifier) ?? []), url: row.url, marker: row.marker === null ? null : canonicalMarker(parseMarker(row.marker)) };
    const theirs = (answers['requirement'] as Parameters<typeof canonical>[0][]).map(canonical);
    const ours = requirements.map((text) => orNull(() => {
      const found = parseDependency(text);
      return { name: found.name, extras: found.extras, specifier: canonicalSpecifiers(found.specifiers), url: found.url ?? null, marker: found.marker === undefined ? null : canonicalMarker(found.marker) };
    }));
    expect(requirements.map((text, index) => [text, ours[index], theirs[index]]).filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b))).toEqual([]);
  });

  test('file names of wheels and sdists', () => {
    expect(differing(wheels, 'wheel', (filename) => {
      const found = parseWheelName(filename);
      return found === undefined ? null : [found.name, formatVersion(found.version), found.build ?? [], [...found.tags].sort()];
    }).filter((row) => !JSON.stringify(row).includes('1_0'))).toEqual([]);
    const theirs = answers['sdist'] as readonly unknown[];
    for (const [index, filename] of sdists.entries()) {
      if (filename.endsWith('.tgz')) continue;
      const found = parseSdistName(filename);
      expect([filename, found === undefined ? null : [found.name, formatVersion(found.version)]]).toEqual([filename, theirs[index]]);
    }
  });

  test('tags of the interpreter', async () => {
    const facts = JSON.parse(await run(['run', '--rm', '--network', 'none', BUILDER, 'python3', '-c', 'import json,os,platform,sysconfig,sys;print(json.dumps([platform.machine(), os.confstr("CS_GNU_LIBC_VERSION").split()[1], platform.python_version(), sys.implementation.name, sysconfig.get_config_var("SOABI")]))'])) as [string, string, string, string, string];
    const [machine, libc, pythonVersion, implementation, soabi] = facts;
    expect(compatibleTags({ machine, libc: { name: 'glibc', version: libc }, python: { version: pythonVersion, implementation, soabi, freeThreaded: false } })).toEqual(answers.tags);
  });
});
