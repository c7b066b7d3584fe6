import { expect, test } from '@jest/globals';
import { Failed } from '../../../src/core/failure.js';
import { applySettings, type ImageSettings } from '../../../src/images/settings.js';
import { projectOf } from '../../support/images/project.js';

function specOf(settings: Partial<ImageSettings>, image = 'web') {
  const project = projectOf('/root', { web: { secrets: { old: { env: 'OLD' } }, ssh: ['default', 'git=/agent'] }, db: {} });
  const given = { buildArgs: [], targets: [], cacheFrom: [], named: [], cwd: '/here', ...settings };
  return applySettings(project, given, { TOKEN: 'value' }).images.get(image)!;
}

test('secrets are added to those of the project file', () => {
  expect(specOf({ secrets: ['id=a,src=x', 'id=b,env=B', 'id=TOKEN', 'id=file', 'type=file,id=old,source=/y'] }).secrets).toEqual({
    a: { file: '/here/x' }, b: { env: 'B' }, TOKEN: { env: 'TOKEN' }, file: { file: '/here/file' }, old: { file: '/y' },
  });
  expect(specOf({ secrets: ['web:id=a,src=/x:y=z'] }, 'db').secrets).toEqual({});
  expect(specOf({ secrets: ['db:id=a,src=/x:y=z'] }, 'db').secrets).toEqual({ a: { file: '/x:y=z' } });
});

test('agents take the place of those with the same id', () => {
  expect(specOf({ ssh: ['default=my.sock', 'web:other'] }).ssh).toEqual(['git=/agent', 'default=/here/my.sock', 'other']);
  expect(specOf({ ssh: ['web:other'] }, 'db').ssh).toEqual([]);
});

test.each(['token', 'id=', 'id=a,env=', 'id=a,src=x,env=Y', 'id=a,hunter2', 'id=a,value=hunter2', 'nope:id=a'])('--secret %s is refused without repeating it', (text) => {
  expect(() => specOf({ secrets: [text] })).toThrow(Failed);
  expect(() => specOf({ secrets: [text] })).not.toThrow(/hunter2/);
});

test.each(['', '=x', 'a=', 'nope:default'])('--ssh %j is refused', (text) => {
  expect(() => specOf({ ssh: [text] })).toThrow(Failed);
});
