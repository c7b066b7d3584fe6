// Strips the types of tests and sources with esbuild, which builds the command as well; `npm run typecheck` checks them.
const { transformSync, version } = require('esbuild');
const { createHash } = require('node:crypto');

module.exports = {
  process(source, path) {
    const { code, map } = transformSync(source, { loader: 'ts', format: 'esm', target: 'node20', sourcefile: path, sourcemap: true, sourcesContent: false });
    return { code, map };
  },
  getCacheKey(source, path) {
    return createHash('sha256').update(`${version}\0${path}\0${source}`).digest('hex');
  },
};
