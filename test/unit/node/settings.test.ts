import { expect, test } from '@jest/globals';
import { parseNpmrc } from '../../../src/node/npmrc.js';
import { authorization, registries, replaceHost, tarballUrl } from '../../../src/node/registry.js';
import { scriptSettings } from '../../../src/node/script-settings.js';

const read = (text: string, env: Record<string, string> = {}) => parseNpmrc(text, { file: '.npmrc', env });

test('reads what concerns the tree', () => {
  const npmrc = read('; comment\n# another\nregistry = "https://r.example.org/npm"\n@me:registry=https://me.example.org\nengine-strict = true\nlegacy-peer-deps\nomit[]=dev\nomit[]=optional\ninclude=optional\nignore-scripts=false ; not now\n');
  expect(npmrc).toMatchObject({ registry: 'https://r.example.org/npm', engineStrict: true, legacyPeerDeps: true, ignoreScripts: false, omit: ['dev'], warnings: [] });
  expect([...npmrc.scopes]).toEqual([['@me', 'https://me.example.org']]);
});

test('uses allowed variables only, and says which have no value', () => {
  const npmrc = read('//r.example.org/:_authToken=${TOKEN}\n//s.example.org/:_authToken=${OTHER}\nregistry=https://${MAYBE?}r.example.org\n', { TOKEN: 'secret' });
  expect(npmrc.credentials.get('//r.example.org/')).toEqual({ token: 'secret' });
  expect(npmrc.registry).toBe('https://r.example.org');
  expect(npmrc.warnings).toMatchObject([{ message: '${OTHER} in .npmrc has no value', place: { line: 2, column: 1 } }]);
});

test('names what it does not follow', () => {
  expect(read('cafile=/x.pem\nstrict-ssl=false\ninstall-strategy=nested\n').warnings.map(({ message }) => message)).toEqual([
    'cafile in .npmrc is not followed', 'strict-ssl in .npmrc is not followed', 'install-strategy nested in .npmrc is not followed',
  ]);
});

const PUBLIC = 'https://public.example.org/';

test('credentials go to their own host and path only', () => {
  const at = registries(read('//r.example.org/npm/:_authToken=t\n//b.example.org/:username=u\n//b.example.org/:_password=cGFzcw==\n//c.example.org/:_auth=YTpi\n'), undefined, PUBLIC);
  expect(authorization('https://r.example.org/npm/a/-/a-1.0.0.tgz', at)).toBe('Bearer t');
  expect(authorization('https://r.example.org/other/a.tgz', at)).toBeUndefined();
  expect(authorization('https://r.example.org.evil.org/npm/a.tgz', at)).toBeUndefined();
  expect(authorization('https://r.example.org:8443/npm/a.tgz', at)).toBeUndefined();
  expect(authorization('https://b.example.org/x', at)).toBe(`Basic ${Buffer.from('u:pass').toString('base64')}`);
  expect(authorization('https://c.example.org/x', at)).toBe('Basic YTpi');
});

test('finds tarballs, and puts the configured registry in place of the public one', () => {
  const at = registries(read('registry=https://r.example.org:4873/npm/\n@me:registry=https://me.example.org'), undefined, PUBLIC);
  expect(tarballUrl('lodash', '4.17.21', at)).toBe('https://r.example.org:4873/npm/lodash/-/lodash-4.17.21.tgz');
  expect(tarballUrl('@me/a', '1.0.0', at)).toBe('https://me.example.org/@me/a/-/a-1.0.0.tgz');
  const open = PUBLIC;
  expect(registries(read(''), undefined, PUBLIC).main).toBe(PUBLIC);
  expect(() => tarballUrl('lodash', '4.17.21', registries(read(''), undefined, undefined))).toThrow('no npm in the builder');
  expect(replaceHost(`${open}a/-/a-1.0.0.tgz`, at)).toBe('https://r.example.org:4873/npm/a/-/a-1.0.0.tgz');
  expect(replaceHost('https://elsewhere.example.org/a.tgz', at)).toBe('https://elsewhere.example.org/a.tgz');
  expect(replaceHost('https://elsewhere.example.org/a.tgz', registries(read('registry=https://r.example.org\nreplace-registry-host=always'), undefined, PUBLIC))).toBe('https://r.example.org/a.tgz');
  expect(replaceHost(`${open}a.tgz`, registries(read('registry=https://r.example.org\nreplace-registry-host=never'), undefined, PUBLIC))).toBe(`${open}a.tgz`);
});

test('install scripts see build settings and no secrets', () => {
  const npmrc = '//r/:_authToken=abc\n_auth=abc\nregistry=x\n@me:registry=y\nsharp_binary_host=https://mirror\nmy_token=1\nbuild_from_source=true\nother=${SECRET}\n';
  expect(scriptSettings(npmrc)).toBe('build_from_source=true\nsharp_binary_host=https://mirror');
});
