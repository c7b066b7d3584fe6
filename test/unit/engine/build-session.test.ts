import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { serve } from '../../../src/engine/build-session.js';
import type { BuildSession } from '../../../src/engine/engine.js';
import { decode, encode } from '../../../src/engine/protobuf.js';
import { sessionMethods } from '../../../src/engine/session-methods.js';

const SECRET = '/moby.buildkit.secrets.v1.Secrets/GetSecret';
const SESSION: BuildSession = {
  secret: async (id) => (id === 'known' ? Buffer.from('value') : id === 'bug' ? Promise.reject(new Error('inner words')) : undefined),
  credentials: async (host) => (host === 'one.example' ? { username: 'ann', password: 'p' } : host === 'two.example' ? { identityToken: 't' } : undefined),
};

let server: Server;
let client: ClientHttp2Session;

// The engine's side of a session is the client.
beforeEach(async () => {
  server = createServer((socket) => void serve(socket, sessionMethods(SESSION)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  client = connectHttp2('http://session', { createConnection: () => connect(port, '127.0.0.1') });
});

afterEach(() => {
  client.destroy();
  server.close();
});

function frame(message: Buffer, { flag = 0, length = message.length } = {}): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** The answer's message and status. */
async function call(path: string, bytes: Buffer): Promise<{ readonly status: string; readonly text: string; readonly data: Buffer }> {
  const stream = client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  let trailers: Record<string, unknown> = {};
  stream.on('trailers', (headers) => (trailers = headers));
  stream.end(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: String(trailers['grpc-status']), text: decodeURIComponent(String(trailers['grpc-message'])), data: Buffer.concat(chunks).subarray(5) };
}

describe('a session answers', () => {
  test('for the secrets that it has', async () => {
    const found = await call(SECRET, frame(encode({ 1: 'known' })));
    expect([found.status, decode(found.data).text(1)]).toEqual(['0', 'value']);
    expect(await call(SECRET, frame(encode({ 1: 'toString' })))).toMatchObject({ status: '5', text: 'secret toString not found' });
  });

  test('for credentials of one host only', async () => {
    const ask = async (host: string) => decode((await call('/moby.filesync.v1.Auth/Credentials', frame(encode({ 1: host })))).data);
    const fields = async (host: string) => ask(host).then((message) => [message.text(1), message.text(2)]);
    expect(await Promise.all(['one.example', 'two.example', 'three.example', ''].map(fields))).toEqual([['ann', 'p'], ['', 't'], ['', ''], ['', '']]);
  });

  test('for nothing that the build was not given', async () => {
    for (const path of ['/moby.sshforward.v1.SSH/CheckAgent', '/moby.filesync.v1.FileSync/DiffCopy', '/']) {
      expect(await call(path, frame(Buffer.alloc(0)))).toMatchObject({ status: '12', data: Buffer.alloc(0) });
    }
  });

  test('and says nothing of an unexpected error', async () => {
    expect(await call(SECRET, frame(encode({ 1: 'bug' })))).toMatchObject({ status: '2', text: 'the client could not answer' });
  });

  test.each([
    ['compressed', frame(encode({ 1: 'known' }), { flag: 1 }), '12'],
    ['too long', frame(Buffer.alloc(10), { length: 0x7fffffff }), '8'],
    ['no message of protocol buffers', frame(Buffer.from([0xff, 0xff])), '2'],
    ['cut short', frame(encode({ 1: 'known' })).subarray(0, 8), '5'],
  ])('a request that is %s, and the next one', async (_, bytes, status) => {
    expect((await call(SECRET, bytes)).status).toBe(status);
    expect((await call(SECRET, frame(encode({ 1: 'known' })))).status).toBe('0');
  });
});
