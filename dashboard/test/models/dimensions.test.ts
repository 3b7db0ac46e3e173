import { describe, expect, it } from 'vitest'
import { dimensionFacts, dimensionWords } from '../../src/models/dimensions'
import { aPreview } from '../hub'

const KNOWN = aPreview().dimensions
const NOTHING = Object.fromEntries(Object.keys(KNOWN).map((key) => [key, null])) as typeof KNOWN

describe('the measures in a line', () => {
  it.each([
    [{}, ['40k context', '40 layers', '5,120 hidden', '40 heads, 8 KV']],
    [{ kvHeads: 40 }, ['40k context', '40 layers', '5,120 hidden', '40 heads']],
    [{ kvHeads: null, layers: null, contextLength: null }, ['5,120 hidden', '40 heads']],
    [{ heads: null }, ['40k context', '40 layers', '5,120 hidden']],
  ])('with %j', (differs, words) => {
    expect(dimensionWords({ ...KNOWN, ...differs })).toEqual(words)
  })

  it('are none where none is known', () => {
    expect(dimensionWords(NOTHING)).toEqual([])
  })
})

it('what is not known has no name in the list either', () => {
  expect(dimensionFacts({ ...NOTHING, layers: 12, vocabSize: 30_522 })).toEqual([
    { name: 'Layers', value: '12' },
    { name: 'Vocabulary', value: '30,522' },
  ])
})
