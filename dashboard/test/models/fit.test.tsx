import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it } from 'vitest'
import { fitWord, Memory, memoryNote } from '../../src/models/fit'
import { aPreview, aVariant } from '../hub'
import { renderPage } from '../make'

describe('whether it fits', () => {
  it.each([
    [true, true, true, 'Fits'],
    [false, false, true, 'Too big for memory'],
    [false, true, false, 'No room on disk'],
    [false, false, false, 'No room on disk'],
    [null, null, true, undefined],
    [null, true, null, undefined],
    [null, null, null, undefined],
  ])('as a whole %s, memory %s, disk %s', (fits, fitsMemory, fitsDisk, word) => {
    expect(fitWord({ fits, fitsMemory, fitsDisk })?.word).toBe(word)
  })
})

describe('how memory was estimated', () => {
  it.each([
    [[], '10.8 GB', 'Estimate: weights 9.0 GB, KV cache for 8,192 tokens and overhead 1.8 GB.'],
    [
      ['overhead'],
      '10.8 GB',
      'Estimate: weights 9.0 GB, KV cache for 8,192 tokens and overhead (a fifth of the weights) 1.8 GB.',
    ],
    [
      ['kvCache'],
      '≥at least 10.8 GB',
      'Estimate: weights 9.0 GB, overhead 1.8 GB. The KV cache is not known and comes on top.',
    ],
  ])('without %j', async (memoryUnknown, shown, how) => {
    const of = { memoryBytes: 10.8e9, memoryUnknown, weightsBytes: 9e9 }
    renderPage(
      <p data-testid="figure">
        <Memory of={of} contextLength={8192} />
      </p>,
    )
    expect(screen.getByTestId('figure')).toHaveTextContent(shown)
    await userEvent.hover(screen.getByText(/10\.8 GB/))
    expect(await screen.findByText(how)).toBeVisible()
  })

  it('is told once above the list too', () => {
    expect(memoryNote(aPreview())).toBe('Memory is an estimate: weights, KV cache for 8,192 tokens, overhead')
    const variants = [aVariant('Q4_0', 8, { memoryUnknown: ['kvCache'] })]
    expect(memoryNote(aPreview({ variants }))).toBe(
      'Memory is an estimate: weights and overhead, without the KV cache',
    )
  })
})
