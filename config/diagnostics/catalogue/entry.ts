/** What one code means. `wrong` and `right` are whole configuration files; a test loads them. */
export interface CatalogueEntry {
  readonly severity: 'error' | 'warning'
  /** Short name, the same for every finding. */
  readonly title: string
  /** Why it is a problem and what to do, in plain sentences. */
  readonly explanation: string
  readonly wrong: string
  readonly right: string
}
