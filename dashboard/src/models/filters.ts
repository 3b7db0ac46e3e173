/** Which models are listed and in which order: pure, and the same words in the address. */
import type { Model } from '../api/models'
import { CATEGORY_NAMES, factsOf, OTHER_FAMILY, PROVIDER_NAMES, SIZE_CLASSES, type SizeClass } from './facts'
import { sizeOf, type State, stateOf, STATES } from './states'

export const KINDS = ['all', 'llm', 'embedding', 'reranker', 'splade', 'hosted'] as const
export type Kind = (typeof KINDS)[number]
export const KIND_NAMES: Record<Kind, string> = { all: 'All', ...CATEGORY_NAMES, hosted: 'Hosted' }

export const SORT_KEYS = ['name', 'type', 'source', 'size', 'downloaded', 'status'] as const
export type SortKey = (typeof SORT_KEYS)[number]
export type Sort = { key: SortKey; descending: boolean }
export const LAYOUTS = ['table', 'repositories'] as const
export type Layout = (typeof LAYOUTS)[number]
export const LAYOUT_NAMES: Record<Layout, string> = { table: 'Table', repositories: 'Repositories' }

/** What the page shows of the register. */
export type View = {
  q: string
  kind: Kind
  family: readonly string[]
  size: readonly SizeClass[]
  status: readonly State[]
  sort: Sort
  layout: Layout
}

/** The filters that take several values at once. */
export const GROUPS = ['family', 'size', 'status'] as const
export type Group = (typeof GROUPS)[number]
export const GROUP_NAMES: Record<Group, string> = { family: 'Family', size: 'Size', status: 'Status' }

export const NO_FILTERS = { q: '', family: [], size: [], status: [] } as const satisfies Partial<View>
const FIRST_SORT: Sort = { key: 'name', descending: false }

const SIZES = SIZE_CLASSES.map(({ value }) => value)

/** The view that an address tells of; what it does not know is as at first. */
export function readView(params: URLSearchParams): View {
  const sort = params.get('sort') ?? ''
  const key = oneOf(SORT_KEYS, sort.replace(/^-/, ''))
  return {
    q: params.get('q') ?? '',
    kind: oneOf(KINDS, params.get('kind')) ?? 'all',
    family: [...new Set(params.getAll('family').filter(Boolean))],
    size: SIZES.filter((size) => params.getAll('size').includes(size)),
    status: STATES.filter((state) => params.getAll('status').includes(state)),
    sort: key ? { key, descending: sort.startsWith('-') } : FIRST_SORT,
    layout: oneOf(LAYOUTS, params.get('view')) ?? 'table',
  }
}

const PARAMS = ['q', 'kind', ...GROUPS, 'sort', 'view']

/** Put a view into an address, whose other parameters stay; what is as at first is not written. */
export function writeView(view: View, params: URLSearchParams): URLSearchParams {
  for (const name of PARAMS) params.delete(name)
  if (view.q) params.set('q', view.q)
  if (view.kind !== 'all') params.set('kind', view.kind)
  for (const group of GROUPS) for (const value of view[group]) params.append(group, value)
  const { key, descending } = view.sort
  if (key !== 'name' || descending) params.set('sort', descending ? `-${key}` : key)
  if (view.layout !== 'table') params.set('view', view.layout)
  return params
}

/** Only what an address says of the view. */
export function viewPart(params: URLSearchParams): string {
  return new URLSearchParams([...params].filter(([name]) => PARAMS.includes(name))).toString()
}

function oneOf<T extends string>(known: readonly T[], text: string | null): T | null {
  return known.find((one) => one === text) ?? null
}

export const isFiltered = (view: View): boolean =>
  view.q.trim() !== '' || GROUPS.some((group) => view[group].length > 0)

/** The models of a kind; models whose category nobody has said are among all only. */
export function isOfKind(model: Model, kind: Kind): boolean {
  if (kind === 'all') return true
  const isHosted = model.type === 'hosted-llm'
  return kind === 'hosted' ? isHosted : !isHosted && model.category === kind
}

/** How many models each kind has. */
export function kindCounts(models: readonly Model[]): Record<Kind, number> {
  const counts = { all: 0, llm: 0, embedding: 0, reranker: 0, splade: 0, hosted: 0 }
  for (const model of models) for (const kind of KINDS) if (isOfKind(model, kind)) counts[kind] += 1
  return counts
}

/** What is listed, in its order: OR inside a group, AND between groups, every word of the search. */
export function listed(models: readonly Model[], view: View): Model[] {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean)
  return models
    .filter(
      (model) =>
        isOfKind(model, view.kind) &&
        has(view.status, stateOf(model)) &&
        has(view.family, factsOf(model).family) &&
        has(view.size, factsOf(model).sizeClass) &&
        words.every((word) => textOf(model).includes(word)),
    )
    .toSorted(inOrder(view.sort))
}

const has = <T>(wanted: readonly T[], value: T | null): boolean =>
  wanted.length === 0 || (value !== null && wanted.includes(value))

const textOf = (model: Model): string =>
  `${model.name} ${model.hfRepo ?? ''} ${model.modelFile ?? ''}`.toLowerCase()

export type Option = { value: string; label: string }

/** What each group offers: what the register has, and what is chosen although it is gone. */
export function optionsOf(models: readonly Model[], view: View): Record<Group, Option[]> {
  const families = new Set(models.map((model) => factsOf(model).family))
  const states = new Set<State>(models.map(stateOf))
  const hasHosted = models.some((model) => model.type === 'hosted-llm')
  const isOffered = (state: State) => {
    if (states.has(state) || view.status.includes(state)) return true
    return HOSTED_STATES.has(state) ? hasHosted : state !== 'Paused'
  }
  return {
    family: [...new Set([...families, ...view.family])]
      .toSorted((a, b) => Number(a === OTHER_FAMILY) - Number(b === OTHER_FAMILY) || byText(a, b))
      .map((family) => ({ value: family, label: family })),
    size: [...SIZE_CLASSES],
    status: STATES.filter(isOffered).map((state) => ({ value: state, label: state })),
  }
}

const HOSTED_STATES = new Set<State>(['Connected', 'Failing', 'Not tested'])

const { compare: byText } = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** The provider of a hosted model, the repository or the path of a local one. */
export function sourceOf(model: Model): string {
  if (model.type === 'hosted-llm') return model.provider ? PROVIDER_NAMES[model.provider] : 'Hosted'
  return model.hfRepo ?? model.localPath ?? ''
}

const VALUES: Record<SortKey, (model: Model) => string | number | null> = {
  name: (model) => model.name,
  type: (model) => (model.type === 'hosted-llm' ? 'Hosted' : 'Local'),
  source: sourceOf,
  size: sizeOf,
  downloaded: (model) => (model.downloaded === null ? null : Number(model.downloaded)),
  status: stateOf,
}

/** Unknown values stand last both ways; equals stand by name, so that the order never jumps. */
function inOrder({ key, descending }: Sort): (a: Model, b: Model) => number {
  const valueOf = VALUES[key]
  const sign = descending ? -1 : 1
  return (a, b) => {
    const [one, other] = [valueOf(a), valueOf(b)]
    if (one === null || other === null) {
      if (one !== other) return one === null ? 1 : -1
    } else {
      const order = typeof one === 'number' ? one - Number(other) : byText(one, String(other))
      if (order) return sign * order
    }
    return byText(a.name, b.name) || a.id - b.id
  }
}
