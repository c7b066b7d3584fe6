/** Who commands run as, inside the container. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly home: string;
}

/** /etc/passwd with an entry for the account, unless its uid has one already. A taken name gets a suffix. */
export function withPasswdEntry(passwd: string, account: Account): string {
  const { uid, gid, home } = account;
  return withEntry(passwd, uid, account.name, (name) => `${name}:x:${uid}:${gid}:${name}:${home}:/bin/sh`);
}

/** /etc/group with an entry for the account's group, unless its gid has one already. */
export function withGroupEntry(group: string, account: Account): string {
  return withEntry(group, account.gid, account.name, (name) => `${name}:x:${account.gid}:`);
}

function withEntry(file: string, id: number, wanted: string, line: (name: string) => string): string {
  const entries = file.split('\n').map((entry) => entry.split(':'));
  if (entries.some((fields) => fields[2] === String(id))) return file;
  const taken = new Set(entries.map(([name]) => name));
  const plain = /^[a-z_][a-z0-9_-]{0,30}$/.test(wanted) ? wanted : 'builder';
  let name = plain;
  for (let count = 2; taken.has(name); count += 1) name = `${plain}${count}`;
  return `${file === '' || file.endsWith('\n') ? file : `${file}\n`}${line(name)}\n`;
}
