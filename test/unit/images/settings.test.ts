import { describe, expect, test } from '@jest/globals';
import { Failed } from '../../../src/core/failure.js';
import { applySettings, type ImageSettings } from '../../../src/images/settings.js';
import { projectOf } from '../../support/images/project.js';

const project = projectOf('/x', { web: { args: { A: 'file' }, repository: 'localhost:5000/acme/web' }, base: {} });
const NONE: ImageSettings = { buildArgs: [], targets: [], cacheFrom: [], named: [] };

const apply = (settings: Partial<ImageSettings>) => {
  try {
    const { images } = applySettings(project, { ...NONE, ...settings }, { HOME_VALUE: 'h' });
    return { web: images.get('web')!, base: images.get('base')! };
  } catch (error) {
    return (error as Failed).problems;
  }
};

describe('settings of the command line', () => {
  test('build args are for all images or for one, win over the file, and may come from the environment', () => {
    expect(apply({ buildArgs: ['A=1', 'web:B=x:y=z', 'HOME_VALUE', 'UNSET', 'localhost:5000/acme/web:C='] })).toMatchObject({
      web: { args: { A: '1', B: 'x:y=z', HOME_VALUE: 'h', C: '' } },
      base: { args: { A: '1', HOME_VALUE: 'h' } },
    });
  });

  test('a stage is for one image, or for those that are named', () => {
    expect(apply({ targets: ['web:dev'] })).toMatchObject({ web: { target: 'dev' }, base: expect.not.objectContaining({ target: 'dev' }) });
    expect(apply({ targets: ['dev'], named: ['b*'] })).toMatchObject({ base: { target: 'dev' } });
    expect(apply({ targets: ['dev'] })).toMatchObject([{ reason: 'usage', advice: 'write --target IMAGE:dev, or name the image' }]);
  });

  test('platform, network and cache sources are for all', () =>
    expect(apply({ platform: 'linux/arm64/v8', network: 'none', cacheFrom: ['a'] })).toMatchObject({ web: { platform: 'linux/arm64/v8', network: 'none', cacheFrom: ['a'] }, base: { network: 'none' } }));

  test.each<Partial<ImageSettings>>([{ buildArgs: ['=x'] }, { buildArgs: ['a-b=secret'] }, { platform: 'amd64' }, { buildArgs: ['wep:A=1'] }])('%j is a mistake', (settings) => {
    const problems = apply(settings);
    expect(problems).toMatchObject([{ reason: 'usage' }]);
    expect(JSON.stringify(problems)).not.toContain('secret');
  });
});
