import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Placed } from '../core/place.js';
import type { Report } from './shape.js';

/** Where Debian, Fedora and RHEL, SUSE, Alpine and others keep the certificates that the host trusts. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Absolute path of the bundle that `network.ca` names; undefined after reporting that it is not there. */
export async function findBundle(ca: Placed<string>, root: string, report: Report): Promise<string | undefined> {
  const candidates = ca.value === 'system' ? SYSTEM_BUNDLES : [resolve(root, ca.value)];
  for (const candidate of candidates) {
    const stats = await stat(candidate).catch(() => undefined);
    if (stats?.isFile()) return candidate;
  }
  const message = ca.value === 'system' ? 'the host has no certificate bundle in any of the usual places' : `there is no certificate bundle ${ca.value}`;
  report({ reason: 'config', message, place: ca.place, advice: 'Give the path of a PEM file, absolute or relative to the folder of the project file' });
  return undefined;
}
