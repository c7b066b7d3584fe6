import type { Place } from '../core/place.js';
import type { Instruction } from '../docker/instruction.js';
import { isRemoteSource } from '../docker/resolve.js';
import type { Resolved } from '../docker/resolve.js';

/** Instructions that run nothing. */
const THIN = new Set([
  'COPY', 'ADD', 'ENV', 'ARG', 'LABEL', 'WORKDIR', 'USER', 'EXPOSE', 'VOLUME', 'CMD', 'ENTRYPOINT', 'STOPSIGNAL', 'HEALTHCHECK', 'SHELL',
  'MAINTAINER', 'ONBUILD',
]);
const FLAGS: Readonly<Record<string, ReadonlySet<string>>> = {
  COPY: new Set(['chown', 'chmod', 'from', 'link', 'exclude']),
  ADD: new Set(['chown', 'chmod', 'link', 'exclude']),
};
/** The frontend's own images, which mean what an engine's builder has built in. */
const OWN_SYNTAX = /^(?:(?:docker\.io|index\.docker\.io)\/)?docker\/dockerfile(?:-upstream)?(?::[^@]*)?(?:@.*)?$/;

/** Why the stage that is built can't be made without an engine's builder, and where that is written; undefined if it can. */
export function whyNotThin(resolved: Resolved): { readonly reason: string; readonly place: Place } | undefined {
  const { dockerfile, stages, target } = resolved;
  const { stage } = stages[target]!;
  const at = (reason: string, offset: number) => ({ reason, place: dockerfile.source.place(offset) });
  const { syntax } = dockerfile.directives;
  if (syntax !== undefined && !OWN_SYNTAX.test(syntax.trim())) return at(`the syntax ${syntax}`, 0);
  const platform = stage.from.flags.find(({ name }) => name === 'platform');
  if (platform !== undefined) return at('FROM --platform', platform.start);
  for (const instruction of stage.instructions) {
    const reason = needOf(instruction);
    if (reason !== undefined) return at(reason, instruction.start);
  }
  return undefined;
}

function needOf({ keyword, flags, words }: Instruction): string | undefined {
  if (!THIN.has(keyword)) return keyword;
  const known = FLAGS[keyword];
  const flag = known && flags.find(({ name }) => !known.has(name));
  if (flag !== undefined) return `${keyword} --${flag.name}`;
  if (keyword === 'ADD' && words.slice(0, -1).some(({ text }) => isRemoteSource(text))) return 'ADD of a URL or git repository';
  return undefined;
}
