import { Option, type Command } from 'commander';
import { fail } from '../core/failure.js';
import type { ImageSettings } from '../images/settings.js';
import type { SelectionOptions } from '../run/selection.js';
import type { GlobalOptions } from './options.js';

type Options = GlobalOptions & Readonly<Record<string, unknown>>;

/** The options that choose images, for every command that takes some. */
export function addSelection(command: Command): Command {
  return command
    .option('-u, --upto <names...>', 'these images and all that they are built FROM')
    .option('-d, --dependents <names...>', 'these, all that they are built FROM, and all that is built FROM them')
    .addOption(new Option('--dependants <names...>').hideHelp())
    .option('-e, --exact <names...>', 'only these images')
    .option('-x, --exclude <names...>', 'neither these nor what is built FROM them')
    .option('--changed-since <revision>', 'of all these only what changed since a revision of git')
    .option('--compose <file>', 'the images that the services of a compose file run')
    .option('--profile <name>', 'of the compose file also services of this profile (repeatable; \'*\': all)', collect, []);
}

/** The settings of images that can be given for one run. */
export function addImageSettings(command: Command): Command {
  return command
    .option('--build-arg <[image:]name=value>', 'build argument (repeatable)', collect, [])
    .option('--target <[image:]stage>', 'stage to build (repeatable)', collect, [])
    .option('--platform <os/architecture>', 'platform to build for')
    .option('--network <name>', 'network of RUN steps')
    .option('--cache-from <image>', 'image to take the build cache from (repeatable)', collect, [])
    .option('--secret <[image:]id=ID,src=FILE|env=NAME>', 'secret for RUN --mount=type=secret (repeatable)', collect, [])
    .option('--ssh <[image:]id[=socket]>', 'SSH agent for RUN --mount=type=ssh (repeatable)', collect, [])
    .option('--no-cache', 'build the images even if nothing changed, without the build cache');
}

/** For an option that may be given several times. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

export function selectionOptions(options: Options, args: readonly string[]): SelectionOptions {
  const { compose, changedSince } = options;
  const profiles = list(options['profile']);
  if (profiles.length > 0 && compose === undefined) {
    fail({ reason: 'usage', message: '--profile is about the services of a compose file, and there is none', advice: 'name one with --compose' });
  }
  return {
    names: args,
    upto: list(options['upto']),
    dependents: [...list(options['dependents']), ...list(options['dependants'])],
    exact: list(options['exact']),
    exclude: list(options['exclude']),
    ...(typeof compose === 'string' ? { compose } : {}),
    profiles,
    ...(typeof changedSince === 'string' ? { changedSince } : {}),
    cwd: process.cwd(),
  };
}

/** The same options with the settings of images in the form in which the project is loaded with them. */
export function withImageSettings<T extends Options>(options: T, args: readonly string[]): T & { readonly imageSettings: ImageSettings } {
  const { platform, network } = options;
  const imageSettings: ImageSettings = {
    buildArgs: list(options['buildArg']),
    targets: list(options['target']),
    cacheFrom: list(options['cacheFrom']),
    secrets: list(options['secret']),
    ssh: list(options['ssh']),
    cwd: process.cwd(),
    ...(typeof platform === 'string' ? { platform } : {}),
    ...(typeof network === 'string' ? { network } : {}),
    named: [...args, ...list(options['upto']), ...list(options['exact'])],
  };
  return { ...options, imageSettings };
}

function list(value: unknown): readonly string[] {
  return (value as readonly string[] | undefined) ?? [];
}
