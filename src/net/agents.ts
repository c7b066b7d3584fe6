import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import type { LookupFunction } from 'node:net';
import * as tls from 'node:tls';
import { fail } from '../core/failure.js';
import { bypassesProxy } from './proxy.js';
import { basicAuthorization } from './redact.js';
import type { HttpSettings } from './settings.js';
import { sharedLookup } from './shared-lookup.js';

export interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

/** The connection pools of one program run: chosen by URL, because a proxy may not be for all hosts. */
export async function createAgents(settings: HttpSettings, lookup: LookupFunction = sharedLookup()): Promise<(url: URL) => Agents> {
  const secureContext = await trustedContext(settings);
  const options = { keepAlive: true, lookup, ...(secureContext === undefined ? {} : { secureContext }) };
  const direct: Agents = { http: new http.Agent({ keepAlive: true, lookup } as http.AgentOptions), https: new https.Agent(options as https.AgentOptions) };
  if (settings.proxy === undefined) return () => direct;
  const proxy = parseProxy(settings.proxy);
  const { HttpsProxyAgent } = await import('hpagent');
  const through: Agents = {
    http: new ForwardAgent(proxy, lookup),
    https: new HttpsProxyAgent({ ...options, proxy, proxyRequestOptions: { lookup, ...(secureContext === undefined ? {} : { secureContext }) } as object }),
  };
  return (url) => (bypassesProxy(url, settings.noProxy ?? []) ? direct : through);
}

/**
 * Plain http through a proxy: the request line carries the whole URL (RFC 9112, 3.2.2). Most proxies allow CONNECT to
 * TLS ports only, so tunnelling is no way here.
 */
class ForwardAgent extends http.Agent {
  readonly #proxy: URL;

  constructor(proxy: URL, lookup: LookupFunction) {
    super({ keepAlive: true, lookup } as http.AgentOptions);
    this.#proxy = proxy;
  }

  // Node's own entry point of an agent, missing from its types; stable since Node 0.11 and what proxy agents rely on.
  addRequest(request: http.ClientRequest, options: http.RequestOptions): void {
    if (!request.path.startsWith('http:')) {
      const port = options.port === undefined || Number(options.port) === 80 ? '' : `:${options.port}`;
      const host = options.host?.includes(':') === true ? `[${options.host}]` : options.host;
      request.path = `http://${host}${port}${request.path}`;
    }
    const authorization = basicAuthorization(this.#proxy);
    if (authorization !== undefined) request.setHeader('proxy-authorization', authorization);
    const next = http.Agent.prototype as unknown as { addRequest(this: http.Agent, request: http.ClientRequest, options: http.RequestOptions): void };
    next.addRequest.call(this, request, { ...options, host: this.#proxy.hostname.replace(/^\[|\]$/g, ''), port: this.#proxy.port === '' ? 80 : Number(this.#proxy.port) });
  }
}

function parseProxy(written: string): URL {
  const text = written.includes('://') ? written : `http://${written}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy === undefined || !['http:', 'https:'].includes(proxy.protocol)) {
    fail({ reason: 'config', message: 'the proxy is not a http:// or https:// URL', advice: 'Write network.proxy as http://host:port.' });
  }
  return proxy;
}

/** Made once: a context for every connection would parse some 140 certificates each time. Undefined: Node's own will do. */
async function trustedContext({ ca, extraCa }: HttpSettings): Promise<tls.SecureContext | undefined> {
  const extra = extraCa === undefined ? undefined : await readBundle(extraCa).catch(() => undefined);
  if (ca === undefined) return extra === undefined ? undefined : contextOf([extra]);
  try {
    return contextOf([await readBundle(ca), ...(extra === undefined ? [] : [extra])]);
  } catch (error) {
    return fail({ reason: 'config', message: `the certificate bundle ${ca} can't be used: ${(error as Error).message}`, advice: 'Set network.ca to a file of PEM certificates.' });
  }
}

async function readBundle(path: string): Promise<string> {
  const bundle = await readFile(path, 'utf8');
  if (!bundle.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no PEM certificate');
  return bundle;
}

/** Bundles often hold the same authorities (those of a host are most of Node's own), and parsing them is what takes time: each once. */
function contextOf(bundles: readonly string[]): tls.SecureContext {
  const certificates = new Map<string, string>();
  for (const pem of [...tls.rootCertificates, ...bundles].flatMap((bundle) => bundle.match(PEM) ?? [])) certificates.set(pem.replace(/\s+/g, ''), pem);
  return tls.createSecureContext({ ca: [...certificates.values()] });
}

const PEM = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;
