/** A cache and the plan of a clean-up, for the tests of this page. */
import { http, HttpResponse } from 'msw'
import type { CachedRepo, CleanUpItem, CleanUpPlan } from '../../src/api/cache'
import type { Operation } from '../../src/api/downloads'
import type { Storage } from '../../src/api/storage'
import { aDownload } from '../make'
import { aStorage } from '../models/make'
import { server } from '../server'

const COMMIT = 'a9b1c2d3e4'.repeat(4)

/** A repository that a model uses whole; say what differs. */
export function aRepo(differs: Partial<CachedRepo> = {}): CachedRepo {
  return {
    repo: 'unsloth/Qwen3-14B-GGUF',
    volume: '/cache',
    sizeBytes: 9e9,
    managedBytes: 9e9,
    fileCount: 3,
    isManaged: true,
    models: [{ id: 7, name: 'Qwen3 14B' }],
    lastUsedAt: new Date(Date.now() - 2 * 86_400_000).toISOString(),
    modifiedAt: '2026-11-01T08:00:00+00:00',
    seenAt: '2026-11-21T08:00:00+00:00',
    revisions: [
      {
        commitHash: COMMIT,
        refs: ['main'],
        sizeBytes: 9e9,
        freedBytes: 0,
        fileCount: 3,
        modifiedAt: '2026-11-01T08:00:00+00:00',
        isInUse: true,
      },
    ],
    ...differs,
  }
}

/** A repository of no model. */
export const aStranger = (differs: Partial<CachedRepo> = {}): CachedRepo =>
  aRepo({
    repo: 'openai/whisper-large-v3',
    sizeBytes: 3.1e9,
    managedBytes: 0,
    isManaged: false,
    models: [],
    lastUsedAt: null,
    revisions: [
      {
        commitHash: '77aabbccdd'.repeat(4),
        refs: ['main'],
        sizeBytes: 3.1e9,
        freedBytes: 3.1e9,
        fileCount: 2,
        modifiedAt: '2026-11-01T08:00:00+00:00',
        isInUse: false,
      },
    ],
    ...differs,
  })

/** A half file that is suggested; say what differs. */
export function anItem(differs: Partial<CleanUpItem> = {}): CleanUpItem {
  return {
    id: 'p1',
    volume: '/cache',
    kind: 'partial',
    repo: 'unsloth/Qwen3-32B-GGUF',
    commitHash: null,
    modelId: null,
    modelName: null,
    bytes: 1.8e9,
    reason: 'The download was canceled 12 days ago.',
    lastUsedAt: null,
    suggested: true,
    ...differs,
  }
}

export function aPlan(items: CleanUpItem[], differs: Partial<CleanUpPlan> = {}): CleanUpPlan {
  return {
    items,
    totalBytes: items.reduce((sum, { bytes }) => sum + bytes, 0),
    quota: null,
    scannedAt: '2026-11-21T08:00:00+00:00',
    ...differs,
  }
}

export const aCleanUp = (differs: Partial<Operation> = {}): Operation => ({
  ...aDownload({ operation: 'clean-up', status: 'running', filesDone: 1, filesTotal: 2, taskId: 'c1' }),
  modelId: null,
  bytesDownloaded: 1.8e9,
  bytesTotal: 21.7e9,
  percent: 8.3,
  result: null,
  bytesFreed: null,
  ...differs,
})

/** The volume of the tests: 500 GB, of which the cache takes 12.1. */
export const aVolume = (differs: Partial<Storage> = {}): Storage => ({
  ...aStorage({
    usedBytes: 40e9,
    availableBytes: 460e9,
    reservedBytes: 5e9,
    availableAfterQueueBytes: 455e9,
  }),
  cache: {
    totalBytes: 12.1e9,
    managedBytes: 9e9,
    unmanagedBytes: 3.1e9,
    unmanagedRepoCount: 1,
    partialBytes: 1.8e9,
  },
  ...differs,
})

/** An API that has these; `plan` is asked for anew each time. */
export function serveCache(
  repos: readonly CachedRepo[],
  plan: () => CleanUpPlan = () => aPlan([]),
  storage: () => Storage = aVolume,
): void {
  server.use(
    http.get('*/api/storage', () => HttpResponse.json(storage())),
    http.get('*/api/cache/repos', () => HttpResponse.json(repos)),
    http.get('*/api/cache/clean-up', () => HttpResponse.json(plan())),
    http.get('*/api/operations', () => HttpResponse.json([])),
    http.get('*/api/models', () => HttpResponse.json([])),
  )
}
