/** Models, downloads and a page around a component, for tests. */
import { QueryClientProvider } from '@tanstack/react-query'
import { render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { type Me, meQuery } from '../src/api/auth'
import type { Operation } from '../src/api/downloads'
import type { Health } from '../src/api/health'
import type { Model } from '../src/api/models'
import { newQueryClient } from '../src/app'
import { Toasts } from '../src/ui/toasts'
import { Tooltips } from '../src/ui/tooltip'

/** Somebody who is signed in, an administrator; say what differs. */
export function aMe(differs: Partial<Me> = {}): Me {
  return {
    name: 'admin',
    role: 'admin',
    via: 'session',
    hasPassword: false,
    csrfToken: 'c',
    expiresAt: null,
    ...differs,
  }
}

/** A local model; say what differs. */
export function aModel(differs: Partial<Model> = {}): Model {
  return {
    id: 7,
    name: 'Qwen3 0.6B',
    type: 'local',
    category: 'llm',
    isActive: true,
    isDefault: false,
    createdAt: '2026-11-21T08:00:00+00:00',
    updatedAt: '2026-11-21T08:00:00+00:00',
    lastUsedAt: null,
    provider: null,
    baseUrl: null,
    apiVersion: null,
    deployment: null,
    hasApiKey: false,
    source: 'huggingface',
    hfRepo: 'unsloth/Qwen3-0.6B-GGUF',
    revision: 'main',
    commitHash: null,
    modelFile: 'Qwen3-0.6B-Q4_0.gguf',
    allowPatterns: null,
    ignorePatterns: null,
    hasHfToken: false,
    downloadStatus: 'NotDownloaded',
    downloaded: false,
    downloadedAt: null,
    localPath: null,
    volume: null,
    fileSizeBytes: null,
    checksum: null,
    unsafeFiles: null,
    error: null,
    activeOperation: null,
    metadata: null,
    runtime: null,
    connection: null,
    isPinned: false,
    verifiedAt: null,
    damagedFiles: null,
    formerCommit: null,
    catalogId: null,
    ...differs,
  }
}

/** What is known of a model: nothing; say what differs. */
export function modelFacts(
  differs: Partial<NonNullable<Model['metadata']>> = {},
): NonNullable<Model['metadata']> {
  return {
    architecture: null,
    family: null,
    parameterCount: null,
    quantization: null,
    dtype: null,
    contextLength: null,
    hiddenSize: null,
    layers: null,
    heads: null,
    kvHeads: null,
    headDim: null,
    vocabSize: null,
    isGenerative: null,
    license: null,
    tags: [],
    baseModel: null,
    requiresTrustRemoteCode: null,
    weightsBytes: null,
    ...differs,
  }
}

/** A hosted model; say what differs. */
export function aHosted(differs: Partial<Model> = {}): Model {
  return aModel({
    id: 8,
    name: 'GPT-5 mini',
    type: 'hosted-llm',
    provider: 'openai',
    baseUrl: 'https://api.openai.com/v1',
    hasApiKey: true,
    source: null,
    hfRepo: null,
    revision: null,
    modelFile: null,
    downloadStatus: null,
    downloaded: null,
    ...differs,
  })
}

/** A Hub that answers. */
export function aHub(): Health['hub'] {
  return {
    endpoint: 'https://huggingface.co',
    offline: false,
    circuitBreaker: {
      state: 'CLOSED',
      failures: 0,
      failureThreshold: 5,
      recoverySeconds: 30,
      retryAfterSeconds: null,
    },
  }
}

type OfModel = Operation & { modelId: number }

/** A running download of model 7 at 43 %; say what differs. */
export function aDownload(differs: Partial<OfModel> = {}): OfModel {
  return {
    taskId: '11111111-1111-4111-8111-111111111111',
    modelId: 7,
    operation: 'download',
    status: 'Downloading',
    phase: 'transferring',
    bytesDownloaded: 3_910_000_000,
    bytesTotal: 9_000_000_000,
    bytesReused: 0,
    percent: 43.4,
    speedBytesPerSecond: 86_400_000,
    etaSeconds: 59,
    stalledSeconds: 0,
    filesDone: 0,
    filesTotal: 1,
    currentFile: 'Qwen3-14B-Q4_K_M.gguf',
    attempt: 1,
    startedAt: '2026-11-21T08:00:00+00:00',
    updatedAt: '2026-11-21T08:00:10+00:00',
    error: null,
    result: null,
    bytesFreed: null,
    maxBytesPerSecond: null,
    volume: null,
    waitingFor: null,
    ...differs,
  }
}

/** Render with everything that the app puts around a component, for somebody of a role; null: not known yet. */
export function renderPage(content: ReactNode, role: Me['role'] | null = 'admin') {
  const queries = newQueryClient()
  if (role) queries.setQueryData(meQuery.queryKey, aMe({ role }))
  queries.setDefaultOptions({ queries: { ...queries.getDefaultOptions().queries, retry: false } })
  const page = render(
    <QueryClientProvider client={queries}>
      {content}
      <Tooltips />
      <Toasts />
    </QueryClientProvider>,
  )
  return { ...page, queries }
}
