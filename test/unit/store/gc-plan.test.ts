import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Digest } from '../../../src/core/identity.js';
import { planGc } from '../../../src/store/gc-plan.js';
import type { Inventory, InventoryRecord } from '../../../src/store/inventory.js';

const DAY = 24 * 3_600_000;
const NOW = 1000 * DAY;
const digest = (n: number): Digest => n.toString(16).padStart(64, '0') as Digest;
const EMPTY: Inventory = { records: [], blobs: [], corrupt: [], logs: [], locks: [], leftovers: [] };
const rules = { keep: [], keepUsedFor: 7 * DAY, now: NOW };

function record(bucket: InventoryRecord['bucket'], key: string, facts: Partial<InventoryRecord> = {}): InventoryRecord {
  return { bucket, key, blobs: [], whole: true, usedAt: NOW - 100 * DAY, bytes: 1, ...facts };
}

const keys = (records: readonly InventoryRecord[]): string[] => records.map(({ bucket, key }) => `${bucket}/${key}`);

describe('planGc', () => {
  test('named and recent records stay with their blobs, the rest goes', () => {
    const inventory = {
      ...EMPTY,
      records: [
        record('artifacts', 'named', { blobs: [digest(1), digest(2)] }),
        record('artifacts', 'recent', { blobs: [digest(3)], usedAt: NOW - 6 * DAY }),
        record('artifacts', 'old', { blobs: [digest(2), digest(4)] }),
        record('locks', 'named', {}),
        record('locks', 'old', {}),
      ],
      blobs: [1, 2, 3, 4, 5].map((n) => ({ digest: digest(n), bytes: 100 })),
    };
    const plan = planGc({ ...rules, keep: [{ bucket: 'artifacts', key: 'named' }, { bucket: 'locks', key: 'named' }] }, inventory);
    expect(keys(plan.records)).toEqual(['artifacts/old', 'locks/old']);
    expect(plan.blobs.map((blob) => blob.digest)).toEqual([digest(4), digest(5)]);
    expect(plan.bytes).toBe(202);
  });

  test('a package whose blob is kept anyway stays; one that lacks a blob goes even if it is named', () => {
    const inventory = {
      ...EMPTY,
      records: [
        record('artifacts', 'named', { blobs: [digest(1)] }),
        record('packages', 'used', { blobs: [digest(1)] }),
        record('packages', 'unused', { blobs: [digest(2)] }),
        record('artifacts', 'broken', { blobs: [digest(1), digest(9)], whole: false }),
      ],
      blobs: [1, 2].map((n) => ({ digest: digest(n), bytes: 0 })),
    };
    const plan = planGc({ ...rules, keep: [{ bucket: 'artifacts', key: 'named' }, { bucket: 'artifacts', key: 'broken' }] }, inventory);
    expect(keys(plan.records)).toEqual(['packages/unused', 'artifacts/broken']);
    expect(plan.blobs.map((blob) => blob.digest)).toEqual([digest(2)]);
  });

  test('the last used artifacts and images stay', () => {
    const records = [1, 2, 3].flatMap((n) => [record('artifacts', `a${n}`, { usedAt: n }), record('images', `i${n}`, { usedAt: -n })]);
    expect(keys(planGc({ ...rules, keepLast: 2 }, { ...EMPTY, records }).records)).toEqual(['artifacts/a1', 'images/i3']);
  });

  test('the plan of an artifact\'s layers stays with it, and so do pieces that only the plan needs', () => {
    const [kept, old] = ['a'.repeat(64), 'b'.repeat(64)];
    const inventory = {
      ...EMPTY,
      records: [
        record('artifacts', kept, { blobs: [digest(1)] }),
        record('artifacts', old, { blobs: [digest(3)] }),
        record('layers', `plan-${kept}-0123456789abcdef`, { blobs: [digest(1), digest(2)] }),
        record('layers', `plan-${old}-0123456789abcdef`, { blobs: [digest(1), digest(3)] }),
        record('layers', 'layer-low', { blobs: [digest(1), digest(2)] }),
        record('layers', 'layer-old', { blobs: [digest(3)] }),
        record('layers', `gzip-${old}`, { blobs: [digest(4)] }),
      ],
      blobs: [1, 2, 3, 4].map((n) => ({ digest: digest(n), bytes: 0 })),
    };
    const plan = planGc({ ...rules, keep: [{ bucket: 'artifacts', key: kept }] }, inventory);
    expect(keys(plan.records)).toEqual([`artifacts/${old}`, `layers/plan-${old}-0123456789abcdef`, 'layers/layer-old', `layers/gzip-${old}`]);
    expect(plan.blobs.map((blob) => blob.digest)).toEqual([digest(3), digest(4)]);
  });

  test('files go by age, leftovers always', () => {
    const at = (path: string, days: number) => ({ path, usedAt: NOW - days * DAY, bytes: 1 });
    const inventory = {
      ...EMPTY,
      corrupt: [at('c6', 6), at('c8', 8)],
      logs: [at('l29', 29), at('l31', 31)],
      locks: [at('k6', 6), at('k8', 8)],
      leftovers: [at('t', 0)],
    };
    expect(planGc(rules, inventory).files.map(({ path }) => path)).toEqual(['t', 'c8', 'l31', 'k8']);
    expect(planGc({ ...rules, keepCorruptFor: 0, keepLogsFor: 0 }, inventory).files).toHaveLength(6);
  });

  test('property: no staying record loses a blob, nothing needed goes, nothing unneeded stays', () => {
    const records = fc.array(fc.record({ blobs: fc.array(fc.integer({ min: 0, max: 12 })), age: fc.integer({ min: 0, max: 14 }), named: fc.boolean(), whole: fc.boolean() }));
    fc.assert(
      fc.property(records, (drawn) => {
        const all = drawn.map(({ blobs, age, whole }, n) => record('artifacts', String(n), { blobs: blobs.map(digest), usedAt: NOW - age * DAY, whole }));
        const blobs = Array.from({ length: 15 }, (_, n) => ({ digest: digest(n), bytes: 1 }));
        const keep = drawn.flatMap(({ named }, n) => (named ? [{ bucket: 'artifacts' as const, key: String(n) }] : []));
        const plan = planGc({ ...rules, keep }, { ...EMPTY, records: all, blobs });
        const going = new Set(plan.records);
        const needed = new Set(all.filter((one) => !going.has(one)).flatMap((one) => one.blobs));
        expect(new Set(plan.blobs.map((blob) => blob.digest))).toEqual(new Set(blobs.map((blob) => blob.digest).filter((one) => !needed.has(one))));
        drawn.forEach(({ named, age, whole }, n) => {
          if (whole && (named || age <= 7)) expect(going.has(all[n] as InventoryRecord)).toBe(false);
          if (!whole) expect(going.has(all[n] as InventoryRecord)).toBe(true);
        });
      }),
    );
  });
});
