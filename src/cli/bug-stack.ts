import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The lines of a stack with places of our sources for those of the bundle, whose names are short and whose lines are long. */
export function readableStack(stack: string): string[] {
  const lines = stack.split('\n');
  try {
    const bundle = fileURLToPath(import.meta.url);
    const map = new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')) as SourceMapPayload);
    return lines.map((line) => sourceLine(line, bundle, map));
  } catch {
    // No map, as where no bundle is: the stack is as good as it gets.
    return lines;
  }
}

function sourceLine(line: string, bundle: string, map: SourceMap): string {
  const at = line.lastIndexOf(`${bundle}:`);
  const place = at === -1 ? null : /^(\d+):(\d+)/.exec(line.slice(at + bundle.length + 1));
  if (place === null) return line;
  const found = map.findEntry(Number(place[1]) - 1, Number(place[2]) - 1);
  return 'originalSource' in found ? `    at ${found.originalSource.replace(/^(?:\.\.\/)+/, '')}:${found.originalLine + 1}:${found.originalColumn + 1}` : line;
}
