/** The measures of a model in words, the same wherever they are shown. */
import type { RepoPreview } from '../api/hub'
import { count, tokens } from '../lib/format'

export type Dimensions = RepoPreview['dimensions']

/** Every measure that is known, with its name. */
export function dimensionFacts(of: Partial<Dimensions>): { name: string; value: string }[] {
  const known: [string, number | null | undefined][] = [
    ['Layers', of.layers],
    ['Hidden size', of.hiddenSize],
    ['Attention heads', of.heads],
    ['KV heads', of.kvHeads],
    ['Head size', of.headDim],
    ['Vocabulary', of.vocabSize],
  ]
  return known.flatMap(([name, value]) => (value == null ? [] : [{ name, value: count(value) }]))
}

/** The few that people compare models by: `40k context`, `40 layers`, `5,120 hidden`, `40 heads, 8 KV`. */
export function dimensionWords({ contextLength, layers, hiddenSize, heads, kvHeads }: Dimensions): string[] {
  const attention = heads === null ? null : `${count(heads)} heads`
  return [
    contextLength !== null && `${tokens(contextLength)} context`,
    layers !== null && `${count(layers)} layers`,
    hiddenSize !== null && `${count(hiddenSize)} hidden`,
    attention && (kvHeads === null || kvHeads === heads ? attention : `${attention}, ${count(kvHeads)} KV`),
  ].filter((word) => word !== false && word !== null)
}
