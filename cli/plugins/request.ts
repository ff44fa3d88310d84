export interface PluginListOptions {
  readonly config?: readonly string[]
  readonly format: 'text' | 'json'
}

export interface PluginNewOptions {
  readonly capability: string
  readonly format: 'text' | 'json'
}

export type PluginsRequest =
  | { readonly action: 'list'; readonly options: PluginListOptions }
  | { readonly action: 'show'; readonly type: string; readonly options: PluginListOptions }
  | { readonly action: 'new'; readonly folder: string; readonly options: PluginNewOptions }
