// Provider, desktop stand-in and gateway, connected; one call to start, one to stop.

import type { RunningProvider } from '../../demo/provider.ts'
import {
  environmentFor,
  freePort,
  startTestGateway,
  type Environment,
  type TestGateway,
  type TestGatewayOptions,
} from './gateway.ts'
import { startKasmVncStandIn, type StandIn, type StandInOptions } from './kasmvnc-stand-in.ts'
import { startTestProvider, type TestProviderOptions } from './op.ts'

export interface Stack {
  readonly gateway: TestGateway
  readonly provider: RunningProvider
  readonly desktop: StandIn
  readonly environment: Environment
  stop(): Promise<void>
}

export interface StackOptions {
  readonly environment?: Environment
  readonly provider?: TestProviderOptions
  readonly desktop?: StandInOptions
  readonly gateway?: TestGatewayOptions
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const origin = `http://localhost:${await freePort()}`
  const provider = await startTestProvider(origin, options.provider)
  const desktop = await startKasmVncStandIn(options.desktop)
  const environment = {
    ...environmentFor(origin, provider.issuer, desktop.url.origin),
    ...options.environment,
  }
  const gateway = await startTestGateway(environment, options.gateway)
  await gateway.ready()
  return {
    gateway,
    provider,
    desktop,
    environment,
    async stop() {
      await gateway.stop()
      await Promise.all([provider.stop(), desktop.stop()])
    },
  }
}
