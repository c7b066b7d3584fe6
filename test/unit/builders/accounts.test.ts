import { expect, test } from '@jest/globals';
import { withGroupEntry, withPasswdEntry } from '../../../src/builders/accounts.js';

const ACCOUNT = { uid: 1000, gid: 1001, name: 'dev', home: '/home/x' };
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\n';

test('an entry is added once', () => {
  const added = withPasswdEntry(PASSWD, ACCOUNT);
  expect(added).toBe(`${PASSWD}dev:x:1000:1001:dev:/home/x:/bin/sh\n`);
  expect(withPasswdEntry(added, ACCOUNT)).toBe(added);
  expect(withGroupEntry('root:x:0:\n', ACCOUNT)).toBe('root:x:0:\ndev:x:1001:\n');
});

test('a uid that has an entry keeps it, a taken name gets a number', () => {
  expect(withPasswdEntry('node:x:1000:1000::/home/node:/bin/sh\n', ACCOUNT)).toBe('node:x:1000:1000::/home/node:/bin/sh\n');
  expect(withPasswdEntry('dev:x:5:5::/:/bin/sh\ndev2:x:6:6::/:/bin/sh', ACCOUNT)).toContain('\ndev3:x:1000:');
});

test('names that a passwd file cannot hold are replaced; an empty file is fine', () => {
  expect(withPasswdEntry('', { ...ACCOUNT, name: 'a:b\nroot' })).toBe('builder:x:1000:1001:builder:/home/x:/bin/sh\n');
});
