/** The answers of the API that the create pages ask for; each test says what differs. */
import { configure } from '@testing-library/react'
import { http, HttpResponse } from 'msw'
import { vi } from 'vitest'
import type { RepoPreview, Variant } from '../../src/api/hub'
import type { Model } from '../../src/api/models'
import type { Storage } from '../../src/api/storage'
import { aHub } from '../make'
import { server } from '../server'

// Typing pauses before the Hub is asked, and a whole page is much to draw for a busy machine.
configure({ asyncUtilTimeout: 5000 })
vi.setConfig({ testTimeout: 30_000 })

const GB = 1e9

/** A file of a repository; say what differs. */
export function aVariant(method: string, gigabytes: number, differs: Partial<Variant> = {}): Variant {
  const filename = `Qwen3-14B-${method}.gguf`
  return {
    kind: 'gguf',
    filename,
    files: 1,
    fileNames: [filename],
    sizeBytes: gigabytes * GB,
    quantization: { method, bits: 4 },
    recommended: false,
    fits: null,
    memoryBytes: null,
    ratings: null,
    status: 'available',
    modelId: null,
    ...differs,
  }
}

/** A repository of the Hub; say what differs. */
export function aPreview(differs: Partial<RepoPreview> = {}): RepoPreview {
  return {
    repo: 'unsloth/Qwen3-14B-GGUF',
    revision: 'main',
    commitHash: 'a'.repeat(40),
    name: 'Qwen3-14B-GGUF',
    description: null,
    license: 'apache-2.0',
    tags: [],
    likes: 1310,
    downloads: 412_000,
    lastModified: null,
    baseModel: null,
    gated: false,
    private: false,
    libraryName: null,
    pipelineTag: 'text-generation',
    requiresTrustRemoteCode: false,
    architecture: 'qwen3',
    family: 'Qwen',
    parameterCount: 14_800_000_000,
    contextLength: 40_960,
    totalBytes: 40 * GB,
    fileCount: 4,
    variants: [aVariant('Q4_0', 8), aVariant('Q4_K_M', 9, { recommended: true }), aVariant('Q8_0', 15.7)],
    extras: [],
    ...differs,
  }
}

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
}: {
  models?: Model[]
  preview?: RepoPreview | (() => Response)
  storage?: Storage
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
      const found = /^(?:https:\/\/huggingface\.co\/)?([^/\s]+\/[^/\s]+)(?:\/blob\/([^/]+)\/(.+))?$/.exec(
        input,
      )
      if (!found)
        return refusal(422, 'VALIDATION_ERROR', 'Wrong.', { errors: { input: ['It is not the Hub.'] } })
      return HttpResponse.json({ repo: found[1], revision: found[2] ?? null, filename: found[3] ?? null })
    }),
    http.get('*/api/hub/repo', () =>
      typeof preview === 'function' ? preview() : HttpResponse.json(preview),
    ),
  )
  return { asked: (what) => calls.filter((call) => call.what === what).map(({ asked }) => asked) }
}
