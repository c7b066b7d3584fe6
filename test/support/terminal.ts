import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildCli } from './cli.js';

/** The command on a terminal. */
export interface Terminal {
  type(text: string): void;
  size(columns: number, rows: number): void;
  /** The terminal's window is closed. */
  hangUp(): void;
  /** Resolves when the terminal has shown the text; rejects if the command ends without it. */
  shows(text: string | RegExp): Promise<void>;
  readonly ended: Promise<TerminalEnd>;
}

export interface TerminalEnd {
  readonly status: number;
  readonly shown: string;
  /** The terminal's settings afterwards. */
  readonly echo: boolean;
  readonly lines: boolean;
}

/** Runs the real command on a pseudo-terminal of the given size. */
export async function cliOnTerminal(args: readonly string[], options: { readonly cwd: string; readonly columns: number; readonly rows: number }): Promise<Terminal> {
  const cli = await buildCli();
  const child = spawn('python3', [fileURLToPath(new URL('terminal.py', import.meta.url)), String(options.columns), String(options.rows), process.execPath, cli, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', LANG: 'C.UTF-8', TERM: 'xterm' },
    stdio: 'pipe',
  });
  let shown = '';
  let report = '';
  const watchers = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    for (const watcher of watchers) watcher();
  });
  child.stderr.on('data', (chunk: Buffer) => (report += chunk.toString()));
  const ended = new Promise<TerminalEnd>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`artifacts ${args.join(' ')} hangs on its terminal:\n${shown}`));
    }, 60_000);
    child.on('close', () => {
      clearTimeout(timer);
      const line = report.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) resolve({ shown, ...(JSON.parse(line) as Omit<TerminalEnd, 'shown'>) });
      else reject(new Error(`the terminal failed: ${report}`));
    });
  });
  ended.catch(() => undefined);
  const tell = (line: string) => void child.stdin.write(`${line}\n`);
  return {
    type: (text) => tell(`type ${JSON.stringify(text)}`),
    size: (columns, rows) => tell(`size ${columns} ${rows}`),
    hangUp: () => tell('hangup'),
    shows: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (typeof wanted === 'string' ? shown.includes(wanted) : wanted.test(shown)) (watchers.delete(look), resolve());
        };
        watchers.add(look);
        look();
        ended.then(() => reject(new Error(`ended without showing ${String(wanted)}:\n${shown}`)), reject);
      }),
    ended,
  };
}
