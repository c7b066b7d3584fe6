// A real registry (Distribution, Debian's docker-registry) on loopback, behind a proxy that counts the bytes of request bodies.
import { spawn } from 'node:child_process';
import { createServer, request as httpRequest } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { join, rmSync, temporary, writeFileSync } from '../tools.mjs';

export async function startRegistry() {
  const folder = temporary('registry');
  const port = await freePort();
  writeFileSync(
    join(folder, 'config.yml'),
    JSON.stringify({ version: 0.1, log: { level: 'error', accesslog: { disabled: true } }, storage: { filesystem: { rootdirectory: join(folder, 'data') } }, http: { addr: `127.0.0.1:${port}`, secret: 'of the benchmark' } }),
  );
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore', env: { PATH: process.env.PATH } });
  let problem;
  child.on('error', (error) => (problem = error));
  const stop = () => child.kill('SIGKILL');
  process.once('exit', stop);
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (problem !== undefined || child.exitCode !== null || tries > 600) throw new Error(`docker-registry does not answer: ${problem?.message ?? child.exitCode}`);
    await sleep(50);
  }
  const registry = { sent: 0, requests: 0 };
  const server = createServer((request, response) => {
    registry.requests += 1;
    request.on('data', (chunk) => (registry.sent += chunk.length));
    // The host stays, so that the addresses that the registry makes lead here again.
    const onward = httpRequest({ port, host: '127.0.0.1', path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry.host = `127.0.0.1:${server.address().port}`;
  registry.close = async () => {
    process.off('exit', stop);
    server.close();
    server.closeAllConnections();
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('close', resolve));
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  /** What a puller of a reference needs: config and layers, digest → size. */
  registry.blobs = async (repository, tag) => {
    const types = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
    const get = async (reference) => {
      const answer = await fetch(`http://${registry.host}/v2/${repository}/manifests/${reference}`, { headers: { accept: types.join(', ') } });
      if (!answer.ok) throw new Error(`manifest ${repository}:${reference}: status ${answer.status}`);
      return answer.json();
    };
    let manifest = await get(tag);
    if (manifest.manifests) manifest = await get(manifest.manifests.find(({ platform }) => platform?.os !== 'unknown').digest);
    return new Map([manifest.config, ...manifest.layers].map(({ digest, size }) => [digest, size]));
  };
  return registry;
}

async function answers(port) {
  return fetch(`http://127.0.0.1:${port}/v2/`).then((answer) => answer.ok, () => false);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const socket = createSocket();
    socket.on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
