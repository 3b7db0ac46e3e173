import { describe, expect, it } from 'vitest'
import { type Block, blocksOf, firstScope, neighbour, place, type Placed } from '../../src/storage/blocks'
import { aRepo, aStranger, aVolume } from './make'

describe('blocks', () => {
  it('hatch the share that no downloaded model needs', () => {
    const [mixed, stranger] = blocksOf(
      aVolume(),
      [aRepo({ sizeBytes: 10e9, managedBytes: 7.5e9 }), aStranger()],
      'cache',
    )
    expect(mixed).toMatchObject({ kind: 'repo', unmanaged: 0.25, colour: 'var(--family-1)' })
    expect(stranger).toMatchObject({ unmanaged: 1 })
  })

  it('tell the smallest repositories together', () => {
    const repos = Array.from({ length: 50 }, (_, index) =>
      aRepo({ repo: `org/r${index}`, sizeBytes: 1e6 * (index + 1) }),
    )
    const blocks = blocksOf(aVolume(), repos, 'cache')
    expect(blocks).toHaveLength(37)
    expect(blocks.find(({ kind }) => kind === 'rest')).toMatchObject({
      name: '15 smaller repositories',
      bytes: 120e6,
    })
  })

  it('fill the place without lying upon each other', () => {
    const placed = place(blocksOf(aVolume(), [aRepo(), aStranger()], 'volume'), 800, 280)
    const area = placed.reduce((sum, { width, height }) => sum + width * height, 0)
    expect(area).toBeGreaterThan(0.94 * 800 * 280)
    expect(area).toBeLessThanOrEqual(800 * 280)
  })
})

const at = (x: number, y: number) => ({ key: `${x} ${y}`, x, y, width: 10, height: 10 }) as Block & Placed

it('an arrow leads to the nearest block in its direction', () => {
  const grid = [at(0, 0), at(20, 0), at(0, 20), at(20, 20)]
  expect(neighbour(grid, 0, 'ArrowRight')).toBe(1)
  expect(neighbour(grid, 0, 'ArrowDown')).toBe(2)
  expect(neighbour(grid, 3, 'ArrowUp')).toBe(1)
  expect(neighbour(grid, 0, 'ArrowLeft')).toBeNull()
  expect(neighbour(grid, 0, 'End')).toBe(3)
  expect(neighbour(grid, 0, 'a')).toBeNull()
})

it('shows the whole volume first where the cache is a good part of it', () => {
  expect(firstScope(aVolume())).toBe('cache')
  expect(firstScope(aVolume({ totalBytes: 40e9 }))).toBe('volume')
})
