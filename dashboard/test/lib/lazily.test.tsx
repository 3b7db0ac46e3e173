import { act, render, screen } from '@testing-library/react'
import { Suspense } from 'react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { lazily } from '../../src/lib/lazily'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('a part that can not be fetched now is asked for again until it is here', async () => {
  const load = vi
    .fn()
    .mockRejectedValueOnce(new TypeError('Failed to fetch dynamically imported module'))
    .mockRejectedValueOnce(new TypeError('Failed to fetch dynamically imported module'))
    .mockResolvedValue({ default: () => <p>Here</p> })
  const Part = lazily(load)
  render(
    <Suspense fallback={<p>Not yet</p>}>
      <Part />
    </Suspense>,
  )
  expect(screen.getByText('Not yet')).toBeInTheDocument()
  await act(() => vi.advanceTimersByTimeAsync(1999))
  expect(load).toHaveBeenCalledTimes(2)
  await act(() => vi.advanceTimersByTimeAsync(1))
  expect(screen.getByText('Here')).toBeInTheDocument()
})
