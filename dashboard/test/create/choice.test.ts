import { describe, expect, it } from 'vitest'
import { firstChoice, kindFor, nameFor, variantOf } from '../../src/create/choice'
import { aPreview, aVariant } from '../hub'

describe('the first choice', () => {
  it('is the recommended file', () => {
    expect(firstChoice(aPreview(), null)).toBe('Qwen3-14B-Q4_K_M.gguf')
  })

  it('is the file of a link, by any of its shards', () => {
    const sharded = aVariant('BF16', 29, {
      files: 2,
      fileNames: ['x-00001-of-00002.gguf', 'x-00002-of-00002.gguf'],
      filename: 'x-00001-of-00002.gguf',
    })
    const preview = aPreview({ variants: [...aPreview().variants, sharded] })
    expect(firstChoice(preview, 'x-00002-of-00002.gguf')).toBe('x-00001-of-00002.gguf')
    expect(firstChoice(preview, 'other.gguf')).toBe('other.gguf')
    expect(variantOf(preview, 'x-00002-of-00002.gguf')).toBe(sharded)
  })

  it('is never one that is registered already', () => {
    const variants = [aVariant('Q4_K_M', 9, { recommended: true, modelId: 3 }), aVariant('Q8_0', 15)]
    expect(firstChoice(aPreview({ variants }), null)).toBe('Qwen3-14B-Q8_0.gguf')
    expect(firstChoice(aPreview({ variants: [aVariant('Q4_0', 8, { modelId: 3 })] }), null)).toBeUndefined()
  })
})

describe('the name that is filled in', () => {
  it.each([
    ['unsloth/Qwen3-14B-GGUF', 'Qwen3-14B-Q4_K_M.gguf', 'Qwen3 14B Q4_K_M'],
    ['BAAI/bge-m3', null, 'bge m3'],
    ['o/n', 'folder/some-file.gguf', 'some file'],
    ['gpt2', null, 'gpt2'],
  ])('of %s, %s is %s', (repo, file, name) => {
    expect(nameFor(repo, file, new Set())).toBe(name)
  })

  it('gets its owner, then a number, where it is taken', () => {
    expect(nameFor('o/n', null, new Set(['n']))).toBe('n (o)')
    expect(nameFor('o/n', null, new Set(['n', 'n (o)']))).toBe('n (2)')
  })
})

it.each([
  ['text-generation', 'o/n', 'llm'],
  ['sentence-similarity', 'o/n', 'embedding'],
  ['text-ranking', 'o/n', 'reranker'],
  ['feature-extraction', 'naver/splade-v3', 'splade'],
  [null, 'o/n', 'llm'],
])('the task %s of %s means the kind %s', (pipelineTag, repo, kind) => {
  expect(kindFor(aPreview({ pipelineTag, repo }))).toBe(kind)
})
