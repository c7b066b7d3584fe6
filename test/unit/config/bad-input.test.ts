import { afterAll, describe, expect, test } from '@jest/globals';
import { Rig } from './rig.js';

// Expected problems are `line:column message | advice | second place`; see rig.ts.
const rig = new Rig();
afterAll(() => rig.remove());

type Case = readonly [what: string, text: string, problems: readonly string[]];

async function check(text: string, expected: readonly string[]): Promise<void> {
  expect(await rig.problems(text)).toEqual(expected);
}

describe('not a project file', () => {
  test.each<Case>([
    ['nothing', '', ['1:1 the project file is empty | Start it with `name:`']],
    ['white space', ' \n\n', ['1:1 the project file is empty | Start it with `name:`']],
    ['comments only', '# nothing\n', ['1:1 the project file is empty | Start it with `name:`']],
    ['an explicit null', '~\n', ['1:1 the project file is empty | Start it with `name:`']],
    ['an end-of-document only', '---\n...\n', ['1:1 the project file is empty | Start it with `name:`']],
    ['a list', '- a\n', ['1:1 the project file must be a map, not a list']],
    ['a text', 'name\n', ['1:1 the project file must be a map, not the text "name"']],
    ['a number', '1\n', ['1:1 the project file must be a map, not the number 1']],
    ['a second document', 'name: s\n---\nname: t\n', ['2:1 not valid YAML: the file has a second document | Remove everything from the `---` on, or move it to a file of its own']],
    ['a tab', 'name: s\nartifacts:\n\ta: 1\n', ['3:1 not valid YAML: a tab is used as indentation | Indent with spaces']],
    ['an unclosed list', 'name: s\nregistry: [a\nstore: b\n', ['3:1 not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]']],
    ['an unclosed quote', 'name: s\nstore: "x\n', ['3:1 not valid YAML: the closing " is missing']],
    ['a stray colon', 'name: s\nstore: a: b\n', ['2:8 not valid YAML: Nested mappings are not allowed in compact mappings | Check the indentation, or put a value that has a colon in quotes']],
    ['bad indentation', 'name: s\nbuilders:\n  cpus: 1\n memory: 2g\n', ['4:1 not valid YAML: All mapping items must start at the same column']],
    ['a reserved character', 'name: s\nstore: @x\n', ['2:8 not valid YAML: Plain value cannot start with reserved character @ | Put the value in quotes']],
    ['a bad escape', 'name: s\nstore: "\\q"\n', ['2:9 not valid YAML: Invalid escape sequence \\q']],
    ['two faults', 'name: s\nstore: @x\nregistry: "\\q"\n', ['2:8 not valid YAML: Plain value cannot start with reserved character @ | Put the value in quotes', '3:12 not valid YAML: Invalid escape sequence \\q']],
    ['an unknown tag', 'name: s\nstore: !!python/object:os.system x\n', ['2:8 Unresolved tag: tag:yaml.org,2002:python/object:os.system']],
    ['an unknown alias', 'name: s\nstore: *x\n', ['2:8 the alias *x has no anchor &x before it']],
    ['an alias in itself', 'name: s\nx-a: &a [*a]\n', ['2:10 the alias *a contains itself']],
    ['an alias in itself, deeper', 'name: s\nx-a: &a { b: { c: *a } }\n', ['2:19 the alias *a contains itself']],
    ['a list as key', 'name: s\n[a]: b\n', ['2:1 a key must be text | Put the key in quotes']],
    ['a number as key', 'name: s\n1: b\n', ['2:1 a key must be text | Put the key in quotes']],
    ['a null key', 'name: s\n~: b\n', ['2:1 a key must be text | Put the key in quotes']],
    ['a boolean key', 'name: s\nimages:\n  true: { context: images/web }\n', ['3:3 a key must be text | Put the key in quotes']],
    ['a merge of text', 'name: s\n<<: x\n', ['2:5 << takes an alias of a map, or a list of them']],
    ['YAML 1.1', '%YAML 1.1\n---\nname: s\n', ['1:1 the file says that it is YAML 1.1 | Remove the %YAML line: project files are YAML 1.2']],
    ['a duplicate key', 'name: s\nstore: a\nname: t\n', ['3:1 the key "name" is given twice | first given here 1:1']],
    ['a duplicate artifact', `name: s
artifacts:
  a: { kind: node, builder: debian }
  a: { kind: node, builder: debian }
`, ['4:3 the key "a" is given twice | first given here 3:3']],
    ['a duplicate image', `name: s
images:
  web: { context: images/web }
  web: { context: images/deps }
`, ['4:3 the key "web" is given twice | first given here 3:3']],
    ['an escaped control character', 'name: s\nstore: "a\\0b"\n', ['2:8 the text has a control character | Remove it']],
    ['an escape in a key', 'name: s\n"\\e[31m": 1\n', ['2:1 the text has a control character | Remove it']],
  ])('%s', async (_, text, expected) => check(text, expected));
});

