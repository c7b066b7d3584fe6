import { posix } from 'node:path';
import type { Instruction } from '../docker/instruction.js';
import { Patterns } from '../docker/pattern.js';
import { heredocStart } from '../docker/heredoc.js';
import { isRemoteSource } from '../docker/resolve.js';
import { isArchive } from './archive-kind.js';
import type { AssembleInputs, SourceFiles, Step } from './assemble.js';
import { parseChmod } from './chmod.js';
import { copyInto, type CopyRules } from './copy-into.js';
import { inlineFile } from './inline-file.js';
import { missingSource } from './missing-source.js';
import { ownerNamed } from './owner.js';
import { BuilderOnly } from './refusal.js';
import type { Scope } from './scope.js';
import { findSources, lstatSource, type Found } from './sources.js';
import type { StageFiles } from './stage-files.js';
import { unpackInto } from './unpack-into.js';

/** Where the instruction stands in its stage. */
export interface CopyPlace {
  readonly files: StageFiles;
  readonly scope: Scope;
  readonly workdir: string;
  readonly inputs: AssembleInputs;
}

/** Carries out a COPY or ADD. One step, but for artifacts: each is one of its own. */
export async function copyStep(instruction: Instruction, place: CopyPlace): Promise<Step[]> {
  const copy = readCopy(instruction, place.scope);
  const createdBy = historyOf(instruction.keyword, copy);
  const source = copy.from === undefined ? place.inputs.context : await sourceNamed(copy.from, place.inputs);
  const destination = destinationOf(copy.destination, place.workdir);
  const steps: Step[] = [];
  for (const path of copy.sources) {
    const found = await findSources(source, path);
    if (found === undefined) throw await missingSource(path, copy.from === undefined ? place.inputs.context : undefined);
    for (const one of found) {
      const artifact = instruction.keyword === 'ADD' ? place.inputs.context.artifactAt(one.path) : undefined;
      if (artifact === undefined) await copyOne({ copy, source, found: one, destination }, instruction, place);
      else steps.push(...(await layArtifact(artifact, { createdBy, destination }, place)));
    }
  }
  for (const heredoc of copy.heredocs) {
    const file = inlineFile(heredoc.name, heredoc.expand ? place.scope.expandText(heredoc.content) : heredoc.content);
    await copyInto(place.files, { source: file, found: { path: heredoc.name, name: heredoc.name }, destination }, await rulesOf(copy, place.files));
  }
  const layer = await place.files.finish();
  return layer === undefined && steps.length > 0 ? steps : [...steps, { createdBy, ...(layer === undefined ? {} : { layer }) }];
}

interface Copy {
  readonly sources: readonly string[];
  readonly heredocs: readonly { readonly name: string; readonly content: string; readonly expand: boolean }[];
  readonly destination: string;
  readonly chown: string;
  readonly chmod: string;
  readonly exclude: readonly string[];
  readonly from: string | undefined;
}

function readCopy(instruction: Instruction, scope: Scope): Copy {
  const { keyword, flags, words, heredocs } = instruction;
  const flag = (name: string) => flags.findLast((one) => one.name === name);
  const expanded = (name: string) => scope.expand(flag(name)?.value ?? '');
  const names = words.slice(0, -1).map(({ text }) => text);
  const inline = names.flatMap((text) => heredocs.find(({ name }) => name === heredocStart(text)?.name) ?? []);
  const sources = names.filter((text) => heredocs.length === 0 || heredocStart(text) === undefined).map((text) => scope.expand(text));
  if (keyword === 'ADD' && sources.some(isRemoteSource)) throw new BuilderOnly('ADD of a URL or git repository');
  return {
    sources,
    heredocs: inline.map(({ name, content, expand, chomp }) => ({ name, expand, content: chomp ? content.replace(/^\t+/gm, '') : content })),
    destination: scope.expand(words.at(-1)!.text),
    chown: expanded('chown'),
    chmod: expanded('chmod'),
    exclude: flags.filter(({ name }) => name === 'exclude').map(({ value = '' }) => value),
    from: flag('from')?.value,
  };
}

function historyOf(keyword: string, { sources, heredocs, destination, chown, chmod }: Copy): string {
  const words = [
    keyword,
    ...(chown === '' ? [] : [`--chown=${chown}`]),
    ...(chmod === '' ? [] : [`--chmod=${chmod}`]),
    ...sources,
    ...heredocs.map(({ name }) => `<<${name}`),
    destination,
  ];
  return `${words.join(' ')} # buildkit`;
}

/** Rooted; with a slash at its end if it has to be a folder. */
function destinationOf(destination: string, workdir: string): string {
  const absolute = posix.join('/', destination.startsWith('/') ? '' : workdir, destination).replace(/(.)\/$/, '$1');
  const folder = destination === '' || destination === '.' || /(?:^|\/)\.?$/.test(destination);
  return folder && absolute !== '/' ? `${absolute}/` : absolute;
}

/** As `FROM` of a stage: its name, its number, or an image. */
function sourceNamed(from: string, { resolved, from: open }: AssembleInputs): Promise<SourceFiles> {
  const { stages } = resolved.dockerfile;
  const named = stages.findIndex(({ name }) => name === from.toLowerCase());
  if (named !== -1) return open(named);
  return open(/^\d+$/.test(from) && Number(from) < stages.length ? Number(from) : from);
}

async function copyOne({ copy, source, found, destination }: { readonly copy: Copy; readonly source: SourceFiles; readonly found: Found; readonly destination: string }, { keyword }: Instruction, { files }: CopyPlace): Promise<void> {
  const rules = await rulesOf(copy, files);
  if (keyword === 'ADD') {
    const entry = await lstatSource(source, found.path);
    if (entry?.type === 'file' && (await isArchive(source.open(entry)))) {
      return unpackInto(files, { open: () => source.open(entry), name: found.path, destination }, rules.owner);
    }
  }
  await copyInto(files, { source, found, destination }, rules);
}

/** Accounts are looked up as the files are now: an earlier source may have brought them. */
async function rulesOf({ chown, chmod, exclude }: Copy, files: StageFiles): Promise<CopyRules> {
  return {
    ...(chown === '' ? {} : { owner: await ownerNamed(chown, files) }),
    ...(chmod === '' ? {} : { chmod: parseChmod(chmod) }),
    ...(exclude.length === 0 ? {} : { exclude: new Patterns(exclude) }),
  };
}

async function layArtifact(name: string, { createdBy, destination }: { readonly createdBy: string; readonly destination: string }, { files, inputs }: CopyPlace): Promise<Step[]> {
  if ((await files.resolve(destination)) !== '') throw new BuilderOnly(`ADD of the artifact ${name} to another folder than /`);
  const before = await files.finish();
  const below = files.snapshot();
  files.lay(await inputs.artifactTree(name));
  return [...(before === undefined ? [] : [{ createdBy, layer: before }]), { createdBy, layer: { kind: 'artifact', name, below } }];
}
