import type { Placed } from '../core/place.js';
import { nearest } from '../util/nearest.js';
import { imageReference } from './rules.js';
import type { RawProject } from './schema.js';
import type { Report } from './shape.js';
import { values } from './values.js';

export interface Reference {
  readonly what: 'artifact' | 'image';
  /** Who refers. */
  readonly of: string;
  readonly known: ReadonlySet<string>;
  readonly report: Report;
  readonly message?: string;
}

interface Images {
  readonly imageNames: ReadonlySet<string>;
  readonly report: Report;
}

/** Reports a name that nothing has. */
export function checkName(name: Placed<string>, { what, of, known, report, message }: Reference): void {
  if (known.has(name.value)) return;
  const near = nearest(name.value, known);
  const all = [...known];
  const advice = near ? `Did you mean ${near}?` : all.length > 0 ? `The ${what}s of this project are ${all.join(', ')}` : `Add it under \`${what}s\``;
  report({ reason: 'config', message: message ?? `${of} names the unknown ${what} ${name.value}`, place: name.place, advice });
}

/** Any image reference will do, but a plain word that is close to an image of the project is a slip. */
export function checkBuilder(builder: Placed<string>, artifact: string, { imageNames, report }: Images): void {
  if (imageNames.has(builder.value) || imageReference.check(builder.value)) return;
  const near = /[./:@]/.test(builder.value) ? undefined : nearest(builder.value, imageNames);
  if (near === undefined) return;
  const advice = `Did you mean ${near}? An image from elsewhere would be written with its tag, as ${builder.value}:latest`;
  report({ reason: 'config', message: `artifacts.${artifact} names the unknown builder ${builder.value}`, place: builder.place, advice });
}

/** Only images of the project: another one can be written in the Dockerfile itself. */
export function checkImageBuilder(builder: Placed<string>, image: string, { imageNames, report }: Images): void {
  if (builder.value !== image) return checkName(builder, { what: 'image', of: `images.${image}.builder`, known: imageNames, report });
  report({ reason: 'config', message: `images.${image} names itself as its builder`, place: builder.place, advice: 'Name the image that has the compilers' });
}

/** `${NAME}` in index settings is filled from the environment, so NAME must be allowed in. */
export function checkVariables(raw: RawProject, report: Report): void {
  const everywhere = values(raw.builders?.env);
  for (const { key, value } of raw.artifacts ?? []) {
    const allowed = new Set([...everywhere, ...values(value.env)]);
    const urls = value.variant === 'python' ? [value.index, ...(value.extra_index ?? []), ...(value.find_links ?? [])] : value.variant === 'node' ? [value.registry] : [];
    for (const url of urls) {
      for (const [, variable] of url?.value.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g) ?? []) {
        if (allowed.has(variable!)) continue;
        const near = nearest(variable!, allowed);
        const advice = near ? `Did you mean ${near}?` : `Add ${variable} to artifacts.${key.value}.env`;
        report({ reason: 'config', message: `\${${variable}} is not among the variables that artifacts.${key.value} may see`, place: url!.place, advice });
      }
    }
  }
}
