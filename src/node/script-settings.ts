/**
 * The lines of an .npmrc that install scripts may read (npm hands settings to them as npm_config_*: mirrors of binaries,
 * build flags). Registries, credentials, certificates and whatever decides about the tree stay outside: scripts run on a
 * tree that exists already, and secrets have no business there.
 */
export function scriptSettings(npmrc: string): string {
  const lines = npmrc.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '' && !/^[;#]/.test(line));
  return lines.filter((line) => !PRIVATE.test(line) && !line.includes('${')).sort().join('\n');
}

const PRIVATE = /^(?:\/\/|@|["']|_|(?:registry|username|email|password|cafile|ca|cert|key|certfile|keyfile|proxy|https-proxy|noproxy|strict-ssl|omit|include|only|production|optional|engine-strict|legacy-peer-deps|ignore-scripts|bin-links|package-lock|lockfile-version|omit-lockfile-registry-resolved|replace-registry-host|install-strategy|install-links|prefix|cache|globalconfig|userconfig|git|script-shell|shell|node-options|audit|fund|save.*|update-notifier|loglevel|progress|offline|prefer-offline|prefer-online|otp|foreground-scripts)(?:\[\])?\s*(?:=|$))|(?:token|secret|passw|auth)/i;
