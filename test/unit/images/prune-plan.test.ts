import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { ImageId } from '../../../src/core/identity.js';
import type { ImageSummary } from '../../../src/engine/engine.js';
import { branchTag } from '../../../src/git/branch-tag.js';
import { planPrune, type PruneFacts, type PruneStep } from '../../../src/images/prune-plan.js';
import { tagsInUse, type Refs } from '../../../src/images/tags-in-use.js';

const hex = (text: string, length = 64): string => createHash('sha256').update(text).digest('hex').slice(0, length);
const commit = (name: string): string => hex(`commit ${name}`, 40);
const at = (name: string): string => commit(name).slice(0, 12);
const key = (name: string): string => hex(`key ${name}`);
const id = (name: string): ImageId => `sha256:${hex(`id ${name}`)}` as ImageId;
const REFS: Refs = { branches: [], remoteBranches: [], tags: [], worktrees: [] };
const REPOSITORY = 'shop/web';

interface Made {
  readonly tags?: readonly string[];
  /** Full references. */
  readonly more?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly parents?: readonly string[];
  readonly keyTag?: boolean;
}

/** An image of the project whose key is made of its name. */
function image(name: string, { tags = [], more = [], labels = {}, parents = [], keyTag = true }: Made = {}): ImageSummary {
  const record = { format: 1, kind: 'image', artifacts: { deps: hex(`artifact ${name}`) }, parents: Object.fromEntries(parents.map((parent) => [parent, `image ${key(parent)}`])) };
  return {
    id: id(name),
    tags: [...(keyTag ? [key(name).slice(0, 12)] : []), ...tags].map((tag) => `${REPOSITORY}:${tag}`).concat(more),
    repoDigests: [],
    labels: { 'wheelwright.project': 'shop', 'wheelwright.image': name, 'wheelwright.key': key(name), 'wheelwright.record': JSON.stringify(record), ...labels },
    size: 1,
    created: 0,
  };
}

function plan(images: readonly ImageSummary[], facts: Partial<Omit<PruneFacts, 'images' | 'inUse'>> & { readonly refs?: Partial<Refs> } = {}): readonly PruneStep[] {
  const { refs, ...rest } = facts;
  return planPrune({ project: 'shop', containers: [], commits: new Set(), keys: new Map(), ...rest, images, inUse: tagsInUse({ ...REFS, ...refs }) });
}

const brief = (steps: readonly PruneStep[]) => steps.map(({ action, image: { name } }) => `${action} ${name}`);
const gone = (step: PruneStep | undefined) => step?.tags.map((tag) => tag.slice(tag.lastIndexOf(':') + 1));

describe('who would use an image', () => {
  test.each<[string, string, Partial<Refs>]>([
    ['a branch', 'main', { branches: [{ name: 'main', revision: commit('a') }] }],
    ['a branch whose name is no tag', branchTag('feature/x'), { branches: [{ name: 'feature/x', revision: commit('a') }] }],
    ['the tip of a branch', at('a'), { branches: [{ name: 'main', revision: commit('a') }] }],
    ['a remote branch', branchTag('feature/x'), { remoteBranches: [{ name: 'origin/feature/x', revision: commit('a') }] }],
    ['the tip of a remote branch', at('a'), { remoteBranches: [{ name: 'origin/main', revision: commit('a') }] }],
    ['a git tag\'s revision', at('a'), { tags: [{ name: 'v1.0', revision: commit('a') }] }],
    ['a git tag\'s name', 'v1.0', { tags: [{ name: 'v1.0', revision: commit('a') }] }],
    ['a worktree', at('a'), { worktrees: [{ path: '/w', revision: commit('a'), prunable: false }] }],
    ['a changed worktree', `${at('a')}-dirty-${hex('x', 12)}`, { worktrees: [{ path: '/w', revision: commit('a'), prunable: false }] }],
    ['a branch without a commit', 'new', { worktrees: [{ path: '/w', branch: 'new', prunable: false }] }],
  ])('%s', (_, tag, refs) => {
    expect(plan([image('web', { tags: [tag] })], { refs })).toMatchObject([{ action: 'keep', tags: [] }]);
    expect(plan([image('web', { tags: [tag] })])).toMatchObject([{ action: 'remove' }]);
  });

  test.each<[string, string, Partial<Refs>]>([
    ['a worktree whose folder has gone', at('a'), { worktrees: [{ path: '/w', revision: commit('a'), branch: 'x', prunable: true }] }],
    ['a branch at the commit that a changed tree was at', `${at('a')}-dirty-${hex('x', 12)}`, { branches: [{ name: 'main', revision: commit('a') }] }],
    ['a branch of the full remote name', branchTag('origin/x'), { remoteBranches: [{ name: 'origin/x', revision: commit('a') }] }],
    ['latest', 'latest', {}],
  ])('not %s', (_, tag, refs) => {
    expect(plan([image('web', { tags: [tag] })], { refs })).toMatchObject([{ action: 'remove' }]);
  });

  test('this checkout', () => {
    expect(plan([image('web')], { keys: new Map([[key('web'), 'this checkout']]) })).toMatchObject([{ action: 'keep', reasons: ['this checkout'] }]);
  });

  test('the beginning of a key is no commit', () => {
    const revision = `${key('web').slice(0, 12)}${'0'.repeat(28)}`;
    expect(brief(plan([image('web')], { refs: { branches: [{ name: 'main', revision }] } }))).toEqual(['remove web']);
  });

  test('tags that the user keeps', () => {
    const isKept = (tag: string): boolean => tag.startsWith('rel-');
    expect(plan([image('web', { tags: ['rel-1', 'old'] })], { isKept })).toMatchObject([{ action: 'untag', tags: [`${REPOSITORY}:old`], reasons: ['tag rel-1 is to be kept'] }]);
  });
});

