// Which desktop the demo puts behind the gateway: the one that was named, else a real X desktop, else a painted one.

import { randomBytes } from 'node:crypto'
import type { DesktopKind } from '../src/config/config.ts'
import type { KasmVnc } from './demo-options.ts'
import type { Credentials } from './page-server.ts'
import { startPaintedDesktop } from './painted-desktop.ts'
import { untrustedCertificate } from './untrusted-certificate.ts'
import { findXServer, startXDesktop } from './x-desktop.ts'

export interface DemoDesktop {
  readonly url: URL
  readonly kind: DesktopKind
  readonly credentials: Credentials | undefined
  /** A KasmVNC's own, where it has one. */
  readonly viewer: Credentials | undefined
  /** Pinned, in place of the machine's roots. */
  readonly fingerprint: string | undefined
  /** What it is, for the person at the terminal. */
  readonly description: string
  /** What the demo's people, whose passwords everybody knows, are let into; undefined: nothing that is anybody's. */
  readonly caution: string | undefined
  stop(): Promise<void>
}

const OWN = { kind: 'rfb', viewer: undefined, fingerprint: undefined } as const

/** Rejects when the KasmVNC that was named cannot be reached; a desktop of the demo's own always comes up. */
export async function startDemoDesktop(kasmvnc: KasmVnc | undefined): Promise<DemoDesktop> {
  if (kasmvnc !== undefined) return reachKasmVnc(kasmvnc)
  // As in life, the desktop has a password that the gateway knows and nobody else.
  const credentials = { username: 'gateway', password: randomBytes(24).toString('base64url') }
  return { ...(await startOwnDesktop(credentials)), ...OWN, credentials }
}

async function reachKasmVnc({ url, credentials, viewer }: KasmVnc): Promise<DemoDesktop> {
  const fingerprint = url.protocol === 'https:' ? await untrustedCertificate(url) : undefined
  const pin = fingerprint === undefined ? '' : `, its certificate pinned as found: ${fingerprint}`
  const description = `your KasmVNC at ${url.origin}${pin}`
  const caution = 'whoever uses this machine can sign in as alice, and is at your KasmVNC'
  const stop = async (): Promise<void> => {}
  return { url, kind: 'kasmvnc', credentials, viewer, fingerprint, description, caution, stop }
}

async function startOwnDesktop(
  credentials: Credentials,
): Promise<Pick<DemoDesktop, 'url' | 'description' | 'caution' | 'stop'>> {
  let why = 'no Xtigervnc or Xvnc on the PATH'
  const server = findXServer()
  if (server !== undefined) {
    try {
      const desktop = await startXDesktop({ credentials })
      return {
        ...desktop,
        description: `a real X desktop (${server}, display ${desktop.display})`,
        caution: 'whoever uses this machine can sign in as alice, and has a shell of yours',
      }
    } catch (error) {
      why = (error as Error).message
    }
  }
  const desktop = await startPaintedDesktop({ credentials })
  return { ...desktop, description: `painted by this process (${why})`, caution: undefined }
}
