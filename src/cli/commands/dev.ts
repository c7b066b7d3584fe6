import { userInfo } from 'node:os';
import { addAccount } from '../../builders/prepare.js';
import type { Container } from '../../engine/engine.js';
import { runAttached, type Console } from '../../run/attached.js';
import { checkMounts, devContainer, devSpec } from '../../run/dev.js';
import type { GlobalOptions } from '../options.js';
import type { Action } from '../action.js';
import { withWorld } from '../wire.js';

export const dev: Action = (options, args) =>
  withWorld(options, async ({ world, owner, containerLabels }) => {
    const [role, ...command] = args as [string, ...string[]];
    const spec = devSpec(world.project, role);
    const image = spec.image.value;
    const plan = await world.images.plan([image]);
    await checkMounts(world.project, spec, plan.flatMap((one) => one.artifacts));
    const built = await world.images.build([image]);
    const id = built.find((one) => one.name === image)?.id ?? image;
    const info = await world.engine.info();
    const container = devContainer(world.project, spec, id, {
      role,
      command,
      tty: process.stdin.isTTY === true && process.stdout.isTTY === true && !options.json,
      // On a rootless engine UID 0 inside is the user outside.
      owner: info.rootless ? { uid: 0, gid: 0 } : owner,
      labels: { ...(await containerLabels()), 'wheelwright.dev': role },
      hostEnv: world.hostEnv,
    });
    const after = async () => {
      const prepare = (created: Container) => addAccount(created, { ...owner, name: userName(owner.uid) ?? 'dev', home: container.env?.['HOME'] ?? '/' });
      const status = await runAttached(world.engine, { spec: container, io: processConsole(options), prepare });
      return { data: { role, status }, status };
    };
    return { data: {}, after };
  }, { tagged: true });

/** The name of the project's owner on this machine, so that a prompt or a log inside shows the same. */
function userName(uid: number): string | undefined {
  try {
    const user = userInfo();
    return user.uid === uid ? user.username : undefined;
  } catch {
    return undefined;
  }
}

/** With --json stdout is ours, so the container's output goes to stderr. */
function processConsole({ json, quiet }: GlobalOptions): Console {
  return {
    stdin: process.stdin,
    stdout: json ? process.stderr : process.stdout,
    stderr: process.stderr,
    onSignal(forward) {
      const undo = (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const).map((name) => {
        const handler = () => forward(name);
        process.on(name, handler);
        return () => void process.off(name, handler);
      });
      return () => undo.forEach((step) => step());
    },
    notice: (line) => void (quiet ? undefined : process.stderr.write(`${line}\n`)),
  };
}
