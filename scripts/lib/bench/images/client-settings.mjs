// Where this machine's pip and npm are pointed: the same must hold in containers. Read when it runs, never kept.
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';

const ask = (program, args) => {
  try {
    // Not from a project: its .npmrc would count.
    return execFileSync(program, args, { cwd: tmpdir(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
};

export const npmRegistry = () => ask('npm', ['config', 'get', 'registry']);
export const pipIndex = () => process.env.PIP_INDEX_URL ?? ask('pip', ['config', 'get', 'global.index-url']);

/** As environment variables of npm, pnpm, pip and uv. */
export function clientSettings() {
  const registry = npmRegistry();
  const index = pipIndex();
  return { ...(registry === '' ? {} : { NPM_CONFIG_REGISTRY: registry }), ...(index === '' ? {} : { PIP_INDEX_URL: index, UV_DEFAULT_INDEX: index }) };
}
