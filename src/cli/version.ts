import { readFileSync } from 'node:fs';

/** Our version, from the package.json that lies above the bundle (and above src/cli when run from source). */
export function ownVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { name?: string; version?: string };
      if (found.name === 'wheelwright' && found.version !== undefined) return found.version;
    } catch {
      // Not there: the other layout.
    }
  }
  return '0.0.0';
}
