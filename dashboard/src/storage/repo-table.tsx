/** Every repository of the cache, with who uses it and how much of it. */
import { ArrowDown, ArrowUp, FolderSearch, SearchX } from 'lucide-react'
import { useState } from 'react'
import { type CachedRepo, keyOfRepo } from '../api/cache'
import { count } from '../lib/format'
import { usePhone } from '../lib/media'
import { SEARCH_ID } from '../shell/shortcuts'
import { Button } from '../ui/button'
import { Empty } from '../ui/place'
import { SearchField } from '../ui/search-field'
import { Select } from '../ui/select'
import type { Removals } from './going'
import { RepoRow } from './repo-row'
import { changeRepoView, listedRepos, type RepoView, type Sort, type SortKey, useRepoView } from './repos'
import styles from './repos.module.css'

const COLUMNS: readonly { key: SortKey; label: string; className: string | undefined }[] = [
  { key: 'repo', label: 'Repository', className: styles.name },
  { key: 'size', label: 'Size', className: styles.number },
  { key: 'managed', label: 'Of models', className: styles.managed },
  { key: 'revisions', label: 'Revisions', className: styles.number },
  { key: 'used', label: 'Last used', className: styles.used },
]

/** Rows that are shown before somebody asks for all. */
const MOST_ROWS = 100

/** `openRepos`: those whose revisions are shown. */
export function RepoTable({
  repos,
  openRepos,
  removals,
  onToggle,
  onRemoved,
}: {
  repos: readonly CachedRepo[]
  openRepos: ReadonlySet<string>
  removals: Removals
  onToggle: (repo: string) => void
  onRemoved: (repo: string, taskId: string) => void
}) {
  const isPhone = usePhone()
  const view = useRepoView()
  const [hasAll, setAll] = useState(false)
  const listed = listedRepos(repos, view)
  const shown = hasAll
    ? listed
    : listed.filter((repo, index) => index < MOST_ROWS || openRepos.has(keyOfRepo(repo)))
  const hasVolumes = new Set(repos.map(({ volume }) => volume)).size > 1
  return (
    <section aria-labelledby="repositories" className={styles.section}>
      <div className={styles.bar}>
        <h2 id="repositories">Repositories</h2>
        <SearchField
          id={SEARCH_ID}
          value={view.q}
          placeholder={isPhone ? 'Search' : 'Search repository or model'}
          onChange={(q) => changeRepoView({ q })}
        />
        {isPhone && <SortSelect sort={view.sort} />}
        <span className={styles.count} role="status">
          {count(listed.length)} of {count(repos.length)}
        </span>
      </div>
      {listed.length ? (
        <div
          role="table"
          aria-label="Repositories"
          aria-rowcount={listed.length + 1}
          className={styles.table}
        >
          <Head sort={view.sort} isPhone={isPhone} />
          <div role="rowgroup">
            {shown.map((repo) => (
              <RepoRow
                key={keyOfRepo(repo)}
                repo={repo}
                hasVolumes={hasVolumes}
                isOpen={openRepos.has(keyOfRepo(repo))}
                isGoing={removals.has(keyOfRepo(repo))}
                onRemoved={(taskId) => onRemoved(keyOfRepo(repo), taskId)}
                onToggle={() => onToggle(keyOfRepo(repo))}
              />
            ))}
          </div>
        </div>
      ) : (
        <div className={styles.table}>
          <Nothing view={view} />
        </div>
      )}
      {shown.length < listed.length && (
        <div className={styles.more}>
          <Button onClick={() => setAll(true)}>Show all {count(listed.length)}</Button>
        </div>
      )}
    </section>
  )
}

function Nothing({ view }: { view: RepoView }) {
  if (view.q.trim())
    return (
      <Empty
        icon={<SearchX size={22} />}
        title="Nothing matches"
        actions={<Button onClick={() => changeRepoView({ q: '' })}>Show all repositories</Button>}
      >
        No repository of the cache, and no model that uses one, has this name.
      </Empty>
    )
  return (
    <Empty icon={<FolderSearch size={22} />} title="The cache is empty">
      What is downloaded lies here, one entry for each repository.
    </Empty>
  )
}

function Head({ sort, isPhone }: { sort: Sort; isPhone: boolean }) {
  return (
    <div role="rowgroup" className={isPhone ? 'visually-hidden' : styles.head}>
      <div role="row" className={styles.cells}>
        {COLUMNS.map(({ key, label, className }) => (
          <div key={key} role="columnheader" className={className} aria-sort={directionOf(sort, key)}>
            {isPhone ? label : <SortButton sort={sort} of={key} label={label} />}
          </div>
        ))}
        <div role="columnheader" className={styles.actions}>
          <span className="visually-hidden">Actions</span>
        </div>
      </div>
    </div>
  )
}

/** The largest and the latest first, names from A on; once more turns it round. */
function SortButton({ sort, of: key, label }: { sort: Sort; of: SortKey; label: string }) {
  const isHere = sort.key === key
  const descending = isHere ? !sort.descending : key !== 'repo'
  const Arrow = (isHere ? sort.descending : descending) ? ArrowDown : ArrowUp
  return (
    <button
      type="button"
      className={styles.sort}
      data-here={isHere || undefined}
      onClick={() => changeRepoView({ sort: { key, descending } })}
    >
      {label}
      <Arrow size={13} aria-hidden="true" />
    </button>
  )
}

const ORDERS = [
  { value: '-size', label: 'Largest first' },
  { value: '-used', label: 'Latest used first' },
  { value: 'used', label: 'Longest unused first' },
  { value: 'repo', label: 'By name' },
]

/** On a phone, where rows are stacked and have no heads. */
function SortSelect({ sort }: { sort: Sort }) {
  return (
    <div className={styles.order}>
      <Select
        aria-label="Order"
        options={ORDERS}
        value={`${sort.descending ? '-' : ''}${sort.key}`}
        onChange={({ target: { value } }) =>
          changeRepoView({
            sort: { key: value.replace('-', '') as SortKey, descending: value.startsWith('-') },
          })
        }
      />
    </div>
  )
}

function directionOf(sort: Sort, key: SortKey): 'ascending' | 'descending' | 'none' {
  if (sort.key !== key) return 'none'
  return sort.descending ? 'descending' : 'ascending'
}
