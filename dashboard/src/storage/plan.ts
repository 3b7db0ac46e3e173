/** The plan of a clean-up: what of it is chosen, and what that comes to. */
import type { CleanUpItem, CleanUpKind, CleanUpPlan } from '../api/cache'
import { bytes, plural } from '../lib/format'

/** Each kind with its words, in the order in which they are listed: what is missed least comes first. */
export const KINDS: readonly { kind: CleanUpKind; title: string; about: string }[] = [
  {
    kind: 'partial',
    title: 'Unfinished downloads',
    about: 'Bytes of downloads that failed or were canceled.',
  },
  { kind: 'old-revision', title: 'Old revisions', about: 'Commits that no model stands for any more.' },
  {
    kind: 'unused-model',
    title: 'Unused models',
    about: 'Their files go, their entries stay: they can be downloaded again.',
  },
  {
    kind: 'unused-repo',
    title: 'Repositories of no model',
    about: 'Something else has put them into the cache.',
  },
]

export const UNUSED_DAYS = [7, 30, 90, 365] as const
export const FIRST_DAYS = 30

export type Group = (typeof KINDS)[number] & { items: CleanUpItem[]; bytes: number }

/** The items by kind, the largest first; kinds without any are left out. */
export function groupsOf({ items }: CleanUpPlan): Group[] {
  return KINDS.map((words) => {
    const own = items.filter(({ kind }) => kind === words.kind).toSorted((a, b) => b.bytes - a.bytes)
    return { ...words, items: own, bytes: sumOf(own) }
  }).filter(({ items: own }) => own.length)
}

/** What a person has ticked or unticked, by id; the rest is as the plan suggests. */
export type Choices = ReadonlyMap<string, boolean>

export const isChosen = (item: CleanUpItem, choices: Choices): boolean =>
  choices.get(item.id) ?? item.suggested

export const chosenOf = ({ items }: CleanUpPlan, choices: Choices): CleanUpItem[] =>
  items.filter((item) => isChosen(item, choices))

export const sumOf = (items: readonly CleanUpItem[]): number =>
  items.reduce((total, item) => total + item.bytes, 0)

/** What an item is called: its model, else its repository. */
export function nameOf(item: CleanUpItem): string {
  const name = (item.kind === 'unused-model' && item.modelName) || item.repo || 'Unknown repository'
  return item.kind === 'old-revision' && item.commitHash ? `${name} @ ${item.commitHash.slice(0, 10)}` : name
}

/** `Remove 4 items and free 12.3 GB`. */
export function removeWords(items: readonly CleanUpItem[]): string {
  if (!items.length) return 'Nothing chosen'
  return `Remove ${plural(items.length, 'item')} and free ${bytes(sumOf(items))}`
}

/** The items that a quota would have go, in their order. */
export function evicted({ items, quota }: CleanUpPlan): CleanUpItem[] {
  const byId = new Map(items.map((item) => [item.id, item]))
  return (quota?.evict ?? []).flatMap((id) => byId.get(id) ?? [])
}
