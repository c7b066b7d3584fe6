import { Failed } from '../core/failure.js';
import type { Problem } from '../core/failure.js';
import type { Reply } from '../net/requester.js';

export interface Refused {
  /** As in "can't push …". */
  readonly verb: string;
  readonly subject: string;
  /** The registry as the user names it. */
  readonly registry: string;
  /** Credentials were sent with it. */
  readonly withCredentials: boolean;
}

/** What a status that was not hoped for means to the user; with the registry's own words where it has some. */
export function refusal(reply: Reply, { verb, subject, registry, withCredentials }: Refused): Failed {
  const { code, message } = firstError(reply.body);
  const said = message === undefined ? '' : `: ${message}`;
  const problem = (what: string, advice?: string, reason: Problem['reason'] = 'registry'): Failed =>
    new Failed({ reason, message: `can't ${verb} ${subject}: ${registry} ${what}`, ...(advice === undefined ? {} : { advice }) });
  if (reply.status === 401 && !withCredentials) return problem(`asks for credentials${said}`, `Run \`docker login ${registry}\`, or set ARTIFACTS_REGISTRY_AUTH to user:password`);
  if (reply.status === 401) return problem(`does not accept the credentials, or they may not do this${said}`, `Check them: \`docker login ${registry}\``);
  if (reply.status === 403 || code === 'DENIED') return problem(`denies it${said}`, `Check that ${withCredentials ? 'these credentials' : 'anonymous users'} may ${verb} there, and the name of the repository`);
  if (code === 'NAME_UNKNOWN') return problem(`has no such repository${said}`, 'Create the repository there, or check its name', 'not-found');
  if (code === 'NAME_INVALID') return problem(`does not allow this name${said}`, 'Choose another `repository:` for the image');
  if (code === 'DIGEST_INVALID' || code === 'SIZE_INVALID') return problem(`received other bytes than were sent${said}`, 'Run again; if it stays so, look for a proxy that changes what passes', 'integrity');
  if (code === 'MANIFEST_BLOB_UNKNOWN' || code === 'BLOB_UNKNOWN') return problem(`lacks a layer of it${said}`, 'Run again: what is missing is sent anew');
  if (reply.status === 405 || code === 'UNSUPPORTED') return problem(`does not support it${said}`, undefined, 'unsupported');
  if (reply.status === 413) return problem(`finds it too large (413)${said}`, 'Raise the limit of the registry or of the proxy before it');
  return problem(`answers ${reply.status}${code === undefined ? '' : ` ${code}`}${said}`);
}

/** The code of a registry's error body, for decisions; undefined where there is none. */
export function errorCode({ body }: Reply): string | undefined {
  return firstError(body).code;
}

const LONGEST = 300;

function firstError(body: Buffer): { readonly code?: string; readonly message?: string } {
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as { errors?: unknown };
    const { code, message } = (Array.isArray(errors) ? errors[0] : undefined) as { code?: unknown; message?: unknown };
    return {
      ...(typeof code === 'string' && /^[A-Z_]{1,60}$/.test(code) ? { code } : {}),
      ...(typeof message === 'string' && message.trim() !== '' ? { message: message.trim().replace(/\s+/g, ' ').slice(0, LONGEST) } : {}),
    };
  } catch {
    return {};
  }
}
