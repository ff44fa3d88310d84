import { realpathSync, statSync, watch as watchFolder } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { dirname } from 'node:path'
import { contentHashes, sameHashes, statFingerprint } from './fingerprint.ts'

/** Editors write in several steps; this much silence ends them. */
const settleMs = 100
/** A file that never rests is read all the same. */
const longestSettleMs = 1000
/** Network and container mounts often report nothing; the files are looked at this often whatever is reported. */
const pollMs = 2000

export interface WatchOptions {
  /** Called when the content has changed; the next call waits for its end. */
  readonly onChange: () => Promise<void>
  readonly pollMs?: number
}

export interface Watch {
  /**
   * What to watch from now on.
   * @param paths Absolute paths of files and folders.
   * @param known Hashes of the files as they were when they were last loaded; absent, as they are now.
   */
  follow(paths: readonly string[], known?: ReadonlyMap<string, string>): Promise<void>
  close(): void
}

/**
 * Watches the content of files: rename-over, the `..data` symlink swap of Kubernetes, deletion and return are all
 * just other content. Folders are watched rather than files, because a file that is replaced takes its watch along.
 */
export const watch = (options: WatchOptions): Watch => {
  let paths: readonly string[] = []
  let hashes: ReadonlyMap<string, string> = new Map()
  let seen = ''
  let watchers: FSWatcher[] = []
  let timer: NodeJS.Timeout | undefined
  let firstEventAtMs: number | undefined
  let busy = false
  let again = false
  let closed = false

  const arm = (): void => {
    for (const watcher of watchers) watcher.close()
    watchers = closed ? [] : foldersOf(paths).flatMap((folder) => watcherOf(folder, onEvent))
  }

  const onEvent = (): void => {
    if (closed) return
    firstEventAtMs ??= performance.now()
    const left = longestSettleMs - (performance.now() - firstEventAtMs)
    clearTimeout(timer)
    timer = setTimeout(() => void check(), Math.max(0, Math.min(settleMs, left)))
  }

  const check = async (): Promise<void> => {
    firstEventAtMs = undefined
    if (busy) {
      again = true
      return
    }
    busy = true
    try {
      // In this order: what changes in between is seen by the next poll.
      seen = await statFingerprint(paths)
      const found = await contentHashes(paths)
      if (sameHashes(found, hashes) || closed) return
      hashes = found
      // A folder that was replaced has another identity: its old watch sees nothing any more.
      arm()
      await options.onChange()
    } finally {
      busy = false
      if (again) {
        again = false
        onEvent()
      }
    }
  }

  const look = async (): Promise<void> => {
    if (busy || closed) return
    if ((await statFingerprint(paths)) !== seen) onEvent()
  }
  const poll = setInterval(() => void look(), options.pollMs ?? pollMs)
  poll.unref()

  return {
    async follow(next, known) {
      const same = next.length === paths.length && next.every((path, index) => path === paths[index])
      if (same) return
      paths = [...next]
      arm()
      seen = await statFingerprint(paths)
      const now = await contentHashes(paths)
      // A file that was loaded and is gone by now has changed too.
      const loaded = hashes.size === 0 ? new Map([...(known ?? []), ...now]) : now
      hashes = new Map([...loaded].map(([file, hash]) => [file, hashes.get(file) ?? known?.get(file) ?? hash]))
      // What was written since those were read is a change like any other.
      onEvent()
    },
    close() {
      closed = true
      clearTimeout(timer)
      clearInterval(poll)
      arm()
    },
  }
}

/** The folders in which something may happen to `paths`: each path's own, the folder itself, and where symlinks lead. */
const foldersOf = (paths: readonly string[]): readonly string[] => {
  const folders = new Set<string>()
  for (const path of paths) {
    folders.add(dirname(path))
    const real = realPath(path)
    if (real === undefined) continue
    folders.add(dirname(real))
    if (isFolder(real)) folders.add(path)
  }
  return [...folders]
}

/** Empty where the system refuses (no such folder, no more watches): polling still sees the change. */
const watcherOf = (folder: string, onEvent: () => void): readonly FSWatcher[] => {
  try {
    const watcher = watchFolder(folder, { persistent: false }, onEvent)
    watcher.on('error', () => watcher.close())
    return [watcher]
  } catch {
    return []
  }
}

const realPath = (path: string): string | undefined => {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

const isFolder = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
