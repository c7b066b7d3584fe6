import { graph } from './graph.mjs';
import { idle } from './idle.mjs';
import { node, python } from './history.mjs';

const parts = { python, node, idle, graph };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
for (const name of wanted) {
  if (!(name in parts)) throw new Error(`bench: no part is named ${name}; there are ${Object.keys(parts).join(', ')}`);
  await parts[name]();
}
