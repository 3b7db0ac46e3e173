/** What lies on the volume, as blocks whose area is their size. */
import { hierarchy, treemap, treemapSquarify } from 'd3-hierarchy'
import { type CachedRepo, keyOfRepo } from '../api/cache'
import type { Storage } from '../api/storage'
import { count } from '../lib/format'
import { familyOf } from '../models/facts'

export type Scope = 'cache' | 'volume'

export type Block = {
  key: string
  kind: 'repo' | 'rest' | 'partial' | 'other' | 'free'
  name: string
  bytes: number
  /** A colour of the tokens. */
  colour: string
  /** The share of it that no downloaded model needs, 0 to 1. */
  unmanaged: number
}

/** A block with its place in pixels. */
export type Placed = Block & { x: number; y: number; width: number; height: number }

/** Repositories that have a block of their own; the smallest are told together. */
const MOST_BLOCKS = 36
/** Pixels between two blocks. */
const GAP = 3

/** The blocks of the cache, the largest first, or of the whole volume: then other files and free room come last. */
export function blocksOf(storage: Storage, repos: readonly CachedRepo[], scope: Scope): Block[] {
  const sorted = repos.filter(({ sizeBytes }) => sizeBytes > 0).toSorted((a, b) => b.sizeBytes - a.sizeBytes)
  const own = sorted.length > MOST_BLOCKS ? sorted.slice(0, MOST_BLOCKS - 1) : sorted
  const blocks = [...own.map(blockOf), ...restOf(sorted.slice(own.length))]
  const partial = storage.cache.partialBytes ?? 0
  blocks.push(plain('partial', 'Unfinished downloads', partial, 'var(--accent)'))
  if (scope === 'volume') {
    const inCache = sum(blocks)
    blocks.push(plain('other', 'Other files', (storage.usedBytes ?? 0) - inCache, 'var(--family-other)'))
    blocks.push(plain('free', 'Free', storage.availableBytes ?? 0, 'var(--press)'))
  }
  return blocks.filter(({ bytes }) => bytes > 0)
}

/** The name of a repository's family decides its colour, as elsewhere. */
export const colourOf = (repo: string): number => familyOf(repo.split('/').at(-1) ?? repo)?.colour ?? 0

function blockOf(cached: CachedRepo): Block {
  const { repo, sizeBytes, managedBytes } = cached
  const colour = colourOf(repo)
  return {
    key: keyOfRepo(cached),
    kind: 'repo',
    name: repo,
    bytes: sizeBytes,
    colour: colour ? `var(--family-${colour})` : 'var(--ink-3)',
    unmanaged: Math.max(0, 1 - managedBytes / sizeBytes),
  }
}

function restOf(repos: readonly CachedRepo[]): Block[] {
  if (!repos.length) return []
  const bytes = repos.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
  return [plain('rest', `${count(repos.length)} smaller repositories`, bytes, 'var(--ink-off)')]
}

const plain = (kind: Block['kind'], name: string, bytes: number, colour: string): Block => ({
  key: kind,
  kind,
  name,
  bytes,
  colour,
  unmanaged: 0,
})

const sum = (blocks: readonly Block[]): number => blocks.reduce((total, { bytes }) => total + bytes, 0)

/** Put blocks side by side within so many pixels. */
export function place(blocks: readonly Block[], width: number, height: number): Placed[] {
  const root = hierarchy<{ bytes?: number; children?: readonly Block[] }>({ children: blocks }).sum(
    ({ bytes = 0 }) => bytes,
  )
  const placed = treemap<{ bytes?: number; children?: readonly Block[] }>()
    .tile(treemapSquarify)
    .size([width, height])
    .paddingInner(GAP)
    .round(true)(root)
  return (placed.children ?? []).map(({ data, x0, x1, y0, y1 }) => ({
    ...(data as Block),
    x: x0,
    y: y0,
    width: Math.max(1, x1 - x0),
    height: Math.max(1, y1 - y0),
  }))
}

const DIRECTIONS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** The index of the nearest block in the direction of an arrow key; null: there is none, or it is no such key. */
export function neighbour(placed: readonly Placed[], from: number, key: string): number | null {
  if (key === 'Home') return placed.length ? 0 : null
  if (key === 'End') return placed.length ? placed.length - 1 : null
  const direction = DIRECTIONS[key]
  const here = placed[from]
  if (!direction || !here) return null
  const [dx, dy] = direction
  let nearest: { index: number; distance: number } | null = null
  for (const [index, block] of placed.entries()) {
    const [x, y] = [middleOf(block)[0] - middleOf(here)[0], middleOf(block)[1] - middleOf(here)[1]]
    const ahead = x * dx + y * dy
    if (index === from || ahead <= 0) continue
    // What lies aside is farther than it looks: an arrow means straight on.
    const distance = ahead + 2 * Math.abs(x * dy + y * dx)
    if (!nearest || distance < nearest.distance) nearest = { index, distance }
  }
  return nearest?.index ?? null
}

const middleOf = ({ x, y, width, height }: Placed): [number, number] => [x + width / 2, y + height / 2]

/** What is of use to look at first: the whole volume, unless the cache would be but a corner of it. */
export function firstScope({ totalBytes, cache }: Storage): Scope {
  return totalBytes && (cache.totalBytes ?? 0) * 4 >= totalBytes ? 'volume' : 'cache'
}
