import type { Problem } from '../core/failure.js';

/** What a failed connection to `host` means and what to do about it; told apart by the system's error code. */
export function connectionProblem(host: string, error: NodeJS.ErrnoException): Problem {
  const code = error.code ?? '';
  const known = BY_CODE[code];
  if (known !== undefined) return { reason: 'engine', message: known.message(host), advice: known.advice };
  if (/^ERR_TLS|CERT|SSL|SELF_SIGNED|ALTNAME/.test(code)) {
    return {
      reason: 'engine',
      message: `no trusted connection to the engine at ${host} (${code})`,
      advice: 'check ca.pem, cert.pem and key.pem in the folder named by DOCKER_CERT_PATH',
    };
  }
  if (code.startsWith('HPE_')) {
    return {
      reason: 'engine',
      message: `what answers at ${host} is not a Docker Engine`,
      advice: 'check DOCKER_HOST; an engine with TLS also needs DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH',
    };
  }
  return goneProblem(host, code);
}

/** The engine was there and is not any more. */
export function goneProblem(host: string, detail: string): Problem {
  return {
    reason: 'engine',
    message: `the connection to the engine at ${host} was lost${detail === '' ? '' : ` (${detail})`}`,
    advice: 'see whether the Docker Engine still runs, then run the command again; what was finished is kept',
  };
}

const START = 'start it (`sudo systemctl start docker`), or name another one with DOCKER_HOST';

const BY_CODE: Readonly<Record<string, { message: (host: string) => string; advice: string }>> = {
  ENOENT: { message: (host) => `no Docker Engine runs at ${host}: the socket does not exist`, advice: START },
  ECONNREFUSED: { message: (host) => `no Docker Engine answers at ${host}`, advice: START },
  EACCES: denied(),
  EPERM: denied(),
  ENOTFOUND: unknownHost(),
  EAI_AGAIN: unknownHost(),
  EHOSTUNREACH: unreachable(),
  ENETUNREACH: unreachable(),
  ETIMEDOUT: unreachable(),
};

function denied() {
  return {
    message: (host: string) => `permission denied on the engine's socket ${host}`,
    advice: 'join the group that owns it (`sudo usermod -aG docker $USER`, then log in again), or use a rootless engine',
  };
}

function unknownHost() {
  return { message: (host: string) => `the engine's host name in ${host} is unknown`, advice: 'check DOCKER_HOST' };
}

function unreachable() {
  return { message: (host: string) => `the engine at ${host} cannot be reached`, advice: 'check DOCKER_HOST and the network' };
}
