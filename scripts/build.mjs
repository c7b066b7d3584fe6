// Bundles src/cli into dist/ (or the folder named by the argument), libraries included: the program is one file, started by
// a small one that keeps what was compiled of it (src/cli/launch.ts). With a file per module start-up took hundreds of reads;
// with a chunk per command, compiled at every start, a run with nothing to do took twice the processor time.
// Of dockerode the parts are left out that we never call (its own sessions, SSH and archives; calls travel on our transport): they
// load gRPC and native modules, which took longer than many a run. Agents (programs that run inside a builder container)
// are copied beside the bundle, where `new URL('./agent/…', import.meta.url)` finds them.
import { build } from 'esbuild';
import { chmod, copyFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';

const outdir = process.argv[2] ?? 'dist';
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: { artifacts: 'src/cli/launch.ts', main: 'src/cli/main.ts' },
  outdir,
  bundle: true,
  plugins: [{ name: 'unused', setup: leaveOut }],
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // What is compiled from a script has no loader of modules behind it: require() gives the same.
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': '__url' },
  banner: { js: "const __url = require('node:url').pathToFileURL(__filename).href;" },
  legalComments: 'linked',
  // Less to read at start-up. What a bug report shows is looked up in the map.
  minify: true,
  sourcemap: 'external',
  sourcesContent: false,
  logLevel: 'warning',
});
// The launcher reads it as Latin-1.
if (/[^\0-\x7f]/.test(await readFile(`${outdir}/main.js`, 'utf8'))) throw new Error('main.js is not ASCII: write \\u escapes where it says other characters in a regular expression');
// The package is one of ES modules, the bundle is not.
await writeFile(`${outdir}/package.json`, '{"type":"commonjs"}\n');
/** What dockerode requires at its top for calls that we never make. */
function leaveOut({ onResolve, onLoad }) {
  const unused = /^(?:@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|ssh2|tar-fs|@balena\/dockerignore)$/;
  onResolve({ filter: unused }, ({ path }) => ({ path, namespace: 'unused' }));
  onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
}

for (const module of await readdir('src')) {
  await cp(`src/${module}/agent`, `${outdir}/agent`, { recursive: true, errorOnExist: false }).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
await chmod(`${outdir}/artifacts.js`, 0o755);
await copyFile('src/cli/artifacts.sh', `${outdir}/artifacts`);
await chmod(`${outdir}/artifacts`, 0o755);
