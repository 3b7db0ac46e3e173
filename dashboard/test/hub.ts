/** What the API says of the Hub, for tests. */
import type { Access, FoundRepo, RepoPreview, Variant } from '../src/api/hub'

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
    fitsMemory: null,
    fitsDisk: null,
    memoryBytes: null,
    memoryUnknown: [],
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
    dimensions: {
      contextLength: 40_960,
      hiddenSize: 5120,
      layers: 40,
      heads: 40,
      kvHeads: 8,
      headDim: 128,
      vocabSize: 151_936,
    },
    quantization: null,
    dtype: null,
    estimatedSizes: null,
    estimateContextLength: 8192,
    stale: false,
    fetchedAt: '2026-11-21T08:00:00+00:00',
    totalBytes: 40 * GB,
    fileCount: 4,
    variants: [aVariant('Q4_0', 8), aVariant('Q4_K_M', 9, { recommended: true }), aVariant('Q8_0', 15.7)],
    extras: [],
    ...differs,
  }
}

/** Access to that repository without any gate; say what differs. */
export function anAccess(differs: Partial<Access> = {}): Access {
  return {
    repo: 'unsloth/Qwen3-14B-GGUF',
    status: 'ok',
    gated: false,
    detail: 'Its files can be fetched.',
    remedy: null,
    link: 'https://huggingface.co/unsloth/Qwen3-14B-GGUF',
    tokenSource: null,
    ...differs,
  }
}

/** One that a search has found; say what differs. */
export function aFound(repo: string, differs: Partial<FoundRepo> = {}): FoundRepo {
  return {
    repo,
    likes: 1310,
    downloads: 412_000,
    gated: false,
    private: false,
    pipelineTag: null,
    libraryName: null,
    lastModified: null,
    ...differs,
  }
}
