/** Where a repository is named: whoever knows a part of it only is helped by what the Hub finds. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { ArrowDown, Heart } from 'lucide-react'
import { type ComponentProps, useEffect, useState } from 'react'
import { useCatalogOnly } from '../api/catalog'
import { healthQuery } from '../api/health'
import { type Found, type FoundRepo, searchQuery } from '../api/hub'
import { count, plural, shortCount } from '../lib/format'
import { useSettled } from '../lib/use-settled'
import { announce } from '../live/announcer'
import { Combobox } from '../ui/combobox'
import type { Input } from '../ui/field'
import { Tag } from '../ui/status'
import styles from './repo-input.module.css'

/**
 * `text`: what the input holds. `isFound`: it names a repository already, so nothing is suggested. `onSuggesting`: told
 * whether there is something to choose from, or may be in a moment. What else is given goes to the input.
 */
export function RepoInput({
  text,
  isFound = false,
  onPick,
  onSuggesting,
  ...input
}: ComponentProps<typeof Input> & {
  text: string
  isFound?: boolean
  onPick: (repo: string) => void
  onSuggesting?: (isSuggesting: boolean) => void
}) {
  const [isOpen, setOpen] = useState(false)
  const { words, isAsking, found } = useSuggestions(text, isOpen && !isFound)
  const options = found && !isAlone(found, words) ? optionsOf(found) : NONE
  const isSuggesting = isAsking || options.length > 0
  useEffect(() => onSuggesting?.(isSuggesting), [onSuggesting, isSuggesting])
  return (
    <Combobox
      {...input}
      options={options}
      listLabel="Repositories"
      note={found && noteFor(found, text.includes('/'))}
      isOpen={isOpen && found !== null}
      isBusy={isAsking}
      onOpenChange={setOpen}
      onPick={({ repo }) => onPick(repo.repo)}
      render={({ repo }) => <Suggestion repo={repo} words={words} />}
      mono
      inputMode="url"
      placeholder="owner/name"
    />
  )
}

type Option = { key: string; repo: FoundRepo }

const NONE: readonly Option[] = []

const known = new WeakMap<Found, readonly Option[]>()

/** The same list for the same answer, so that the keyboard keeps its place in it. */
function optionsOf(found: Found): readonly Option[] {
  const options = known.get(found) ?? found.repos.map((repo) => ({ key: repo.repo, repo }))
  known.set(found, options)
  return options
}

/** There is nothing to complete. */
const isAlone = ({ repos }: Found, words: string): boolean =>
  repos.length === 1 && repos[0]?.repo.toLowerCase() === words.toLowerCase()

/** Fewer letters are part of everything. */
const FEWEST = 2

/** Links say what they mean. */
const isSearchable = (text: string): boolean =>
  text.length >= FEWEST && /^[\w.\-/ ]+$/.test(text) && !/^(www\.)?(huggingface|hf)\.co(\/|$)/i.test(text)

/** Quiet when the Hub can't be asked: whoever knows the name goes on typing. */
function useSuggestions(text: string, isOn: boolean) {
  const words = text.trim().replace(/\s+/g, ' ')
  const { data: isOffline } = useQuery({ ...healthQuery, select: ({ hub }) => hub.offline })
  const isCatalogOnly = useCatalogOnly()
  const isWanted = isOn && isSearchable(words) && !isOffline && !isCatalogOnly
  const isSettled = useSettled(words) === words
  const search = useQuery({
    ...searchQuery(words),
    enabled: isWanted && isSettled,
    placeholderData: keepPreviousData,
  })
  const found = isWanted ? (search.data ?? null) : null
  const isAsking = isWanted && (!isSettled || search.isFetching)
  useEffect(() => {
    if (found && !isAsking) announce(found.repos.length ? sentence(found.repos.length) : NOTHING)
  }, [found, isAsking])
  return { words, isAsking, found }
}

const NOTHING = 'Nothing found'
const sentence = (value: number): string =>
  `${plural(value, 'repository', 'repositories')}, use the arrow keys to choose`

/** `isName`: what looks like a whole name is judged below the field. */
function noteFor({ repos, isStale }: Found, isName: boolean): string | null {
  if (isStale) return 'Hugging Face is not reachable. This is what it found before.'
  return repos.length === 0 && !isName ? `${NOTHING} on Hugging Face` : null
}

function Suggestion({ repo, words }: { repo: FoundRepo; words: string }) {
  return (
    <span className={styles.option}>
      <span className={styles.repo}>
        <Marked text={repo.repo} words={words} />
      </span>
      {repo.gated && <Tag>Gated</Tag>}
      {repo.private && <Tag>Private</Tag>}
      <span className={styles.numbers}>
        {repo.likes !== null && (
          <span className={styles.number}>
            <Heart size={11} fill="currentColor" aria-hidden="true" /> {count(repo.likes)}
            <span className="visually-hidden"> likes</span>
          </span>
        )}
        {repo.downloads !== null && (
          <span className={styles.number}>
            <ArrowDown size={12} aria-hidden="true" /> {shortCount(repo.downloads)}
            <span className="visually-hidden"> downloads</span>
          </span>
        )}
      </span>
    </span>
  )
}

/** The words that were typed stand out. */
function Marked({ text, words }: { text: string; words: string }) {
  const wanted = words.split(' ').map((word) => word.replace(/[.\-/]/g, '\\$&'))
  // Every other part is what the expression has found.
  const parts = text.split(new RegExp(`(${wanted.join('|')})`, 'i'))
  return parts.map((part, index) => (index % 2 ? <mark key={index}>{part}</mark> : part))
}
