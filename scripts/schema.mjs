// Writes schema/project.schema.json out of src/config/schema.ts; a test fails if it was forgotten.
import { build } from 'esbuild';
import { writeFile } from 'node:fs/promises';

const { outputFiles } = await build({ entryPoints: ['src/config/json-schema.ts'], bundle: true, write: false, format: 'esm', platform: 'node', target: 'node20' });
const { projectJsonSchema } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
await writeFile('schema/project.schema.json', projectJsonSchema());
