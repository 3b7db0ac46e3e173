import { act, render, screen } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '../../src/api/client'
import { Failed } from '../../src/ui/place'

const problem = (retryAfter: number | null = null) =>
  new Problem(
    503,
    { code: 'SERVICE_UNAVAILABLE', detail: 'Redis is away.', remedy: 'Wait.', requestId: '3b0f' },
    retryAfter,
  )

/** In steps, as each second is drawn before the next. */
const seconds = (count: number) => {
  for (let left = count; left > 0; left -= 1) act(() => void vi.advanceTimersByTime(Math.min(1, left) * 1000))
}

describe('a failure', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())
  it('says what, what to do, and the number to report', () => {
    render(<Failed title="The models can't be shown" problem={problem()} onRetry={() => {}} />)
    for (const text of ["The models can't be shown", 'Redis is away.', 'Wait.', '3b0f'])
      expect(screen.getByRole('alert')).toHaveTextContent(text)
  })

  it('counts down and tries again by itself, again and again', () => {
    const onRetry = vi.fn()
    render(<Failed title="Failed" problem={problem()} onRetry={onRetry} />)
    seconds(1)
    expect(screen.getByText('Trying again in 14 s')).toBeInTheDocument()
    seconds(13)
    expect(onRetry).not.toHaveBeenCalled()
    seconds(1)
    expect(onRetry).toHaveBeenCalledTimes(1)
    seconds(15)
    expect(onRetry).toHaveBeenCalledTimes(2)
  })

  it('waits as long as the server asks', () => {
    const onRetry = vi.fn()
    render(<Failed title="Failed" problem={problem(5)} onRetry={onRetry} />)
    seconds(5)
    expect(onRetry).toHaveBeenCalledTimes(1)
  })

  it('counts on however often it is drawn anew', () => {
    const onRetry = vi.fn()
    const same = problem(3)
    const { rerender } = render(<Failed title="Failed" problem={same} onRetry={() => onRetry()} />)
    for (let times = 0; times < 12; times += 1) {
      seconds(0.25)
      rerender(<Failed title="Failed" problem={same} onRetry={() => onRetry()} />)
    }
    expect(onRetry).toHaveBeenCalledTimes(1)
  })
})
