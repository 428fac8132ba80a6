// Creates the panel's elements without markup from strings, so that it works under `require-trusted-types-for 'script'`.

const ARCH = 'M7 37a5 5 0 0 0 5-5V16a12 12 0 0 1 24 0v16a5 5 0 0 0 5 5'
const EYES = 'M19.5 15.5v2.5M28.5 15.5v2.5'
const SVG_NAMESPACE = 'http://www.w3.org/2000/svg'

/**
 * A link (`href`) or a button (`onPress`).
 *
 * @typedef {object} Action
 * @property {string} label
 * @property {string} [href]
 * @property {() => void} [onPress]
 * @property {boolean} [isQuiet] Shown as plain text, for an action of less importance.
 */

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Readonly<Record<string, string>>} attributes
 * @param {readonly (Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function createElement(name, attributes, children = []) {
  const element = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value)
  }
  element.append(...children)
  return element
}

/** @param {Action} action */
export function createAction({ label, href, onPress, isQuiet = false }) {
  const kind = isQuiet ? 'quiet' : 'button'
  if (href !== undefined) return createElement('a', { class: kind, href }, [label])
  const button = createElement('button', { class: kind, type: 'button' }, [label])
  button.addEventListener('click', () => onPress?.())
  return button
}

export function createLogo() {
  const svg = document.createElementNS(SVG_NAMESPACE, 'svg')
  svg.setAttribute('viewBox', '3 0 42 40')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(SVG_NAMESPACE, 'path')
  path.setAttribute('d', ARCH + EYES)
  svg.append(path)
  return svg
}
