import { render, screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { SAMPLES } from '../../src/live/progress'
import { Bar, Sparkline } from '../../src/ui/bar'

describe('the bar', () => {
  it('is named after its model and says whole percents', () => {
    render(<Bar value={43.9} label="Qwen3 14B" />)
    const bar = screen.getByRole('progressbar', { name: 'Qwen3 14B' })
    expect(bar).toHaveAttribute('aria-valuenow', '43')
    expect(bar).not.toHaveAttribute('aria-valuetext')
  })

  it('of an unknown total has no value, and says so', () => {
    render(<Bar value={null} label="Qwen3 14B" />)
    expect(screen.getByRole('progressbar')).not.toHaveAttribute('aria-valuenow')
    expect(screen.getByRole('progressbar')).toHaveAttribute('aria-valuetext', 'not known yet')
  })
})

const points = (samples: number[]) =>
  render(<Sparkline samples={samples} />)
    .container.querySelector('polyline')
    ?.getAttribute('points')
    ?.split(' ')
    .map((point) => point.split(',').map(Number))

describe('the sparkline', () => {
  it('is no line before there are two samples', () => {
    expect(points([])).toBeUndefined()
    expect(points([5])).toBeUndefined()
  })

  it('ends at the right, the newest last', () => {
    expect(points([1, 2, 3])?.at(-1)?.[0]).toBe(196)
  })

  it('fills its width with the last 30 s', () => {
    expect(points(Array.from({ length: SAMPLES }, () => 5))?.[0]?.[0]).toBe(0)
  })

  it('stays within its height, and a standstill is its bottom', () => {
    const drawn = points([0, 50, 100]) ?? []
    for (const [, y] of drawn) expect(y).toBeGreaterThanOrEqual(0)
    expect(drawn[0]?.[1]).toBe(33)
    expect(drawn[2]?.[1]).toBeLessThan(5)
  })

  it('of nothing but standstill is a line at the bottom', () => {
    expect(points([0, 0])?.map(([, y]) => y)).toEqual([33, 33])
  })

  it('is not for screen readers: the speed stands beside it', () => {
    const { container } = render(<Sparkline samples={[1, 2]} />)
    expect(container.querySelector('svg')).toHaveAttribute('aria-hidden', 'true')
  })
})
