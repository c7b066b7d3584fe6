// One table on stdout, row by row as it is measured; every sample goes to the file that BENCH_OUT names.
import { median, tableHead, tableRow, writeFileSync } from '../tools.mjs';

export const PEERS = ['npm', 'pnpm', 'pip', 'uv'];
const UNITS = {
  seconds: (value) => `${value.toFixed(2)} s`,
  bytes: (value) => (value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`),
};

export function openReport() {
  const details = { started: new Date().toISOString(), rows: [] };
  tableHead('Images, Pontoon: artifacts beside docker buildx bake (medians of whole processes)', ['engine', 'work', 'artifacts', ...PEERS, 'artifacts / peer', 'asked', 'met']);
  const save = () => {
    if (process.env.BENCH_OUT) writeFileSync(process.env.BENCH_OUT, `${JSON.stringify(details, undefined, 1)}\n`);
  };
  return {
    /**
     * `cells`: name of contestant → samples, or the Error that it ended with. `asked`: `{ text, met }`, where `met` gets the medians
     * and gives yes or no, or undefined where a peer is missing.
     */
    row({ engine, work, unit = 'seconds', cells, asked, note }) {
      const medians = Object.fromEntries(Object.entries(cells).filter(([, value]) => Array.isArray(value) && value.length > 0).map(([name, value]) => [name, median(value)]));
      const cell = (name) => {
        if (name in medians) return UNITS[unit](medians[name]);
        return cells[name] instanceof Error ? `failed: ${short(cells[name])}` : '–';
      };
      const ratios = PEERS.filter((peer) => peer in medians && 'artifacts' in medians).map((peer) => `${(medians.artifacts / medians[peer]).toFixed(2)}× ${peer}`);
      const met = asked === undefined ? undefined : asked.met(medians);
      tableRow([engine, work, cell('artifacts'), ...PEERS.map(cell), ratios.join(', ') || '–', asked?.text ?? '–', met === undefined ? '–' : met ? 'yes' : 'no']);
      details.rows.push({ engine, work, unit, medians, samples: Object.fromEntries(Object.entries(cells).map(([name, value]) => [name, value instanceof Error ? `failed: ${value.message}` : value])), asked: asked?.text, met, note });
      save();
    },
    note(text) {
      console.log(`\n${text}`);
      (details.notes ??= []).push(text);
      save();
    },
  };
}

/** The last line that says something, without what a table can't hold. */
function short(error) {
  const lines = error.message.split('\n').map((line) => line.trim()).filter(Boolean);
  return (lines.findLast((line) => /error|failed|refused|cannot|can't/i.test(line)) ?? lines.at(-1) ?? '').replaceAll('|', '/').slice(-140);
}

/** At most `factor` × the best of the peers named (default: all of them). */
export function atMost(factor, text, peers = PEERS) {
  return {
    text,
    met: (medians) => {
      const others = peers.filter((peer) => peer in medians).map((peer) => medians[peer]);
      return others.length === 0 || !('artifacts' in medians) ? undefined : medians.artifacts <= factor * Math.min(...others);
    },
  };
}

/** All of them: undefined if one can't be judged. */
export function all(...asked) {
  return {
    text: asked.map((one) => one.text).join(', '),
    met: (medians) => {
      const answers = asked.map((one) => one.met(medians));
      return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
    },
  };
}

/** An upper bound for what we show. */
export function below(limit, text) {
  return { text, met: (medians) => ('artifacts' in medians ? medians.artifacts <= limit : undefined) };
}
