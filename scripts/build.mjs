// Bundles src/cli/main.ts into dist/ (or the folder named by the argument), libraries included: each command loads only the
// chunks that it needs, and start-up does not pay for hundreds of small files (140 ms became 108 ms for commander, yaml and
// semver; bare node takes 76 ms).
// dockerode stays an import, since it brings optional native modules. Agents (programs that run inside a builder container)
// are copied beside the bundle, where `new URL('./agent/…', import.meta.url)` finds them.
import { build } from 'esbuild';
import { chmod, cp, readdir, rm } from 'node:fs/promises';

const outdir = process.argv[2] ?? 'dist';
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: { artifacts: 'src/cli/main.ts' },
  outdir,
  bundle: true,
  splitting: true,
  external: ['dockerode'],
  format: 'esm',
  platform: 'node',
  target: 'node20',
  chunkNames: 'chunks/[name]-[hash]',
  // CommonJS libraries in the bundle call require() for Node's own modules.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  legalComments: 'linked',
  // Less to read at start-up; names stay, so that a stack in a bug report still says something.
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
});
for (const module of await readdir('src')) {
  await cp(`src/${module}/agent`, `${outdir}/agent`, { recursive: true, errorOnExist: false }).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
await chmod(`${outdir}/artifacts.js`, 0o755);
