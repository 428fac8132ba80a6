// The panel's script: the modules of panel/ in one classic script, which runs before anything of the desktop's page
// does. They are modules for whoever works on them; here their imports and exports go.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  AFTER_CONNECTION,
  AFTER_NEW_SIGN_IN,
  AFTER_SESSION,
  AFTER_UNKNOWN_END,
} from '../messages/end-reasons.ts'

/** In the order in which they need each other. */
const MODULES = [
  'watch-websockets.js',
  'gateway.js',
  'time-left.js',
  'view.js',
  'reconnect.js',
  'panel.js',
]

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8')

const words = JSON.stringify({
  session: AFTER_SESSION,
  unknown: AFTER_UNKNOWN_END,
  anew: AFTER_NEW_SIGN_IN,
  connection: AFTER_CONNECTION,
})

export const PANEL_SCRIPT: string = [
  '(() => {',
  "'use strict'",
  ...MODULES.map((file) => asPartOfScript(read(file))),
  `startPanel(${words}, ${JSON.stringify(read('panel.css'))})`,
  '})()',
  '',
].join('\n')

/** Changes with the script. */
export const PANEL_VERSION: string = createHash('sha256')
  .update(PANEL_SCRIPT)
  .digest('base64url')
  .slice(0, 16)

const PANEL_PATH = '/oauth2/session.js'

/** Stands first in the head of the desktop's page. ASCII. */
export const PANEL_TAG: string = `<script src="${PANEL_PATH}?v=${PANEL_VERSION}"></script>`

function asPartOfScript(module: string): string {
  return module.replaceAll(/^import [^']*'[^']*'\n/gm, '').replaceAll(/^export /gm, '')
}
