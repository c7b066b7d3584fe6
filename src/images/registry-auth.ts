import type { RegistryAuth } from '../engine/engine.js';
import type { Credentials } from '../registry/credentials.js';
import { addressOf } from '../registry/docker-config.js';

/** As an engine wants it said; an access token is nothing that it takes. */
export function registryAuth(registry: string, credentials: Credentials | undefined): RegistryAuth | undefined {
  const serverAddress = addressOf(registry);
  switch (credentials?.kind) {
    case 'password':
      return { serverAddress, username: credentials.username, password: credentials.password };
    case 'identity-token':
      return { serverAddress, identityToken: credentials.token };
    default:
      return undefined;
  }
}
