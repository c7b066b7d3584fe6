import type { Command, CommanderError } from 'commander';

/** A wrong command line in our words: what is wrong with which argument, and what to write instead. */
export function usageWords(error: CommanderError, program: Command): { readonly message: string; readonly advice: string } {
  const command = process.argv.slice(2).flatMap((word) => program.commands.find((one) => one.name() === word) ?? [])[0];
  const name = command === undefined ? 'artifacts' : `artifacts ${command.name()}`;
  if (error.code === 'commander.help') return { message: 'no command is given', advice: `One of ${program.commands.map((one) => one.name()).join(', ')}; \`artifacts --help\` explains them` };
  const [first, ...rest] = error.message.replace(/^error: /, '').split('\n');
  const near = /\(Did you mean (.*)\?\)/.exec(rest.join(' '))?.[1];
  const see = `\`${name} --help\` lists ${command === undefined ? 'commands and options' : 'its arguments and options'}`;
  return { message: wording(error.code, first as string, name), advice: near === undefined ? see : `Did you mean \`${near}\`?` };
}

/** commander's sentence without its frame; it has no data beside the sentence. */
function wording(code: string, sentence: string, name: string): string {
  const quoted = [...sentence.matchAll(/'([^']*)'/g)].map((match) => match[1] as string);
  const [first = '', second = ''] = quoted;
  switch (code) {
    case 'commander.unknownCommand':
      return `there is no command "${first}"`;
    case 'commander.unknownOption':
      return `${name} has no option ${first}`;
    case 'commander.missingArgument':
      return `${name} needs a ${first.toUpperCase()}`;
    case 'commander.missingMandatoryOptionValue':
      return `${name} needs the option ${first}`;
    case 'commander.optionMissingArgument':
      return `the option ${first} needs a value`;
    case 'commander.excessArguments':
      return `${name} is given too many arguments`;
    case 'commander.invalidArgument':
      return `${flagOf(first)} ${second}: ${/is invalid\. (.*?)\.?$/.exec(sentence)?.[1] ?? 'not possible'}`;
    default:
      return sentence.replace(/\.$/, '');
  }
}

/** `-f, --file <project.yml>` → `--file`. */
function flagOf(flags: string): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? flags;
}
