import type { Client } from './exchange.js';
import type { HttpSettings } from './settings.js';

const DEFAULT_USER_AGENT = 'wheelwright';

/** Loads the library and the certificates; for the first request. */
export async function createClient(settings: HttpSettings): Promise<Client> {
  const [{ got }, { createAgents }] = await Promise.all([import('got'), import('./agents.js')]);
  const { connect = 15_000, read = 30_000 } = settings.timeouts ?? {};
  return { got, agents: await createAgents(settings), timeouts: { connect, read }, userAgent: settings.userAgent ?? DEFAULT_USER_AGENT };
}
