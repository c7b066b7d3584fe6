import { resolve } from 'node:path';

/**
 * The bundle that the user told Node to trust (NODE_EXTRA_CA_CERTS), as an absolute path, if the launcher kept it from Node; undefined where
 * Node has read it already, or there is none. Puts the variable back for the programs that we start.
 */
export function takeExtraCa(env: NodeJS.ProcessEnv): string | undefined {
  const withheld = env[WITHHELD];
  delete env[WITHHELD];
  // Who set it anew after the launcher meant that one.
  if (withheld === undefined || withheld === '' || env[VARIABLE] !== undefined) return undefined;
  env[VARIABLE] = withheld;
  return resolve(withheld);
}

const VARIABLE = 'NODE_EXTRA_CA_CERTS';
/** Set by artifacts.sh. */
const WITHHELD = 'ARTIFACTS_EXTRA_CA_CERTS';
