// Bundles src/cli/main.ts into dist/: our own modules become a few chunks (each command loads what it needs),
// third-party packages stay imports of node_modules. Agents (programs that run inside a builder container)
// are copied beside the bundle, where `new URL('./agent/…', import.meta.url)` finds them.
import { build } from 'esbuild';
import { chmod, cp, readdir, rm } from 'node:fs/promises';

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: { artifacts: 'src/cli/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  chunkNames: 'chunks/[name]-[hash]',
  banner: { js: '' },
  logLevel: 'warning',
});
for (const module of await readdir('src')) {
  await cp(`src/${module}/agent`, 'dist/agent', { recursive: true, errorOnExist: false }).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
await chmod('dist/artifacts.js', 0o755);
