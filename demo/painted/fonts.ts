// The only font family of the painted desktop. It is included, so that the desktop looks the same on every machine.

import { fileURLToPath } from 'node:url'
import { GlobalFonts } from '@napi-rs/canvas'

export const SANS = '"DejaVu Sans"'
export const MONO = '"DejaVu Sans Mono"'

export function registerFonts(): void {
  for (const file of ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf', 'DejaVuSansMono.ttf']) {
    GlobalFonts.registerFromPath(fileURLToPath(import.meta.resolve(`dejavu-fonts-ttf/ttf/${file}`)))
  }
}
