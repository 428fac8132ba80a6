// The whole demo in one process: provider, desktop, gateway, each on loopback.

import { randomBytes } from 'node:crypto'
import { loadSettings } from '../src/config/load.ts'
import { startGateway } from '../src/gateway.ts'
import { startDemoDesktop } from './demo-desktop.ts'
import type { DemoDesktop } from './demo-desktop.ts'
import type { DemoOptions } from './demo-options.ts'
import { findLoopbackPort } from './loopback-port.ts'
import { alice, bob, DESKTOP_GROUP, mallory, WATCHERS_GROUP } from './people.ts'
import { startProvider } from './provider.ts'

const CLIENT_ID = 'ghostwire-demo'

export interface Demo {
  readonly publicUrl: string
  readonly issuer: string
  readonly desktop: string
  /** A warning about what these people can do on this machine; undefined if there is no risk. */
  readonly caution: string | undefined
  /** False for a KasmVNC without a viewer's credentials. */
  readonly isForViewers: boolean
  stop(): Promise<void>
}

/** If it rejects, everything that it started has stopped. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const parts: { stop(): Promise<void> }[] = []
  const stop = async (): Promise<void> => {
    for (const part of parts.splice(0).toReversed()) await part.stop()
  }
  try {
    const port = await findLoopbackPort(options.port)
    const publicUrl = `http://localhost:${port}`
    const clientSecret = randomBytes(32).toString('hex')

    const provider = await startProvider({
      port: 0,
      people: [alice, bob, mallory],
      clients: [
        {
          client_id: CLIENT_ID,
          client_secret: clientSecret,
          grant_types: ['authorization_code', 'refresh_token'],
          redirect_uris: [`${publicUrl}/oauth2/callback`],
          post_logout_redirect_uris: [`${publicUrl}/oauth2/signed_out`],
          backchannel_logout_uri: `${publicUrl}/oauth2/backchannel_logout`,
          backchannel_logout_session_required: true,
          require_auth_time: true,
        },
      ],
    })
    parts.push(provider)

    const desktop = await startDemoDesktop(options.kasmvnc)
    parts.push(desktop)

    const isForViewers = desktop.kind === 'rfb' || desktop.viewer !== undefined
    const loaded = loadSettings({
      configFile: undefined,
      env: {
        GATEWAY_PUBLIC_URL: publicUrl,
        GATEWAY_LISTEN: `127.0.0.1:${port}`,
        GATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
        GATEWAY_OIDC_ISSUER: provider.issuer,
        GATEWAY_OIDC_CLIENT_ID: CLIENT_ID,
        GATEWAY_OIDC_CLIENT_SECRET: clientSecret,
        GATEWAY_SESSION_SECRET: randomBytes(48).toString('base64url'),
        GATEWAY_ALLOW_GROUPS: DESKTOP_GROUP,
        GATEWAY_VIEW_GROUPS: isForViewers ? WATCHERS_GROUP : undefined,
        GATEWAY_LOG_LEVEL: 'warn',
        GATEWAY_DRAIN_DELAY: '0',
        GATEWAY_DRAIN_TIMEOUT: '2s',
        ...desktopEnvironment(desktop),
      },
    })
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
    const gateway = await startGateway(loaded.settings)
    parts.push(gateway)
    await gateway.ready()
    const { description, caution } = desktop
    return { publicUrl, issuer: provider.issuer, desktop: description, caution, isForViewers, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function desktopEnvironment(desktop: DemoDesktop): Record<string, string | undefined> {
  return {
    GATEWAY_DESKTOP_URL: desktop.url.href,
    GATEWAY_DESKTOP_KIND: desktop.kind,
    GATEWAY_DESKTOP_USERNAME: desktop.credentials?.username,
    GATEWAY_DESKTOP_PASSWORD: desktop.credentials?.password,
    GATEWAY_DESKTOP_VIEWER_USERNAME: desktop.viewer?.username,
    GATEWAY_DESKTOP_VIEWER_PASSWORD: desktop.viewer?.password,
    GATEWAY_DESKTOP_TLS_FINGERPRINT: desktop.fingerprint,
  }
}
