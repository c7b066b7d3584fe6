// The two worlds that are compared: one graph of five images (runtime → deps → base → web, worker) with node_modules or with a Python
// environment, what our project file says of it, and each peer's recipe: what its own documentation recommends for cache mounts.
import { cases, cpSync, docker, join, mkdirSync, prepare, readdirSync, writeFileSync } from '../tools.mjs';
import { npmRegistry, pipIndex } from './client-settings.mjs';
import { applyNpm, applyPython, npmVariants, NPM_PACKAGE, publishedSize, PYTHON_PACKAGE, pythonVariants } from './pins.mjs';

/** For work on the benchmark itself: five packages in place of Pontoon's. */
const SMALL = process.env.BENCH_SMALL === '1';

export const WORLDS = {
  node: {
    title: 'npm',
    /** Writes lock and manifests to a folder. */
    inputs: (folder, toolbox) => {
      if (SMALL) {
        writeFileSync(join(folder, 'package.json'), '{"name":"small","version":"1.0.0","private":true,"dependencies":{"browserslist":"4.25.4"}}\n');
        lockInside(folder, toolbox, 'npm install --package-lock-only --no-audit --no-fund', ['package-lock.json']);
      } else prepare('pontoon/head', folder);
    },
    /** What pnpm asks for in addition, made once from what npm has. */
    convert: (folder, toolbox) => {
      if (!SMALL) writeFileSync(join(folder, 'pnpm-workspace.yaml'), 'packages:\n  - translate\n  - pontoon\n');
      lockInside(folder, toolbox, 'pnpm import', ['pnpm-lock.yaml']);
    },
    variants: npmVariants,
    apply: applyNpm,
    size: (variant, toolbox) => publishedSize('node', variant, toolbox),
    package: NPM_PACKAGE,
    artifact: (builder) => `  node:\n    kind: node\n    builder: ${builder}\n    registry: ${npmRegistry()}\n    package: package.json\n    prefix: /app\n    lean: true\n`,
    note: `Our node artifact is \`lean\`: without npm's hidden lock (npm alone reads it, it changes with every pin, and it is mostly hashes, which do
not compress) and without optional packages for another libc, which npm installs since this lock does not say \`libc\`. pnpm leaves out
the latter as well; the lock that it keeps in node_modules for itself is counted as what it installed.`,
    /** A project that needs nothing but one version, for fetching it beforehand. */
    single: (folder, { version, integrity }) => {
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'single', version: '1.0.0', dependencies: { [NPM_PACKAGE]: version } }));
      const packages = { '': { name: 'single', version: '1.0.0', dependencies: { [NPM_PACKAGE]: version } }, [`node_modules/${NPM_PACKAGE}`]: { version, integrity } };
      writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ name: 'single', version: '1.0.0', lockfileVersion: 3, requires: true, packages }));
    },
    check: ['node', '-e', `require('/app/node_modules/${SMALL ? 'browserslist' : 'typescript'}')`],
    peers: {
      npm: {
        cache: '/root/.npm',
        install: ({ stage, run }) => [...manifests(stage, 'package-lock.json'), run('npm ci --no-audit --no-fund')],
        trees: ['/app/node_modules'],
        prefetch: ({ version }) => `npm cache add ${NPM_PACKAGE}@${version}`,
      },
      pnpm: {
        cache: '/pnpm/store',
        install: ({ stage, run }) => [...manifests(stage, SMALL ? 'pnpm-lock.yaml' : 'pnpm-lock.yaml pnpm-workspace.yaml'), 'ENV PNPM_HOME=/pnpm CI=true', run('pnpm install --frozen-lockfile')],
        trees: SMALL ? ['/app/node_modules'] : ['/app/node_modules', '/app/translate/node_modules', '/app/pontoon/node_modules'],
        prefetch: ({ version }) => `PNPM_HOME=/pnpm pnpm store add ${NPM_PACKAGE}@${version}`,
      },
    },
  },
  python: {
    title: 'Python',
    // The first version of the history: the only one that is closed, so that pip takes it with its hashes.
    inputs: (folder, toolbox) => {
      mkdirSync(join(folder, 'requirements'), { recursive: true });
      if (SMALL) {
        writeFileSync(join(folder, 'requirements/prod.in'), 'requests==2.33.0\nurllib3==2.6.3\n');
        lockInside(folder, toolbox, 'uv pip compile -q --no-header --generate-hashes -o requirements/prod.txt requirements/prod.in', ['requirements/prod.txt']);
      } else {
        const history = join(cases(), 'pontoon/history/python');
        cpSync(join(history, readdirSync(history).sort()[0], 'prod.txt'), join(folder, 'requirements/prod.txt'));
      }
    },
    variants: pythonVariants,
    apply: applyPython,
    size: (variant, toolbox) => publishedSize('python', variant, toolbox),
    package: PYTHON_PACKAGE,
    artifact: (builder) => `  python:\n    kind: python\n    builder: ${builder}\n    requirements: [requirements/prod.txt]\n    prefix: /opt/venv\n${pipIndex() === '' ? '' : `    index: ${pipIndex()}\n`}`,
    single: (folder, { text }) => {
      mkdirSync(join(folder, 'requirements'), { recursive: true });
      writeFileSync(join(folder, 'requirements/prod.txt'), `${text}\n`);
    },
    check: ['/opt/venv/bin/python3', '-c', SMALL ? 'import requests' : 'import django, lxml, psycopg2, numpy, openai'],
    peers: {
      pip: {
        cache: '/root/.cache/pip',
        install: ({ stage, run }) => [`FROM ${stage}`, 'RUN python3 -m venv /opt/venv', 'COPY requirements/prod.txt requirements.txt', run('/opt/venv/bin/pip install -r requirements.txt')],
        trees: ['/opt/venv'],
        prefetch: ({ version }) => `pip download -q --no-deps -d /tmp/${version} ${PYTHON_PACKAGE}==${version}`,
      },
      uv: {
        cache: '/root/.cache/uv',
        install: ({ stage, run }) => [
          `FROM ${stage}`,
          'ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy VIRTUAL_ENV=/opt/venv',
          'RUN uv venv /opt/venv',
          'COPY requirements/prod.txt requirements.txt',
          run('uv pip sync requirements.txt'),
        ],
        trees: ['/opt/venv'],
        prefetch: ({ version }) => `uv venv -q --clear /tmp/v && uv pip install -q -p /tmp/v --no-deps ${PYTHON_PACKAGE}==${version}`,
      },
    },
  },
};

function manifests(stage, lock) {
  const workspaces = SMALL ? [] : ['translate', 'pontoon'];
  return [`FROM ${stage}`, 'WORKDIR /app', `COPY package.json ${lock} ${SMALL ? '' : '.npmrc '}./`, ...workspaces.map((name) => `COPY ${name}/package.json ${name}/`)];
}

/** Runs a command of the builder on the inputs and takes its files back. */
function lockInside(folder, toolbox, command, files) {
  docker(['exec', toolbox, 'sh', '-ec', 'rm -rf /work && mkdir /work']);
  docker(['cp', `${folder}/.`, `${toolbox}:/work`]);
  docker(['exec', '-w', '/work', toolbox, 'sh', '-ec', command]);
  for (const file of files) docker(['cp', `${toolbox}:/work/${file}`, join(folder, file)]);
}
