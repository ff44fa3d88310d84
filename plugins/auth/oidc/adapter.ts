import { type Adapter, interfaceVersion } from '../../../gateway/plugin.ts'
import { oidcInstance } from './instance.ts'
import { operations } from './operations.ts'
import { oidcConfig, oidcSettings, type Preset } from './settings.ts'

export interface Identity {
  readonly type: string
  readonly summary: string
  /** By convention; what counts is discovery, and the gateway's own tokens are not used. */
  readonly tokenUrl: string
}

/** One adapter for all OpenID providers; presets differ in how an audience is asked for and where the issuer is. */
export const oidcAdapter = (identity: Identity, preset: Preset): Adapter => ({
  interface: interfaceVersion,
  ...identity,
  capability: 'auth',
  auth: ['oauth2', 'none'],
  settings: oidcSettings(preset),
  operations,
  create: (context) => oidcInstance(context, oidcConfig(context, preset)),
})