describe('what is left alone', () => {
  test('images without our labels, of other projects, or without their key as a tag', () => {
    expect(plan([
      image('none', { labels: { 'wheelwright.project': '' } }),
      image('other', { labels: { 'wheelwright.project': 'other' } }),
      image('nameless', { labels: { 'wheelwright.key': 'short' } }),
      image('derived', { tags: ['old'], keyTag: false }),
    ])).toEqual([]);
  });

  test('images of another repository with a project of that name', () => {
    const source = { 'org.opencontainers.image.source': 'https://example.com/a.git' };
    const images = [image('web', { labels: source, tags: ['old'] })];
    expect(brief(plan(images, { source: 'https://example.com/a.git' }))).toEqual(['remove web']);
    expect(brief(plan(images))).toEqual(['remove web']);
    expect(plan(images, { source: 'https://example.com/b.git' })).toMatchObject([{ action: 'keep', tags: [], reasons: [expect.stringContaining('another repository')] }]);
  });

  test('an image that a container uses, with all its tags, and what it is built from', () => {
    const images = [image('web', { tags: ['old', 'latest'], parents: ['base'] }), image('base', { tags: ['old'] })];
    const steps = plan(images, { containers: [{ id: 'c'.repeat(64), imageId: id('web') }] });
    expect(steps).toMatchObject([
      { action: 'untag', image: { name: 'base' }, tags: [`${REPOSITORY}:old`], reasons: [`web:${key('web').slice(0, 12)} is built from it`] },
      { action: 'keep', image: { name: 'web' }, tags: [], reasons: ['container cccccccccccc uses it'] },
    ]);
  });

  test('all that a kept image is built from, however far', () => {
    const images = [image('base'), image('middle', { parents: ['base'] }), image('web', { parents: ['middle'], tags: ['main'] }), image('side', { parents: ['base'] })];
    expect(brief(plan(images, { refs: { branches: [{ name: 'main', revision: commit('a') }] } }))).toEqual(['remove side', 'keep web', 'keep middle', 'keep base']);
  });

  test('an image that somebody built on, or tagged elsewhere', () => {
    const derived: ImageSummary = { ...image('web', { keyTag: false, more: ['theirs:1'] }), id: id('derived') };
    expect(plan([image('web'), derived])).toMatchObject([{ action: 'keep', reasons: ['theirs:1 is built from it'] }]);
    expect(plan([image('web', { more: ['example.com/prod:1'], tags: ['old'] })])).toMatchObject([{ action: 'untag', tags: [`${REPOSITORY}:old`], reasons: ['it is tagged example.com/prod:1 too'] }]);
    // The same key built anew leaves one without tags.
    expect(brief(plan([image('web'), { ...image('web', { keyTag: false }), id: id('before') }]))).toEqual(['remove web']);
  });

  test.each(['{', 'null', '{"parents":3}', '{"parents":{"a":1}}'])('a record label that holds %s', (record) => {
    expect(brief(plan([image('web', { labels: { 'wheelwright.record': record } })]))).toEqual(['remove web']);
  });
});

describe('tags and order', () => {
  test('a kept image loses tags of branches that have gone, and of commits that history lost', () => {
    const tags = ['latest', 'main', 'gone', at('a'), at('old'), at('lost'), `${at('a')}-dirty-${hex('x', 12)}`, `${at('old')}-dirty-${hex('x', 12)}`];
    const refs: Partial<Refs> = { branches: [{ name: 'main', revision: commit('a') }], worktrees: [{ path: '/w', revision: commit('a'), branch: 'main', prunable: false }] };
    const [step] = plan([image('web', { tags })], { refs, commits: new Set([at('a'), at('old')]) });
    expect(step?.action).toBe('untag');
    expect(gone(step)).toEqual(['gone', at('lost'), `${at('old')}-dirty-${hex('x', 12)}`]);
  });

  test('the key\'s tag goes last', () => {
    const [step] = plan([image('web', { tags: ['gone', 'latest'] })]);
    expect(gone(step)).toEqual(['gone', 'latest', key('web').slice(0, 12)]);
    expect(step?.reasons).toEqual(['gone: no such branch or git tag', 'latest: the latest build, and nobody\'s', `${key('web').slice(0, 12)}: no checkout has this content`]);
  });

  test('children before parents, whatever the order of the engine', () => {
    const images = [image('a'), image('b', { parents: ['a'] }), image('c', { parents: ['b', 'a'] })];
    for (const order of [images, [...images].reverse()]) expect(brief(plan(order))).toEqual(['remove c', 'remove b', 'remove a']);
  });

  test('records that claim a cycle', () => {
    expect(brief(plan([image('a', { parents: ['b'] }), image('b', { parents: ['a'] })]))).toHaveLength(2);
  });
});
