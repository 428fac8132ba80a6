// The gateway as a relying party and nothing more, at a provider that can be bent.

import { Writable } from 'node:stream'
import type { ProviderSettings, SettingsHolder } from '../../src/config/config.ts'
import { loadSettings } from '../../src/config/load.ts'
import { createLog, type Log } from '../../src/observability/log.ts'
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts'
import { createRelyingParty, type RelyingParty } from '../../src/oidc/relying-party.ts'
import { environmentFor, type Environment, type Line } from './gateway.ts'
import { startScriptedOp, type ScriptedOp, type ScriptedOpOptions } from './scripted-op.ts'

export const PUBLIC_URL = 'http://localhost:8080'

export interface RelyingPartyParts {
  readonly op: ScriptedOp
  readonly relyingParty: RelyingParty
  readonly settings: SettingsHolder
  readonly log: Log
  readonly lines: readonly Line[]
  readonly metrics: Metrics
  stop(): Promise<void>
}

export interface RelyingPartyOptions extends ScriptedOpOptions {
  readonly environment?: Environment
  /** Of the settings, for what they refuse by themselves; the provider's otherwise. */
  readonly issuer?: (op: ScriptedOp) => URL
}

/** Not started yet: `relyingParty.start()` does that. */
export async function createTestRelyingParty(
  options: RelyingPartyOptions = {},
): Promise<RelyingPartyParts> {
  const op = await startScriptedOp(options)
  const env = {
    ...environmentFor(PUBLIC_URL, op.issuer, 'http://127.0.0.1:9'),
    ...options.environment,
  }
  const loaded = loadSettings({ env, configFile: undefined })
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  const [wanted] = loaded.settings.providers as [ProviderSettings]
  const provider = { ...wanted, issuer: options.issuer?.(op) ?? wanted.issuer }
  const settings = { current: { ...loaded.settings, providers: [provider] } }
  const lines: Line[] = []
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(JSON.parse(chunk.toString()) as Line)
      done()
    },
  })
  const log = createLog('debug', output)
  const metrics = createMetrics('test')
  const relyingParty = await createRelyingParty(provider, log, metrics)
  return {
    op,
    relyingParty,
    settings,
    log,
    lines,
    metrics,
    async stop() {
      await relyingParty.stop()
      await op.stop()
    },
  }
}

/** Discovery is done. */
export async function startTestRelyingParty(
  options: RelyingPartyOptions = {},
): Promise<RelyingPartyParts> {
  const parts = await createTestRelyingParty(options)
  parts.relyingParty.start()
  await parts.relyingParty.ready
  return parts
}
