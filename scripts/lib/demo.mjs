// Starts the images of the reference project, sends one job through Redis and the worker, and looks for compilers.
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { call } from './docker.mjs';

const keep = process.argv.includes('--keep');
const cli = fileURLToPath(new URL('../../dist/artifacts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const ROLES = ['redis', 'worker', 'web'];
const COMPILERS = ['cc', 'gcc', 'g++', 'c++', 'clang', 'make', 'rustc', 'cargo', 'cpp'];

const made = [];
let network;

async function engine(method, path, json) {
  const { status, text } = await call(method, path, json === undefined ? {} : { json });
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

function imagesOf() {
  const { images } = JSON.parse(execFileSync(cli, ['--json', '--quiet', 'images'], { cwd: root, encoding: 'utf8' }));
  return new Map(images.map((image) => [image.name, image]));
}

async function startContainer(name, image) {
  const { Id: id } = await engine('POST', '/containers/create', {
    Image: image.id,
    Env: ['REDIS_URL=redis://redis:6379/0'],
    Labels: { 'wheelwright.demo': name },
    ExposedPorts: name === 'web' ? { '8000/tcp': {} } : {},
    HostConfig: {
      NetworkMode: network,
      PortBindings: name === 'web' ? { '8000/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } : {},
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [name] } } },
  });
  made.push(id);
  await engine('POST', `/containers/${id}/start`);
  return id;
}

/** One request on a connection of its own; resolves to status, headers and text. */
function ask(url, { method = 'GET', form } = {}) {
  return new Promise((resolve, reject) => {
    const body = form === undefined ? undefined : String(new URLSearchParams(form));
    const headers = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) };
    const request = http.request(url, { method, headers, agent: false, timeout: 5000 });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('response', async (response) => {
      const chunks = await response.toArray().catch(reject);
      resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks ?? []).toString() });
    });
    request.end(body);
  });
}

/** Asks until it answers or 60 tries are over. */
async function until(what, ask) {
  for (let tries = 0; tries < 60; tries += 1) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${what} did not happen within 30 seconds`);
}

async function compilersIn(image) {
  const script = COMPILERS.map((name) => `command -v ${name}`).join('; ');
  const { Id: id } = await engine('POST', '/containers/create', { Image: image.id, Entrypoint: ['sh', '-c'], Cmd: [`${script}; true`], HostConfig: { NetworkMode: 'none' } });
  made.push(id);
  await engine('POST', `/containers/${id}/start`);
  await engine('POST', `/containers/${id}/wait`);
  const { text } = await call('GET', `/containers/${id}/logs?stdout=1&stderr=1`);
  return text.replace(/[^\x20-\x7e\n]/g, '').trim();
}

async function show() {
  const images = imagesOf();
  const name = `wheelwright-demo-${process.pid}`;
  ({ Id: network } = await engine('POST', '/networks/create', { Name: name, CheckDuplicate: true }));
  const ids = {};
  for (const role of ROLES) ids[role] = await startContainer(role, images.get(role));

  const { NetworkSettings } = await engine('GET', `/containers/${ids.web}/json`);
  const address = `http://127.0.0.1:${NetworkSettings.Ports['8000/tcp'][0].HostPort}`;
  const page = await until('an answer of the web role', async () => ((await ask(`${address}/health`)).status === 200 ? await ask(`${address}/`) : undefined));
  console.log(`web    ${address}/ answers: ${page.text.match(/<title>.*<\/title>/)?.[0]}`);
  const script = await ask(`${address}/static/main.js`);
  console.log(`static ${address}/static/main.js: ${script.status}, ${script.text.length} bytes bundled from npm packages`);
  const { headers } = await ask(`${address}/jobs`, { method: 'POST', form: { text: 'the wheel and the axle' } });
  const result = await until('the worker finishing the job', async () => {
    const answer = JSON.parse((await ask(new URL(`${headers.location}.json`, address))).text);
    return answer.state === 'done' ? answer : undefined;
  });
  console.log(`worker ${headers.location}.json: ${JSON.stringify(result)}`);
  if (result.words !== 5) throw new Error('the worker counted wrongly');
  for (const role of ['runtime', 'deps', 'base', 'web', 'worker']) {
    const image = images.get(role);
    const found = await compilersIn(image);
    console.log(`image  ${role}: ${image.tags[0]}, compilers: ${found === '' ? 'none' : found}`);
    if (found !== '') throw new Error(`${role} has a compiler in it`);
  }
}

async function stop() {
  for (const id of made) await call('DELETE', `/containers/${id}?force=1&v=1`);
  if (network) await call('DELETE', `/networks/${network}`);
}

let status = 0;
try {
  await show();
  console.log('demo: everything answers');
} catch (error) {
  console.error(`demo: ${error.message}`);
  status = 1;
}
if (keep && status === 0) console.log(`stop it with: docker rm -f ${made.join(' ')} && docker network rm ${network}`);
else await stop();
process.exitCode = status;
