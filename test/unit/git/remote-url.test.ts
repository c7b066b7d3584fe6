import { expect, test } from '@jest/globals';
import { publicUrl } from '../../../src/git/remote-url.js';

test.each([
  ['https://example.com/a/b.git', 'https://example.com/a/b.git'],
  ['https://user:secret@example.com/a.git', 'https://example.com/a.git'],
  ['https://secret@example.com:8443/a.git', 'https://example.com:8443/a.git'],
  ['https://example.com/a.git?token=secret#secret', 'https://example.com/a.git'],
  ['ssh://git:secret@example.com:22/a.git', 'ssh://git@example.com:22/a.git'],
  ['git@example.com:team/a.git', 'git@example.com:team/a.git'],
  ['example.com:team/a.git', 'example.com:team/a.git'],
  ['git@[::1]:a.git', 'git@[::1]:a.git'],
  ['/srv/a.git', undefined],
  ['../a.git', undefined],
  ['./a:b', undefined],
  ['C:\\a', undefined],
  ['file:///srv/a.git', undefined],
  ['ext::sh -c secret', undefined],
  ['https://', undefined],
  ['user:secret@example.com:a', undefined],
  ['', undefined],
])('%s is published as %s', (remote, expected) => {
  expect(publicUrl(remote)).toBe(expected);
});
