// Reads secrets from their files: `session.secretFile` in YAML, GATEWAY_SESSION_SECRET_FILE in the environment.

import { readFileSync } from 'node:fs'

import { codeOf } from '../../lib/errors.ts'
import { nameOf, problem, type Problem } from './problem.ts'
import { SETTINGS } from '../schema/schema.ts'
import { isTree, removeAt, sectionsAt, setAt, valueAt, type Tree } from './tree.ts'

/** Replaces each file name in `tree` by the content of the file. */
export function readSecretFiles(tree: Tree): readonly Problem[] {
  const routes = valueAt(tree, 'desktop.routes')
  const secrets = SETTINGS.filter(({ secret }) => secret).map(({ path }) => path)
  return [
    ...secrets
      .filter((path) => !path.startsWith('oidc.'))
      .flatMap((path) => putSecret(tree, path, path)),
    ...sectionsAt(tree, 'oidc').flatMap(({ path: place, section }) =>
      secrets
        .filter((path) => path.startsWith('oidc.'))
        .map((path) => path.slice('oidc.'.length))
        .flatMap((path) => putSecret(section, path, `${place}.${path}`)),
    ),
    ...(Array.isArray(routes) ? routes : []).flatMap((route, index) =>
      isTree(route) ? putSecret(route, 'password', `desktop.routes[${index}].password`) : [],
    ),
  ]
}

/** `path` is relative to `tree`. `name` is the full path of the same setting, for problems. */
function putSecret(tree: Tree, path: string, name: string): readonly Problem[] {
  const file = valueAt(tree, `${path}File`)
  if (file === undefined) return []
  const nameOfFile = `${name}File`
  removeAt(tree, `${path}File`.split('.'))
  if (valueAt(tree, path) !== undefined) {
    const words = `must not be given together with ${nameOf(nameOfFile)}; keep one of the two`
    return [problem([name, nameOfFile], words)]
  }
  const content = readSecret(file)
  if (!content.ok) return [problem([nameOfFile, name], content.words)]
  setAt(tree, path, content.secret)
  return []
}

type SecretRead =
  | { readonly ok: true; readonly secret: string }
  | { readonly ok: false; readonly words: string }

function readSecret(file: unknown): SecretRead {
  if (typeof file !== 'string' || !/^[^\r\n]+$/.test(file)) {
    return { ok: false, words: 'must be the path of a file' }
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
    const secret = text.replace(/\r?\n$/, '')
    return secret === ''
      ? { ok: false, words: `must name a file with the secret in it; ${file} is empty` }
      : { ok: true, secret }
  } catch (error) {
    const why = error instanceof TypeError ? 'it is not UTF-8 text' : codeOf(error)
    return { ok: false, words: `must name a readable file; ${file} is not (${why})` }
  }
}
