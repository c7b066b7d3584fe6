import { projectShape } from './schema.js';
import type { Shape } from './shape.js';

/** One key of the project file, for a reference that people read. */
export interface KeyDescription {
  /** `artifacts.<name>.prefix` */
  readonly key: string;
  /** `kind: python`, for keys of that kind only. */
  readonly when?: string;
  readonly description: string;
  readonly required: boolean;
  /** What holds when the key is absent, in words. */
  readonly default?: string;
}

/** Every key of the project file with its default, in the order of the schema. */
export function describeKeys(): KeyDescription[] {
  return describe(projectShape, '', undefined);
}

function describe(shape: Shape<unknown>, prefix: string, outer: string | undefined): KeyDescription[] {
  return (shape.members ?? []).flatMap((group) => {
    const when = group.when ?? outer;
    return Object.entries(group.fields).flatMap(([name, field]) => {
      const key = `${prefix}${group.under}${name}`;
      const own = {
        key,
        ...(when === undefined ? {} : { when }),
        description: field.description,
        required: field.required ?? false,
        ...(field.default === undefined ? {} : { default: field.default }),
      };
      return [own, ...describe(field.shape, `${key}.`, when)];
    });
  });
}
