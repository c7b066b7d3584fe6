// The few engine calls that the scripts need, over Node's own http, so that no docker client has to be there.
// usage: docker.mjs ping | has IMAGE | pull IMAGE | import TARFILE IMAGE | build DIR IMAGE | save IMAGE >TAR | load <TAR
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import http from 'node:http';
import { pipeline } from 'node:stream';

const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';

function target() {
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) };
  const url = new URL(host.replace(/^tcp:/, 'http:'));
  return { host: url.hostname, port: url.port || 2375 };
}

/** One call; resolves to status and body. `onLine` gets the lines of a streamed answer. */
export function call(method, path, { body, json, headers = {}, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ ...target(), method, path, headers: json ? { ...headers, 'content-type': 'application/json' } : headers });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      let line = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
        line += chunk;
        const lines = line.split('\n');
        line = lines.pop();
        if (onLine) lines.filter(Boolean).forEach(onLine);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    if (body) body.pipe(request);
    else request.end(json ? JSON.stringify(json) : undefined);
  });
}

/** Folds a JSON stream: an error frame is a failure whatever the status was. */
async function stream(method, path, options) {
  let failure;
  const answer = await call(method, path, {
    ...options,
    onLine: (text) => {
      const frame = JSON.parse(text);
      if (frame.error) failure = frame.error;
      if (frame.stream?.trim() && process.env.VERBOSE) process.stderr.write(frame.stream);
    },
  });
  if (answer.status >= 300) throw new Error(answer.text.trim());
  if (failure) throw new Error(failure);
}

const reference = (image) => {
  const at = image.lastIndexOf(':');
  return at > image.lastIndexOf('/') ? [image.slice(0, at), image.slice(at + 1)] : [image, 'latest'];
};

const commands = {
  async ping() {
    if ((await call('GET', '/_ping')).status !== 200) throw new Error('no answer');
  },
  async has(image) {
    if ((await call('GET', `/images/${image}/json`)).status !== 200) throw new Error('absent');
  },
  async pull(image) {
    const [name, tag] = reference(image);
    await stream('POST', `/images/create?fromImage=${encodeURIComponent(name)}&tag=${encodeURIComponent(tag)}`);
  },
  async import(file, image) {
    const [name, tag] = reference(image);
    const changes = `changes=${encodeURIComponent('CMD ["bash"]')}`;
    await stream('POST', `/images/create?fromSrc=-&repo=${encodeURIComponent(name)}&tag=${encodeURIComponent(tag)}&${changes}`, {
      body: createReadStream(file),
      headers: { 'content-type': 'application/x-tar' },
    });
  },
  /** To standard output. */
  async save(image) {
    await new Promise((resolve, reject) => {
      const request = http.request({ ...target(), method: 'GET', path: `/images/${image}/get` }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        pipeline(response, process.stdout, (error) => (error ? reject(error) : resolve()));
      });
      request.on('error', reject);
      request.end();
    });
  },
  /** From standard input. */
  async load() {
    await stream('POST', '/images/load?quiet=1', { body: process.stdin, headers: { 'content-type': 'application/x-tar' } });
  },
  async build(folder, image) {
    const tar = spawn('tar', ['-C', folder, '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await stream('POST', `/build?t=${encodeURIComponent(image)}&rm=1&forcerm=1`, {
      body: tar.stdout,
      headers: { 'content-type': 'application/x-tar' },
    });
  },
};

if (import.meta.url === `file://${process.argv[1]}`) {
  const [, , command, ...rest] = process.argv;
  try {
    await commands[command](...rest);
  } catch (error) {
    if (!['ping', 'has'].includes(command)) console.error(`${command}: ${error.message}`);
    process.exit(1);
  }
}
