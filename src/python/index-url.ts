/** Where pip and uv look when nothing else is configured; the only place where this address is written. */
export const DEFAULT_INDEX = 'https://index.example/simple/';
