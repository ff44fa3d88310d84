/** @throws Whatever the file system says. */
export type ReadFile = (path: string) => string
