import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { projectJsonSchema } from '../../../src/config/json-schema.js';
import { describeKeys } from '../../../src/config/keys.js';

test('the published schema is that of the reader (run `node scripts/schema.mjs`)', () => {
  expect(readFileSync(new URL('../../../schema/project.schema.json', import.meta.url), 'utf8')).toBe(projectJsonSchema());
});

test('every key has a description, and every optional one a default or keys of its own', () => {
  const keys = describeKeys();
  expect(keys.length).toBeGreaterThan(60);
  for (const { key, description, required, default: otherwise } of keys) {
    expect(description).toMatch(/^\S.{8,}[^.]$/);
    if (!required && !key.includes('.secrets.')) expect([key, otherwise ?? keys.some((other) => other.key.startsWith(`${key}.`))]).not.toEqual([key, false]);
  }
  expect(keys).toContainEqual({ key: 'artifacts.<name>.prefix', when: 'kind: python', description: 'Where the environment lives in the images', required: false, default: '/opt/venv' });
  expect(keys).toContainEqual({ key: 'images.<name>.secrets.<name>.env', description: 'Environment variable of the host with the secret', required: false });
});
