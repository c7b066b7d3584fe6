/** What is at a path of an image's file system, as lstat tells it. Times do not count. */
export type TreeNode =
  | { readonly type: 'directory'; readonly mode: number; readonly uid: number; readonly gid: number; /** Has extended attributes. */ readonly extended?: true }
  | { readonly type: 'file'; readonly mode: number; readonly uid: number; readonly gid: number; readonly size: number }
  | { readonly type: 'symlink'; readonly target: string; readonly uid: number; readonly gid: number }
  /** Devices, fifos, sockets. */
  | { readonly type: 'other'; readonly mode: number; readonly uid: number; readonly gid: number };

/** The file system of an image, asked path by path. Paths are rooted without a leading slash; '' is the root folder. */
export interface Tree {
  /** Links are not followed, not even in the folders above the path: those must be folders, else it is absent. */
  lstat(path: string): Promise<TreeNode | undefined>;
  /** A small file (passwd, group); undefined where there is none. At most 1 MiB. */
  readFile(path: string): Promise<Buffer | undefined>;
}
