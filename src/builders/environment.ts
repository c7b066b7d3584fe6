import type { NetworkSettings } from '../config/project.js';
import { INSIDE } from './inside.js';

/** 1980-01-01, the time of every file that we write (see archive/entry.ts). */
const SOURCE_DATE_EPOCH = '315532800';

/** What every command in a builder container sees, beyond the image's own environment. Holds no secrets but a proxy's. */
export function builderEnvironment(network: NetworkSettings): Readonly<Record<string, string>> {
  return {
    HOME: INSIDE.home,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    NO_COLOR: '1',
    SOURCE_DATE_EPOCH,
    ...caches(),
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    npm_config_update_notifier: 'false',
    ...certificates(network),
    ...proxies(network),
  };
}

function caches(): Record<string, string> {
  return {
    XDG_CACHE_HOME: INSIDE.cache,
    PIP_CACHE_DIR: `${INSIDE.cache}/pip`,
    UV_CACHE_DIR: `${INSIDE.cache}/uv`,
    npm_config_cache: `${INSIDE.cache}/npm`,
    npm_config_devdir: `${INSIDE.cache}/node-gyp`,
    CARGO_HOME: `${INSIDE.cache}/cargo`,
  };
}

/** The bundle by every name that a package manager, TLS library or interpreter knows it. */
function certificates({ ca }: NetworkSettings): Record<string, string> {
  if (ca === undefined) return {};
  const names = [
    'SSL_CERT_FILE', 'PIP_CERT', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS',
    'npm_config_cafile', 'GIT_SSL_CAINFO', 'CARGO_HTTP_CAINFO',
  ];
  return { ...Object.fromEntries(names.map((name) => [name, INSIDE.ca])), UV_NATIVE_TLS: '1' };
}

/** Both cases: curl reads only `http_proxy`, others only the capitals. */
function proxies({ proxy, noProxy }: NetworkSettings): Record<string, string> {
  const pairs: [string, string][] = [];
  if (proxy !== undefined) pairs.push(['HTTP_PROXY', proxy], ['HTTPS_PROXY', proxy]);
  if (noProxy.length > 0) pairs.push(['NO_PROXY', noProxy.join(',')]);
  return Object.fromEntries(pairs.flatMap(([name, value]) => [[name, value], [name.toLowerCase(), value]]));
}
