import { Failed, fail } from '../core/failure.js';
import { RequestFailed, type Reply, type Requester, type SendOptions, type StreamedBody } from '../net/requester.js';
import { Access } from './access.js';
import { chooseChallenge } from './challenge.js';
import type { CredentialFinder } from './credentials.js';
import { refusal } from './refusal.js';
import { isLoopback, type Repository } from './repository.js';

export interface ApiOptions {
  readonly requester: Requester;
  readonly credentials: CredentialFinder;
  /** Registries (host, or host with port) that may be reached by plain http. */
  readonly insecure: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly signal?: AbortSignal;
}

export interface Call {
  readonly method: SendOptions['method'];
  /** Path behind `/v2/`, or a whole address that the registry named. */
  readonly to: string | URL;
  readonly verb: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for each time that it is sent. */
  readonly body?: () => Buffer | StreamedBody | Promise<StreamedBody>;
  readonly limit?: number;
}

/** The API of one registry, spoken to as whoever the credentials say. One attempt per call; see `Requester.attempts`. */
export class Api {
  readonly #options: ApiOptions;
  readonly #repository: Repository;
  #connected: Promise<{ readonly origin: string; readonly access: Access }> | undefined;

  constructor(repository: Repository, options: ApiOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  /** Sends with authorization; once again when that was not accepted. */
  async call(call: Call): Promise<Reply> {
    const { origin, access } = await this.#connect(call);
    const url = typeof call.to === 'string' ? new URL(`/v2/${call.to}`, origin) : call.to;
    // What the registry sends elsewhere carries its own authorization in the address.
    const own = url.origin === origin;
    const used = own ? await access.authorization(call.scopes) : undefined;
    const reply = await this.#send(url, call, used);
    if (reply.status !== 401 || !own || !access.renew(reply.headers['www-authenticate'], call.scopes, used)) return reply;
    return this.#send(url, call, await access.authorization(call.scopes));
  }

  /** For a reply that was not hoped for. */
  async refused(reply: Reply, call: Pick<Call, 'verb' | 'subject'>): Promise<Failed> {
    const { access } = await this.#connect(call);
    return refusal(reply, { verb: call.verb, subject: call.subject, registry: this.#repository.registry, withCredentials: access.withCredentials });
  }

  /** An address that the registry named in a header, relative to the one that it answered at. */
  located(reply: Reply, header: string): URL {
    const written = reply.headers[header];
    const { registry } = this.#repository;
    if (written === undefined || !URL.canParse(written, reply.url)) return fail({ reason: 'registry', message: `${registry} does not say where to go on (${header})` });
    const url = new URL(written, reply.url);
    const before = new URL(reply.url);
    const safe = url.protocol === 'https:' || (url.protocol === 'http:' && before.protocol === 'http:');
    if (!safe) return fail({ reason: 'registry', message: `${registry} leads from ${before.protocol}//${before.host} to ${url.protocol}//${url.host}, which is not safe` });
    url.username = '';
    url.password = '';
    return url;
  }

  async #send(url: URL, call: Call, authorization: string | undefined): Promise<Reply> {
    const { requester, signal } = this.#options;
    const { method, verb, subject, headers, limit } = call;
    const body = await call.body?.();
    return requester.send(url.href, {
      method,
      verb,
      subject,
      ...(headers === undefined ? {} : { headers }),
      ...(limit === undefined ? {} : { limit }),
      ...(body === undefined ? {} : { body }),
      ...(authorization === undefined ? {} : { authorization }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  #connect(about: Pick<Call, 'verb' | 'subject'>) {
    this.#connected ??= this.#open(about);
    this.#connected.catch(() => (this.#connected = undefined));
    return this.#connected;
  }

  /** Finds out how the registry is reached and what it asks for: the first of its schemes that answers as a registry does. */
  async #open({ verb, subject }: Pick<Call, 'verb' | 'subject'>): Promise<{ readonly origin: string; readonly access: Access }> {
    const { requester, signal, credentials, insecure, now } = this.#options;
    const { host, registry, schemes } = this.#repository;
    const about = { verb, subject, ...(signal === undefined ? {} : { signal }) };
    const failures: (NoRegistry | RequestFailed)[] = [];
    for (const scheme of schemes) {
      const origin = new URL(`${scheme}://${host}`).origin;
      try {
        const reply = await requester.send(`${origin}/v2/`, { method: 'GET', ...about });
        if (reply.status !== 200 && reply.status !== 401 && reply.status !== 403) {
          throw new NoRegistry({ reason: 'registry', message: `can't ${verb} ${subject}: ${registry} is no container registry (it answers ${reply.status} to ${scheme}://${host}/v2/)`, advice: 'Check the registry in the name of the image' });
        }
        const challenge = reply.status === 200 ? undefined : chooseChallenge(reply.headers['www-authenticate']);
        const access = new Access(challenge, {
          requester,
          registry,
          credentials: await credentials(registry),
          plain: (other) => scheme === 'http' && (isLoopback(other) || insecure.includes(other)),
          now,
          ...(signal === undefined ? {} : { signal }),
        });
        return { origin, access };
      } catch (error) {
        // An answer, be it a refusal, says that this is the scheme.
        if (!(error instanceof NoRegistry) && (!(error instanceof RequestFailed) || error.kind === 'status')) throw error;
        failures.push(error);
      }
    }
    throw mostTelling(failures);
  }
}

/** Something answered, and it was no registry. */
class NoRegistry extends Failed {
  readonly kind = 'no-registry';
}

const TELLING = ['certificate', 'no-registry', 'silence', 'connection', 'garbage'] as const;

/** Of the failures by several schemes the one to tell: speaking the wrong one ends in garbage, or in a closed connection. */
function mostTelling(failures: readonly (NoRegistry | RequestFailed)[]): Failed {
  return TELLING.flatMap((kind) => failures.filter((failure) => failure.kind === kind))[0] as Failed;
}
