import type { OciConfig } from '../../../src/assemble/oci-config.js';
import { applyLayers, differences, type FileTree } from './file-tree.js';

/** What is compared of two configurations, as one text each. */
export function configFacts({ architecture, os, author, config, history }: OciConfig, above: number): Record<string, unknown> {
  const { Env, Cmd, Entrypoint, User, WorkingDir, ExposedPorts, Volumes, Labels, StopSignal, Shell, Healthcheck, OnBuild } = config;
  const facts = { architecture, os, author, Env, Cmd, Entrypoint, User, WorkingDir, ExposedPorts, Volumes, Labels, StopSignal, Shell, Healthcheck, OnBuild };
  const said = Object.entries(facts).filter(([, value]) => !(value === undefined || value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)));
  return { ...Object.fromEntries(said), history: history.slice(above).map(({ created_by, empty_layer }) => `${empty_layer === true ? '-' : '+'} ${created_by}`) };
}

/** Members that differ, in words. */
export function configDifferences(ours: Record<string, unknown>, theirs: Record<string, unknown>): string[] {
  const members = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  return members.flatMap((name) => {
    const [a, b] = [ours[name], theirs[name]].map((value) => JSON.stringify(sorted(value)) ?? 'nothing');
    return a === b ? [] : [`${name}: ours ${a}, the engine's ${b}`];
  });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value) || value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]));
}

/** With steps marked as empty whose layer changes nothing: engines with a graph driver keep such layers, and we write none. */
export async function withoutIdleLayers(config: OciConfig, above: number, { base, layers }: { readonly base: FileTree; readonly layers: readonly Buffer[] }): Promise<OciConfig> {
  let tree = base;
  let next = 0;
  const history = [];
  for (const [index, entry] of config.history.entries()) {
    const layer = index < above || entry.empty_layer === true ? undefined : layers[next++];
    if (layer === undefined) {
      history.push(entry);
      continue;
    }
    const after = await applyLayers(tree, [layer]);
    history.push(differences(tree, after).length === 0 ? { ...entry, empty_layer: true } : entry);
    tree = after;
  }
  return { ...config, history };
}

/** Steps in the words that BuildKit had in engine 20.10, as far as both have them. */
export function asOldBuildkit(facts: Record<string, unknown>): Record<string, unknown> {
  return { ...facts, history: (facts['history'] as string[]).map((line) => oldLine(line)) };
}

function oldLine(line: string): string {
  if (/^[-+] (?:COPY|ADD) /.test(line)) return line.replace(/ --(?:chown|chmod)=\S+/g, '');
  if (line.startsWith('- ARG ')) return line.replace(/=.*?(?= [A-Za-z_]+(?:=| |$)|$)/g, '');
  if (line.startsWith('- HEALTHCHECK')) return line.replace(/( "[^" ]*" "[^" ]*" "[^" ]*") "[^" ]*"( '[^ ]+'})$/, '$1$2');
  if (!line.startsWith('- EXPOSE [')) return line;
  const ports = line.slice('- EXPOSE ['.length, -1).split(' ');
  return `- EXPOSE map[${[...new Set(ports)].sort().map((port) => `${port}:{}`).join(' ')}]`;
}
