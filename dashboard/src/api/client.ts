/** The one door to the HTTP API: typed by its own document, refusals become Problems, writes carry the CSRF token. */
import createClient, { type Middleware } from 'openapi-fetch'
import { plural } from '../lib/format'
import type { components, paths } from './schema'

export type Schemas = components['schemas']

type ProblemBody = Partial<Schemas['Problem']> & Record<string, unknown>

/** What the API refused, or that it could not be asked (`NETWORK`). `body` has the facts that some codes add. */
export class Problem extends Error {
  readonly code: string
  readonly status: number
  readonly remedy: string
  readonly requestId: string | null
  readonly errors: Record<string, string[]>
  readonly retryAfter: number | null
  readonly body: Record<string, unknown>

  constructor(status: number, content: ProblemBody, retryAfter: number | null = null) {
    super(content.detail ?? content.title ?? 'The request failed.')
    this.name = 'Problem'
    this.status = status
    this.code = content.code ?? `HTTP_${status}`
    this.remedy = content.remedy ?? ''
    this.requestId = content.requestId ?? null
    this.errors = content.errors ?? {}
    this.retryAfter = retryAfter
    this.body = content
  }
}

/** The problem that stands for “no answer at all”. */
export function noAnswer(): Problem {
  return new Problem(0, {
    code: 'NETWORK',
    detail: 'The Weighbridge API does not answer.',
    remedy: 'Check your connection and that the service runs. Downloads keep running in the worker.',
  })
}

/** Any error as a Problem: what is no refusal of the API is a fault of this page, and says so. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem(0, {
    code: 'PAGE_ERROR',
    detail: error instanceof Error ? error.message : String(error),
    remedy: 'Reload the page. If it happens again, report it with what you did.',
  })
}

let csrfToken: string | null = null
let onSignedOut: () => void = () => {}
let onForbidden: () => void = () => {}

/** Set after sign-in and by /api/auth/me; lives in memory only. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token
}

/** Called when the API says that nobody is signed in any more. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler
}

/** Called when the API refuses what the page has offered: the role may have changed meanwhile. */
export function whenForbidden(handler: () => void): void {
  onForbidden = handler
}

const session: Middleware = {
  onRequest({ request }) {
    if (csrfToken && request.method !== 'GET') request.headers.set('X-CSRF-Token', csrfToken)
    return request
  },
  onError({ error }) {
    // An aborted request is no failure: whoever aborted it knows.
    return error instanceof DOMException && error.name === 'AbortError' ? error : noAnswer()
  },
}

export const client = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? '',
  // Looked up at each call, so that tests and the page itself can stand in front of it.
  fetch: (request) => globalThis.fetch(request),
})
client.use(session)

type Answer<T> = { data?: T; error?: unknown; response: Response }

/** The body of an answer; a refusal is thrown as a Problem. */
export async function body<T>(asked: Promise<Answer<T>>): Promise<T> {
  return (await answered(asked)).data as T
}

/** The body with its response, for those who need a header or the status. */
export async function answered<T>(asked: Promise<Answer<T>>): Promise<Answer<T>> {
  const answer = await asked
  if (answer.response.ok) return answer
  const problem = problemOf(answer.response, answer.error)
  if (problem.status === 401) onSignedOut()
  if (problem.code === 'FORBIDDEN') onForbidden()
  throw problem
}

/** All pages of a list. */
export async function allPages<T>(page: (number: number) => Promise<Answer<T[]>>): Promise<T[]> {
  const first = await answered(page(1))
  const { total_pages: pages = 1 } = JSON.parse(first.response.headers.get('X-Pagination') ?? '{}')
  const rest = await Promise.all(
    Array.from({ length: Math.max(0, pages - 1) }, (_, index) => answered(page(index + 2))),
  )
  return [first, ...rest].flatMap((answer) => answer.data ?? [])
}

/** The Problem of a refused response whose body was read already. */
export function problemOf(response: Response, content: unknown): Problem {
  const after = Number(response.headers.get('Retry-After'))
  const retryAfter = Number.isFinite(after) && after > 0 ? after : null
  const known = typeof content === 'object' && content !== null ? (content as ProblemBody) : {}
  const title = `The server answered ${response.status} ${response.statusText}`.trim()
  return new Problem(
    response.status,
    { title, ...known, ...(known.code === LIMITED && waiting(retryAfter)) },
    retryAfter,
  )
}

const LIMITED = 'RATE_LIMITED'

/** For people, who see no header. */
const waiting = (seconds: number | null) => ({
  remedy: `Wait ${seconds === null ? 'a minute' : plural(seconds, 'second')}, then try again.`,
})
