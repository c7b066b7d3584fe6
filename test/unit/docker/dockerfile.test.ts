import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Failed } from '../../../src/core/failure.js';
import { parseDockerfile } from '../../../src/docker/dockerfile.js';
import type { Instruction } from '../../../src/docker/instruction.js';

/** The instructions behind `FROM scratch`. */
function instructions(body: string, head = ''): readonly Instruction[] {
  return parseDockerfile(`${head}FROM scratch\n${body}`, 'Dockerfile').stages[0]!.instructions;
}

function words(body: string): string[] {
  return instructions(body)[0]!.words.map(({ text }) => text);
}

function problems(text: string): string[] {
  try {
    parseDockerfile(text, 'Dockerfile');
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return error.problems.map(({ place, message, reason, advice }) => {
      expect(reason).toBe('dockerfile');
      return `${place!.line}:${place!.column} ${message}${advice === undefined ? '' : ` (${advice})`}`;
    });
  }
  throw new Error('no problem was found');
}

describe('instructions', () => {
  const WORDS: [string, string[]][] = [
    ['COPY a b', ['a', 'b']],
    ['copy a b', ['a', 'b']],
    ['  COPY   a\t b  ', ['a', 'b']],
    ['COPY a \\\n  b', ['a', 'b']],
    ['COPY a\\\nb c', ['ab', 'c']],
    ['COPY a \\  \n b', ['a', 'b']],
    ['COPY a \\\n# a comment\n b', ['a', 'b']],
    ['COPY a \\\n   # an indented comment\n b', ['a', 'b']],
    ['COPY a \\\n\n b', ['a', 'b']],
    ['COPY a \\\n#x \\\n b', ['a', 'b']],
    ['COPY a \\\r\n b\r\n', ['a', 'b']],
    ['COPY ["a b", "c"]', ['a b', 'c']],
    ['COPY [ "a" , "b" ]', ['a', 'b']],
    ['COPY ["a\\"b", "c"]', ['a"b', 'c']],
    ['COPY ["a",\\\n "b"]', ['a', 'b']],
    ['COPY [a, b] c', ['[a,', 'b]', 'c']],
    ['COPY --chown=1:2 --chmod=755 --link a b', ['a', 'b']],
    ['COPY --from=x --exclude=*.md --exclude=a/** --parents a b', ['a', 'b']],
    ['COPY --chown=1 ["a b", "c"]', ['a b', 'c']],
    ['COPY -- --a b', ['--a', 'b']],
    ['COPY a --chown=1 b', ['a', '--chown=1', 'b']],
    ['ADD --checksum=sha256:ab --keep-git-dir=true --unpack https://e.org/a b', ['https://e.org/a', 'b']],
    ['ENV a=b c="d e" f=\'g h\' i=j\\ k', ['a=b', 'c="d e"', "f='g h'", 'i=j\\ k']],
    ['ENV a b c', ['a', 'b', 'c']],
    ['LABEL "a b"="c d" e=f', ['"a b"="c d"', 'e=f']],
    ['ARG a=b c', ['a=b', 'c']],
    ['EXPOSE 80 443/tcp', ['80', '443/tcp']],
    ['VOLUME ["/a b"]', ['/a b']],
    ['HEALTHCHECK --interval=5s --start-interval=1s CMD ["a", "b"]', ['a', 'b']],
    ['HEALTHCHECK NONE', ['NONE']],
    ['CMD []', []],
    ['CMD ["a"', ['["a"']],
    ['USER root:root', ['root:root']],
    ['WORKDIR /a b', ['/a', 'b']],
    ['COPY a# b', ['a#', 'b']],
    ['COPY ünï b', ['ünï', 'b']],
  ];
  test.each(WORDS)('%j', (body, expected) => {
    expect(words(body)).toEqual(expected);
  });

  test.each([
    ['RUN ["a", "b"]', true],
    ['RUN [ -f x ]', false],
    ["RUN ['a']", false],
    ['RUN ["a", 1]', false],
    ['CMD ["a"]', true],
    ['CMD a', false],
    ['SHELL ["a"]', true],
    ['USER ["a"]', false],
  ])('%s is the JSON form: %s', (body, json) => {
    expect(instructions(body)[0]!.json).toBe(json);
  });

  test('flags keep name, value and the place of the value', () => {
    const text = 'FROM scratch\nCOPY --chown=a:b --from="my image" --link \\\n  --exclude=x a b';
    const [copy] = parseDockerfile(text, 'Dockerfile').stages[0]!.instructions;
    expect(copy!.flags.map(({ name, value }) => [name, value])).toEqual([['chown', 'a:b'], ['from', 'my image'], ['link', undefined], ['exclude', 'x']]);
    expect(copy!.flags.map(({ valueRange: range }) => range && text.slice(range.start, range.end))).toEqual(['a:b', '"my image"', undefined, 'x']);
  });

  test('an escape directive changes what continues a line', () => {
    const [copy, run] = instructions('COPY a `\n b\nRUN dir C:\\\n', '# escape=`\n');
    expect(copy!.words.map(({ text }) => text)).toEqual(['a', 'b']);
    expect(run!.text).toBe('dir C:\\');
  });

  test('an escaped escape continues nothing', () => {
    expect(instructions('RUN a \\\\\nRUN b')).toHaveLength(2);
  });

  test('every word is where its range says', () => {
    const text = '\uFEFF# c\n# d\nFROM --platform=linux/amd64 \\\n  # x\n  debian:1 AS b\nCOPY a \\\n b \\\n  c d\n';
    const file = parseDockerfile(text, 'D');
    const stage = file.stages[0]!;
    expect(text.slice(stage.base.start, stage.base.end)).toBe('debian:1');
    expect(file.source.place(stage.base.start)).toEqual({ file: 'D', line: 5, column: 3 });
    const [copy] = stage.instructions;
    expect(copy!.words.map(({ start, end }) => text.slice(start, end))).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('directives', () => {
  test.each([
    ['# syntax=docker/dockerfile:1\n', { escape: '\\', syntax: 'docker/dockerfile:1' }],
    ['#syntax = a\n# Escape = `\n#check=skip=all\n', { escape: '`', syntax: 'a', check: 'skip=all' }],
    ['# a comment\n# escape=`\n', { escape: '\\' }],
    ['\n# escape=`\n', { escape: '\\' }],
    ['# unknown=x\n# escape=`\n', { escape: '\\' }],
    ['\uFEFF# escape=`\r\n', { escape: '`' }],
  ])('%j', (head, expected) => {
    expect(parseDockerfile(`${head}FROM scratch\n`, 'D').directives).toEqual(expected);
  });
});

describe('here-documents', () => {
  const HEREDOCS: [string, [string, string, boolean][]][] = [
    ['RUN <<EOF\na\nb\nEOF', [['EOF', 'a\nb\n', true]]],
    ['RUN <<-EOF\n\ta\n\tEOF', [['EOF', '\ta\n', true]]],
    ['RUN <<"EOF"\n$a\nEOF', [['EOF', '$a\n', false]]],
    ["RUN <<'E O'\nx\nE O", []],
    ['RUN cat <<A <<B\n1\nA\n2\nB', [['A', '1\n', true], ['B', '2\n', true]]],
    ['RUN python3 <<EOF > /x\nprint(1)\nEOF', [['EOF', 'print(1)\n', true]]],
    ['COPY <<a.txt <<b.txt /d/\nA\na.txt\nB\nb.txt', [['a.txt', 'A\n', true], ['b.txt', 'B\n', true]]],
    ['COPY x <<y /d/\nY\ny', [['y', 'Y\n', true]]],
    ['RUN <<EOF\nFROM nothing\n# no comment\nCOPY \\\nEOF', [['EOF', 'FROM nothing\n# no comment\nCOPY \\\n', true]]],
    ['RUN echo "<<EOF"', []],
    ["RUN echo '<<EOF'", []],
    ['RUN cat <<<EOF', []],
    ['RUN echo $((1 <<2))\n2))', [['2))', '', true]]],
    ['RUN x<<EOF', []],
    ['RUN 3<<EOF cat\nx\nEOF', [['EOF', 'x\n', true]]],
    ['RUN ["a", "<<EOF"]', []],
    ['ENV a=<<EOF', []],
    ['ADD <<f /f\n\nf', [['f', '\n', true]]],
    ['ONBUILD RUN <<EOF\nx\nEOF', [['EOF', 'x\n', true]]],
    ['RUN <<EOF\r\na\r\nEOF\r\n', [['EOF', 'a\r\n', true]]],
  ];
  test.each(HEREDOCS)('%j', (body, expected) => {
    if (expected.length === 0) return expect(instructions(body.split('\n')[0]!)[0]!.heredocs).toEqual([]);
    expect(instructions(`${body}\nRUN after`).map(({ heredocs }) => heredocs.map(({ name, content, expand }) => [name, content, expand]))).toEqual([expected, []]);
  });
});

describe('stages', () => {
  test('are told apart, with their names', () => {
    const file = parseDockerfile('ARG V=1\nARG W\nFROM a:$V AS One\nRUN x\nFROM one\nFROM --platform=linux/arm64 b as two', 'D');
    expect(file.globalArgs.map(({ text }) => text)).toEqual(['V=1', 'W']);
    expect(file.stages.map(({ name, base }) => [name, base.text])).toEqual([['one', 'a:$V'], [undefined, 'one'], ['two', 'b']]);
  });
});

describe('bad input', () => {
  test.each([
    ['', ['1:1 the Dockerfile has no FROM (begin with an image: FROM debian:trixie-slim AS build)']],
    ['# only a comment\n', ['1:1 the Dockerfile has no FROM (begin with an image: FROM debian:trixie-slim AS build)']],
    ['RUN x\nFROM a', ['1:1 RUN stands before the first FROM (only ARG may stand there: move it behind a FROM)']],
    ['FROM a\nRUNN x', ['2:1 "RUNN" is not a Dockerfile instruction (did you mean RUN?)']],
    ['FROM a\n  COYP a b\nENVV c', ['2:3 "COYP" is not a Dockerfile instruction (did you mean COPY?)', '3:1 "ENVV" is not a Dockerfile instruction (did you mean ENV?)']],
    ['FROM', ['1:1 FROM needs an argument (write for example FROM debian:trixie-slim AS build)']],
    ['FROM a b', ['1:1 FROM needs an image, or an image, AS and a name (write for example FROM debian:trixie-slim AS build)']],
    ['FROM a AS', ['1:1 FROM needs an image, or an image, AS and a name (write for example FROM debian:trixie-slim AS build)']],
    ['FROM a AS 1x', ['1:11 "1x" can\'t be the name of a stage (use letters, digits, - _ and . only, beginning with a letter)']],
    ['FROM a AS x\nFROM b AS X', ['2:11 two stages are named "x" (give one of them another name)']],
    ['FROM a\nCOPY b', ['2:1 COPY needs a source and a destination (write for example COPY a.txt /app/)']],
    ['FROM a\nCOPY --form=b c d', ['2:6 COPY has no flag --form (did you mean --from?)']],
    ['FROM a\nCOPY x \\\n  y\nADD --chmd=1 c d', ['4:5 ADD has no flag --chmd (did you mean --chmod?)']],
    ['FROM a\nRUN <<EOF\nx\n', ['2:1 the here-document EOF is not closed (end it with a line that holds EOF and nothing else)']],
    ['FROM a\nENV b', ['2:1 ENV needs a value (write for example ENV NAME=value)']],
    ['FROM a\nENV b=c d', ['2:9 ENV has "d" without a = (write for example ENV NAME=value)']],
    ['FROM a\nONBUILD ONBUILD RUN x', ["2:9 ONBUILD can't be an ONBUILD trigger (write it in the Dockerfiles that are built from this image)"]],
    ['FROM a\nONBUILD COPY x', ['2:9 COPY needs a source and a destination (write for example COPY a.txt /app/)']],
    ['FROM a\nSHELL sh', ['2:1 SHELL needs the JSON form (write for example SHELL ["/bin/bash", "-c"])']],
    ['FROM a\nUSER', ['2:1 USER needs an argument (write for example USER app)']],
    ['# escape=x\nFROM a', ['1:1 escape is x, but can only be \\ or ` (write # escape=\\ or # escape=`, or leave it away)']],
    ['# escape=`\n# escape=`\nFROM a', ['2:1 the parser directive "escape" is given twice (leave one of them away)']],
  ])('%j', (text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  test('any text is parsed or refused, never a crash', () => {
    const line = fc.oneof(
      fc.constantFrom('FROM a', 'COPY --from=', 'RUN <<', 'ENV ', '# escape=`', '\\', '"', "'", '$', '${', '[', '["a"', '--', '\t', '\r', 'ONBUILD '),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', ' ', ''), (lines, joint) => {
        try {
          parseDockerfile(`FROM a\n${lines.join(joint)}`, 'D');
        } catch (error) {
          expect(error).toBeInstanceOf(Failed);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('text that is made to take long', () => {
  test('lines are as long as builders take them, here-documents too', () => {
    const text = (bytes: number): string => `FROM a\nLABEL a=${'é'.repeat((bytes - 8) / 2)}\r\n`;
    expect(parseDockerfile(text(65_534), 'Dockerfile').stages).toHaveLength(1);
    for (const bad of [text(65_538), `FROM a\nCOPY <<x /y\n${'x'.repeat(65_536)}\nx\n`]) {
      expect(() => parseDockerfile(bad, 'Dockerfile')).toThrow(/longer than 65535 bytes/);
    }
  });

  test('carriage returns, blanks and triggers of triggers without end are read in no time', () => {
    const many = 60_000;
    expect(() => parseDockerfile(`FROM a\nENV x=${'\r'.repeat(many)}x\n`, 'Dockerfile')).toThrow(/without a =/);
    expect(parseDockerfile(`# syntax=a${' '.repeat(many)}x\nFROM a\n`, 'Dockerfile').directives.syntax).toHaveLength(many + 2);
    expect(() => parseDockerfile(`FROM a\n${'ONBUILD '.repeat(many / 8)}RUN x\n`, 'Dockerfile')).toThrow(/ONBUILD can't be an ONBUILD trigger/);
  });
});
