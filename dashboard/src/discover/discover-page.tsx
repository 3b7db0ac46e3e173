/** The curated models: what is worth having, what it takes, and one click to have it. */
import { useQuery } from '@tanstack/react-query'
import { LibraryBig, SearchX } from 'lucide-react'
import { useMemo } from 'react'
import { useMay } from '../api/auth'
import { type CatalogEntry, catalogQuery, featuredQuery, useCatalogOnly } from '../api/catalog'
import { asProblem } from '../api/client'
import { modelsQuery } from '../api/models'
import { count } from '../lib/format'
import { Age } from '../models/age'
import { MenuHost } from '../models/menu-host'
import { PageHeader } from '../shell/page-header'
import { SEARCH_ID } from '../shell/shortcuts'
import { Button, ButtonLink } from '../ui/button'
import { Empty, Failed } from '../ui/place'
import { RadioTabs } from '../ui/radio-tabs'
import { SearchField } from '../ui/search-field'
import { Segmented } from '../ui/segmented'
import styles from './discover.module.css'
import { EntryCard, EntrySkeleton } from './entry-card'
import { type FindModel, findModelIn } from './entry-models'
import { FindOnHub } from './find-on-hub'
import {
  changeView,
  inTab,
  isFiltered,
  matching,
  TAB_NAMES,
  tabCounts,
  TABS,
  useView,
  type View,
} from './view'

export default function DiscoverPage() {
  const view = useView()
  const { entries, models, featured, failure, retry } = useCatalog()
  const findModel = useMemo(() => findModelIn(models ?? []), [models])
  const ids = useMemo(() => featured?.models.map(({ id }) => id) ?? [], [featured])
  const isKnown = entries !== null && models !== null
  const left = useMemo(
    () => (isKnown ? matching(entries, view, findModel) : null),
    [isKnown, entries, view, findModel],
  )
  const counts = useMemo(() => left && tabCounts(left, ids), [left, ids])
  const installed = isKnown ? entries.filter((entry) => findModel(entry)?.downloaded).length : 0
  return (
    <>
      <PageHeader
        title="Discover"
        note={isKnown ? `${count(entries.length)} curated models, ${count(installed)} installed` : undefined}
      />
      <FindOnHub />
      <RadioTabs
        label="Kind"
        value={view.tab}
        values={TABS}
        names={TAB_NAMES}
        counts={counts}
        onChange={(tab) => changeView({ tab })}
      />
      <div className={styles.bar}>
        <SearchField
          id={SEARCH_ID}
          value={view.q}
          placeholder="Search the catalog"
          onChange={(q) => changeView({ q })}
        />
        <Segmented
          label="Show"
          value={view.shown}
          options={SHOWN_OPTIONS}
          onChange={(shown) => changeView({ shown })}
        />
        <span className={styles.count} role="status">
          {counts && `${count(counts[view.tab])} shown`}
        </span>
        {view.tab === 'featured' && featured && (
          <span className={styles.age}>
            Refreshed <Age at={featured.lastUpdated} />
          </span>
        )}
      </div>
      {left && (view.tab !== 'featured' || featured) ? (
        <Cards entries={inTab(left, view.tab, ids)} all={entries ?? []} view={view} findModel={findModel} />
      ) : failure ? (
        <div className={styles.place}>
          <Failed title="The catalog did not load" problem={asProblem(failure)} onRetry={retry} />
        </div>
      ) : (
        <Skeleton />
      )}
      <MenuHost />
    </>
  )
}

const SHOWN_OPTIONS = [
  { value: 'all', label: 'All' },
  { value: 'installed', label: 'Installed' },
  { value: 'available', label: 'Available' },
] as const

/** Everything that the page is made of; each null until it is known. */
function useCatalog() {
  const catalog = useQuery(catalogQuery)
  const featured = useQuery(featuredQuery)
  const models = useQuery(modelsQuery)
  const asked = [catalog, featured, models]
  const retry = () => {
    for (const one of asked) if (one.isError) void one.refetch()
  }
  return {
    entries: catalog.data ?? null,
    models: models.data ?? null,
    featured: featured.data ?? null,
    failure: asked.find((one) => one.isLoadingError)?.error ?? null,
    retry,
  }
}

function Cards({
  entries,
  all,
  view,
  findModel,
}: {
  entries: readonly CatalogEntry[]
  all: readonly CatalogEntry[]
  view: View
  findModel: FindModel
}) {
  if (!entries.length)
    return (
      <div className={styles.place}>
        {isFiltered(view) && all.length > 0 ? <NoMatch view={view} /> : <Nothing view={view} all={all} />}
      </div>
    )
  return (
    <ul className={styles.cards} aria-label={TAB_NAMES[view.tab]}>
      {entries.map((entry) => (
        <EntryCard key={entry.id} entry={entry} model={findModel(entry)} />
      ))}
    </ul>
  )
}

/** `owner/name`, or a link. */
const LIKE_A_REPOSITORY = /^(https?:\/\/\S+|[\w.-]+\/[\w.-]+)$/

function NoMatch({ view }: { view: View }) {
  const text = view.q.trim()
  const may = useMay()
  const isCatalogOnly = useCatalogOnly()
  const isForHub = may('admin') && !isCatalogOnly && LIKE_A_REPOSITORY.test(text)
  return (
    <Empty
      icon={<SearchX size={22} />}
      title="Nothing matches"
      actions={
        <>
          <Button look="primary" onClick={() => changeView({ q: '', shown: 'all' })}>
            Clear filters
          </Button>
          {isForHub && (
            <ButtonLink href={`/models/new?repo=${encodeURIComponent(text)}`}>
              Find on Hugging Face
            </ButtonLink>
          )}
        </>
      }
    >
      {view.tab === 'featured'
        ? 'No featured model fits the search and the filter. The other tabs have more.'
        : `No ${TAB_NAMES[view.tab]} model of the catalog fits the search and the filter.`}
    </Empty>
  )
}

function Nothing({ view, all }: { view: View; all: readonly CatalogEntry[] }) {
  if (!all.length)
    return (
      <Empty icon={<LibraryBig size={22} />} title="The catalog is empty">
        Whoever runs this installation can fill it: the setting WEIGHBRIDGE_CATALOG_DIR names its folder.
      </Empty>
    )
  return (
    <Empty
      icon={<LibraryBig size={22} />}
      title={view.tab === 'featured' ? 'Nothing is featured' : `No ${TAB_NAMES[view.tab]} models`}
      actions={
        <Button onClick={() => changeView({ tab: all[0]?.category ?? 'llm' })}>
          {`Show ${TAB_NAMES[all[0]?.category ?? 'llm']} models`}
        </Button>
      }
    >
      {view.tab === 'featured'
        ? 'The catalog names no models that are worth a look now.'
        : 'The catalog has none of this kind.'}
    </Empty>
  )
}

function Skeleton() {
  return (
    <div aria-busy="true">
      <p className="visually-hidden" role="status">
        Loading the catalog…
      </p>
      <div className={styles.cards} aria-hidden="true">
        {Array.from({ length: 6 }, (_, index) => (
          <EntrySkeleton key={index} />
        ))}
      </div>
    </div>
  )
}
