import type { Place } from '../core/place.js';
import { leaves } from './rules.js';
import type { DevMount, DevPort } from './project.js';

/** Published ports listen here unless the file says otherwise: development servers are not for the network. */
const LOOPBACK = '127.0.0.1';

/**
 * `[ip:]host:container[/protocol]` as in compose, with ranges of equal length; `container` alone lets the engine choose the
 * host port (0). Gives an Error with a sentence about what is wrong.
 */
export function parsePorts(text: string): readonly DevPort[] | Error {
  const match = /^(?:(?:(\[[^\]]*\]|[^:[\]]*):)?([0-9-]*):)?([0-9-]+)(?:\/(.*))?$/.exec(text);
  if (!match) return new Error(`not a port: ${text || '(empty)'}`);
  const [, ip, host, container, protocol = 'tcp'] = match;
  if (protocol !== 'tcp' && protocol !== 'udp') return new Error(`the protocol must be tcp or udp, not ${protocol || 'empty'}`);
  const hostIp = ip === undefined ? LOOPBACK : ip.replace(/^\[|\]$/g, '');
  if (!isAddress(hostIp)) return new Error(`not an IP address: ${hostIp || 'empty'}`);
  const inside = parseRange(container!);
  if (inside instanceof Error) return inside;
  const outside = host ? parseRange(host) : inside.map(() => 0);
  if (outside instanceof Error) return outside;
  if (outside.length !== inside.length) return new Error(`the ranges in ${text} differ in length`);
  return inside.map((containerPort, index) => ({ hostIp, hostPort: outside[index]!, containerPort, protocol }));
}

/** `source:target[:ro|rw]`; the source is relative to the project's root or absolute. */
export function parseMount(text: string, place: Place): DevMount | Error {
  const parts = text.split(':');
  const [source = '', target = '', mode = 'rw'] = parts;
  if (parts.length < 2 || parts.length > 3) return new Error(`not a mount: ${text}`);
  if (source === '') return new Error(`no source in ${text}`);
  if (source.startsWith('~') || source.includes('$')) return new Error(`the source ${source} would depend on who runs it`);
  if (!target.startsWith('/')) return new Error(`the target ${target || '(empty)'} is not an absolute path`);
  if (leaves(target.slice(1)) || target.split('/').includes('..')) return new Error(`the target ${target} has a \`..\` in it`);
  if (/^\/+\.?\/*$/.test(target)) return new Error('the target must not be /');
  if (mode !== 'ro' && mode !== 'rw') return new Error(`the mode must be ro or rw, not ${mode || 'empty'}`);
  return { place, source, target, readOnly: mode === 'ro' };
}

/** Docker's sizes: a number with b, k, m, g or t (powers of 1024, an `iB` or `b` may follow). At least 6 MiB, as the engine wants. */
export function parseMemory(text: string): number | Error {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?|b)?$/i.exec(text);
  if (!match) return new Error(`not a size: ${text}`);
  const power = ' kmgt'.indexOf((match[2] ?? ' ').toLowerCase());
  const bytes = Math.floor(Number(match[1]) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) return new Error(`${text} is too much`);
  return bytes < 6 * 1024 ** 2 ? new Error(`${text} is less than the 6m that an engine needs`) : bytes;
}

function parseRange(text: string): readonly number[] | Error {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return new Error(`not a port: ${text || '(empty)'}`);
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  if (first < 1 || last > 65535) return new Error(`a port is a number from 1 to 65535, not ${text}`);
  if (last < first) return new Error(`the range ${text} ends before it starts`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function isAddress(text: string): boolean {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (octets) return octets.slice(1).every((octet) => Number(octet) <= 255);
  return /^[0-9a-fA-F:]{2,39}$/.test(text) && text.includes(':');
}
