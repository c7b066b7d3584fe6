import { describe, expect, test } from '@jest/globals';
import { Failed } from '../../../src/core/failure.js';
import { imagesToRead, onlyChanged, parseSelection, selectImages, type SelectionRequest } from '../../../src/images/select.js';
import { commandSpec, projectOf } from '../../support/images/project.js';

const project = projectOf('/x', { web: { repository: 'localhost:5000/acme/web' }, base: {}, shared: {}, job: {}, alone: {}, builder: {} }, [commandSpec('tool', 'builder')]);
const graph = new Map([
  ['base', []],
  ['shared', ['base']],
  ['web', ['shared']],
  ['job', ['shared']],
  ['alone', []],
  ['builder', []],
]);

const select = (request: SelectionRequest) => selectImages(project, parseSelection(project, request), graph);
const names = (request: SelectionRequest) => select(request).map(({ name, wanted }) => (wanted ? name : `(${name})`));
const problems = (request: SelectionRequest) => {
  try {
    select(request);
  } catch (error) {
    return (error as Failed).problems.map(({ message, advice }) => `${message}: ${advice}`);
  }
  return [];
};

describe('selection', () => {
  test.each<[SelectionRequest, string[]]>([
    [{}, ['alone', 'base', 'shared', 'job', 'web']],
    [{ names: ['builder'] }, ['builder']],
    [{ names: ['web'] }, ['(base)', '(shared)', 'web']],
    [{ names: ['localhost:5000/acme/web'] }, ['(base)', '(shared)', 'web']],
    [{ names: ['shop-base'] }, ['base']],
    [{ names: ['*a*e*'] }, ['alone', 'base', 'shared']],
    [{ names: ['localhost:5000/*'], exclude: ['w?b'] }, ['(base)', '(shared)']],
    [{ exact: ['localhost:5000/*'] }, ['web']],
    [{ names: ['?ob'] }, ['(base)', '(shared)', 'job']],
    [{ upto: ['shared'] }, ['base', 'shared']],
    [{ dependents: ['shared'] }, ['base', 'shared', 'job', 'web']],
    [{ dependents: ['alone'] }, ['alone']],
    [{ exact: ['web'] }, ['web']],
    [{ exact: ['web', 'base'] }, ['base', 'web']],
    [{ exact: ['web'], upto: ['alone'] }, ['alone', 'web']],
    [{ exact: ['web'], names: ['web'] }, ['(base)', '(shared)', 'web']],
    [{ exclude: ['shared'] }, ['alone', 'base']],
    [{ exclude: ['web', 'alone'] }, ['base', 'shared', 'job']],
    [{ dependents: ['base'], exclude: ['j*'] }, ['base', 'shared', 'web']],
    [{ askedBy: new Map([['job', 'service job of compose.yml']]) }, ['(base)', '(shared)', 'job']],
  ])('%j', (request, expected) => expect(names(request)).toEqual(expected));

  test('each image has its reason', () =>
    expect(select({ dependents: ['shared'], names: ['alone'] }).map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'alone: asked for', 'base: shared is built from it', 'shared: asked for', 'job: is built from shared', 'web: is built from shared',
    ]));

  test('names that mean nothing are told of together, wherever they stand, with the nearest one', () =>
    expect(problems({ names: ['wep'], exclude: ['shred', 'z*'], exact: ['localhost:5000/acme/wev'] })).toEqual([
      'no image is named "wep": did you mean web?',
      'no image is named "localhost:5000/acme/wev": did you mean localhost:5000/acme/web?',
      'no image is named "shred": did you mean shared?',
      'no image matches "z*": the images are web, base, shared, job, alone, builder',
    ]));

  test('an exclusion that leaves nothing is a mistake', () => expect(problems({ upto: ['web'], exclude: ['base'] })).toHaveLength(1));

  test('only Dockerfiles that matter are read', () => {
    const read = (request: SelectionRequest) => imagesToRead(project, parseSelection(project, request));
    expect(read({ names: ['web'], exact: ['job'] })).toEqual(['web', 'job']);
    expect(read({})).not.toContain('builder');
    expect(read({ exact: ['web'], exclude: ['job'] })).toHaveLength(6);
  });

  test('of what is selected only what changed, and its parents', () => {
    const changed = new Map([['job', 'because'], ['web', 'because']]);
    expect(onlyChanged(select({ dependents: ['shared'], exclude: ['web'] }), changed, graph)).toEqual([
      { name: 'base', reason: 'job is built from it', wanted: false },
      { name: 'shared', reason: 'job is built from it', wanted: false },
      { name: 'job', reason: 'because', wanted: true },
    ]);
  });
});
