import { Command, InvalidArgumentError, Option } from 'commander';
import type { Action } from './action.js';
import type { GlobalOptions } from './options.js';
import { addImageSettings, addSelection, collect } from './selection.js';

export type Run = (load: () => Promise<Action>, options: GlobalOptions & Record<string, unknown>, args: readonly string[]) => Promise<void>;

/** The command line. `run` gets what was asked for; parsing problems throw commander's own error. */
export function createProgram(version: string, run: Run, argv: readonly string[]): Command {
  const program = new Command('artifacts')
    .description('Builds Python and Node dependencies package by package and assembles thin images out of them.')
    .version(version)
    .option('-f, --file <project.yml>', 'project file (default: project.yml here or in a folder above)')
    .option('--store <folder>', 'store (default: the project file\'s, or .artifacts beside it)')
    .option('--namespace <name>', 'images are <name>/<folder> where there is no project file (default: the repository\'s name)')
    .option('--offline', 'never use the network', false)
    .option('--jobs <n>', 'how many packages or images to work on at once (default: the number of processors)', positive)
    .option('--json', 'print one JSON object at the end, and nothing else, on stdout', false)
    .option('--quiet', 'no progress, only warnings and errors', false)
    .option('--verbose', 'every package and every log line', false)
    .option('--events <file>', 'add every event of the run to this file, a JSON object a line')
    .enablePositionalOptions(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showHelpAfterError(false);

  const names = argv.some((word) => /^(?:-h|--help|help)$/.test(word)) ? [] : argv;
  /** Options are made for the command that is meant only, and for help: every run would pay for those of all. */
  const define = (usage: string, description: string, load: () => Promise<Action>, options: (command: Command) => unknown = () => undefined) => {
    const command = program.command(usage).description(description);
    if (names.length === 0 || names.includes(command.name())) options(command);
    command.action(async (...received: unknown[]) => {
      const args = command.args;
      void received;
      await run(load, command.optsWithGlobals() as GlobalOptions & Record<string, unknown>, args);
    });
  };

  define('build [names...]', 'make the artifacts that are missing in the store', async () => (await import('./commands/build.js')).build);
  define('images [names...]', 'build missing artifacts, then the images, in order', async () => (await import('./commands/images.js')).images, (command) =>
    addImageSettings(addSelection(command))
      .option('--from-registry', 'do not build what its registry has under its key: it gets its tags there')
      .addOption(new Option('--pull-cache', 'pull what its registry has under its key instead of building it').conflicts('fromRegistry'))
      .option('-t, --tag <tag>', 'tag the images with this instead of latest (repeatable)', collect, [])
      .option('--no-latest', 'do not tag the images with latest')
      .option('--pull', 'look for newer base images')
      .option('--canonical', 'write layers that depend on their content alone, not on what was built before')
      .option('--engine-build', "have the engine's builder build everything, also what could be assembled directly")
      .addOption(new Option('--list', 'only print the references of the images, in order').conflicts('plan'))
      .option('--plan', 'only say what would be done with each image, in order, and why'));
  define('push [names...]', 'build the images and push them, each as soon as it is ready', async () => (await import('./commands/push.js')).push, (command) =>
    addImageSettings(addSelection(command))
      .option('--no-build', 'push only what is built already')
      .addOption(new Option('--compression <format>', 'of layers that are sent for the first time').choices(['gzip', 'zstd']).default('gzip'))
      .option('--canonical', 'write layers that depend on their content alone, not on what was built before')
      .option('--engine-build', "have the engine's builder build everything, also what could be assembled directly")
      .option('-t, --tag <tag>', 'tag the images with this instead of latest (repeatable)', collect, [])
      .option('--no-latest', 'do not tag the images with latest'));
  define('graph [names...]', 'draw which image is built from which', async () => (await import('./commands/graph.js')).graph, (command) =>
    addSelection(command).addOption(new Option('--format <format>', 'how').choices(['text', 'dot', 'mermaid', 'svg']).default('text')));
  define('dev <role> [command...]', 'run a role with its sources mounted', async () => (await import('./commands/dev.js')).dev, (command) => command.passThroughOptions(false));
  define('status', 'what is present, what is missing, and why', async () => (await import('./commands/status.js')).status);
  define('key [name]', 'requirement hashes, for CI cache keys', async () => (await import('./commands/key.js')).key);
  define('why <name>', 'which inputs differ from the nearest earlier build', async () => (await import('./commands/why.js')).why);
  define('context <image>', 'write the build context of an image to a folder', async () => (await import('./commands/context.js')).context, (command) =>
    command.addOption(new Option('-o, --output <folder>', 'where to write it').makeOptionMandatory()));
  define('verify', 'check every blob and record of the store', async () => (await import('./commands/verify.js')).verify, (command) => command.option('--repair', 'set aside what is corrupt'));
  define('prune', 'remove images that no branch, tag or worktree would use', async () => (await import('./commands/prune.js')).prune, (command) =>
    command
      .option('--keep <tag>', 'keep images with this tag, or tags like rel-* (repeatable)', collect, [])
      .option('--yes', 'do it, instead of only saying what would go and why'));
  define('gc', 'remove what nothing needs from the store', async () => (await import('./commands/gc.js')).gc, (command) =>
    command.option('--keep <duration>', 'keep what was used within this time: 12h, 30d', '30d').option('--dry-run', 'only say what would go'));
  return program;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('it must be a whole number of at least 1.');
  return value;
}
