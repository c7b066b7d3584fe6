import { checkMounts, devContainer, devSpec, runAttached, type Console } from '../../run/dev.js';
import type { Action } from '../program.js';
import { withWorld } from '../wire.js';

export const dev: Action = (options, args) =>
  withWorld(options, async ({ world, owner, runLabels }) => {
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
      tty: process.stdin.isTTY === true && process.stdout.isTTY === true,
      // On a rootless engine UID 0 inside is the user outside.
      owner: info.rootless ? { uid: 0, gid: 0 } : owner,
      labels: { ...runLabels, 'wheelwright.dev': role },
      hostEnv: world.hostEnv,
    });
    const after = async () => {
      const status = await runAttached(world.engine, container, processConsole());
      return { data: { role, status }, status };
    };
    return { data: {}, after };
  }, { tagged: true });

function processConsole(): Console {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onSignal(forward) {
      const undo = (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const).map((name) => {
        const handler = () => forward(name);
        process.on(name, handler);
        return () => void process.off(name, handler);
      });
      return () => undo.forEach((step) => step());
    },
  };
}
