// Checks the desktop and the further servers beside it: TCP, TLS, credentials, WebSocket.

import type { Settings } from '../../config/config.ts'
import { createDesktop, type Desktop } from '../../desktop/desktop.ts'
import { createLog } from '../../observability/log.ts'
import { Findings, type Finding } from '../finding.ts'
import { createAsker } from './asker.ts'
import { checkConnection } from './connection.ts'
import { checkCredentials } from './credentials.ts'
import { checkWebSocket } from './websocket.ts'

export async function checkDesktop(settings: Settings): Promise<readonly Finding[]> {
  const desktop = createDesktop(
    { current: settings },
    createLog('silent', process.stderr),
    Date.now,
  )
  try {
    const routes = settings.desktop.routes.map(async ({ path, tls }, index) => {
      const findings = new Findings('route', path)
      await checkConnection(
        desktop.placeOf(path).upstream,
        tls,
        `desktop.routes[${index}].tls`,
        findings,
      )
      return findings.all
    })
    const found = await Promise.all([checkDesktopItself(settings, desktop), ...routes])
    return found.flat()
  } finally {
    desktop.close()
  }
}

async function checkDesktopItself(
  settings: Settings,
  desktop: Desktop,
): Promise<readonly Finding[]> {
  const findings = new Findings('desktop')
  const { tls } = settings.desktop
  if (!(await checkConnection(desktop, tls, 'desktop.tls', findings))) {
    for (const check of ['credentials.control', 'websocket']) {
      findings.skip(check, 'This needs a connection to the desktop.')
    }
    return findings.all
  }
  const asker = createAsker(desktop)
  const isAccepted = await checkCredentials(settings, asker, findings)
  if (isAccepted) await checkWebSocket(settings, asker, findings)
  else findings.skip('websocket', 'This needs credentials that the desktop accepts.')
  return findings.all
}
