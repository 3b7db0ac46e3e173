/** What can be said of a model in a few words: family, size, quantization, what it is called on disk.
 *
 * The API's own facts come first; where it does not know yet, the names of the repository and the file are read, the
 * way people read them. */
import type { Model } from '../api/models'
import { parameters } from '../lib/format'

/** Families that have a colour of their own; the number is the token's (styles/tokens.css). */
const FAMILIES: readonly { name: string; colour: number; pattern: RegExp }[] = [
  { name: 'DeepSeek', colour: 3, pattern: /deepseek/i },
  { name: 'Qwen', colour: 1, pattern: /qwen|qwq/i },
  { name: 'Llama', colour: 2, pattern: /llama/i },
  { name: 'Gemma', colour: 6, pattern: /gemma/i },
  { name: 'Mistral', colour: 5, pattern: /mistral|mixtral|devstral|codestral|magistral|ministral/i },
  { name: 'Phi', colour: 6, pattern: /(^|[^a-z])phi[-_ ]?\d/i },
  { name: 'OpenAI', colour: 4, pattern: /gpt-?oss|whisper|(^|\/)openai/i },
  { name: 'BGE', colour: 7, pattern: /(^|[^a-z])bge/i },
  { name: 'SPLADE', colour: 7, pattern: /splade/i },
  { name: 'GLM', colour: 3, pattern: /(^|[^a-z])glm/i },
  { name: 'Granite', colour: 4, pattern: /granite/i },
  { name: 'SmolLM', colour: 5, pattern: /smol/i },
  { name: 'MiniLM', colour: 7, pattern: /minilm/i },
  { name: 'Nomic', colour: 3, pattern: /nomic/i },
]

export const OTHER_FAMILY = 'Other'

export type Facts = {
  family: string
  /** 1 to 7, or 0 for other. */
  familyColour: number
  /** Number of parameters, as declared or as the name says it; null: unknown. */
  parameterCount: number | null
  /** `Q4_K_M`, `BF16`; null: unknown. */
  quantization: string | null
  /** S, M, L or XL by parameters, else by bytes; null: unknown. */
  sizeClass: SizeClass | null
}

export type SizeClass = 'S' | 'M' | 'L' | 'XL'

/** Each class with its sentence, and the parameters below which it lies. */
export const SIZE_CLASSES: readonly { value: SizeClass; label: string; below: number }[] = [
  { value: 'S', label: 'S, under 4B', below: 4e9 },
  { value: 'M', label: 'M, 4B to 15B', below: 15e9 },
  { value: 'L', label: 'L, 15B to 40B', below: 40e9 },
  { value: 'XL', label: 'XL, over 40B', below: Infinity },
]

type Described = Pick<Model, 'name' | 'hfRepo' | 'modelFile'> & { metadata?: Model['metadata'] }

const known = new WeakMap<object, Facts>()

/** The facts of a model; computed once for each state of it. */
export function factsOf(model: Described): Facts {
  const before = known.get(model)
  if (before) return before
  const facts = read(model)
  known.set(model, facts)
  return facts
}

function read(model: Described): Facts {
  const text = `${model.hfRepo ?? ''} ${model.modelFile ?? ''} ${model.hfRepo ? '' : model.name}`
  const family = familyOf(model.metadata?.family ?? model.hfRepo?.split('/').at(-1) ?? text)
  const parameterCount = model.metadata?.parameterCount ?? parametersIn(text)
  return {
    family: family?.name ?? model.metadata?.family ?? OTHER_FAMILY,
    familyColour: family?.colour ?? 0,
    parameterCount,
    quantization:
      model.metadata?.quantization?.method ?? quantizationIn(model.modelFile ?? model.hfRepo ?? ''),
    sizeClass: parameterCount === null ? null : sizeClassOf(parameterCount),
  }
}

/** The family that a text names, if it is one of those with a colour. */
export function familyOf(text: string): { name: string; colour: number } | null {
  return FAMILIES.find(({ pattern }) => pattern.test(text)) ?? null
}

/** `Qwen3-0.6B` says 0.6 billion, `bge-568M` 568 million, `8x7B` 56 billion; null: it does not say. */
export function parametersIn(text: string): number | null {
  const found = /(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)\s?(b|m)(?![a-z0-9])/i.exec(text)
  if (!found) return null
  const [, times = '1', number = '0', unit = ''] = found
  return Math.round(Number(times) * Number(number) * (unit.toLowerCase() === 'b' ? 1e9 : 1e6))
}

/** `…-Q4_K_M.gguf` says Q4_K_M; null: it does not say. */
export function quantizationIn(text: string): string | null {
  const found =
    /(?<![a-z0-9])((?:UD-)?I?Q\d(?:_[A-Z0-9]+)*|B?F(?:P)?(?:16|32)|FP8|MXFP4|AWQ|GPTQ|INT[48])(?![a-z0-9])/i.exec(
      text.replace(/\.(gguf|safetensors|bin)$/i, ''),
    )
  return found?.[1]?.toUpperCase() ?? null
}

export function sizeClassOf(parameterCount: number): SizeClass {
  return SIZE_CLASSES.find(({ below }) => parameterCount < below)?.value ?? 'XL'
}

/** The words of the Category enum as people say them. */
export const CATEGORY_NAMES: Record<NonNullable<Model['category']>, string> = {
  llm: 'LLM',
  embedding: 'Embedding',
  reranker: 'Reranker',
  splade: 'SPLADE',
}

/** The words of the Provider enum as people say them. */
export const PROVIDER_NAMES: Record<NonNullable<Model['provider']>, string> = {
  openai: 'OpenAI',
  'azure-openai': 'Azure OpenAI',
}

/** The line below a model's name: `14B · Q4_K_M · Embedding`, or the provider of a hosted one. */
export function summaryOf(model: Model): string {
  if (model.type === 'hosted-llm') return model.provider ? PROVIDER_NAMES[model.provider] : 'Hosted'
  const { parameterCount, quantization } = factsOf(model)
  return [
    parameterCount && parameters(parameterCount),
    quantization,
    model.category && model.category !== 'llm' && CATEGORY_NAMES[model.category],
    model.source === 'path' && 'Local path',
  ]
    .filter(Boolean)
    .join(' · ')
}

/** What stands for the file: its name, the whole repository, or the path. */
export function fileOf(model: Pick<Model, 'modelFile' | 'source' | 'localPath'>): string {
  if (model.source === 'path') return model.localPath ?? ''
  return model.modelFile ?? 'whole repository'
}

/** The repository's page on the Hub. */
export function hubLink(repo: string, endpoint = 'https://huggingface.co'): string {
  return `${endpoint.replace(/\/$/, '')}/${repo}`
}
