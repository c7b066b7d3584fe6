import { expect, test } from '@jest/globals';
import { builderContainer } from '../../../src/builders/container-spec.js';
import { builderEnvironment } from '../../../src/builders/environment.js';

test('a builder has no rights, its owner’s ids, and ends with our connection', () => {
  const spec = builderContainer({
    image: 'b', user: { uid: 1, gid: 2 }, settings: { memory: 1 << 30, cpus: 2, network: 'none', env: [] }, network: { noProxy: [] }, labels: {}, mounts: [],
  });
  expect(spec).toMatchObject({ user: '1:2', dropCapabilities: true, noNewPrivileges: true, init: true, autoRemove: true, openStdin: true, memory: 1 << 30, cpus: 2, network: 'none' });
});

test('certificates and proxies have all their names, and none when they are not set', () => {
  const env = builderEnvironment({ ca: '/host/ca.pem', proxy: 'http://proxy:3128', noProxy: ['localhost', '.corp'] });
  for (const name of ['SSL_CERT_FILE', 'PIP_CERT', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS', 'npm_config_cafile', 'GIT_SSL_CAINFO']) expect(env[name]).toBe('/wheelwright/ca.pem');
  expect(env).toMatchObject({ UV_NATIVE_TLS: '1', HTTP_PROXY: 'http://proxy:3128', http_proxy: 'http://proxy:3128', HTTPS_PROXY: 'http://proxy:3128', https_proxy: 'http://proxy:3128', NO_PROXY: 'localhost,.corp', no_proxy: 'localhost,.corp' });
  expect(Object.keys(builderEnvironment({ noProxy: [] })).filter((name) => /CERT|PROXY|BUNDLE|cafile/i.test(name))).toEqual([]);
  expect(builderEnvironment({ noProxy: [] })).toMatchObject({ HOME: '/wheelwright/home', LC_ALL: 'C.UTF-8', TZ: 'UTC', SOURCE_DATE_EPOCH: '315532800' });
});
