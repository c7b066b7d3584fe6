// We and our peers as the benchmark sees them: a folder each with the same inputs and sources, and the same few verbs.
import { execFileSync } from 'node:child_process';
import { cli, join, mkdirSync, writeFileSync } from '../tools.mjs';
import { BENCH_BUILDER, BUILDX, OS, PREFIX } from './engines.mjs';
import { timed } from './process.mjs';

const CLI = process.env.BENCH_CLI ?? cli;
const FILES = 200;
export const IMAGES = ['runtime', 'deps', 'base', 'web', 'worker'];

/** The Dockerfiles that both worlds share; `deps` is the contestant's own. */
function dockerfiles(nonce) {
  const role = (name) => ['FROM base', `ENV ROLE=${name}`, 'EXPOSE 8000', `CMD ["python3", "-m", "src.${name}"]`];
  return {
    // The folder is a layer that nobody has: an engine keeps what was loaded upon the same layers before.
    runtime: [`FROM ${OS}`, `WORKDIR /var/lib/${nonce}`, `ENV PATH=/opt/venv/bin:/app/node_modules/.bin:$PATH BENCH=${nonce}`, `LABEL ${PREFIX}=${nonce}`],
    base: ['FROM deps', 'WORKDIR /app', 'COPY src /app/src'],
    web: role('web'),
    worker: role('worker'),
  };
}

/** What all have in common. `settings`: engine, world, folder (with the inputs), nonce (never seen before), registry (host:port). */
function common(name, { engine, world, folder, nonce, registry }) {
  mkdirSync(join(folder, 'src'), { recursive: true });
  for (let file = 0; file < FILES; file += 1) writeFileSync(join(folder, `src/module_${file}.py`), `# ${nonce}\nVALUE = ${file}\n`.repeat(40));
  const repository = (image) => `${PREFIX}-${name}-${image}`;
  return {
    name,
    folder,
    repository,
    reference: (image) => `${registry}/${repository(image)}:latest`,
    edit: (text) => writeFileSync(join(folder, 'src/module_0.py'), `# ${nonce} ${text}\n`),
    apply: (variant) => world.apply(folder, variant, name === 'pnpm'),
    /** Starts the service's own interpreter on what was installed. */
    check: () => timed('docker', ['run', '--rm', `${registry}/${repository('web')}:latest`, ...world.check], { env: engine.env }),
  };
}

/** `store` is a folder that need not exist. */
export function artifactsContestant(settings, store) {
  const { engine, world, folder, nonce, registry } = settings;
  const self = common('artifacts', settings);
  const [artifact] = /\w+/.exec(world.artifact(''));
  const head = (name) => `name: ${name}\nregistry: ${registry}\nnetwork: { ca: system }\nartifacts:\n${world.artifact(BENCH_BUILDER)}`;
  const images = { ...dockerfiles(nonce), deps: ['FROM runtime', `ADD artifacts/${artifact}.tar /`] };
  for (const [image, lines] of Object.entries(images)) {
    mkdirSync(join(folder, 'images', image), { recursive: true });
    writeFileSync(join(folder, 'images', image, 'Dockerfile'), `${lines.join('\n')}\n`);
  }
  const project = `${head(`${PREFIX}-artifacts`)}images:
  runtime: { context: images/runtime }
  deps: { context: images/deps, artifacts: [${artifact}] }
  base: { dockerfile: images/base/Dockerfile, context: ., include: [src/**] }
  web: { context: images/web, role: true }
  worker: { context: images/worker, role: true }
`;
  writeFileSync(join(folder, 'project.yml'), project);
  git(folder, 'init', '-q');
  git(folder, 'add', '.');
  git(folder, 'commit', '-qm', 'inputs');
  const run = async (args, cwd = folder) => {
    const ran = await timed(CLI, ['--json', '--quiet', '--store', store, ...args], { cwd, env: engine.env, memory: true });
    const { images: built = [], artifacts = [] } = JSON.parse(ran.stdout);
    return { ...ran, built: built.filter(({ status }) => status === 'built').length, fetched: artifacts[0]?.packages?.fetched };
  };
  return {
    ...self,
    build: () => run(['images']),
    push: () => run(['push']),
    /** Fetches a version's package into the store, by a project that has nothing else. */
    prefetch: async (variants) => {
      for (const variant of variants) {
        const single = join(folder, `../single-${variant.version}`);
        mkdirSync(single, { recursive: true });
        world.single(single, variant);
        writeFileSync(join(single, 'project.yml'), head('single'));
        await run(['build'], single);
      }
    },
  };
}

