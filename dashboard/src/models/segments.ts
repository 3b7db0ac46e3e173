/** What the used part of the volume is made of. */
import type { Model } from '../api/models'
import type { Storage } from '../api/storage'
import { plural } from '../lib/format'
import { factsOf, OTHER_FAMILY } from './facts'

export type Segment = {
  name: string
  bytes: number
  colour: string
  look?: 'reserved' | 'unmanaged'
  /** What the legend adds. */
  note?: string
}

/** Families that get a segment of their own; the rest are told together. */
const MOST_FAMILIES = 6

/**
 * The families of the downloaded models, the biggest first, then what else is on the volume: together what is used.
 * Last, in the free part, what the queue has reserved. `models` null: not known yet, so nothing is told apart.
 */
export function segmentsOf(storage: Storage, models: readonly Model[] | null): Segment[] {
  const other = 'var(--family-other)'
  if (!models) return [{ name: 'Used', bytes: storage.usedBytes ?? 0, colour: other }]
  const families = familiesOf(models, storage.cache.managedBytes)
  const used = storage.usedBytes ?? sum(families)
  const free = storage.availableBytes ?? storage.reservedBytes
  const reserved = Math.min(storage.reservedBytes, Math.max(0, free))
  const unmanaged = Math.min(storage.cache.unmanagedBytes ?? 0, Math.max(0, used - sum(families)))
  const repos = storage.cache.unmanagedRepoCount
  return [
    ...families,
    {
      name: 'Unmanaged',
      bytes: unmanaged,
      colour: 'var(--ink-off)',
      look: 'unmanaged' as const,
      note: repos ? `in ${plural(repos, 'repository', 'repositories')}` : undefined,
    },
    { name: 'Other files', bytes: Math.max(0, used - sum(families) - unmanaged), colour: other },
    { name: 'Reserved', bytes: reserved, colour: 'var(--accent)', look: 'reserved' as const },
  ].filter(({ bytes }) => bytes > 0)
}

function familiesOf(models: readonly Model[], managedBytes: number): Segment[] {
  const byName = new Map<string, Segment>()
  for (const model of models) {
    // A path of our own may lie on another volume; then it is none of this one's bytes.
    if (!model.downloaded || model.source !== 'huggingface' || !model.fileSizeBytes) continue
    const { family, familyColour } = factsOf(model)
    const known = byName.get(family)
    if (known) known.bytes += model.fileSizeBytes
    else byName.set(family, { name: family, bytes: model.fileSizeBytes, colour: colourOf(familyColour) })
  }
  const families = [...byName.values()].toSorted((a, b) => b.bytes - a.bytes)
  // Models that share a file count it each; on the volume it lies once.
  const share = Math.min(1, managedBytes / (sum(families) || 1))
  for (const family of families) family.bytes = Math.round(family.bytes * share)
  return withRest(families)
}

function withRest(families: readonly Segment[]): Segment[] {
  const named = families.filter(({ name }) => name !== OTHER_FAMILY)
  const told = named.slice(0, MOST_FAMILIES)
  const rest = sum(families) - sum(told)
  return rest > 0 ? [...told, { name: 'Other models', bytes: rest, colour: 'var(--ink-off)' }] : told
}

const colourOf = (colour: number): string => (colour ? `var(--family-${colour})` : 'var(--ink-3)')

const sum = (segments: readonly Segment[]): number => segments.reduce((total, { bytes }) => total + bytes, 0)
