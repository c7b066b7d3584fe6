import { projectShape } from './schema.js';

/** The published JSON Schema of the project file, as text; schema/project.schema.json holds it for editors. */
export function projectJsonSchema(): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'project.yml of wheelwright',
    description: 'What to build, and how: packages, artifacts, images, development modes',
    ...projectShape.json,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}
