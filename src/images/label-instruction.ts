/** The builder reads no longer lines. */
const LONGEST = 60_000;
/** Characters that a single-quoted word of a Dockerfile holds as they are, whatever the escape character is. */
const PLAIN = /^[^'\\`\r\n]*$/;

/**
 * All labels as one instruction after a Dockerfile: given as options, each is a step of its own to the classic builder, and
 * eleven steps take longer than most images. Undefined where that can't be written, then they must be options, and without labels.
 */
export function labelInstruction(dockerfile: string, labels: Readonly<Record<string, string>>): string | undefined {
  if (Object.keys(labels).length === 0) return undefined;
  const line = `LABEL ${Object.entries(labels).map(([name, value]) => `${name}='${value}'`).join(' ')}\n`;
  const writable = Object.values(labels).every((value) => PLAIN.test(value)) && line.length <= LONGEST;
  // A last line that goes on would take the instruction in.
  return writable && !/[\\`]\s*$/.test(dockerfile) ? `${dockerfile.endsWith('\n') ? '' : '\n'}${line}` : undefined;
}
