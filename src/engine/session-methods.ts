import type { Duplex } from 'node:stream';
import type { BuildSession } from './engine.js';
import { GRPC, GrpcError } from './grpc-messages.js';
import type { Call, Method } from './grpc-server.js';
import { unary } from './grpc-server.js';
import { decode, encode } from './protobuf.js';

/**
 * What the builder may ask of a session, by the path of the method. Services and messages are BuildKit's; only what the
 * build was given is offered.
 */
export function sessionMethods({ secret, sshAgent, credentials, upload }: BuildSession): ReadonlyMap<string, Method> {
  const methods = new Map<string, Method>();
  // HealthCheckResponse: 1 status (enum, a varint): 1 is SERVING.
  methods.set('/grpc.health.v1.Health/Check', unary(async () => Buffer.from([0x08, 0x01])));
  if (secret !== undefined) {
    // GetSecretRequest: 1 ID. GetSecretResponse: 1 data.
    methods.set('/moby.buildkit.secrets.v1.Secrets/GetSecret', unary(async (request) => {
      const id = decode(request).text(1);
      const data = await secret(id) ?? missing(`secret ${id} not found`);
      return encode({ 1: data });
    }));
  }
  if (sshAgent !== undefined) {
    const connect = async (id: string) => await sshAgent(id === '' ? 'default' : id) ?? missing(`ssh ${id} not found`);
    // CheckAgentRequest: 1 ID. CheckAgentResponse: empty.
    methods.set('/moby.sshforward.v1.SSH/CheckAgent', unary(async (request) => {
      (await connect(decode(request).text(1))).destroy();
      return Buffer.alloc(0);
    }));
    methods.set('/moby.sshforward.v1.SSH/ForwardAgent', async function* (call) {
      yield* forward(call, await connect(String(call.headers['buildkit.ssh.id'] ?? '')));
    });
  }
  if (credentials !== undefined) {
    // CredentialsRequest: 1 Host. CredentialsResponse: 1 Username, 2 Secret; without a name the secret is an identity token.
    methods.set('/moby.filesync.v1.Auth/Credentials', unary(async (request) => {
      const { username = '', password = '', identityToken } = await credentials(decode(request).text(1)) ?? {};
      return encode(identityToken === undefined ? { 1: username, 2: password } : { 2: identityToken });
    }));
  }
  if (upload !== undefined) methods.set('/moby.upload.v1.Upload/Pull', inTurn((call) => pulled(call, upload)));
  return methods;
}

/** Calls wait for those before them. */
function inTurn(method: Method): Method {
  let last: Promise<void> = Promise.resolve();
  return async function* (call) {
    const before = last;
    let done = (): void => undefined;
    last = new Promise((resolve) => (done = resolve));
    try {
      await before;
      yield* method(call);
    } finally {
      done();
    }
  };
}

/** BytesMessage: 1 data. */
async function* pulled({ headers }: Call, upload: NonNullable<BuildSession['upload']>): AsyncGenerator<Buffer> {
  const path = String(headers['urlpath'] ?? '');
  const source = (await upload(path)) ?? missing(`nothing at ${path}`);
  for await (const data of source as AsyncIterable<Buffer>) yield encode({ 1: data });
}

/** Both ways, BytesMessage: 1 data. Ends with either side. */
async function* forward({ messages }: Call, agent: Duplex): AsyncGenerator<Buffer> {
  agent.on('error', () => undefined);
  const toAgent = async (): Promise<void> => {
    for await (const message of messages) agent.write(decode(message).messages(1)[0] ?? Buffer.alloc(0));
    agent.end();
  };
  toAgent().catch(() => agent.destroy());
  try {
    for await (const data of agent as AsyncIterable<Buffer>) yield encode({ 1: data });
  } catch {
    throw new GrpcError(GRPC.unavailable, 'the connection to the SSH agent was lost');
  } finally {
    agent.destroy();
  }
}

function missing(message: string): never {
  throw new GrpcError(GRPC.notFound, message);
}
