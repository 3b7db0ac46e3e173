/** The register: how full the volume is, and every model with how it stands and what can be done. */
import { useQuery } from '@tanstack/react-query'
import { PackageOpen, Plus, SearchX } from 'lucide-react'
import { Suspense, useCallback, useMemo } from 'react'
import { useMay } from '../api/auth'
import { asProblem, type Problem } from '../api/client'
import { type Model, modelsQuery } from '../api/models'
import { count } from '../lib/format'
import { lazily } from '../lib/lazily'
import { PageHeader } from '../shell/page-header'
import { Button, ButtonLink } from '../ui/button'
import { Empty, Failed } from '../ui/place'
import { OFF, useFeaturedChoice } from './featured-choice'
import { FilterBar } from './filter-bar'
import { isFiltered, KIND_NAMES, kindCounts, listed, NO_FILTERS, type View } from './filters'
import { KindTabs } from './kind-tabs'
import { ModelTable, TableSkeleton } from './model-table'
import styles from './models-page.module.css'
import { MenuHost } from './menu-host'
import { StorageHeader } from './storage-header'
import { changeView, clearFilters, useView } from './view'

const FeaturedStrip = lazily(() => import('../discover/featured-strip'))
const Repositories = lazily(() => import('./repositories'))

export function ModelsPage() {
  const may = useMay()
  const models = useQuery(modelsQuery)
  const view = useView()
  const all = models.data ?? null
  const shown = useMemo(() => (all ? listed(all, view) : []), [all, view])
  const counts = useMemo(() => all && kindCounts(all), [all])
  const { refetch } = models
  const retry = useCallback(() => void refetch(), [refetch])
  return (
    <>
      <PageHeader
        title="Models"
        note={
          all && counts
            ? `${count(all.length - counts.hosted)} local, ${count(counts.hosted)} hosted`
            : undefined
        }
      >
        {may('admin') && (
          <ButtonLink href="/models/new" look="primary" icon={<Plus size={16} />}>
            New model
          </ButtonLink>
        )}
      </PageHeader>
      <StorageHeader models={all} />
      <Featured models={all} />
      <KindTabs kind={view.kind} counts={counts} />
      <FilterBar models={all} view={view} shown={shown.length} />
      {all ? (
        <List all={all} shown={shown} view={view} />
      ) : models.isError ? (
        <div className={styles.card}>
          <ListFailed problem={asProblem(models.error)} onRetry={retry} />
        </div>
      ) : (
        <TableSkeleton sort={view.sort} />
      )}
      <MenuHost />
    </>
  )
}

/** Nobody waits for it; its place is kept unless it is known that nothing comes. */
function Featured({ models }: { models: readonly Model[] | null }) {
  const choice = useFeaturedChoice()
  if (choice === OFF) return null
  return (
    <Suspense fallback={choice === null && <div className={styles.featured} />}>
      <FeaturedStrip models={models} />
    </Suspense>
  )
}

function List({ all, shown, view }: { all: readonly Model[]; shown: readonly Model[]; view: View }) {
  if (!all.length) return <NoModels />
  if (!shown.length) return <NoMatch view={view} />
  if (view.layout === 'table') return <ModelTable models={shown} sort={view.sort} />
  return (
    <Suspense fallback={null}>
      <Repositories all={all} shown={shown} />
    </Suspense>
  )
}

function ListFailed({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  // Where nothing answers at all, the remedy says as much itself.
  const note = problem.code === 'NETWORK' ? undefined : 'Downloads keep running in the worker.'
  return <Failed title="The model list did not load" problem={problem} onRetry={onRetry} note={note} />
}

function NoModels() {
  const mayCreate = useMay()('admin')
  return (
    <div className={styles.card}>
      <Empty
        icon={<PackageOpen size={22} />}
        title="No models yet"
        actions={
          mayCreate && (
            <>
              <ButtonLink href="/models/new" look="primary">
                Add your first model
              </ButtonLink>
              <ButtonLink href="/models/new?type=hosted">Add a hosted model</ButtonLink>
            </>
          )
        }
      >
        {mayCreate
          ? 'Connect a hosted LLM with an API key, or download a model file from Hugging Face to this server.'
          : 'Ask an administrator to add models.'}
      </Empty>
    </div>
  )
}

function NoMatch({ view }: { view: View }) {
  const hasFilters = isFiltered(view)
  return (
    <div className={styles.card}>
      <Empty
        icon={<SearchX size={22} />}
        title={hasFilters ? 'Nothing matches' : `No ${KIND_NAMES[view.kind]} models`}
        actions={
          hasFilters ? (
            <Button look="primary" onClick={clearFilters}>
              Clear filters
            </Button>
          ) : (
            <Button onClick={() => changeView({ ...NO_FILTERS, kind: 'all' })}>Show all models</Button>
          )
        }
      >
        {hasFilters
          ? 'No model fits the search and all of the filters.'
          : 'None of the registered models is of this kind.'}
      </Empty>
    </div>
  )
}
