// The one font family of the painted desktop, brought along so that it looks the same on a machine that has none.

import { fileURLToPath } from 'node:url'
import { GlobalFonts } from '@napi-rs/canvas'

export const SANS = '"DejaVu Sans"'
export const MONO = '"DejaVu Sans Mono"'

export function registerFonts(): void {
  for (const file of ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf', 'DejaVuSansMono.ttf']) {
    GlobalFonts.registerFromPath(fileURLToPath(import.meta.resolve(`dejavu-fonts-ttf/ttf/${file}`)))
  }
}
