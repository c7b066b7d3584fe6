import { expect, test } from '@jest/globals';
import { takeExtraCa } from '../../../src/cli/extra-ca.js';

test('what the launcher kept from Node is ours, and our children have it', () => {
  const env = { ARTIFACTS_EXTRA_CA_CERTS: '/ca.pem', OTHER: '1' };
  expect(takeExtraCa(env)).toBe('/ca.pem');
  expect(env).toEqual({ NODE_EXTRA_CA_CERTS: '/ca.pem', OTHER: '1' });
});

test('without the launcher, Node has read it', () => {
  const env = { NODE_EXTRA_CA_CERTS: '/ca.pem' };
  expect(takeExtraCa(env)).toBeUndefined();
  expect(env).toEqual({ NODE_EXTRA_CA_CERTS: '/ca.pem' });
});

test('a leftover of another start does not count', () => {
  const env = { NODE_EXTRA_CA_CERTS: '/ca.pem', ARTIFACTS_EXTRA_CA_CERTS: '/old.pem' };
  expect(takeExtraCa(env)).toBeUndefined();
  expect(env).toEqual({ NODE_EXTRA_CA_CERTS: '/ca.pem' });
});

test('a relative path is of the folder that the program was started in', () => {
  expect(takeExtraCa({ ARTIFACTS_EXTRA_CA_CERTS: 'ca.pem' })).toBe(`${process.cwd()}/ca.pem`);
});
