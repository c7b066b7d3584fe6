import type { Project } from '../config/project.js';
import { Failed, type Problem } from '../core/failure.js';
import { nearest } from '../util/nearest.js';
import { patternOf } from '../util/pattern.js';
import { imageNamed } from './names.js';

/**
 * The images that these texts mean, each once, in the order of the texts: short names, full repositories, or patterns with
 * `*` and `?` for short names and, where they have a slash, for repositories. Fails `usage` with every text that means none.
 */
export function imagesMeant(project: Project, texts: readonly string[]): string[] {
  const problems: Problem[] = [];
  const found = texts.flatMap((text) => {
    const names = meant(project, text);
    if (names.length === 0) problems.push(unknown(project, text));
    return names;
  });
  if (problems.length > 0) throw new Failed(problems);
  return [...new Set(found)];
}

function meant(project: Project, text: string): string[] {
  if (!isPattern(text)) {
    const name = imageNamed(project, text);
    return name === undefined ? [] : [name];
  }
  const pattern = patternOf(text);
  return [...project.images.values()].filter(({ name, repository }) => pattern.test(text.includes('/') ? repository : name)).map(({ name }) => name);
}

function unknown(project: Project, text: string): Problem {
  const names = [...project.images.keys()];
  if (isPattern(text)) return { reason: 'usage', message: `no image matches "${text}"`, advice: listing(project, names) };
  const near = nearest(text, names) ?? nearest(text, [...project.images.values()].map(({ repository }) => repository));
  return { reason: 'usage', message: `no image is named "${text}"`, advice: near === undefined ? listing(project, names) : `did you mean ${near}?` };
}

/** How many names are listed before the rest is only counted. */
const LISTED = 20;

function listing(project: Project, names: readonly string[]): string {
  if (names.length === 0) return `${project.file} has none: add it under \`images\``;
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return `the images are ${names.slice(0, LISTED).join(', ')}${more}`;
}

function isPattern(text: string): boolean {
  return /[*?]/.test(text);
}
