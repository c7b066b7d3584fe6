import { drawingOf } from '../../images/drawing.js';
import { renderGraph, type GraphFormat } from '../../images/graph-text.js';
import { selectionOf } from '../../run/selection.js';
import type { Action } from '../action.js';
import { selectionOptions } from '../selection.js';
import { withWorld } from '../wire.js';

const CHOOSING = ['upto', 'dependents', 'dependants', 'exact', 'exclude', 'changedSince', 'compose'];

export const graph: Action = (options, args) =>
  withWorld(options, async ({ world }) => {
    const { project, images } = world;
    const chosen = args.length > 0 || CHOOSING.some((name) => options[name] !== undefined);
    // Without a choice everything is shown, images that are only used as builders too.
    const within = chosen ? (await selectionOf(world, selectionOptions(options, args))).within : new Set(project.images.keys());
    const ordered = within.size === 0 ? [] : (await images.order([...within])).filter(({ name }) => within.has(name));
    const drawing = drawingOf(project, ordered);
    return { data: { ...drawing }, lines: renderGraph(drawing, options['format'] as GraphFormat) };
  });
