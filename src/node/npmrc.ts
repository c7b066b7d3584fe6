import type { Place } from '../core/place.js';
import type { Problem } from '../core/failure.js';

/** What the project's .npmrc says, as far as it concerns what is installed and from where. */
export interface Npmrc {
  readonly registry?: string;
  /** `@scope` → registry. */
  readonly scopes: ReadonlyMap<string, string>;
  /** `//host/path/` → credentials. Never shown, never stored. */
  readonly credentials: ReadonlyMap<string, Credentials>;
  readonly engineStrict: boolean;
  readonly legacyPeerDeps: boolean;
  readonly ignoreScripts: boolean;
  readonly binLinks: boolean;
  readonly omit: readonly ('dev' | 'optional' | 'peer')[];
  readonly omitRegistryResolved: boolean;
  /** `npmjs`, `always`, `never`, or a host name. */
  readonly replaceRegistryHost: string;
  /** Settings that can't be followed, said once. */
  readonly warnings: readonly Problem[];
}

export interface Credentials {
  readonly token?: string;
  /** base64 of user:password */
  readonly basic?: string;
  readonly username?: string;
  /** base64 */
  readonly password?: string;
}

export interface NpmrcOptions {
  /** As the user would write it. */
  readonly file: string;
  /** Variables that `${NAME}` may use; others stay as written. */
  readonly env: Readonly<Record<string, string>>;
}

interface Setting {
  readonly key: string;
  readonly value: string;
  readonly place: Place;
}

/** Reads an .npmrc (ini without sections). Only the project's own is ever read: those of the host are not part of the project. */
export function parseNpmrc(text: string, options: NpmrcOptions): Npmrc {
  const warnings: Problem[] = [];
  const settings = readSettings(text, options, warnings);
  const last = new Map(settings.map((setting) => [setting.key, setting]));
  const value = (key: string): string | undefined => last.get(key)?.value;
  const flag = (key: string, otherwise: boolean): boolean => {
    const written = value(key);
    return written === undefined ? otherwise : written === 'true' || written === '';
  };
  for (const [key, advice] of UNFOLLOWED) {
    const setting = last.get(key);
    if (setting) warnings.push({ reason: 'requirements', message: `${key} in ${options.file} is not followed`, place: setting.place, advice });
  }
  const strategy = last.get('install-strategy');
  if (strategy && strategy.value !== 'hoisted') {
    warnings.push({ reason: 'requirements', message: `install-strategy ${strategy.value} in ${options.file} is not followed`, place: strategy.place, advice: 'node_modules is laid out as the lock says' });
  }
  const registry = value('registry');
  return {
    ...(registry === undefined ? {} : { registry }),
    scopes: new Map([...last].flatMap(([key, setting]) => (/^@[^/:]+:registry$/.test(key) ? [[key.slice(0, -':registry'.length), setting.value] as const] : []))),
    credentials: readCredentials(last),
    engineStrict: flag('engine-strict', false),
    legacyPeerDeps: flag('legacy-peer-deps', false),
    ignoreScripts: flag('ignore-scripts', false),
    binLinks: flag('bin-links', true),
    omit: omitted(settings),
    omitRegistryResolved: flag('omit-lockfile-registry-resolved', false),
    replaceRegistryHost: value('replace-registry-host') ?? 'npmjs',
    warnings,
  };
}

const UNFOLLOWED: readonly (readonly [string, string])[] = [
  ['cafile', 'Set `network: { ca: … }` in the project file'],
  ['ca', 'Set `network: { ca: … }` in the project file'],
  ['strict-ssl', 'Set `network: { ca: … }` in the project file to the bundle that holds your certificate'],
  ['proxy', 'Set `network: { proxy: … }` in the project file'],
  ['https-proxy', 'Set `network: { proxy: … }` in the project file'],
  ['cert', 'Client certificates are not supported'],
  ['key', 'Client certificates are not supported'],
  ['install-links', 'Folders are linked, as npm does by default'],
];

function readSettings(text: string, options: NpmrcOptions, warnings: Problem[]): readonly Setting[] {
  const settings: Setting[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    const place = { file: options.file, line: index + 1, column: line.length - line.trimStart().length + 1 };
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith(';') || trimmed.startsWith('#')) return;
    const equals = trimmed.indexOf('=');
    const key = expand(unquote(equals === -1 ? trimmed : trimmed.slice(0, equals).trim()));
    const value = equals === -1 ? 'true' : expand(unquote(trimmed.slice(equals + 1).trim()));
    settings.push({ key, value, place });

    /** As npm: `${NAME}` and `${NAME?}` (empty when unset), `\${` is literal. */
    function expand(written: string): string {
      return written.replace(/(?<!\\)(\\*)\$\{([^${}?]+)(\?)?\}/g, (all, slashes: string, name: string, maybe: string | undefined) => {
        if (slashes.length % 2 === 1) return all.slice((slashes.length + 1) / 2);
        const known = options.env[name];
        if (known === undefined && maybe === undefined) {
          warnings.push({
            reason: 'requirements',
            message: `\${${name}} in ${options.file} has no value`,
            place,
            advice: `Name ${name} under \`env:\` of the artifact if it is set on this machine`,
          });
        }
        return slashes.slice(slashes.length / 2) + (known ?? (maybe === undefined ? all.slice(slashes.length) : ''));
      });
    }
  });
  return settings;
}

/** Values may be quoted; an unquoted `;` or `#` after a blank starts a comment, as in npm's ini reader. */
function unquote(value: string): string {
  const quoted = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')/.exec(value);
  if (quoted) return (quoted[1] ?? quoted[2] ?? '').replace(/\\"/g, '"');
  return value.replace(/(?<!\\)[;#].*$/, '').replace(/\\([;#])/g, '$1').trim();
}

function omitted(settings: readonly Setting[]): readonly ('dev' | 'optional' | 'peer')[] {
  const omit = new Set<string>();
  const include = new Set<string>();
  for (const { key, value } of settings) {
    if (key === 'omit' || key === 'omit[]') for (const kind of value.split(/[\s,]+/)) omit.add(kind);
    if (key === 'include' || key === 'include[]') for (const kind of value.split(/[\s,]+/)) include.add(kind);
    if ((key === 'only' && /^prod(?:uction)?$/.test(value)) || (key === 'production' && value === 'true')) omit.add('dev');
    if (key === 'optional') (value === 'false' ? omit : include).add('optional');
  }
  return (['dev', 'optional', 'peer'] as const).filter((kind) => omit.has(kind) && !include.has(kind));
}

function readCredentials(settings: ReadonlyMap<string, Setting>): ReadonlyMap<string, Credentials> {
  const found = new Map<string, Record<string, string>>();
  const FIELD: Readonly<Record<string, string>> = { _authToken: 'token', _auth: 'basic', username: 'username', _password: 'password' };
  for (const [key, { value }] of settings) {
    const match = /^(\/\/.*):(_authToken|_auth|username|_password)$/.exec(key);
    if (!match) continue;
    const at = (match[1] as string).replace(/\/*$/, '/');
    found.set(at, { ...found.get(at), [FIELD[match[2] as string] as string]: value });
  }
  return found;
}
