// Replays the real histories of the Pontoon case: each step's lock on one store, beside the same step by uv and npm with
// warm caches and a fresh environment, as an image build would run them, in the same builder.
import { artifacts, BUILDER, cases, cpSync, docker, inside, join, median, mkdirSync, prepare, readdirSync, rmSync, s, tableHead, tableRow, temporary, writeFileSync, x } from './tools.mjs';

function project(folder, artifact) {
  writeFileSync(join(folder, 'project.yml'), `name: bench\nnetwork: { ca: system }\nartifacts:\n${artifact}`);
}

function container(folder) {
  const ca = '/etc/ssl/certs/ca-certificates.crt';
  const env = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'NPM_CONFIG_CAFILE'].flatMap((name) => ['-e', `${name}=${ca}`]);
  return docker(['run', '-d', '--rm', '--init', '-v', `${folder}:/work`, '-v', `${ca}:${ca}:ro`, ...env, BUILDER, 'sleep', '36000']);
}

export function python() {
  const folder = temporary('python');
  project(folder, `  python:\n    kind: python\n    builder: ${BUILDER}\n    requirements: [requirements/prod.txt]\n    prefix: /opt/venv\n`);
  mkdirSync(join(folder, 'requirements'));
  const peer = container(folder);
  tableHead('Python history (step 01 is cold for both)', ['step', 'packages', 'fetched', 'compiled', 'artifacts build', 'uv pip install, fresh venv', 'uv / artifacts']);
  const ratios = [];
  try {
    for (const step of readdirSync(join(cases(), 'pontoon/history/python')).sort()) {
      cpSync(join(cases(), 'pontoon/history/python', step, 'prod.txt'), join(folder, 'requirements/prod.txt'));
      const ours = artifacts(['build', 'python'], folder);
      const { packages } = ours.result.artifacts[0];
      const uv = inside(peer, 'rm -rf /tmp/venv && uv venv -q /tmp/venv && uv pip install -q --python /tmp/venv --compile-bytecode -r /work/requirements/prod.txt');
      ratios.push(uv / ours.seconds);
      tableRow([step, packages.total, packages.fetched, packages.compiled, s(ours.seconds), s(uv), x(uv / ours.seconds)]);
    }
  } finally {
    docker(['rm', '-f', peer]);
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\nmedian of the steps after the first: ${x(median(ratios.slice(1)))}`);
}

export function node() {
  const folder = temporary('node');
  const peer = container(folder);
  tableHead('Node history (step 01 is cold for both)', ['step', 'packages', 'fetched', 'compiled', 'artifacts build', 'npm ci, empty node_modules', 'npm / artifacts']);
  const ratios = [];
  try {
    project(folder, `  node:\n    kind: node\n    builder: ${BUILDER}\n    package: package.json\n`);
    for (const step of readdirSync(join(cases(), 'pontoon/history/node')).sort()) {
      prepare(`pontoon/history/node/${step}`, folder);
      const ours = artifacts(['build', 'node'], folder);
      const { packages } = ours.result.artifacts[0];
      const npm = inside(peer, 'rm -rf /tmp/tree && mkdir /tmp/tree && cd /work && cp -r package.json package-lock.json translate pontoon /tmp/tree/ && cd /tmp/tree && npm ci --no-audit --no-fund --prefer-offline >/dev/null');
      ratios.push(npm / ours.seconds);
      tableRow([step, packages.total, packages.fetched, packages.compiled, s(ours.seconds), s(npm), x(npm / ours.seconds)]);
    }
  } finally {
    docker(['rm', '-f', peer]);
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\nmedian of the steps after the first: ${x(median(ratios.slice(1)))}`);
}
