import type { Project } from '../config/project.js';
import { imageNamed } from './names.js';
import type { OrderedImage } from './planner.js';

/** What is drawn: images, the artifacts in them, and who needs whom. */
export interface Drawing {
  readonly nodes: readonly DrawingNode[];
  readonly edges: readonly DrawingEdge[];
}

export interface DrawingNode {
  /** Unique among all nodes: `image web`, `artifact python`. */
  readonly id: string;
  readonly label: string;
  readonly kind: 'image' | 'artifact';
}

/** `from` is needed by `to`. */
export interface DrawingEdge {
  readonly from: string;
  readonly to: string;
}

/** These images with the artifacts that are in them, and the builders among them that make those. */
export function drawingOf(project: Project, images: readonly OrderedImage[]): Drawing {
  const shown = new Set(images.map(({ name }) => name));
  const artifacts = artifactsOf(project, images);
  const nodes: DrawingNode[] = [
    ...images.map(({ name }) => ({ id: `image ${name}`, label: name, kind: 'image' as const })),
    ...[...artifacts].map((name) => ({ id: `artifact ${name}`, label: name, kind: 'artifact' as const })),
  ];
  const ofImages = images.flatMap(({ name, parents, artifacts: own }) => [
    ...parents.filter((parent) => shown.has(parent)).map((parent) => ({ from: `image ${parent}`, to: `image ${name}` })),
    ...own.map((artifact) => ({ from: `artifact ${artifact}`, to: `image ${name}` })),
  ]);
  const ofArtifacts = [...artifacts].flatMap((name): DrawingEdge[] => {
    const spec = project.artifacts.get(name)!;
    const builder = imageNamed(project, spec.builder.value);
    return [
      ...(builder !== undefined && shown.has(builder) ? [{ from: `image ${builder}`, to: `artifact ${name}` }] : []),
      ...needsOf(project, name).map((need) => ({ from: `artifact ${need}`, to: `artifact ${name}` })),
    ];
  });
  return { nodes, edges: [...ofImages, ...ofArtifacts] };
}

function artifactsOf(project: Project, images: readonly OrderedImage[]): Set<string> {
  const found = new Set<string>();
  const open = images.flatMap(({ artifacts }) => artifacts);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    open.push(...needsOf(project, name));
  }
  return found;
}

function needsOf(project: Project, name: string): string[] {
  const spec = project.artifacts.get(name);
  return spec?.kind === 'command' ? spec.needs.map(({ value }) => value) : [];
}
