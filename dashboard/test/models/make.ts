/** What the tests of this page need besides models. */
import { HttpResponse, http } from 'msw'
import type { Model } from '../../src/api/models'
import type { Storage } from '../../src/api/storage'
import { server } from '../server'

type StorageFacts = Partial<Storage> & { managedBytes?: number }

/** A volume of 500 GB; say what differs. */
export function aStorage({ managedBytes = 0, ...differs }: StorageFacts = {}): Storage {
  return {
    totalBytes: 500e9,
    usedBytes: 127e9,
    availableBytes: 373e9,
    reservedBytes: 0,
    availableAfterQueueBytes: 373e9,
    modelCount: 7,
    cache: {
      totalBytes: null,
      managedBytes,
      unmanagedBytes: null,
      unmanagedRepoCount: null,
      partialBytes: 0,
    },
    scannedAt: new Date().toISOString(),
    seenAt: new Date().toISOString(),
    quotaBytes: null,
    volumes: [],
    ...differs,
  }
}

/** An API that has these models. */
export function serve(models: readonly Model[], storage: Storage = aStorage()): void {
  server.use(
    http.get('*/api/models', () =>
      HttpResponse.json(models, { headers: { 'X-Pagination': JSON.stringify({ total_pages: 1 }) } }),
    ),
    http.get('*/api/storage', () => HttpResponse.json(storage)),
  )
}
