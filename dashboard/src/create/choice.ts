/** Which file of a repository is meant, and what the form fills in because of it: name and kind. */
import type { Model } from '../api/models'
import type { RepoPreview, Variant } from '../api/hub'
import { quantizationIn } from '../models/facts'
import type { LocalValues } from './schema'
import type { Source } from './source'

export type Choice = {
  /** null: the whole repository. */
  file: string | null
  variant: Variant | null
  sizeBytes: number | null
  /** Whether there is a choice at all that could be saved. */
  isMade: boolean
}

/** What the form means now: one of the list, or a file by name where there is no list. */
export function choiceOf(values: LocalValues, source: Source, ownId?: number): Choice {
  if (!source.isListed) {
    const file = values.typedFile.trim() || null
    return {
      file,
      variant: null,
      sizeBytes: null,
      isMade: source.ref !== null && !source.isBusy && isNameable(source, values),
    }
  }
  const isOfThisList = values.fileOf === source.key
  const variant = isOfThisList ? variantOf(source.preview, values.file) : null
  const isFree = !variant || variant.modelId === null || variant.modelId === ownId
  return {
    file: isOfThisList ? values.file : null,
    variant,
    sizeBytes: variant?.sizeBytes ?? null,
    isMade: isOfThisList && isFree && hasFiles(source.preview),
  }
}

/** A repository that the Hub denies may still be a private one, if there is a token for it. */
export function isNameable(source: Source, values: LocalValues): boolean {
  const code = source.problem?.code
  if (code === 'REVISION_NOT_FOUND') return false
  return code !== 'REPO_NOT_FOUND' || values.hfToken.trim() !== '' || values.hfTokenChange === 'kept'
}

export const hasFiles = (preview: RepoPreview | null): boolean => (preview?.fileCount ?? 0) > 0

/** The variant that a file belongs to; any shard names its variant. */
export function variantOf(preview: RepoPreview | null, file: string | null): Variant | null {
  return (
    preview?.variants.find(
      (variant) =>
        variant.filename === file ||
        (file !== null && variant.kind === 'gguf' && variant.fileNames.includes(file)),
    ) ?? null
  )
}

/** What to begin with: the file of the link, else the recommended one, else the first that is not registered yet. */
export function firstChoice(preview: RepoPreview, linked: string | null): string | null | undefined {
  if (linked) return variantOf(preview, linked)?.filename ?? linked
  const free = preview.variants.filter((variant) => variant.modelId === null)
  return (free.find((variant) => variant.recommended) ?? free[0])?.filename
}

/** `unsloth/Qwen3-14B-GGUF` and `…-Q4_K_M.gguf` -> `Qwen3 14B Q4_K_M`; what is taken gets its owner, then a number. */
export function nameFor(repo: string, file: string | null, taken: ReadonlySet<string>): string {
  const [owner = '', short = owner] = repo.split('/')
  const quantization = file && quantizationIn(file)
  const stem = short.replace(/[-_.]gguf$/i, '')
  const own = quantization ? `${words(stem)} ${quantization}` : words(file ? stemOf(file) : stem)
  return free([own, `${own} (${owner})`, ...numbered(own)], taken)
}

/** `/srv/models/house-style-7b.gguf` -> `house style 7b`; empty: the path names nothing yet. */
export function nameForPath(path: string, taken: ReadonlySet<string>): string {
  const own = words(stemOf(path.trim().replace(/\/+$/, '')))
  return own && free([own, ...numbered(own)], taken)
}

const free = (names: readonly string[], taken: ReadonlySet<string>): string =>
  (names.find((name) => !taken.has(name)) ?? names[0] ?? '').slice(0, 255)

const numbered = (name: string): string[] =>
  Array.from({ length: 98 }, (_, index) => `${name} (${index + 2})`)

const words = (text: string): string => text.replaceAll('-', ' ').trim()
const stemOf = (file: string): string => (file.split('/').at(-1) ?? file).replace(/\.[a-z]+$/i, '')

/** The kind that the repository's task speaks of. */
export function kindFor(preview: RepoPreview): NonNullable<Model['category']> {
  const task = preview.pipelineTag ?? ''
  if (preview.tags.some((tag) => /^splade$/i.test(tag)) || /splade/i.test(preview.repo)) return 'splade'
  if (task === 'text-ranking' || /rerank/i.test(preview.repo)) return 'reranker'
  return task === 'feature-extraction' || task === 'sentence-similarity' ? 'embedding' : 'llm'
}
