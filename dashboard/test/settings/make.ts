/** Who is signed in, users, tokens and events, for tests; say what differs. */
import { http, HttpResponse } from 'msw'
import type { Me } from '../../src/api/auth'
import type { AuditEvent } from '../../src/api/audit'
import type { NewToken, Token } from '../../src/api/tokens'
import type { User } from '../../src/api/users'
import { server } from '../server'

export const ADMIN: Me = {
  name: 'ada',
  role: 'admin',
  via: 'session',
  hasPassword: true,
  csrfToken: 'c',
  expiresAt: '2026-11-28T09:14:00',
}
export const OPERATOR: Me = { ...ADMIN, name: 'olga', role: 'operator' }
export const VIEWER: Me = { ...ADMIN, name: 'vera', role: 'viewer' }

export function aToken(differs: Partial<Token> = {}): Token {
  return {
    id: 3,
    name: 'nightly',
    prefix: 'wb_aB3x',
    role: 'operator',
    owner: 'ada',
    createdAt: '2026-11-01T08:00:00+00:00',
    expiresAt: null,
    lastUsedAt: null,
    ...differs,
  }
}

export const aNewToken = (differs: Partial<NewToken> = {}): NewToken => ({
  ...aToken(),
  token: 'wb_aB3x-secret-of-this-test',
  ...differs,
})

export function aUser(differs: Partial<User> = {}): User {
  return {
    id: 5,
    name: 'olga',
    role: 'operator',
    isActive: true,
    hasPassword: true,
    issuer: null,
    createdAt: '2026-11-01T08:00:00+00:00',
    lastSignInAt: null,
    ...differs,
  }
}

export function anEvent(differs: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: 9,
    at: '2026-11-21T09:14:03+00:00',
    action: 'model.created',
    actor: 'ada',
    role: 'admin',
    token: null,
    address: '10.0.0.7',
    requestId: 'r-17',
    modelId: 7,
    modelName: 'Qwen3 0.6B',
    details: null,
    ...differs,
  }
}

/** An API with these people and tokens; each list is read anew whenever it is asked for. */
export function serve(has: { users?: User[]; tokens?: Token[] }) {
  server.use(
    http.get('*/api/users', () => HttpResponse.json(has.users ?? [])),
    http.get('*/api/tokens', () => HttpResponse.json(has.tokens ?? [])),
  )
}

/** What the API refuses. */
export const refuse = (status: number, content: Record<string, unknown>) => () =>
  HttpResponse.json({ status, ...content }, { status })

export const wrong = (errors: Record<string, string[]>) =>
  refuse(422, {
    code: 'VALIDATION_ERROR',
    detail: 'The request holds a value that can’t be accepted.',
    errors,
  })
