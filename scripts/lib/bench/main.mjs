import { graph } from './graph.mjs';
import { idle } from './idle.mjs';
import { images } from './images.mjs';
import { node, python } from './history.mjs';

// Names of parts, then options of theirs: `scripts/bench images --rows 1,2`.
const parts = { python, node, idle, graph, images };
const given = process.argv.slice(2);
const options = given.findIndex((one) => one.startsWith('--'));
const names = options < 0 ? given : given.slice(0, options);
try {
  for (const name of names.length > 0 ? names : Object.keys(parts)) {
    if (!(name in parts)) throw new Error(`bench: no part is named ${name}; there are ${Object.keys(parts).join(', ')}`);
    await parts[name](options < 0 ? [] : given.slice(options));
  }
} catch (error) {
  // Whoever names a wrong part or interrupts wants no stack; what fails by a mistake of ours has one.
  console.error(error.message.startsWith('bench: ') ? error.message : error.stack);
  process.exitCode = 1;
}
