import type { Files } from '../../support/project.js';

/** base <- shared <- service1, each with all that lies beside its Dockerfile. */
export function sample(namespace: string): Files {
  return {
    '.shipwright.json': JSON.stringify({ version: 1.0, namespace }),
    'base/Dockerfile': 'FROM scratch\nADD . /code\n',
    // Contents of its own: equal ones of other tests are the same image to the engine.
    'base/base.txt': `Hello, ${namespace}!\n`,
    'shared/Dockerfile': `FROM ${namespace}/base\nADD . /code\n`,
    'service1/Dockerfile': `FROM ${namespace}/shared\nADD . /code\n`,
  };
}

/** Two Dockerfiles in one folder, one built from the other. */
export function multiDockerfile(namespace: string): Files {
  return {
    '.shipwright.json': JSON.stringify({ version: 1.0, namespace }),
    'base/Dockerfile': 'FROM scratch\nADD . /base\n',
    'base/base.txt': `${namespace}\n`,
    'service1/Dockerfile': `FROM ${namespace}/base\nADD ./src /src\n`,
    'service1/Dockerfile-dev': `FROM ${namespace}/service1\nADD ./test /test\n`,
    'service1/src/main.txt': 'main\n',
    'service1/test/test.txt': 'test\n',
  };
}

/** Two images that can be built and two that can't. */
export function failingBuild(namespace: string): Files {
  return {
    '.shipwright.json': JSON.stringify({ version: 1.0, namespace }),
    'base/Dockerfile': 'FROM scratch\nADD . /base\n',
    'base/base.txt': `${namespace}\n`,
    'works/Dockerfile': `FROM ${namespace}/base\nADD . /works\n`,
    'crashy-run/Dockerfile': 'FROM debian:trixie-slim\nRUN exit 9000\n',
    'crashy-from/Dockerfile': 'FROM example.invalid/invalid\n',
  };
}
