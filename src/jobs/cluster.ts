// The API server, from inside the cluster, with the token of the pod's service account.
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/

import { readFileSync } from 'node:fs'

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const REQUEST_TIMEOUT_MS = 30_000

/** The server refused, in its own words. */
export class ClusterError extends Error {
  /** HTTP status. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ClusterError'
    this.status = status
  }
}

export interface Cluster {
  /** Of the pod. */
  readonly namespace: string
  /** `path` begins with /apis or /api. Rejects with a ClusterError, or with the error of `fetch` if nobody answers. */
  request(method: 'DELETE' | 'GET' | 'POST', path: string, body?: object): Promise<unknown>
}

/** NODE_EXTRA_CA_CERTS must name the account's ca.crt: Node reads it before any code runs. */
export function connectToCluster(host: string, port: string): Cluster {
  const origin = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    namespace: readAccount('namespace'),
    async request(method, path, body) {
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: {
          // Read each time, because the kubelet replaces it while the pod runs.
          Authorization: `Bearer ${readAccount('token')}`,
          'Content-Type': 'application/json',
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      })
      const text = await response.text()
      if (!response.ok) throw new ClusterError(response.status, messageIn(text))
      return JSON.parse(text)
    },
  }
}

function readAccount(name: string): string {
  return readFileSync(`${ACCOUNT}/${name}`, 'utf8').trim()
}

function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { message: string }).message
  } catch {
    return text.slice(0, 200)
  }
}