export function peerContestant(name, settings) {
  const { engine, world, folder, nonce, registry } = settings;
  const recipe = world.peers[name];
  const self = common(name, settings);
  const install = `${nonce}-${name}`;
  // The nonce in names and comments: what is left in the builder's cache can be told from what others left there.
  const run = (command) => `RUN --mount=type=cache,id=${install},target=${recipe.cache} ${command} # ${nonce}`;
  const common_ = dockerfiles(nonce);
  const deps = [...recipe.install({ stage: `${BENCH_BUILDER} AS ${install}`, run }), 'FROM runtime AS deps', ...recipe.trees.map((tree) => `COPY --from=${install} ${tree} ${tree}`)];
  const images = { runtime: common_.runtime, deps, base: common_.base, web: common_.web, worker: common_.worker };
  const targets = {};
  if (engine.namedContexts) {
    const parents = { deps: 'runtime', base: 'deps', web: 'base', worker: 'base' };
    for (const [image, lines] of Object.entries(images)) {
      writeFileSync(join(folder, `Dockerfile.${image}`), `${lines.join('\n')}\n`);
      const parent = parents[image];
      targets[image] = { context: '.', dockerfile: `Dockerfile.${image}`, ...(parent === undefined ? {} : { contexts: { [parent]: `target:${parent}` } }) };
    }
  } else {
    const stages = Object.entries(images).map(([image, lines]) => (image === 'deps' ? lines : [`${lines[0]} AS ${image}`, ...lines.slice(1)]));
    writeFileSync(join(folder, 'Dockerfile'), `${stages.flat().join('\n')}\n`);
    for (const image of IMAGES) targets[image] = { context: '.', dockerfile: 'Dockerfile', target: image };
  }
  for (const image of IMAGES) targets[image].tags = [self.reference(image)];
  writeFileSync(join(folder, 'docker-bake.json'), JSON.stringify({ group: { default: { targets: IMAGES } }, target: targets }, undefined, 1));
  const bakeWith = (args) => timed(BUILDX, ['bake', '-f', 'docker-bake.json', ...args], { cwd: folder, env: engine.env });
  // Quiet is the quickest; what a failed step said is asked for afterwards.
  const bake = (args) => bakeWith(['--progress=quiet', ...args]).catch((error) => bakeWith(['--progress=plain']).then(() => Promise.reject(error)));
  return {
    ...self,
    build: () => bake([]),
    push: () => bake(['--push']),
    prefetch: async (variants) => {
      const lines = [`FROM ${BENCH_BUILDER}`, ...(name === 'uv' ? ['ENV UV_LINK_MODE=copy'] : []), ...variants.map((variant) => run(recipe.prefetch(variant)))];
      writeFileSync(join(folder, 'Dockerfile.prefetch'), `${lines.join('\n')}\n`);
      const args = ['build', '--progress=plain', '-f', 'Dockerfile.prefetch', '-t', `${registry}/${self.repository('prefetch')}`, '--label', `${PREFIX}=${nonce}`, '.'];
      await timed(BUILDX, args, { cwd: folder, env: engine.env });
    },
  };
}

function git(folder, ...args) {
  execFileSync('git', ['-c', 'gc.auto=0', '-c', 'user.name=bench', '-c', 'user.email=bench@example.com', ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}
