import { choice, count, flag, list, looseText, object, parsed, positiveNumber, record, scalarOr, text, variants } from './shape.js';
import type { ShapeType } from './shape.js';
import { parseMemory, parseMount, parsePorts } from './parse-dev.js';
import * as rules from './rules.js';

/**
 * The project file: every key with its shape, default and description. The reader, the types of what is read and
 * schema/project.schema.json all come from here; rules that need more than one value are in resolve.ts.
 */
const variableNames = list(text(rules.variable));
const scalarJson = { type: ['string', 'number'] };

const common = {
  builder: { shape: text(rules.imageReference), required: true, description: 'Image that has the compilers: one under `images`, or any image reference' },
  env: { shape: variableNames, description: 'Names of host environment variables that may enter its builder', default: 'none' },
};

const python = {
  ...common,
  prefix: { shape: text(rules.environmentPath), description: 'Where the environment lives in the images', default: '/opt/venv' },
  requirements: { shape: list(text(rules.projectPath), { atLeastOne: true }), required: true, description: 'Requirement or lock files: requirements.txt, pylock.toml, uv.lock, poetry.lock' },
  extras: { shape: list(text(rules.distribution)), description: 'Extras to take from a lock file', default: 'none' },
  groups: { shape: list(text(rules.distribution)), description: 'Dependency groups to take from a lock file', default: 'none' },
  index: { shape: text(rules.url), description: 'Package index, where the files name none; may hold ${NAME} of variables listed under `env`', default: "pip's default" },
  extra_index: { shape: list(text(rules.url)), description: 'Further package indexes', default: 'none' },
  find_links: { shape: list(text(rules.urlOrPath)), description: 'Pages or folders with packages', default: 'none' },
  strict: { shape: flag(), description: 'Fail instead of warn when a package is not pinned', default: 'false' },
  compile_bytecode: { shape: flag(), description: 'Put compiled .pyc files into the environment', default: 'true' },
};

const node = {
  ...common,
  prefix: { shape: text(rules.imagePath), description: 'Folder in the images that gets node_modules', default: '/app' },
  package: { shape: text(rules.projectPath), description: 'The package.json, with package-lock.json or npm-shrinkwrap.json beside it', default: 'package.json' },
  omit: { shape: list(choice(['dev', 'optional', 'peer'])), description: 'Kinds of dependencies to leave out', default: 'none' },
  registry: { shape: text(rules.url), description: "npm registry, where .npmrc names none", default: "npm's default" },
  scripts: { shape: scalarOr(choice(['allow', 'deny']), list(text(rules.nodePackage))), description: 'Install scripts: allow, deny, or a list of the packages whose scripts may run', default: 'allow' },
  engine_strict: { shape: flag(), description: 'Fail when a package does not support the Node version of the builder', default: 'as .npmrc says' },
  lean: { shape: flag(), description: "Leave out what only npm reads (node_modules/.package-lock.json) and optional packages for another libc than the builder's, which npm installs if the lock does not tell", default: 'false' },
};

const command = {
  ...common,
  prefix: { shape: text(rules.imagePath), description: 'Where the output lives in the images', default: '/app/<name>' },
  needs: { shape: list(text(rules.name)), description: 'Artifacts that must be there when it runs', default: 'none' },
  inputs: { shape: list(text(rules.glob)), required: true, description: 'File patterns, relative to the project, of everything that the command reads' },
  run: { shape: text(rules.notEmpty), required: true, description: 'The shell command to run in the builder' },
  output: { shape: text(rules.projectPath), required: true, description: 'File or folder that the command makes' },
};

const secret = object({
  file: { shape: text(rules.notEmpty), description: 'File on the host with the secret' },
  env: { shape: text(rules.variable), description: 'Environment variable of the host with the secret' },
});

const image = object({
  context: { shape: text(rules.projectPath), required: true, description: 'Folder with the files that the Dockerfile may copy, relative to the project' },
  dockerfile: { shape: text(rules.projectPath), description: 'Dockerfile, relative to the project', default: '<context>/Dockerfile' },
  include: { shape: list(text(rules.glob)), description: 'If given, only files of the context that match one of these patterns are in it', default: 'everything' },
  artifacts: { shape: list(text(rules.name)), description: 'Artifacts that appear in the context as artifacts/<name>.tar', default: 'none' },
  builder: { shape: text(rules.name), description: 'Image of the project that the Dockerfile calls `builder`: it has the compilers, is copied from, and never is a parent of this image', default: 'none' },
  role: { shape: flag(), description: 'Whether a service runs this image', default: 'false' },
  repository: { shape: text(rules.repository), description: 'Full name of the image without a tag', default: '[registry/]<project name>-<image name>' },
  args: { shape: record(looseText(), rules.variable), description: 'Build arguments', default: 'none' },
  target: { shape: text(rules.notEmpty), description: 'Stage of the Dockerfile to build', default: 'the last' },
  platform: { shape: text(rules.platform), description: 'Platform to build for', default: "the engine's" },
  network: { shape: text(rules.notEmpty), description: 'Network of RUN steps', default: "the engine's default" },
  secrets: { shape: record(secret, rules.distribution), description: 'Secrets for RUN --mount=type=secret, by id', default: 'none' },
  ssh: { shape: list(text(rules.notEmpty)), description: 'SSH agents for RUN --mount=type=ssh: default, or id=socket', default: 'none' },
  cache_from: { shape: list(text(rules.notEmpty)), description: 'Images to take the build cache from', default: 'none' },
});

