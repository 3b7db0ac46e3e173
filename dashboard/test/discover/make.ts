/** The catalog for tests; say what differs. */
import { http, HttpResponse } from 'msw'
import type { CatalogEntry, Featured, FeaturedModel } from '../../src/api/catalog'
import type { Model } from '../../src/api/models'
import { aDownload, aHub, aModel } from '../make'
import { aStorage } from '../models/make'
import { server } from '../server'

export const UPDATED = '2026-11-19T08:00:00+00:00'

/** An LLM of one file. */
export function anEntry(differs: Partial<CatalogEntry> = {}): CatalogEntry {
  return {
    id: 'qwen3-8b',
    name: 'Qwen3 8B',
    description: 'Balanced everyday chat.',
    category: 'llm',
    repo: 'unsloth/Qwen3-8B-GGUF',
    filename: 'Qwen3-8B-Q4_K_M.gguf',
    revision: 'main',
    allowPatterns: null,
    ignorePatterns: null,
    license: 'apache-2.0',
    family: 'Qwen',
    parameterCount: 8_190_000_000,
    downloadBytes: 5_030_000_000,
    memoryMb: { Q4_K_M: 6100, Q8_0: 10_200 },
    dimension: null,
    maxSequenceLength: null,
    pooling: null,
    isAsymmetric: null,
    queryPrefix: null,
    documentPrefix: null,
    defaultInstruction: null,
    contextWindow: 40_960,
    tags: ['chat', 'tools'],
    ratings: null,
    links: { huggingface: 'https://huggingface.co/unsloth/Qwen3-8B-GGUF', paper: null, homepage: null },
    source: 'built-in',
    installed: false,
    downloadStatus: null,
    sizeOnDiskBytes: 0,
    modelId: null,
    activeOperation: null,
    ...differs,
  }
}

/** An embedding of a whole repository, with everything that can be told of one. */
export function anEmbedding(differs: Partial<CatalogEntry> = {}): CatalogEntry {
  return anEntry({
    id: 'e5-small',
    name: 'E5 Small',
    description: 'Tiny and quick.',
    category: 'embedding',
    repo: 'intfloat/multilingual-e5-small',
    filename: null,
    allowPatterns: ['*.safetensors', '*.json'],
    license: 'mit',
    family: null,
    parameterCount: 118_000_000,
    downloadBytes: 471_000_000,
    memoryMb: { FP32: 560 },
    contextWindow: null,
    dimension: 384,
    maxSequenceLength: 512,
    pooling: 'mean',
    isAsymmetric: true,
    queryPrefix: 'query: ',
    documentPrefix: 'passage: ',
    defaultInstruction: 'Find what answers the question',
    tags: ['multilingual'],
    links: {
      huggingface: 'https://huggingface.co/intfloat/multilingual-e5-small',
      paper: 'https://arxiv.org/abs/2402.05672',
      homepage: null,
    },
    ...differs,
  })
}

/** An entry as the featured list has it. */
export function aFeatured(entry: CatalogEntry): FeaturedModel {
  const { id, name, description, category, tags, repo, filename, downloadBytes, links } = entry
  return {
    id,
    name,
    description,
    category,
    tags,
    repo,
    filename,
    downloadBytes,
    links,
    sizeCategory: '8B',
    metadata: { downloads: null, likes: null, modelType: category, family: null },
    installed: false,
    downloadStatus: null,
    modelId: null,
    activeOperation: null,
  }
}

type Served = {
  entries?: readonly CatalogEntry[]
  featured?: readonly CatalogEntry[]
  lastUpdated?: string
  models?: readonly Model[]
  /** Bytes that are free, now and after the queue. */
  free?: number
  catalogOnly?: boolean
}

/** An API that has this catalog; returns what was asked to be downloaded. */
export function serveCatalog({
  entries = [anEntry(), anEmbedding()],
  featured = entries.slice(0, 1),
  lastUpdated = UPDATED,
  models = [],
  free = 373e9,
  catalogOnly = false,
}: Served = {}): { asked: unknown[] } {
  const asked: unknown[] = []
  const answer: Featured = { models: featured.map(aFeatured), lastUpdated }
  server.use(
    http.get('*/api/catalog', () => HttpResponse.json(entries)),
    http.get('*/api/featured-models', () => HttpResponse.json(answer)),
    http.get('*/api/models', () => HttpResponse.json(models)),
    http.get('*/api/storage', () =>
      HttpResponse.json(aStorage({ availableBytes: free, availableAfterQueueBytes: free })),
    ),
    http.get('*/api/health', () => HttpResponse.json({ hub: aHub(), catalogOnly })),
    http.get('*/api/downloads', () => HttpResponse.json([])),
    http.get('*/api/downloads/queue', () =>
      HttpResponse.json({ active: [], queued: [], paused: [], failed: [], completed: [] }),
    ),
    http.post('*/api/downloads', async ({ request }) => {
      asked.push(await request.json())
      return HttpResponse.json(aDownload({ modelId: 9, status: 'pending', phase: null }), { status: 202 })
    }),
    http.get('*/api/models/9', () => HttpResponse.json(started())),
  )
  return { asked }
}

/** The model that a click on Download of `anEntry` registers. */
export function started(differs: Partial<Model> = {}): Model {
  return aModel({
    id: 9,
    name: 'Qwen3 8B',
    hfRepo: 'unsloth/Qwen3-8B-GGUF',
    modelFile: 'Qwen3-8B-Q4_K_M.gguf',
    catalogId: 'qwen3-8b',
    downloadStatus: 'Downloading',
    activeOperation: aDownload({ modelId: 9 }),
    ...differs,
  })
}

/** The same once it is here. */
export const installed = (differs: Partial<Model> = {}): Model =>
  started({
    downloadStatus: 'Downloaded',
    downloaded: true,
    fileSizeBytes: 5_030_000_000,
    activeOperation: null,
    ...differs,
  })
