import { integrity, npmTarball, sha256, wheel } from './packages.js';
import { compiledSdist, scriptedTarball, type CompiledOptions } from './compiled.js';
import { BUILDER, type Files } from './project.js';
import type { Registry } from './registry.js';

/** A small project with everything in it: ready-made and compiled, Python and npm, and an image on top. */
export interface ShopOptions {
  readonly name: string;
  readonly version: string;
  /** Of the package with C code. */
  readonly compiled?: CompiledOptions;
  /** The install script of an npm package. */
  readonly script?: string;
  /** More lines of the project file. */
  readonly more?: string;
}

const WHEELS = ['alpha', 'beta', 'gamma'];
const TARBALLS = ['left', 'right'];

/** Puts the packages of this version into the registry and gives the project's files. */
export function shopFiles(registry: Registry, { name, version, compiled = {}, script = 'echo built > built.txt', more = '' }: ShopOptions): Files {
  const python = [
    ...WHEELS.map((one) => ({ one, file: `${one}-${version}-py3-none-any.whl`, bytes: wheel(one, version) })),
    { one: 'native', file: `native-${version}.tar.gz`, bytes: compiledSdist('native', version, compiled) },
  ];
  for (const { file, bytes } of python) registry.addPython(file, bytes);
  const npm = [
    ...TARBALLS.map((one) => ({ one, bytes: npmTarball(one, version), scripted: false })),
    { one: 'scripted', bytes: scriptedTarball('scripted', version, script), scripted: true },
  ];
  for (const { one, bytes } of npm) registry.addNpm(one, version, bytes);
  const dependencies = Object.fromEntries(npm.map(({ one }) => [one, version]));
  const locked = npm.map(({ one, bytes, scripted }) => [`node_modules/${one}`, { version, integrity: integrity(bytes), ...(scripted ? { hasInstallScript: true } : {}) }]);
  const lock = { name, lockfileVersion: 3, requires: true, packages: { '': { name, dependencies }, ...Object.fromEntries(locked) } };
  return {
    'project.yml': `name: ${name}
artifacts:
  python: { kind: python, builder: ${BUILDER}, requirements: [requirements.txt], index: ${registry.index}, prefix: /opt/venv }
  node: { kind: node, builder: ${BUILDER}, registry: ${registry.npm}, package: package.json, prefix: /app }
images:
  deps: { context: images/deps, artifacts: [python, node] }
  web: { context: images/web, role: true }
dev:
  web: { mounts: ["./src:/work"], working_dir: /work }
${more}`,
    'requirements.txt': python.map(({ one, bytes }) => `${one}==${version} --hash=sha256:${sha256(bytes)}\n`).join(''),
    'package.json': `${JSON.stringify({ name, dependencies }, null, 2)}\n`,
    'package-lock.json': `${JSON.stringify(lock, null, 2)}\n`,
    'images/deps/Dockerfile': 'FROM debian:trixie-slim\nADD artifacts/python.tar artifacts/node.tar /\n',
    'images/web/Dockerfile': 'FROM deps\nCOPY . /web\nCMD ["true"]\n',
    'images/web/page.html': 'hello\n',
    'src/.gitkeep': '',
  };
}
