/** Search, filters, how many are listed, and the two views of the list. */
import { LayoutGrid, Rows3, SlidersHorizontal } from 'lucide-react'
import { Suspense, useState } from 'react'
import type { Model } from '../api/models'
import { count } from '../lib/format'
import { lazily } from '../lib/lazily'
import { usePhone } from '../lib/media'
import { SEARCH_ID } from '../shell/shortcuts'
import { Button } from '../ui/button'
import { SearchField } from '../ui/search-field'
import { Count } from '../ui/status'
import { Tip } from '../ui/tooltip'
import styles from './filter-bar.module.css'
import { FilterChip } from './filter-chip'
import { GROUPS, isFiltered, type Layout, LAYOUT_NAMES, LAYOUTS, type View } from './filters'
import { changeView, clearFilters } from './view'

const FilterSheet = lazily(() => import('./filter-sheet'))

/** `models`: all of them, null while they are not known; `shown`: how many the filters leave. */
export function FilterBar({
  models,
  view,
  shown,
}: {
  models: readonly Model[] | null
  view: View
  shown: number
}) {
  const isPhone = usePhone()
  return (
    <div className={styles.bar}>
      <SearchField
        id={SEARCH_ID}
        value={view.q}
        placeholder={isPhone ? 'Search models' : 'Search name, repository or file'}
        onChange={search}
      />
      {isPhone ? <SheetButton models={models ?? []} view={view} shown={shown} /> : <Chips view={view} />}
      <span className={isPhone ? 'visually-hidden' : styles.count} role="status">
        {models && `${count(shown)} of ${count(models.length)}`}
      </span>
      {!isPhone && <Layouts layout={view.layout} />}
    </div>
  )
}

const search = (q: string) => changeView({ q })

function Chips({ view }: { view: View }) {
  return (
    <div className={styles.chips}>
      {GROUPS.map((group) => (
        <FilterChip key={group} group={group} chosen={view[group]} />
      ))}
      {isFiltered(view) && (
        <button type="button" className={styles.clearAll} onClick={clearFilters}>
          Clear all
        </button>
      )}
    </div>
  )
}

function SheetButton({ models, view, shown }: { models: readonly Model[]; view: View; shown: number }) {
  const [isOpen, setOpen] = useState(false)
  const [wasOpen, setWasOpen] = useState(false)
  const active = GROUPS.reduce((sum, group) => sum + view[group].length, 0)
  return (
    <>
      <Button
        icon={<SlidersHorizontal size={16} />}
        aria-haspopup="dialog"
        onClick={() => {
          setWasOpen(true)
          setOpen(true)
        }}
      >
        Filters {active > 0 && <Count value={active} tone="accent" />}
      </Button>
      {wasOpen && (
        <Suspense fallback={null}>
          <FilterSheet
            open={isOpen}
            onClose={() => setOpen(false)}
            models={models}
            view={view}
            shown={shown}
          />
        </Suspense>
      )}
    </>
  )
}

const LAYOUT_ICONS = { table: Rows3, repositories: LayoutGrid }

function Layouts({ layout }: { layout: Layout }) {
  return (
    <fieldset className={styles.layouts}>
      <legend className="visually-hidden">View</legend>
      {LAYOUTS.map((one) => {
        const Icon = LAYOUT_ICONS[one]
        return (
          <label key={one} className={styles.layout}>
            <input
              type="radio"
              name="view"
              className="visually-hidden"
              checked={one === layout}
              onChange={() => changeView({ layout: one })}
            />
            <span className="visually-hidden">{LAYOUT_NAMES[one]}</span>
            <Tip text={LAYOUT_NAMES[one]} render={<span />} className={styles.layoutIcon}>
              <Icon size={15} aria-hidden="true" />
            </Tip>
          </label>
        )
      })}
    </fieldset>
  )
}
