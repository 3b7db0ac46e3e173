/** The answers of the API that the create pages ask for; each test says what differs. */
import { configure } from '@testing-library/react'
import { http, HttpResponse } from 'msw'
import { vi } from 'vitest'
import type { Access, FoundRepo, RepoPreview } from '../../src/api/hub'
import type { Model } from '../../src/api/models'
import type { Storage } from '../../src/api/storage'
import { anAccess, aPreview } from '../hub'
import { aHub } from '../make'
import { server } from '../server'

// Typing pauses before the Hub is asked, and a whole page is much to draw for a busy machine.
configure({ asyncUtilTimeout: 5000 })
vi.setConfig({ testTimeout: 30_000 })

const GB = 1e9

/** A volume with 321 GB to spare; say what differs. */
export function aStorage(differs: Partial<Storage> = {}): Storage {
  return {
    totalBytes: 512 * GB,
    usedBytes: 191 * GB,
    availableBytes: 321 * GB,
    reservedBytes: 0,
    availableAfterQueueBytes: 321 * GB,
    modelCount: 1,
    cache: {
      totalBytes: null,
      managedBytes: 0,
      unmanagedBytes: null,
      unmanagedRepoCount: null,
      partialBytes: null,
    },
    scannedAt: null,
    seenAt: null,
    quotaBytes: null,
    volumes: [],
    ...differs,
  }
}

/** A refusal of the API. */
export function refusal(status: number, code: string, detail: string, more: object = {}) {
  return HttpResponse.json(
    { type: '/', title: 'Refused', status, code, detail, remedy: 'Do this.', requestId: 'r', ...more },
    { status, headers: { 'Content-Type': 'application/problem+json' } },
  )
}

type Asked = { url: URL; body: unknown; headers: Headers }

/** Answer everything; returns what was written, in order, as `POST /api/models`. */
export function anApi({
  models = [],
  preview = aPreview(),
  storage = aStorage(),
  found = [],
  access = anAccess(),
}: {
  models?: Model[]
  preview?: RepoPreview | (() => Response)
  storage?: Storage
  /** What a search finds. */
  found?: FoundRepo[] | (() => Response)
  access?: Access | (() => Response)
} = {}): { asked: (what: string) => Asked[] } {
  const calls: { what: string; asked: Asked }[] = []
  server.events.removeAllListeners()
  server.events.on('request:start', async ({ request }) => {
    const url = new URL(request.url)
    const text = await request.clone().text()
    calls.push({
      what: `${request.method} ${url.pathname}`,
      asked: { url, body: text ? JSON.parse(text) : null, headers: request.headers },
    })
  })
  server.use(
    http.get('*/api/models', () => HttpResponse.json(models)),
    http.get('*/api/storage', () => HttpResponse.json(storage)),
    http.get('*/api/health', () => HttpResponse.json({ hub: aHub() })),
    http.get('*/api/hub/resolve', ({ request }) => {
      const input = new URL(request.url).searchParams.get('input') ?? ''
      const named = /^(?:https:\/\/huggingface\.co\/)?([^/\s]+\/[^/\s]+)(?:\/blob\/([^/]+)\/(.+))?$/.exec(
        input,
      )
      if (!named)
        return refusal(422, 'VALIDATION_ERROR', 'Wrong.', { errors: { input: ['It is not the Hub.'] } })
      return HttpResponse.json({ repo: named[1], revision: named[2] ?? null, filename: named[3] ?? null })
    }),
    http.get('*/api/hub/repo', () => answer(preview)),
    http.get('*/api/hub/search', () => answer(found)),
    http.get('*/api/hub/access', () => answer(access)),
  )
  return { asked: (what) => calls.filter((call) => call.what === what).map(({ asked }) => asked) }
}

const answer = (said: object | (() => Response)): Response =>
  typeof said === 'function' ? said() : HttpResponse.json(said)