describe('keys and types', () => {
  test.each<Case>([
    ['no name', 'store: a\n', ['1:1 name is missing | Add `name`: name of the project: images are called [registry/]<name>-<image>']],
    ['unknown key', 'name: s\nartefacts: {}\n', ['2:1 unknown key "artefacts" | Did you mean `artifacts`?']],
    ['unknown key far from all', 'name: s\nzzzzzz: 1\n', ['2:1 unknown key "zzzzzz" | Known keys here are name, registry, store, network, builders, artifacts, images, dev']],
    ['name is a number', 'name: 1.10\n', ['1:7 name must be text, not the number 1.10 | Put it in quotes: "1.10"']],
    ['name is empty', 'name:\n', ['1:6 name must be text, not empty']],
    ['name is illegal', 'name: My Shop\n', ['1:7 name is not a legal name: My Shop | Use lower-case letters and digits, separated by single `.`, `_` or `-`']],
    ['name with a slash', 'name: a/b\n', ['1:7 name is not a legal name: a/b | Use lower-case letters and digits, separated by single `.`, `_` or `-`']],
    ['name too long', `name: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
`, ['1:7 name is longer than 128 characters']],
    ['a prototype name', 'name: s\nconstructor: 1\n__proto__: 2\n', ['2:1 unknown key "constructor" | Known keys here are name, registry, store, network, builders, artifacts, images, dev', '3:1 unknown key "__proto__" | Known keys here are name, registry, store, network, builders, artifacts, images, dev']],
    ['registry with scheme', 'name: s\nregistry: https://registry.example.com\n', ['2:11 registry is not a registry | Write it as host[:port][/path], without https://']],
    ['registry is a list', 'name: s\nregistry: [a]\n', ['2:11 registry must be text, not a list']],
    ['artifacts is a list', 'name: s\nartifacts: [a]\n', ['2:12 artifacts must be a map, not a list']],
    ['artifact is text', 'name: s\nartifacts: { a: x }\n', ['2:17 artifacts.a must be a map, not the text "x"']],
    ['artifact is empty', 'name: s\nartifacts:\n  a:\n', ['3:3 artifacts.a must be a map, not empty']],
    ['artifact without kind', 'name: s\nartifacts:\n  a:\n    builder: x\n', ['4:5 artifacts.a.kind is missing | Add `kind`: one of python, node, command']],
    ['unknown kind', 'name: s\nartifacts: { a: { kind: pyhton } }\n', ['2:25 artifacts.a.kind must be one of python, node, command, not the text "pyhton" | Did you mean python?']],
    ['kind is a list', 'name: s\nartifacts: { a: { kind: [python] } }\n', ['2:25 artifacts.a.kind must be one of python, node, command, not a list']],
    ['no builder, no requirements', 'name: s\nartifacts:\n  a:\n    kind: python\n', ['4:5 artifacts.a.builder is missing | Add `builder`: image that has the compilers: one under `images`, or any image reference', '4:5 artifacts.a.requirements is missing | Add `requirements`: requirement or lock files: requirements.txt, pylock.toml, uv.lock, poetry.lock']],
    ['key of another kind', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    omit: [dev]
`, ['7:5 unknown key "omit" in artifacts.a | `omit` belongs to kind: node']],
    ['key of another kind, none near', `name: s
artifacts:
  a:
    kind: node
    builder: debian
    compile_bytecode: true
`, ['6:5 unknown key "compile_bytecode" in artifacts.a | `compile_bytecode` belongs to kind: python']],
    ['a list that is text', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: requirements/prod.txt
`, ['6:19 artifacts.a.requirements must be a list, not the text "requirements/prod.txt" | Write [requirements/prod.txt]']],
    ['an empty list', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: []
`, ['6:19 artifacts.a.requirements is empty']],
    ['artifact name', 'name: s\nartifacts: { "a b": { kind: node, builder: debian } }\n', ['2:14 the name "a b" in artifacts is not a legal name: a b | Use lower-case letters and digits, separated by single `.`, `_` or `-`']],
    ['image name', 'name: s\nimages: { Web: { context: images/web } }\n', ['2:11 the name "Web" in images is not a legal name: Web | Use lower-case letters and digits, separated by single `.`, `_` or `-`']],
    ['flag as text', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    strict: "true"
`, ['7:13 artifacts.a.strict must be true or false, not the text "true" | Write true']],
    ['flag of YAML 1.1', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    strict: yes
`, ['7:13 artifacts.a.strict must be true or false, not the text "yes" | Write true']],
    ['flag as number', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    strict: 1
`, ['7:13 artifacts.a.strict must be true or false, not the number 1']],
    ['omit', `name: s
artifacts:
  a:
    kind: node
    builder: debian
    omit: [dev, optinal]
`, ['6:17 artifacts.a.omit[1] must be one of dev, optional, peer, not the text "optinal" | Did you mean optional?']],
    ['scripts', `name: s
artifacts:
  a:
    kind: node
    builder: debian
    scripts: alow
`, ['6:14 artifacts.a.scripts must be one of allow, deny, not the text "alow" | Did you mean allow?']],
    ['scripts names', `name: s
artifacts:
  a:
    kind: node
    builder: debian
    scripts: ["a b"]
`, ['6:15 artifacts.a.scripts[0] is not the name of an npm package: a b']],
    ['index', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    index: pypi.example.com
`, ['7:12 artifacts.a.index is not a URL | Start it with https://']],
    ['index with password', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    index: https://u:secret@pypi.example.com/simple
`, ['7:12 artifacts.a.index has a password in it | Write ${NAME} instead and list NAME under `env`']],
    ['index list as text', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    extra_index: https://u:secret@x.example.com
`, ['7:18 artifacts.a.extra_index must be a list, not a text']],
    ['variable that may not enter', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    env: [TOKEN]
    index: https://u:\${TOKNE}@x.example.com
`, ['8:12 ${TOKNE} is not among the variables that artifacts.a may see | Did you mean TOKEN?']],
    ['variable name', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    env: ["A=secret"]
`, ['7:11 artifacts.a.env[0] is not the name of an environment variable | Give the name only, of letters, digits and `_`']],
    ['cpus', 'name: s\nbuilders: { cpus: 0 }\n', ['2:19 builders.cpus must be a number greater than 0, not the number 0']],
    ['cpus text', 'name: s\nbuilders: { cpus: two }\n', ['2:19 builders.cpus must be a number greater than 0, not the text "two"']],
    ['cpus nan', 'name: s\nbuilders: { cpus: .nan }\n', ['2:19 builders.cpus must be a number greater than 0, not the number .nan']],
    ['memory unit', 'name: s\nbuilders: { memory: 2x }\n', ['2:21 builders.memory: not a size: 2x | Write a size such as 512m or 2g']],
    ['memory too small', 'name: s\nbuilders: { memory: 512 }\n', ['2:21 builders.memory: 512 is less than the 6m that an engine needs | Write a size such as 512m or 2g']],
    ['memory negative', 'name: s\nbuilders: { memory: -1g }\n', ['2:21 builders.memory: not a size: -1g | Write a size such as 512m or 2g']],
    ['memory list', 'name: s\nbuilders: { memory: [2g] }\n', ['2:21 builders.memory must be a size such as 512m or 2g, not a list']],
    ['memory too much', 'name: s\nbuilders: { memory: 99999999t }\n', ['2:21 builders.memory: 99999999t is too much | Write a size such as 512m or 2g']],
    ['proxy', 'name: s\nnetwork: { proxy: "http://user:secret@host@x" }\n', ['2:19 network.proxy is not a proxy | Write it as http://host:port']],
    ['image without context', 'name: s\nimages:\n  web:\n    role: true\n', ['4:5 images.web.context is missing | Add `context`: folder with the files that the Dockerfile may copy, relative to the project']],
    ['empty image', 'name: s\nimages:\n  web:\n', ['3:3 images.web.context is missing | Add `context`: folder with the files that the Dockerfile may copy, relative to the project']],
    ['build argument', 'name: s\nimages:\n  web:\n    context: images/web\n    args: { A: }\n', ['5:13 images.web.args.A must be text, not empty | Write "" for an empty text']],
    ['build argument list', 'name: s\nimages:\n  web:\n    context: images/web\n    args: [A=1]\n', ['5:11 images.web.args must be a map, not a list']],
    ['build argument name', `name: s
images:
  web:
    context: images/web
    args: { "A B": 1 }
`, ['5:13 the name "A B" in images.web.args is not the name of an environment variable | Give the name only, of letters, digits and `_`']],
    ['platform', 'name: s\nimages:\n  web:\n    context: images/web\n    platform: arm\n', ['5:15 images.web.platform is not a platform: arm | Write it as os/architecture[/variant], such as linux/amd64']],
    ['repository with a tag', 'name: s\nimages:\n  web:\n    context: images/web\n    repository: a/b:1\n', ['5:17 images.web.repository is not a repository name: a/b:1 | Write it as [host[:port]/]path in lower case, without a tag']],
    ['secret without source', `name: s
images:
  web:
    context: images/web
    secrets: { a: {} }
`, ['5:16 images.web.secrets.a must have either `file` or `env`']],
    ['secret with two', `name: s
images:
  web:
    context: images/web
    secrets: { a: { file: x, env: Y } }
`, ['5:16 images.web.secrets.a must have either `file` or `env`']],
    ['nested unknown key', `name: s
images:
  web:
    context: images/web
    secrets: { a: { fiel: x } }
`, ['5:16 images.web.secrets.a must have either `file` or `env`', '5:21 unknown key "fiel" in images.web.secrets.a | Did you mean `file`?']],
  ])('%s', async (_, text, expected) => check(text, expected));
});

describe('paths', () => {
  test.each<Case>([
    ['missing requirement file', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt, requirements/prd.txt]
`, ['6:43 there is no requirement file requirements/prd.txt | Check the path: it is relative to the folder of the project file']],
    ['a folder', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements]
`, ['6:20 the requirement file requirements is a folder']],
    ['above the project', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/../../x]
`, ['6:20 artifacts.a.requirements[0] leaves the project: requirements/../../x | Name something inside the folder of the project file, or move the project file up']],
    ['absolute', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [/etc/passwd]
`, ['6:20 artifacts.a.requirements[0] is an absolute path: /etc/passwd | Write it relative to the folder of the project file']],
    ['in a home folder', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [~/x]
`, ['6:20 artifacts.a.requirements[0] is a path in a home folder: ~/x | Write it relative to the folder of the project file']],
    ['empty', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [""]
`, ['6:20 artifacts.a.requirements[0] is empty']],
    ['missing package.json', `name: s
artifacts:
  a:
    kind: node
    builder: debian
    package: web/package.json
`, ['6:14 there is no package file web/package.json | Check the path: it is relative to the folder of the project file']],
    ['package.json without a lock', `name: s
artifacts:
  a:
    kind: node
    builder: debian
    package: unlocked/package.json
`, ['6:14 unlocked/package.json has no lock: there is neither unlocked/package-lock.json nor unlocked/npm-shrinkwrap.json | Make one with `npm install --package-lock-only` and commit it']],
    ['a folder for package.json', `name: s
artifacts:
  a:
    kind: node
    builder: debian
    package: shrunk
`, ['6:14 the package file shrunk is a folder | Write shrunk/package.json']],
    ['missing context', 'name: s\nimages:\n  web: { context: images/wbe }\n', ['3:19 there is no context folder images/wbe | Check the path: it is relative to the folder of the project file']],
    ['a file as context', 'name: s\nimages:\n  web: { context: package.json }\n', ['3:19 the context package.json is not a folder | Check the path: it is relative to the folder of the project file']],
    ['context above', 'name: s\nimages:\n  web: { context: .. }\n', ['3:19 images.web.context leaves the project: .. | Name something inside the folder of the project file, or move the project file up']],
    ['missing Dockerfile', 'name: s\nimages:\n  web: { context: images/empty }\n', ['3:19 there is no Dockerfile images/empty/Dockerfile | Check the path: it is relative to the folder of the project file']],
    ['Dockerfile relative to its context', `name: s
images:
  web:
    context: images/web
    dockerfile: Dockerfile
`, ['5:17 there is no Dockerfile Dockerfile | Write images/web/Dockerfile: paths are relative to the project file']],
    ['Dockerfile missing in both', `name: s
images:
  web:
    context: images/web
    dockerfile: Dockerfile.x
`, ['5:17 there is no Dockerfile Dockerfile.x | Check the path: it is relative to the folder of the project file']],
    ['Dockerfile is a folder', `name: s
images:
  web:
    context: images/web
    dockerfile: images/web
`, ['5:17 the Dockerfile images/web is a folder | Write images/web/Dockerfile']],
    ['input above', `name: s
artifacts:
  a:
    kind: command
    builder: debian
    inputs: [../x/**]
    run: make
    output: dist
`, ['6:14 artifacts.a.inputs[0] leaves the project: ../x/** | Name something inside the folder of the project file, or move the project file up']],
    ['excluded input above', `name: s
artifacts:
  a:
    kind: command
    builder: debian
    inputs: ["!/x"]
    run: make
    output: dist
`, ['6:14 artifacts.a.inputs[0] is an absolute path: /x | Write it relative to the folder of the project file']],
    ['output above', `name: s
artifacts:
  a:
    kind: command
    builder: debian
    inputs: []
    run: make
    output: ../dist
`, ['8:13 artifacts.a.output leaves the project: ../dist | Name something inside the folder of the project file, or move the project file up']],
    ['include above', 'name: s\nimages:\n  web:\n    context: images/web\n    include: [../x]\n', ['5:15 images.web.include[0] leaves the project: ../x | Name something inside the folder of the project file, or move the project file up']],
    ['relative prefix', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    prefix: opt/venv
`, ['7:13 artifacts.a.prefix is not an absolute path: opt/venv | Start it with `/`: it is a path in the images']],
    ['prefix with ..', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    prefix: /opt/../venv
`, ['7:13 artifacts.a.prefix has a `..` in it: /opt/../venv | Write the path without `..`']],
    ['prefix with a colon', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    prefix: /opt/a:b
`, ['7:13 artifacts.a.prefix has a colon in it: /opt/a:b | PATH could not hold it; choose another path']],
    ['root as prefix of an environment', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt]
    prefix: /
`, ['7:13 artifacts.a.prefix must not be / | An environment owns its folder; choose one, such as /opt/venv']],
    ['certificates', 'name: s\nnetwork: { ca: none.pem }\n', ['2:16 there is no certificate bundle none.pem | Give the path of a PEM file, absolute or relative to the folder of the project file']],
  ])('%s', async (_, text, expected) => check(text, expected));
});

describe('names', () => {
  test.each<Case>([
    ['unknown builder', `name: s
artifacts: { a: { kind: node, builder: biulder } }
images: { builder: { context: images/builder } }
`, ['2:40 artifacts.a names the unknown builder biulder | Did you mean builder? An image from elsewhere would be written with its tag, as biulder:latest']],
    ['illegal builder', 'name: s\nartifacts: { a: { kind: node, builder: "debian trixie" } }\n', ['2:40 artifacts.a.builder is not an image reference: debian trixie | Write it as [host[:port]/]path[:tag][@sha256:…]']],
    ['unknown artifact in an image', `name: s
artifacts: { python: { kind: python, builder: debian, requirements: [requirements/prod.txt] } }
images:
  web:
    context: images/web
    artifacts: [pyhton]
`, ['6:17 images.web names the unknown artifact pyhton | Did you mean python?']],
    ['unknown artifact, none there', `name: s
images:
  web:
    context: images/web
    artifacts: [python]
`, ['5:17 images.web names the unknown artifact python | Add it under `artifacts`']],
    ['unknown need', `name: s
artifacts:
  a:
    kind: command
    builder: debian
    inputs: [src/**]
    run: make
    output: dist
    needs: [b]
`, ['9:13 artifacts.a names the unknown artifact b | The artifacts of this project are a']],
    ['unknown image in dev', `name: s
images: { web: { context: images/web } }
dev:
  web:
    image: wbe
`, ['5:12 dev.web names the unknown image wbe | Did you mean web?']],
    ['dev mode without an image', 'name: s\nimages: { web: { context: images/web } }\ndev:\n  lab: {}\n', ['4:3 dev.lab runs the image of the same name, which is not there | The images of this project are web']],
    ['a dev mode in a project with no image', 'name: s\ndev:\n  lab: {}\n', ['3:3 dev.lab runs the image of the same name, which is not there | Add it under `images`']],
    ['a broken entry is still known', `name: s
artifacts: { a: { kind: nod } }
images: { web: { context: images/web, artifacts: [a] } }
`, ['2:25 artifacts.a.kind must be one of python, node, command, not the text "nod" | Did you mean node?']],
    ['listed twice', `name: s
artifacts: { x: { kind: node, builder: debian } }
images:
  web:
    context: images/web
    artifacts: [x, x]
`, ['6:20 the artifact x is listed twice | first used here 6:17']],
    ['requirements listed twice', `name: s
artifacts:
  a:
    kind: python
    builder: debian
    requirements: [requirements/prod.txt, ./requirements/prod.txt]
`, ['6:43 the requirement file requirements/prod.txt is listed twice | first used here 6:20']],
    ['one repository for two images', `name: s
images:
  web: { context: images/web }
  b: { context: images/web, repository: s-web }
`, ['4:3 two images have the name s-web | first used here 3:3']],
    ['needs itself', `name: s
artifacts:
  a:
    kind: command
    builder: debian
    inputs: [src/**]
    run: make
    output: dist
    needs: [a]
`, ['9:13 artifact a needs itself | Remove it from its own `needs`']],
    ['needs in a cycle', `name: s
artifacts:
  a: { kind: command, builder: debian, inputs: [], run: x, output: x, needs: [b] }
  b: { kind: command, builder: debian, inputs: [], run: x, output: x, needs: [a] }
`, ['3:79 artifacts need each other in a cycle: artifact a → artifact b → artifact a | Break the cycle: something must be built first | and back here 4:79']],
    ['a builder with an artifact that needs it', `name: s
artifacts:
  a: { kind: node, builder: builder }
images:
  builder: { context: images/builder, artifacts: [a] }
`, ['3:29 artifacts need each other in a cycle: artifact a → image builder → artifact a | Break the cycle: something must be built first | and back here 5:51']],
    ['a longer cycle', `name: s
artifacts:
  a: { kind: command, builder: builder, inputs: [], run: x, output: x, needs: [b] }
  b: { kind: node, builder: tools }
images:
  builder: { context: images/builder }
  tools: { context: images/deps, artifacts: [a] }
`, ['3:80 artifacts need each other in a cycle: artifact a → artifact b → image tools → artifact a | Break the cycle: something must be built first | and back here 7:46']],
    ['two environments in one place', `name: s
artifacts:
  a: { kind: python, builder: debian, requirements: [requirements/prod.txt] }
  b: { kind: python, builder: debian, requirements: [requirements/dev.txt], prefix: /opt//venv/ }
images:
  web: { context: images/web, artifacts: [a, b] }
`, ['6:46 the artifacts a and b both fill /opt/venv in images.web | Give one of them another `prefix` | a is named here 6:43']],
    ['two node_modules in one place', `name: s
artifacts:
  a: { kind: node, builder: debian }
  b: { kind: node, builder: debian, package: shrunk/package.json }
images:
  web: { context: images/web, artifacts: [b, a] }
`, ['6:46 the artifacts b and a both fill /app/node_modules in images.web | Give one of them another `prefix` | b is named here 6:43']],
  ])('%s', async (_, text, expected) => check(text, expected));
});

describe('dev', () => {
  test.each<Case>([
    ['mount without target', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [src]
`, ['5:14 dev.web.mounts[0]: not a mount: src | Write source:target[:ro]']],
    ['mount with a relative target', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [src:app]
`, ['5:14 dev.web.mounts[0]: the target app is not an absolute path | Write source:target[:ro]']],
    ['mount over /', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [src:/]
`, ['5:14 dev.web.mounts[0]: the target must not be / | Write source:target[:ro]']],
    ['mount with ..', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [src:/a/../..]
`, ['5:14 dev.web.mounts[0]: the target /a/../.. has a `..` in it | Write source:target[:ro]']],
    ['mount mode', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [src:/a:rx]
`, ['5:14 dev.web.mounts[0]: the mode must be ro or rw, not rx | Write source:target[:ro]']],
    ['mount in a home folder', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [~/src:/a]
`, ['5:14 dev.web.mounts[0]: the source ~/src would depend on who runs it | Write source:target[:ro]']],
    ['mount of a variable', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: ["$HOME:/a"]
`, ['5:14 dev.web.mounts[0]: the source $HOME would depend on who runs it | Write source:target[:ro]']],
    ['mount without source', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [":/a"]
`, ['5:14 dev.web.mounts[0]: no source in :/a | Write source:target[:ro]']],
    ['mount as a map', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [{ source: a }]
`, ['5:14 dev.web.mounts[0] must be source:target[:ro], not a map']],
    ['two mounts of one target', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [src:/a, images:/a/]
`, ['5:22 two mounts have the target /a | first used here 5:14']],
    ['four parts', `name: s
images: { web: { context: images/web } }
dev:
  web:
    mounts: [a:/b:ro:z]
`, ['5:14 dev.web.mounts[0]: not a mount: a:/b:ro:z | Write source:target[:ro]']],
    ['port too large', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: [70000]
`, ['5:13 dev.web.ports[0]: a port is a number from 1 to 65535, not 70000 | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['port zero', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: ["0:80"]
`, ['5:13 dev.web.ports[0]: a port is a number from 1 to 65535, not 0 | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['port text', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: [http]
`, ['5:13 dev.web.ports[0]: not a port: http | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['port with bad address', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: ["300.1.1.1:80:80"]
`, ['5:13 dev.web.ports[0]: not an IP address: 300.1.1.1 | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['port with host name', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: ["localhost:80:80"]
`, ['5:13 dev.web.ports[0]: not an IP address: localhost | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['protocol', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: ["80:80/sctp"]
`, ['5:13 dev.web.ports[0]: the protocol must be tcp or udp, not sctp | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['range lengths', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: ["80-82:80-81"]
`, ['5:13 dev.web.ports[0]: the ranges in 80-82:80-81 differ in length | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['range backwards', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: ["82-80:80-82"]
`, ['5:13 dev.web.ports[0]: the range 82-80 ends before it starts | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['port twice', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: ["80:80", "127.0.0.1:80:81"]
`, ['5:22 the host port 127.0.0.1:80/tcp is published twice | first used here 5:13']],
    ['port as fraction', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: [80.5]
`, ['5:13 dev.web.ports[0]: not a port: 80.5 | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['port empty', `name: s
images: { web: { context: images/web } }
dev:
  web:
    ports: [""]
`, ['5:13 dev.web.ports[0]: not a port: (empty) | Write [ip:]host:container[/udp], with ports from 1 to 65535']],
    ['command empty', `name: s
images: { web: { context: images/web } }
dev:
  web:
    command: []
`, ['5:14 dev.web.command is empty']],
    ['command blank', `name: s
images: { web: { context: images/web } }
dev:
  web:
    command: " "
`, ['5:14 dev.web.command is empty']],
    ['command with nothing in it', `name: s
images: { web: { context: images/web } }
dev:
  web:
    command: [a, ~]
`, ['5:18 dev.web.command[1] must be text, not empty | Write "" for an empty text']],
    ['environment value missing', `name: s
images: { web: { context: images/web } }
dev:
  web:
    env: { A: }
`, ['5:12 dev.web.env.A must be text, not empty | Write "" for an empty text']],
    ['environment as list', `name: s
images: { web: { context: images/web } }
dev:
  web:
    env: [A=1]
`, ['5:10 dev.web.env must be a map, not a list']],
    ['working directory', `name: s
images: { web: { context: images/web } }
dev:
  web:
    working_dir: app
`, ['5:18 dev.web.working_dir is not an absolute path: app | Start it with `/`: it is a path in the images']],
  ])('%s', async (_, text, expected) => check(text, expected));
});
