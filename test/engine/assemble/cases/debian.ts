import type { Case } from '../../../support/assemble/case.js';
import { file, folder } from '../../../support/assemble/node.js';

const CONTEXT = [file('a.txt', 'A'), folder('dir', 0o700), file('dir/one', '1')];

/** A real distribution below, whose tree is asked of the engine. */
export const DEBIAN: readonly Case[] = [
  'COPY a.txt /bin/\nCOPY dir /lib/new', 'COPY --chown=www-data:adm dir /var/www/html', 'WORKDIR /var/run/app\nCOPY a.txt .', 'COPY a.txt /var/lock/x', 'COPY a.txt /tmp/\nCOPY dir /var/tmp', 'COPY --chown=games a.txt /var/mail/x\nCOPY a.txt /var/local/n/x',
  'USER nobody\nWORKDIR /home/nobody/w', 'COPY a.txt /etc/passwd\nCOPY a.txt /etc/new', 'COPY a.txt /root/.x\nCOPY dir /usr/local/bin', 'ENV A=$PATH\nCMD x\nEXPOSE 80', 'COPY dir /x',
].map((text) => ({ name: `debian: ${text.replace(/\n/g, ' ; ')}`, parent: 'debian', text, context: CONTEXT }));