const dev = object({
  image: { shape: text(rules.name), description: 'Image to run', default: 'the image of the same name' },
  mounts: { shape: list(parsed('source:target[:ro]', { type: 'string', pattern: '^[^:]+:/[^:]+(:r[ow])?$' }, parseMount)), description: 'Folders of the host to mount, as source:target[:ro]', default: 'none' },
  ports: {
    shape: list(parsed('[ip:]host:container[/udp], with ports from 1 to 65535', { ...scalarJson, pattern: '^[0-9a-fA-F.:\\[\\]-]+(/(tcp|udp))?$' }, (written, place) => {
      const ports = parsePorts(written);
      return ports instanceof Error ? ports : { place, ports };
    })),
    description: 'Ports to publish, as [ip:]host:container[/udp]; the ip is 127.0.0.1 unless given',
    default: 'none',
  },
  command: { shape: scalarOr(text(rules.notEmpty), list(looseText(), { atLeastOne: true })), description: 'What to run: a list of arguments, or a text for the shell', default: "the image's command" },
  env: { shape: record(looseText(), rules.variable), description: 'Environment variables of the container', default: 'none' },
  pass_env: { shape: variableNames, description: 'Names of host environment variables to pass on', default: 'none' },
  working_dir: { shape: text(rules.imagePath), description: 'Folder to run in', default: "the image's" },
  network: { shape: text(rules.notEmpty), description: 'Network of the container', default: "the engine's default" },
});

export const projectShape = object(
  {
    name: { shape: text(rules.name), required: true, description: 'Name of the project: images are called [registry/]<name>-<image>' },
    registry: { shape: text(rules.registry), description: 'Registry of the images, as host[:port][/path]', default: 'none' },
    store: { shape: text(rules.notEmpty), description: 'Folder that keeps what was built; --store and ARTIFACTS_STORE override it', default: '.artifacts' },
    network: {
      shape: object({
        ca: { shape: text(rules.notEmpty), description: 'PEM file with the certificates to trust, or `system` for those of the host', default: 'public authorities only' },
        proxy: { shape: text(rules.proxy), description: 'HTTP proxy, as http://host:port', default: 'none' },
        no_proxy: { shape: list(text(rules.notEmpty)), description: 'Hosts that are reached without the proxy', default: 'none' },
        insecure_registries: { shape: list(text(rules.registryHost)), description: 'Image registries that may be spoken to by plain http (the engine has a setting of its own)', default: 'loopback addresses only' },
        timeout: { shape: positiveNumber(), description: 'Seconds that a registry may be silent before it is asked again or given up', default: '30' },
        retries: { shape: count(), description: 'How often a failed download is tried again', default: '3' },
      }),
      description: 'Certificates and proxies, for us and for builders',
    },
    builders: {
      shape: object({
        memory: { shape: parsed('a size such as 512m or 2g', { ...scalarJson, pattern: '^[0-9]+(\\.[0-9]+)?\\s*([kKmMgGtT]i?)?[bB]?$' }, parseMemory), description: 'Memory limit of builder containers', default: 'no limit' },
        cpus: { shape: positiveNumber(), description: 'CPU limit of builder containers', default: 'no limit' },
        network: { shape: text(rules.notEmpty), description: 'Network of builder containers; `none` switches it off', default: 'bridge' },
        env: { shape: variableNames, description: 'Names of host environment variables that may enter builder containers', default: 'none' },
      }),
      description: 'Settings of builder containers',
    },
    artifacts: { shape: record(variants('kind', 'What it is made of', { python, node, command }), rules.name), description: 'What to build in builders: requirement sets by name', default: 'none' },
    images: { shape: record(image, rules.name), description: 'Images by name', default: 'none' },
    dev: { shape: record(dev, rules.name), description: 'Development modes by name', default: 'none' },
  },
  { extensions: true },
);

export type RawProject = ShapeType<typeof projectShape>;
export type RawArtifact = NonNullable<RawProject['artifacts']>[number]['value'];
export type RawImage = NonNullable<RawProject['images']>[number]['value'];
export type RawDev = NonNullable<RawProject['dev']>[number]['value'];
