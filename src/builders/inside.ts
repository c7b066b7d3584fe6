/**
 * Folders inside a builder container:
 *
 *     /wheelwright/
 *       agent/    programs of ours
 *       ca.pem    certificate bundle, where one is set
 *       home/     HOME, kept between runs
 *       cache/    package managers' caches, kept between runs
 *       source/   the project, read-only (a copy where binds don't reach the engine)
 *       work/     scratch folders, gone with the container
 *       exchange/ what the host sees too, gone with the container
 */
export const INSIDE = {
  top: '/wheelwright',
  agent: '/wheelwright/agent',
  ca: '/wheelwright/ca.pem',
  home: '/wheelwright/home',
  cache: '/wheelwright/cache',
  source: '/wheelwright/source',
  work: '/wheelwright/work',
  exchange: '/wheelwright/exchange',
  pids: '/wheelwright/work/.pids',
} as const;
